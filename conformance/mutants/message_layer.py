"""Mutants of the message layer: headers, chains of payloads, versions, addresses (RFC 7296 §2.5, §2.11, §3.1, §3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from conformance.mutants.registry import Patch, mutant

FLAGS_OCTET = 19
VERSION_OCTET = 17
LENGTH_OCTET = 24


# -- headers that are sent ------------------------------------------------------------------------------------------


def sent_headers(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Every header goes out as `change` makes it."""
    from reference_impl.wire.header import Header

    patch.wrap(Header, "to_bytes", lambda original, self: original(change(self)))


def responses_only(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of headers, for responses."""
    return lambda header: change(header) if header.flags & 0x20 else header


@mutant("response-flag-clear", breaks="rfc7296/3.1/response-flag-set-in-responses")
def response_flag_clear(patch: Patch) -> None:
    """Sends its responses without the Response flag."""
    sent_headers(patch, lambda header: replace(header, flags=header.flags & ~0x20))


@mutant("initiator-flag-always-set", breaks="rfc7296/3.1/initiator-flag-clear")
def initiator_flag_always_set(patch: Patch) -> None:
    """Sets the Initiator flag although the peer is the original initiator."""
    sent_headers(patch, lambda header: replace(header, flags=header.flags | 0x08))


@mutant("version-flag-set", breaks="rfc7296/3.1/version-flag-cleared")
def version_flag_set(patch: Patch) -> None:
    """Sets the Version flag in everything that it sends."""
    sent_headers(patch, lambda header: replace(header, flags=header.flags | 0x10))


def remember_requests(patch: Patch) -> list[bytes]:
    """The last received message is kept in this list."""
    from reference_impl.ikev2 import receive

    last = [bytes(28)]

    def on_message(original: Any, engine: Any, data: bytes, path: Any) -> None:
        last[0] = data.ljust(28, b"\0")
        original(engine, data, path)

    patch.wrap(receive, "on_message", on_message)
    return last


@mutant("echoes-flags", breaks="rfc7296/3.1/x-flags-cleared")
def echoes_flags(patch: Patch) -> None:
    """Copies the undefined flag bits of the request into the response."""
    last = remember_requests(patch)
    sent_headers(patch, lambda header: replace(header, flags=header.flags | last[0][FLAGS_OCTET] & 0xC7))


@mutant("echoes-minor-version", breaks="rfc7296/3.1/minor-version-zero")
def echoes_minor_version(patch: Patch) -> None:
    """Answers with the minor version of the request."""
    last = remember_requests(patch)
    sent_headers(patch, lambda header: replace(header, minor=last[0][VERSION_OCTET] & 0x0F))


@mutant("length-without-header", breaks="rfc7296/3.1/length-covers-message")
def length_without_header(patch: Patch) -> None:
    """Leaves the IKE header out of the Length field."""
    sent_headers(patch, lambda header: replace(header, length=header.length - 28))


@mutant("answers-with-informational-type", breaks="rfc7296/3.1/exchange-types")
def answers_with_informational_type(patch: Patch) -> None:
    """Gives every response the exchange type INFORMATIONAL."""
    from reference_impl.wire.registries import ExchangeType

    sent_headers(patch, responses_only(lambda header: replace(header, exchange=ExchangeType.INFORMATIONAL)))


@mutant("init-message-id-one", breaks="rfc7296/2.2/init-message-id-zero")
def init_message_id_one(patch: Patch) -> None:
    """Gives the IKE_SA_INIT response Message ID 1."""
    from reference_impl.wire.registries import ExchangeType

    def change(header: Any) -> Any:
        return replace(header, message_id=1) if header.exchange == ExchangeType.IKE_SA_INIT else header

    sent_headers(patch, responses_only(change))


@mutant("message-ids-one-ahead", breaks="rfc7296/2.2/response-echoes-message-id")
def message_ids_one_ahead(patch: Patch) -> None:
    """Gives every response the Message ID that follows its request's."""
    sent_headers(patch, responses_only(lambda header: replace(header, message_id=header.message_id + 1)))


# -- headers that are received --------------------------------------------------------------------------------------


def received_messages(patch: Patch, change: Callable[[bytes], bytes | None]) -> None:
    """Every message is what `change` makes of it; None: dropped."""
    from reference_impl.ikev2 import receive

    def on_message(original: Any, engine: Any, data: bytes, path: Any) -> None:
        changed = change(data) if len(data) >= 28 else data
        if changed is not None:
            original(engine, changed, path)

    patch.wrap(receive, "on_message", on_message)


@mutant("rejects-undefined-flags", breaks="rfc7296/3.1/x-flags-ignored")
def rejects_undefined_flags(patch: Patch) -> None:
    """Drops messages with an undefined flag bit set."""
    received_messages(patch, lambda data: None if data[FLAGS_OCTET] & 0xC7 else data)


@mutant("honours-version-flag", breaks="rfc7296/3.1/version-flag-ignored")
def honours_version_flag(patch: Patch) -> None:
    """Waits for a higher version when the Version flag is set."""
    received_messages(patch, lambda data: None if data[FLAGS_OCTET] & 0x10 else data)


@mutant("rejects-higher-minor", breaks="rfc7296/3.1/minor-version-ignored")
def rejects_higher_minor(patch: Patch) -> None:
    """Drops messages of a minor version other than 0."""
    received_messages(patch, lambda data: None if data[VERSION_OCTET] & 0x0F else data)


@mutant("accepts-truncated-datagrams", breaks="rfc7296/3.1/length-covers-message")
def accepts_truncated_datagrams(patch: Patch) -> None:
    """Reads on in an old buffer where a datagram is shorter than its Length field says."""

    def change(data: bytes) -> bytes:
        stated = int.from_bytes(data[LENGTH_OCTET : LENGTH_OCTET + 4], "big")
        return data.ljust(stated, b"\0") if stated < 65536 else data

    received_messages(patch, change)


@mutant("guesses-first-payload", breaks="rfc7296/3.1/payload-chain")
def guesses_first_payload(patch: Patch) -> None:
    """Takes the first payload of IKE_SA_INIT for SA, whatever the header says."""
    received_messages(patch, lambda data: data[:16] + b"\x21" + data[17:] if data[18] == 34 else data)


@mutant("refuses-more-than-1024-octets", breaks="rfc7296/2/accepts-1280-octets")
def refuses_more_than_1024_octets(patch: Patch) -> None:
    """Drops messages longer than 1024 octets."""
    received_messages(patch, lambda data: None if len(data) > 1024 else data)


@mutant("refuses-more-than-2048-octets", breaks="rfc7296/2/accepts-3000-octets")
def refuses_more_than_2048_octets(patch: Patch) -> None:
    """Drops messages longer than 2048 octets."""
    received_messages(patch, lambda data: None if len(data) > 2048 else data)


# -- versions -------------------------------------------------------------------------------------------------------


def accept_major(patch: Patch, accepted: range) -> None:
    """Messages of these major versions are handled as of version 2."""
    from reference_impl.ikev2 import receive
    from reference_impl.wire.message import Message

    def on_message(original: Any, engine: Any, data: bytes, path: Any) -> None:
        major = data[VERSION_OCTET] >> 4 if len(data) >= 28 else 2
        receive.MAJOR_VERSION = major if major in accepted else 2
        original(engine, data, path)

    def parse(original: Any, data: bytes, **options: Any) -> Any:
        return original(data[:VERSION_OCTET] + b"\x20" + data[VERSION_OCTET + 1 :], **options)

    patch.wrap(receive, "on_message", on_message)
    patch.wrap(Message, "parse", parse)


@mutant("accepts-higher-major", breaks="rfc7296/2.5/higher-major-dropped")
def accepts_higher_major(patch: Patch) -> None:
    """Handles messages of a higher major version as if they were of version 2."""
    accept_major(patch, range(3, 16))


@mutant("accepts-lower-major", breaks="rfc7296/2.5/responds-in-same-major")
def accepts_lower_major(patch: Patch) -> None:
    """Handles messages of major version 0 and 1 as if they were of version 2."""
    accept_major(patch, range(2))


@mutant("silent-about-higher-major", breaks="rfc7296/2.5/higher-major-notified")
def silent_about_higher_major(patch: Patch) -> None:
    """Drops messages of a higher major version without a word."""
    from reference_impl.ikev2 import receive

    patch(receive, "on_other_version", lambda engine, header, path: None)


def clear_replies(patch: Patch, kind: str, change: Callable[[bytes], bytes]) -> None:
    """Unprotected error replies of this kind go out as `change` makes them."""
    from reference_impl.ikev2 import messages

    def clear_notify(original: Any, request: Any, notify: Any, data: bytes = b"") -> bytes:
        octets: bytes = original(request, notify, data)
        return change(octets) if notify.name == kind else octets

    patch.wrap(messages, "clear_notify", clear_notify)


@mutant("answers-in-requested-version", breaks="rfc7296/2.5/higher-major-notified")
def answers_in_requested_version(patch: Patch) -> None:
    """Sends INVALID_MAJOR_VERSION in a message of version 3."""
    clear_replies(patch, "INVALID_MAJOR_VERSION", lambda data: data[:VERSION_OCTET] + b"\x30" + data[18:])


@mutant("major-version-answer-as-request", breaks="rfc7296/1.5/unknown-spi-answer-flags")
def major_version_answer_as_request(patch: Patch) -> None:
    """Sends INVALID_MAJOR_VERSION without the Response flag."""
    clear_replies(patch, "INVALID_MAJOR_VERSION", lambda data: data[:FLAGS_OCTET] + b"\x08" + data[20:])


# -- payloads -------------------------------------------------------------------------------------------------------


def sent_generic_headers(patch: Patch, change: Callable[[bytes], bytes]) -> None:
    """Every generic header goes out as `change` makes it."""
    from reference_impl.wire import payload

    def generic_header(original: Any, *arguments: Any) -> bytes:
        return change(original(*arguments))

    patch.wrap(payload, "_generic_header", generic_header)


@mutant("reserved-bits-set", breaks="rfc7296/3.2/reserved-sent-zero")
def reserved_bits_set(patch: Patch) -> None:
    """Sends a reserved bit of the generic header as one."""
    sent_generic_headers(patch, lambda header: header[:1] + bytes([header[1] | 0x40]) + header[2:])


@mutant("marks-payloads-critical", breaks="rfc7296/2.5/responses-not-critical")
def marks_payloads_critical(patch: Patch) -> None:
    """Marks its payloads critical."""
    sent_generic_headers(patch, lambda header: header[:1] + bytes([header[1] | 0x80]) + header[2:])


@mutant("last-payload-announces-another", breaks="rfc7296/3.2/last-next-payload-zero")
def last_payload_announces_another(patch: Patch) -> None:
    """Writes a payload type into the Next Payload field of the last payload."""
    sent_generic_headers(patch, lambda header: (header[:1] if header[0] else b"\x29") + header[1:])


@mutant("sends-payloads-in-reverse", breaks="rfc7296/2.5/payload-order-as-shown")
def sends_payloads_in_reverse(patch: Patch) -> None:
    """Sends the payloads of a message in reverse order."""
    from reference_impl.ikev2 import protect
    from reference_impl.wire import message

    for module in (message, protect):
        patch.wrap(module, "encode_chain", lambda original, payloads, *rest: original(tuple(reversed(payloads)), *rest))


def refuse_payloads(patch: Patch, judge: Callable[[tuple[Any, ...]], int | None]) -> None:
    """Requests of whose payloads `judge` gives a type are refused, as for an unknown critical payload."""
    from reference_impl.ikev2 import messages

    patch.wrap(messages, "unknown_critical", lambda original, payloads: judge(tuple(payloads)) or original(payloads))


def first_type(payloads: tuple[Any, ...], wrong: Callable[[Any], bool]) -> int | None:
    """The type of the first payload that is wrong."""
    return next((int(item.type_id) for item in payloads if wrong(item)), None)


@mutant("rejects-unknown-payloads", breaks="rfc7296/2.5/noncritical-unknown-ignored")
def rejects_unknown_payloads(patch: Patch) -> None:
    """Refuses every payload that it does not know, critical or not."""
    from reference_impl.wire.raw import UnknownPayload

    refuse_payloads(patch, lambda payloads: first_type(payloads, lambda item: isinstance(item, UnknownPayload)))


@mutant("rejects-reserved-bits", breaks="rfc7296/3.2/reserved-ignored")
def rejects_reserved_bits(patch: Patch) -> None:
    """Refuses messages with reserved bits set in a generic header."""
    refuse_payloads(patch, lambda payloads: first_type(payloads, lambda item: item.reserved))


@mutant("rejects-critical-known-payload", breaks="rfc7296/3.2/critical-known-ignored")
def rejects_critical_known_payload(patch: Patch) -> None:
    """Refuses every payload with the critical bit, also those that it knows."""
    refuse_payloads(patch, lambda payloads: first_type(payloads, lambda item: item.critical))


@mutant("critical-covers-contents", breaks="rfc7296/2.5/critical-only-for-type")
def critical_covers_contents(patch: Patch) -> None:
    """Refuses a critical Notify payload whose notification type it does not know."""
    from reference_impl.wire.notify import NotifyPayload

    def unknown(item: Any) -> bool:
        return isinstance(item, NotifyPayload) and item.critical and item.notify.name.startswith("UNKNOWN")

    refuse_payloads(patch, lambda payloads: first_type(payloads, unknown))


@mutant("critical-of-the-payload-before", breaks="rfc7296/3.2/critical-applies-to-current")
def critical_of_the_payload_before(patch: Patch) -> None:
    """Takes the critical bit of a payload for that of the payload that its Next Payload field announces."""
    from reference_impl.wire.raw import UnknownPayload

    def judge(payloads: tuple[Any, ...]) -> int | None:
        pairs = pairwise(payloads)
        return next((int(b.type_id) for a, b in pairs if a.critical and isinstance(b, UnknownPayload)), None)

    refuse_payloads(patch, judge)


@mutant("insists-on-payload-order", breaks="rfc7296/2.5/any-payload-order-accepted")
def insists_on_payload_order(patch: Patch) -> None:
    """Refuses messages whose payloads do not come in the order of the figures."""
    order = ["IdiPayload", "AuthPayload", "SaPayload", "KePayload", "NoncePayload", "TsiPayload", "TsrPayload"]
    child = ["SaPayload", "NoncePayload", "KePayload", "TsiPayload", "TsrPayload"]

    def judge(payloads: tuple[Any, ...]) -> int | None:
        names = [type(item).__name__ for item in payloads]
        for known in (order, child):
            found = [name for name in names if name in known]
            if found == [name for name in known if name in found]:
                return None
        return int(payloads[0].type_id)

    refuse_payloads(patch, judge)


@mutant("ignores-critical-bit", breaks="rfc7296/2.5/critical-unknown-rejected")
def ignores_critical_bit(patch: Patch) -> None:
    """Skips unknown payloads although they are critical."""
    from reference_impl.ikev2 import messages

    patch(messages, "unknown_critical", lambda payloads: None)


@mutant("unknown-payload-ends-chain", breaks="rfc7296/2.5/undefined-payloads-skipped")
def unknown_payload_ends_chain(patch: Patch) -> None:
    """Reads a message up to the first unknown payload only."""
    from reference_impl.ikev2 import protect
    from reference_impl.wire import message
    from reference_impl.wire.raw import UnknownPayload

    def parse_chain(original: Any, *arguments: Any, **options: Any) -> tuple[Any, ...]:
        payloads = original(*arguments, **options)
        known = [index for index, item in enumerate(payloads) if isinstance(item, UnknownPayload)]
        return tuple(payloads[: known[0]] if known else payloads)

    for module in (message, protect):
        patch.wrap(module, "parse_chain", parse_chain)


@mutant("repairs-payload-length", breaks="rfc7296/3.2/payload-length-includes-header")
def repairs_payload_length(patch: Patch) -> None:
    """Takes an impossible Payload Length for the one with which the rest of the message can be read."""
    from reference_impl.ikev2 import protect
    from reference_impl.wire import message
    from reference_impl.wire.errors import Reason, WireError

    def parse_chain(original: Any, first: int, data: bytes, *, offset: int = 0, **options: Any) -> tuple[Any, ...]:
        try:
            return tuple(original(first, data, offset=offset, **options))
        except WireError as error:
            if error.reason is not Reason.PAYLOAD_LENGTH:
                raise
            place = error.offset - offset
            for size in range(4, len(data) - place + 3):
                fixed = data[:place] + size.to_bytes(2, "big") + data[place + 2 :]
                try:
                    return tuple(original(first, fixed, offset=offset, **options))
                except WireError:
                    continue
            raise

    for module in (message, protect):
        patch.wrap(module, "parse_chain", parse_chain)


# -- critical payloads ----------------------------------------------------------------------------------------------


def critical_refusals(patch: Patch, **changes: Any) -> None:
    """The refusal of a critical payload has these attributes."""
    from reference_impl.ikev2 import protected

    def critical_refusal(original: Any, sa: Any, payload_type: int) -> Any:
        refusal = original(sa, payload_type)
        for name, value in changes.items():
            setattr(refusal, name, value)
        return refusal

    patch.wrap(protected, "critical_refusal", critical_refusal)


@mutant("critical-answered-by-invalid-syntax", breaks="rfc7296/2.5/critical-unknown-notified")
def critical_answered_by_invalid_syntax(patch: Patch) -> None:
    """Answers an unknown critical payload by INVALID_SYNTAX."""
    from reference_impl.wire.registries import NotifyType

    critical_refusals(patch, notify=NotifyType.INVALID_SYNTAX, data=b"")


@mutant("critical-notify-without-data", breaks="rfc7296/2.5/critical-notify-data")
def critical_notify_without_data(patch: Patch) -> None:
    """Leaves the payload type out of UNSUPPORTED_CRITICAL_PAYLOAD."""
    critical_refusals(patch, data=b"")


@mutant("critical-closes-ike-sa", breaks="rfc7296/2.21/fatal-errors-delete-silently")
def critical_closes_ike_sa(patch: Patch) -> None:
    """Deletes the IKE SA when it refuses an unknown critical payload."""
    critical_refusals(patch, fatal=True)


@mutant("acts-before-critical-check", breaks="rfc7296/2.5/critical-unknown-rejected")
def acts_before_critical_check(patch: Patch) -> None:
    """Carries a request out, then refuses it for its unknown critical payload."""
    from reference_impl.ikev2 import messages, protected

    def process(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        message = protected.parse(opened)
        if messages.unknown_critical(message.payloads) is not None and sa.authenticated:
            protected.handle(engine, sa, message)
        original(engine, sa, header, opened, path)

    patch.wrap(protected, "process", process)


# -- addresses ------------------------------------------------------------------------------------------------------


def transmissions(patch: Patch, change: Callable[[Any, Any, Any], tuple[Any, Any]]) -> None:
    """Datagrams leave from and go to what `change(engine, local, remote)` says."""
    from reference_impl.ikev2.engine import Engine

    def transmit(original: Any, self: Any, datagrams: Any, local: Any, remote: Any) -> None:
        original(self, datagrams, *change(self, local, remote))

    patch.wrap(Engine, "transmit", transmit)


@mutant("answers-to-port-500", breaks="rfc7296/2.11/responds-to-source")
def answers_to_port_500(patch: Patch) -> None:
    """Sends its answers to port 500, wherever the request came from."""
    transmissions(patch, lambda engine, local, remote: (local, replace(remote, port=500)))


@mutant("answers-from-other-port", breaks="rfc7296/2.11/responds-from-destination")
def answers_from_other_port(patch: Patch) -> None:
    """Answers from port 4500 what was sent to port 500, and the other way round."""

    def change(engine: Any, local: Any, remote: Any) -> tuple[Any, Any]:
        ports = engine.config.ike_port, engine.config.natt_port
        return replace(local, port=ports[local.port == ports[0]]), remote

    transmissions(patch, change)


@mutant("answers-to-first-address", breaks="rfc7296/2.11/responds-to-source")
def answers_to_first_address(patch: Patch) -> None:
    """Sends all answers on an IKE SA to the address and port of the first one, also repeated ones."""
    from reference_impl.ikev2 import protected

    first: dict[int, Any] = {}

    def respond(original: Any, engine: Any, sa: Any, header: Any, payloads: Any, path: Any) -> None:
        original(engine, sa, header, payloads, first.setdefault(sa.ike_id, path))

    def repeat_response(original: Any, engine: Any, sa: Any, message_id: int, opened: Any, path: Any) -> None:
        original(engine, sa, message_id, opened, first.get(sa.ike_id, path))

    patch.wrap(protected, "respond", respond)
    patch.wrap(protected, "repeat_response", repeat_response)
