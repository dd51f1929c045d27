"""Mutants of the initiator: retransmissions, responses of others, headers of requests (RFC 7296 §2.1, §2.4, §3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from conformance.mutants.message_layer import sent_headers
from conformance.mutants.registry import Patch, mutant

INIT, AUTH = 34, 35
RESPONSE = 0x20
LOWEST_PRIVATE_STATUS = 40_960

# -- retransmissions ------------------------------------------------------------------------------------------------


@mutant("initiator-never-retransmits", breaks="rfc7296/2.1/retransmits-until-answered")
def initiator_never_retransmits(patch: Patch) -> None:
    """Sends each request once."""
    from reference_impl.ikev2 import exchange

    patch(exchange, "on_timer", lambda engine, sa, pending: None)


@mutant("retransmits-init-with-new-nonce", breaks="rfc7296/2.1/retransmission-bitwise-identical")
def retransmits_init_with_new_nonce(patch: Patch) -> None:
    """Builds the IKE_SA_INIT request anew, with another nonce, to send it again."""
    from reference_impl.ikev2 import exchange, sa_init_request

    def on_timer(original: Any, engine: Any, sa: Any, pending: Any) -> None:
        if int(pending.exchange) == INIT:
            pending.task.nonce = sa.nonce_i = engine.rng(32)
            sa.init_request = sa_init_request.build(engine, sa, pending.task)
            pending.datagrams = (sa.init_request,)
        original(engine, sa, pending)

    patch.wrap(exchange, "on_timer", on_timer)


@mutant("retransmits-auth-sealed-anew", breaks="rfc7296/2.1/retransmission-bitwise-identical")
def retransmits_auth_sealed_anew(patch: Patch) -> None:
    """Encrypts the IKE_AUTH request anew, with another IV, to send it again."""
    from reference_impl.ikev2 import exchange, messages

    sealed: dict[int, Callable[[], Any]] = {}

    def seal(original: Any, engine: Any, sa: Any, kind: Any, *rest: Any, **options: Any) -> Any:
        def again() -> Any:
            return original(engine, sa, kind, *rest, **options)

        if int(kind) == AUTH and not options.get("response"):
            sealed[sa.ike_id] = again
        return again()

    def on_timer(original: Any, engine: Any, sa: Any, pending: Any) -> None:
        if int(pending.exchange) == AUTH:
            pending.datagrams = sealed[sa.ike_id]()
        original(engine, sa, pending)

    patch.wrap(messages, "seal", seal)
    patch.wrap(exchange, "on_timer", on_timer)


@mutant("retransmits-at-constant-intervals", breaks="rfc7296/2.4/exponential-backoff")
def retransmits_at_constant_intervals(patch: Patch) -> None:
    """Waits as long after each transmission as after the first."""
    from reference_impl.ikev2 import retransmit

    patch(retransmit, "delay", lambda policy, sent: policy.initial)


# -- what is not the response ---------------------------------------------------------------------------------------


def _give_up(engine: Any, sa: Any) -> None:
    from reference_impl.ikev2 import closing
    from reference_impl.ikev2.events import Reason

    closing.close(engine, sa, Reason.MALFORMED, "mutant", linger=False)


def _waiting(engine: Any, path: Any) -> list[Any]:
    """The device's attempts with this peer that wait for the IKE_SA_INIT response."""
    from reference_impl.ikev2.states import IkeState

    found = [sa for sa in list(engine.sas.values()) if sa.state is IkeState.INIT_SENT]
    return [sa for sa in found if sa.remote.address == path.remote.address]


def _messages(patch: Patch, change: Callable[[Any, bytes, Any], bytes | None]) -> None:
    """`change(engine, data, path)` gives the IKE message that is processed, or None for none."""
    from reference_impl.ikev2 import receive

    def on_message(original: Any, engine: Any, data: bytes, path: Any) -> None:
        changed = change(engine, data, path) if len(data) >= 28 else data
        if changed is not None:
            original(engine, changed, path)

    patch.wrap(receive, "on_message", on_message)


@mutant("initiator-gives-up-on-garbage", breaks="rfc7296/2.1/retransmits-until-answered")
def initiator_gives_up_on_garbage(patch: Patch) -> None:
    """Gives up when anything comes from the peer's address that is not the IKE_SA_INIT response."""
    from reference_impl.ikev2.engine import Engine

    def reject(original: Any, self: Any, reason: Any, detail: str, path: Any, sa: Any = None) -> None:
        original(self, reason, detail, path, sa)
        for waiting in _waiting(self, path):
            _give_up(self, waiting)

    patch.wrap(Engine, "reject", reject)


@mutant("takes-any-init-response", breaks="rfc7296/2.1/retransmits-until-answered")
def takes_any_init_response(patch: Patch) -> None:
    """Takes any message of the peer for the IKE_SA_INIT response, whatever its header says."""

    def change(engine: Any, data: bytes, path: Any) -> bytes:
        for sa in _waiting(engine, path):
            return bytes(sa.spi_i) + data[8:18] + bytes([INIT, RESPONSE]) + bytes(4) + data[24:]
        return data

    _messages(patch, change)


@mutant("initiator-takes-higher-major", breaks="rfc7296/2.5/higher-major-dropped")
def initiator_takes_higher_major(patch: Patch) -> None:
    """Reads responses of major version 3 as if they were of version 2."""

    def change(engine: Any, data: bytes, path: Any) -> bytes:
        return data[:17] + b"\x20" + data[18:] if data[17] >> 4 == 3 and data[19] & RESPONSE else data

    _messages(patch, change)


@mutant("late-init-response-ends-sa", breaks="rfc7296/2.4/later-init-responses-ignored")
def late_init_response_ends_sa(patch: Patch) -> None:
    """Gives the IKE SA up when a further response to its IKE_SA_INIT request comes."""
    from reference_impl.ikev2.states import IkeState

    def change(engine: Any, data: bytes, path: Any) -> bytes:
        sa = engine.by_spi.get(data[:8])
        if sa is not None and sa.initiator and sa.state is not IkeState.INIT_SENT and data[18] == INIT:
            _give_up(engine, sa)
        return data

    _messages(patch, change)


@mutant("initiator-believes-clear-auth-errors", breaks="rfc7296/2.4/unprotected-is-no-failure")
def initiator_believes_clear_auth_errors(patch: Patch) -> None:
    """Gives up when an unprotected error answers its IKE_AUTH request."""
    from reference_impl.ikev2 import protected

    def on_unprotected(original: Any, engine: Any, sa: Any, header: Any, *rest: Any) -> None:
        original(engine, sa, header, *rest)
        if sa.initiator and not sa.established and header.flags & RESPONSE:
            _give_up(engine, sa)

    patch.wrap(protected, "on_unprotected", on_unprotected)


@mutant("initiator-gives-up-on-forgery", breaks="rfc7296/3.14/checksum-covers-message")
def initiator_gives_up_on_forgery(patch: Patch) -> None:
    """Gives up when an IKE_AUTH response fails the integrity check."""
    from reference_impl.ikev2 import protected

    def decrypt(original: Any, engine: Any, sa: Any, *rest: Any) -> Any:
        opened = original(engine, sa, *rest)
        if opened is None and sa.initiator and not sa.established:
            _give_up(engine, sa)
        return opened

    patch.wrap(protected, "decrypt", decrypt)


@mutant("repeated-response-ends-sa", breaks="rfc7296/3.1/no-response-to-response")
def repeated_response_ends_sa(patch: Patch) -> None:
    """Deletes the IKE SA when a response comes that it does not wait for."""
    from reference_impl.ikev2 import closing, protected
    from reference_impl.ikev2.events import Reason

    def on_response(original: Any, engine: Any, sa: Any, header: Any, *rest: Any) -> None:
        if header.message_id not in sa.outbound.pending:
            closing.delete(engine, sa, Reason.UNEXPECTED_RESPONSE)
        original(engine, sa, header, *rest)

    patch.wrap(protected, "on_response", on_response)


@mutant("one-message-id-counter", breaks="rfc7296/2.2/separate-counters")
def one_message_id_counter(patch: Patch) -> None:
    """Has one counter for its own Message IDs and those of the peer."""
    from reference_impl.ikev2 import lifecycle

    def authenticated(original: Any, engine: Any, sa: Any) -> None:
        original(engine, sa)
        if sa.initiator:
            sa.inbound.expected = sa.outbound.next_id

    patch.wrap(lifecycle, "authenticated", authenticated)


# -- what a response may have ---------------------------------------------------------------------------------------


def _odd_header(minor: int, flags: int) -> bool:
    return bool(minor or flags & ~(RESPONSE | 0x08))


def _odd_payloads(payloads: Iterable[Any], first: int) -> bool:
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.raw import UnknownPayload

    listed = list(payloads)
    return any(
        item.critical
        or item.reserved
        or isinstance(item, UnknownPayload)
        or (isinstance(item, NotifyPayload) and item.notify >= LOWEST_PRIVATE_STATUS)
        for item in listed
    ) or (bool(listed) and listed[0].type_id != first)


def _dropping_init_responses(patch: Patch, odd: Callable[[Any, Any], bool]) -> None:
    from reference_impl.ikev2 import sa_init_request
    from reference_impl.wire.message import Message

    def on_response(original: Any, engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> None:
        if not odd(header, Message.parse(data)):
            original(engine, sa, header, data, path)

    patch.wrap(sa_init_request, "on_response", on_response)


@mutant("initiator-strict-about-headers", breaks="rfc7296/2.5/higher-minor-ignored")
def initiator_strict_about_headers(patch: Patch) -> None:
    """Drops IKE_SA_INIT responses with a higher minor version or with flags that it does not expect."""
    _dropping_init_responses(patch, lambda header, message: _odd_header(header.minor, int(header.flags)))


@mutant("initiator-strict-about-payloads", breaks="rfc7296/2.5/undefined-payloads-skipped")
def initiator_strict_about_payloads(patch: Patch) -> None:
    """Drops IKE_SA_INIT responses with unknown payloads, bits that it does not expect, or another order."""
    _dropping_init_responses(patch, lambda header, message: _odd_payloads(message.payloads, 33))


@mutant("initiator-strict-about-auth-response", breaks="rfc7296/2.5/undefined-payloads-skipped")
def initiator_strict_about_auth_response(patch: Patch) -> None:
    """Drops IKE_AUTH responses with anything in headers or payloads that it does not expect."""
    from reference_impl.ikev2 import protected

    def deliver(original: Any, engine: Any, sa: Any, pending: Any, opened: Any, path: Any) -> None:
        message = opened.message()
        odd = _odd_header(message.minor, int(message.flags)) or _odd_payloads(message.payloads, 36)
        if int(pending.exchange) != AUTH or not odd:
            original(engine, sa, pending, opened, path)

    patch.wrap(protected, "deliver", deliver)


# -- requests -------------------------------------------------------------------------------------------------------


def _flags(patch: Patch, change: Callable[[int, bool], int]) -> None:
    """`change(flags, response)` on messages of the original initiator."""
    from reference_impl.ikev2 import messages
    from reference_impl.wire.header import Flags

    def flags(original: Any, sa: Any, *, response: bool) -> Any:
        found = original(sa, response=response)
        return Flags(change(int(found), response)) if sa.initiator else found

    patch.wrap(messages, "flags", flags)


@mutant("initiator-flag-in-requests-only", breaks="rfc7296/3.1/initiator-flag-set")
def initiator_flag_in_requests_only(patch: Patch) -> None:
    """Sets the Initiator flag in requests, and not in the responses of the original initiator."""
    _flags(patch, lambda flags, response: flags & ~0x08 if response else flags)


@mutant("initiator-without-i-flag", breaks="rfc7296/3.1/initiator-flag-set")
def initiator_without_i_flag(patch: Patch) -> None:
    """Never sets the Initiator flag."""
    _flags(patch, lambda flags, response: flags & ~0x08)


@mutant("initiator-of-version-2-1", breaks="rfc7296/3.1/minor-version-zero")
def initiator_of_version_2_1(patch: Patch) -> None:
    """Sends its requests as IKE version 2.1."""
    sent_headers(patch, lambda header: replace(header, minor=1))


@mutant("initiator-numbers-auth-zero", breaks="rfc7296/2.2/first-auth-message-id-one")
def initiator_numbers_auth_zero(patch: Patch) -> None:
    """Starts to count the Message IDs with IKE_AUTH."""
    from reference_impl.ikev2 import messages

    def seal(original: Any, engine: Any, sa: Any, kind: Any, message_id: int, *rest: Any, **options: Any) -> Any:
        number = 0 if int(kind) == AUTH and sa.initiator else message_id
        return original(engine, sa, kind, number, *rest, **options)

    patch.wrap(messages, "seal", seal)
