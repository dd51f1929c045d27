"""Mutants of CREATE_CHILD_SA: responses that make Child SAs, their nonces and keys (RFC 7296 §1.3, §2.17)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch, mutant

# -- responses ------------------------------------------------------------------------------------------------------


def on_responses(patch: Patch, change: Callable[[list[Any], Any, Any], list[Any]]) -> None:
    """Accepting CREATE_CHILD_SA responses go out as `change(payloads, request, sa)` makes them."""
    from reference_impl.ikev2 import create_child

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        return change(list(original(engine, sa, message)), message, sa)

    patch.wrap(create_child, "answer", answer)


def without(payloads: list[Any], kind: type[Any]) -> list[Any]:
    """The payloads of other classes."""
    return [item for item in payloads if not isinstance(item, kind)]


def rekeys_ike(payloads: list[Any]) -> bool:
    """Whether these payloads of a CREATE_CHILD_SA message are about the IKE SA."""
    from reference_impl.wire.ts import TsPayload

    return not any(isinstance(item, TsPayload) for item in payloads)


def with_spi(payloads: list[Any], spi: bytes) -> list[Any]:
    """The same payloads, with this SPI in every proposal."""
    from reference_impl.wire.sa import SaPayload

    return [
        replace(item, proposals=tuple(replace(each, spi=spi) for each in item.proposals))
        if isinstance(item, SaPayload)
        else item
        for item in payloads
    ]


@mutant("response-without-nonce", breaks="rfc7296/1.3.1/child-response-payloads")
def response_without_nonce(patch: Patch) -> None:
    """Leaves Nr out of CREATE_CHILD_SA responses."""
    from reference_impl.wire.simple import NoncePayload

    on_responses(patch, lambda payloads, request, sa: without(payloads, NoncePayload))


@mutant("child-response-without-ke", breaks="rfc7296/1.3.1/child-response-payloads")
def child_response_without_ke(patch: Patch) -> None:
    """Leaves KEr out of responses that create a Child SA."""
    from reference_impl.wire.simple import KePayload

    on_responses(
        patch, lambda payloads, request, sa: payloads if rekeys_ike(payloads) else without(payloads, KePayload)
    )


@mutant("child-rekey-keeps-spi", breaks="rfc7296/1.3.3/rekey-response-payloads")
def child_rekey_keeps_spi(patch: Patch) -> None:
    """Answers the rekey of a Child SA with the SPI of the old one."""
    from reference_impl.wire.registries import NotifyType

    def change(payloads: list[Any], request: Any, sa: Any) -> list[Any]:
        notify = request.notify(NotifyType.REKEY_SA)
        old = sa.find_child_by_peer_spi(notify.spi) if notify is not None else None
        return payloads if old is None else with_spi(payloads, old.spi_in)

    on_responses(patch, change)


@mutant("ike-rekey-keeps-spi", breaks="rfc7296/1.3.2/new-responder-spi")
def ike_rekey_keeps_spi(patch: Patch) -> None:
    """Answers the rekey of the IKE SA with the responder SPI of the old one."""
    on_responses(
        patch,
        lambda payloads, request, sa: with_spi(payloads, sa.own_spi) if rekeys_ike(payloads) else payloads,
    )


@mutant("rekey-narrows-selectors", breaks="rfc7296/2.9.2/responder-keeps-current-scope")
def rekey_narrows_selectors(patch: Patch) -> None:
    """Narrows the selectors of a rekeyed Child SA to one address."""
    from reference_impl.wire.registries import NotifyType
    from reference_impl.wire.ts import TsrPayload

    def change(payloads: list[Any], request: Any, sa: Any) -> list[Any]:
        if request.notify(NotifyType.REKEY_SA) is None:
            return payloads
        return [
            replace(item, selectors=tuple(replace(each, end=each.start) for each in item.selectors))
            if isinstance(item, TsrPayload)
            else item
            for item in payloads
        ]

    on_responses(patch, change)


def refusing_selectors(patch: Patch, refused: Callable[[Any, Any, Any, Any, Any], bool]) -> None:
    """A request for a Child SA gets TS_UNACCEPTABLE where `refused(sa, request, tsi, tsr, replaced)`."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def agree(original: Any, sa: Any, connection: Any, message: Any, tsi: Any, tsr: Any, replaces: Any) -> Any:
        if refused(sa, message, tsi, tsr, replaces):
            raise Refusal(NotifyType.TS_UNACCEPTABLE, Reason.TS_UNACCEPTABLE, "not the selectors expected")
        return original(sa, connection, message, tsi, tsr, replaces)

    patch.wrap(child_answer, "agree", agree)


@mutant("rekey-needs-configured-selectors", breaks="rfc7296/2.9/ts-unacceptable")
def rekey_needs_configured_selectors(patch: Patch) -> None:
    """Wants the configured selectors in a rekey, not those to which the Child SA was narrowed."""
    from reference_impl.ikev2 import policy, selectors

    def refused(sa: Any, request: Any, tsi: Any, tsr: Any, old: Any) -> bool:
        return old is not None and not selectors.covers(tsr, policy.local_selectors(sa))

    refusing_selectors(patch, refused)


@mutant("further-child-needs-configured-selectors", breaks="rfc7296/2.9/ts-unacceptable")
def further_child_needs_configured_selectors(patch: Patch) -> None:
    """Narrows the first Child SA only: for further ones it wants the configured selectors."""
    from reference_impl.ikev2 import policy, selectors
    from reference_impl.wire.registries import ExchangeType

    def refused(sa: Any, request: Any, tsi: Any, tsr: Any, old: Any) -> bool:
        further = old is None and request.exchange == ExchangeType.CREATE_CHILD_SA
        return further and not selectors.covers(tsr, policy.local_selectors(sa))

    refusing_selectors(patch, refused)


@mutant("rekey-needs-same-selectors", breaks="rfc7296/2.9/ts-unacceptable")
def rekey_needs_same_selectors(patch: Patch) -> None:
    """Refuses a rekey that proposes other selectors than those in use, also a superset."""

    def refused(sa: Any, request: Any, tsi: Any, tsr: Any, old: Any) -> bool:
        return old is not None and (tsi, tsr) != (old.remote_ts, old.local_ts)

    refusing_selectors(patch, refused)


@mutant("rekey-loses-transport", breaks="rfc7296/1.3.1/transport-acceptance-echoed")
def rekey_loses_transport(patch: Patch) -> None:
    """Does not say so when it rekeys a Child SA in transport mode."""
    from reference_impl.ikev2.child_answer import TRANSPORT
    from reference_impl.wire.registries import NotifyType

    def change(payloads: list[Any], request: Any, sa: Any) -> list[Any]:
        rekeys = request.notify(NotifyType.REKEY_SA) is not None
        return [item for item in payloads if not (rekeys and item == TRANSPORT)]

    on_responses(patch, change)


# -- nonces and keys ------------------------------------------------------------------------------------------------


def own_nonces(patch: Patch, nonce: Callable[[], bytes]) -> None:
    """CREATE_CHILD_SA responses have nonces from `nonce`."""
    from reference_impl.ikev2 import create_child, policy

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        rng = engine.rng
        engine.rng = lambda size: nonce() if size == policy.NONCE_SIZE else rng(size)
        try:
            return original(engine, sa, message)
        finally:
            engine.rng = rng

    patch.wrap(create_child, "answer", answer)


@mutant("repeats-nonce", breaks="rfc7296/2.10/nonce-random")
def repeats_nonce(patch: Patch) -> None:
    """Uses one nonce for every CREATE_CHILD_SA response."""
    own_nonces(patch, lambda: bytes(range(32)))


@mutant("short-nonce", breaks="rfc7296/2.10/nonce-min-128-bits")
def short_nonce(patch: Patch) -> None:
    """Sends nonces of 12 octets in CREATE_CHILD_SA responses."""
    import os

    own_nonces(patch, lambda: os.urandom(12))


@mutant("refuses-long-nonce", breaks="rfc7296/3.9/nonce-size")
def refuses_long_nonce(patch: Patch) -> None:
    """Refuses nonces of more than 64 octets in CREATE_CHILD_SA."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason

    def peer_nonce(original: Any, sa: Any, message: Any) -> bytes:
        nonce: bytes = original(sa, message)
        if len(nonce) > 64:
            raise invalid_syntax(Reason.NONCE_LENGTH, "long")
        return nonce

    patch.wrap(child_answer, "peer_nonce", peer_nonce)


@mutant("refuses-short-nonce", breaks="rfc7296/3.9/nonce-size")
def refuses_short_nonce(patch: Patch) -> None:
    """Refuses nonces of less than 32 octets in CREATE_CHILD_SA."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason

    def peer_nonce(original: Any, sa: Any, message: Any) -> bytes:
        nonce: bytes = original(sa, message)
        if len(nonce) < 32:
            raise invalid_syntax(Reason.NONCE_LENGTH, "short")
        return nonce

    patch.wrap(child_answer, "peer_nonce", peer_nonce)


@mutant("accepts-any-nonce", breaks="rfc7296/3.9/nonce-size")
def accepts_any_nonce(patch: Patch) -> None:
    """Takes nonces of any size in CREATE_CHILD_SA."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.wire.simple import NoncePayload

    patch(NoncePayload, "MIN_SIZE", 0)
    patch(NoncePayload, "MAX_SIZE", 65535)
    patch(child_answer, "peer_nonce", lambda sa, message: message.get(NoncePayload).data)


@mutant("takes-missing-nonce", breaks="rfc7296/1.3.1/child-request-payloads")
def takes_missing_nonce(patch: Patch) -> None:
    """Does without the nonce when a CREATE_CHILD_SA request has none."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.wire.simple import NoncePayload

    def peer_nonce(original: Any, sa: Any, message: Any) -> bytes:
        return bytes(32) if message.get(NoncePayload) is None else original(sa, message)

    patch.wrap(child_answer, "peer_nonce", peer_nonce)


def derive(patch: Patch, how: Callable[..., Any]) -> None:
    """Keys of Child SAs come from `how(original, sa, suite, ni, nr, shared)`."""
    from reference_impl.ikev2 import children

    patch.wrap(children, "derive_keys", how)


@mutant("keymat-responder-first", breaks="rfc7296/2.17/initiator-keys-first")
def keymat_responder_first(patch: Patch) -> None:
    """Takes the keys for responder to initiator from the beginning of KEYMAT."""

    def how(original: Any, *arguments: Any) -> Any:
        keys = original(*arguments)
        return type(keys)(keys.encr_r, keys.integ_r, keys.encr_i, keys.integ_i)

    derive(patch, how)


@mutant("child-keys-from-initial-nonces", breaks="rfc7296/2.17/keymat-first-child")
def child_keys_from_initial_nonces(patch: Patch) -> None:
    """Derives the keys of later Child SAs from the nonces of IKE_SA_INIT."""

    def how(original: Any, sa: Any, suite: Any, ni: bytes, nr: bytes, shared: bytes) -> Any:
        return original(sa, suite, sa.nonce_i, sa.nonce_r, shared)

    derive(patch, how)


@mutant("child-keys-without-shared-secret", breaks="rfc7296/2.17/keymat-with-ke")
def child_keys_without_shared_secret(patch: Patch) -> None:
    """Leaves the shared secret of CREATE_CHILD_SA out of KEYMAT."""

    def how(original: Any, sa: Any, suite: Any, ni: bytes, nr: bytes, shared: bytes) -> Any:
        return original(sa, suite, ni, nr, b"")

    derive(patch, how)


# -- what becomes of a new Child SA ---------------------------------------------------------------------------------


@mutant("deletes-duplicate-selectors", breaks="rfc7296/2.8/no-duplicate-ts-deletion")
def deletes_duplicate_selectors(patch: Patch) -> None:
    """Drops Child SAs that have the selectors of a new one."""
    from reference_impl.ikev2 import children
    from reference_impl.ikev2.events import Reason

    def install(original: Any, engine: Any, child: Any, keys: Any, **options: Any) -> None:
        original(engine, child, keys, **options)
        for other in list(child.sa.children.values()):
            if other is not child and other.remote_ts == child.remote_ts:
                children.remove(engine, other, Reason.REDUNDANT)

    patch.wrap(children, "install", install)


@mutant("ignores-tfc-refusal", breaks="rfc7296/1.3.1/tfc-padding-refused")
def ignores_tfc_refusal(patch: Patch) -> None:
    """Pads packets for traffic flow confidentiality although the peer does not support it."""
    from reference_impl.ikev2 import children

    def install(original: Any, engine: Any, child: Any, keys: Any, **options: Any) -> None:
        child.tfc_padding = True
        original(engine, child, keys, **options)

    patch.wrap(children, "install", install)
