"""Mutants of CREATE_CHILD_SA: new Child SAs, their keys, and requests that are refused (RFC 7296 §1.3, §2.17)."""

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


# -- notifications in requests --------------------------------------------------------------------------------------


def refuse_when(patch: Patch, bad: Callable[[Any], bool], *, everywhere: bool = False) -> None:
    """CREATE_CHILD_SA requests (and INFORMATIONAL ones) with a notification that is `bad` are refused."""
    from reference_impl.ikev2 import create_child, informational
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if any(bad(item) for item in message.all(NotifyPayload)):
            raise Refusal(NotifyType.INVALID_SYNTAX, Reason.INVALID_SYNTAX, "an unwanted notification")
        return original(engine, sa, message)

    patch.wrap(create_child, "answer", answer)
    if everywhere:
        patch.wrap(informational, "answer", answer)


@mutant("unknown-notify-refused", breaks="rfc7296/3.10.1/unknown-status-ignored")
def unknown_notify_refused(patch: Patch) -> None:
    """Refuses requests with notifications of unknown or unsupported types."""
    from reference_impl.wire.registries import NotifyType

    refuse_when(
        patch,
        lambda item: "UNKNOWN" in item.notify.name or item.notify == NotifyType.NON_FIRST_FRAGMENTS_ALSO,
        everywhere=True,
    )


@mutant("misplaced-status-refused", breaks="rfc7296/3.10.1/status-in-any-message")
def misplaced_status_refused(patch: Patch) -> None:
    """Refuses status notifications in messages where it does not expect them."""
    from reference_impl.ikev2 import informational
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    misplaced = (NotifyType.INITIAL_CONTACT, NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if any(message.notify(kind) is not None for kind in misplaced):
            raise invalid_syntax(Reason.INVALID_SYNTAX, "a notification out of place")
        return original(engine, sa, message)

    patch.wrap(informational, "answer", answer)


@mutant("protocol-without-spi-refused", breaks="rfc7296/3.10/no-spi-protocol-ignored")
def protocol_without_spi_refused(patch: Patch) -> None:
    """Refuses notifications that have a Protocol ID but no SPI."""
    refuse_when(patch, lambda item: bool(item.protocol and not item.spi), everywhere=True)


# -- refusals -------------------------------------------------------------------------------------------------------


def on_refusals(patch: Patch, change: Callable[[Any, Any, Any], None]) -> None:
    """`change(refusal, header, sa)` alters a refusal before it is sent."""
    from reference_impl.ikev2 import protected

    def refuse(original: Any, engine: Any, sa: Any, header: Any, refusal: Any, path: Any) -> None:
        change(refusal, header, sa)
        original(engine, sa, header, refusal, path)

    patch.wrap(protected, "refuse", refuse)


@mutant("invalid-ke-octets-swapped", breaks="rfc7296/1.3/invalid-ke-data")
def invalid_ke_octets_swapped(patch: Patch) -> None:
    """Writes the group in INVALID_KE_PAYLOAD in the wrong order of octets."""
    from reference_impl.wire.registries import NotifyType

    def change(refusal: Any, header: Any, sa: Any) -> None:
        if refusal.notify == NotifyType.INVALID_KE_PAYLOAD:
            refusal.data = refusal.data[::-1]

    on_refusals(patch, change)


@mutant("other-group-as-no-proposal", breaks="rfc7296/1.3/other-group-rejected")
def other_group_as_no_proposal(patch: Patch) -> None:
    """Answers a KE payload of another group by NO_PROPOSAL_CHOSEN."""
    from reference_impl.wire.registries import NotifyType

    def change(refusal: Any, header: Any, sa: Any) -> None:
        if refusal.notify == NotifyType.INVALID_KE_PAYLOAD:
            refusal.notify, refusal.data = NotifyType.NO_PROPOSAL_CHOSEN, b""

    on_refusals(patch, change)


@mutant("refusal-as-invalid-syntax", breaks="rfc7296/3.10.1/no-proposal-chosen-generic")
def refusal_as_invalid_syntax(patch: Patch) -> None:
    """Answers unacceptable offers and selectors by INVALID_SYNTAX."""
    from reference_impl.wire.registries import NotifyType

    def change(refusal: Any, header: Any, sa: Any) -> None:
        if refusal.notify in (NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.TS_UNACCEPTABLE):
            refusal.notify = NotifyType.INVALID_SYNTAX

    on_refusals(patch, change)


@mutant("refused-child-closes-ike", breaks="rfc7296/1.3.1/failed-child-keeps-ike")
def refused_child_closes_ike(patch: Patch) -> None:
    """Drops the IKE SA when it refuses a CREATE_CHILD_SA request."""
    from reference_impl.wire.registries import ExchangeType

    def change(refusal: Any, header: Any, sa: Any) -> None:
        refusal.fatal = refusal.fatal or header.exchange == ExchangeType.CREATE_CHILD_SA

    on_refusals(patch, change)


@mutant("refused-rekey-drops-child", breaks="rfc7296/1.3.1/failed-child-keeps-ike")
def refused_rekey_drops_child(patch: Patch) -> None:
    """Drops the old Child SA when it refuses to rekey it."""
    from reference_impl.ikev2 import children, rekey_child
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason

    def answer(original: Any, engine: Any, sa: Any, message: Any, notify: Any) -> Any:
        try:
            return original(engine, sa, message, notify)
        except Refusal:
            old = sa.find_child_by_peer_spi(notify.spi)
            if old is not None:
                children.remove(engine, old, Reason.ERROR_NOTIFY)
            raise

    patch.wrap(rekey_child, "answer", answer)


@mutant("notify-names-protocol", breaks="rfc7296/3.10/no-spi-protocol-zero")
def notify_names_protocol(patch: Patch) -> None:
    """Sends error notifications without SPI with Protocol ID 1, as in IKEv1."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import ProtocolId

    def respond(original: Any, engine: Any, sa: Any, header: Any, payloads: Any, path: Any) -> None:
        named = [
            replace(item, protocol=ProtocolId.IKE) if isinstance(item, NotifyPayload) and not item.spi else item
            for item in payloads
        ]
        original(engine, sa, header, named, path)

    patch.wrap(protected, "respond", respond)


@mutant("child-limit-as-no-proposal", breaks="rfc7296/1.3/no-additional-sas")
def child_limit_as_no_proposal(patch: Patch) -> None:
    """Says NO_PROPOSAL_CHOSEN when an IKE SA has enough Child SAs."""
    from reference_impl.wire.registries import NotifyType

    def change(refusal: Any, header: Any, sa: Any) -> None:
        if refusal.notify == NotifyType.NO_ADDITIONAL_SAS:
            refusal.notify = NotifyType.NO_PROPOSAL_CHOSEN

    on_refusals(patch, change)


@mutant("child-not-found-without-spi", breaks="rfc7296/2.25/child-sa-not-found-spi")
def child_not_found_without_spi(patch: Patch) -> None:
    """Sends CHILD_SA_NOT_FOUND without SPI and Protocol ID."""
    from reference_impl.wire.registries import NotifyType

    def change(refusal: Any, header: Any, sa: Any) -> None:
        if refusal.notify == NotifyType.CHILD_SA_NOT_FOUND:
            refusal.spi = b""

    on_refusals(patch, change)


# -- requests that should be refused --------------------------------------------------------------------------------


@mutant("takes-child-without-selectors", breaks="rfc7296/1.3.1/child-request-payloads")
def takes_child_without_selectors(patch: Patch) -> None:
    """Puts its own configuration in the place of missing selectors."""
    from reference_impl.ikev2 import child_answer, policy
    from reference_impl.wire.ts import TsiPayload, TsrPayload

    def answer(original: Any, engine: Any, sa: Any, message: Any, **options: Any) -> Any:
        added: list[Any] = [TsiPayload(policy.remote_selectors(sa))] if message.get(TsiPayload) is None else []
        added += [TsrPayload(policy.local_selectors(sa))] if message.get(TsrPayload) is None else []
        return original(engine, sa, replace(message, payloads=(*message.payloads, *added)), **options)

    patch.wrap(child_answer, "answer", answer)


@mutant("child-without-demanded-ke", breaks="rfc7296/1.3.1/child-request-payloads")
def child_without_demanded_ke(patch: Patch) -> None:
    """Creates a Child SA without key exchange although the chosen suite has a group."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.wire.simple import KePayload

    def exchange_keys(original: Any, engine: Any, choice: Any, message: Any) -> Any:
        return (None, b"") if message.get(KePayload) is None else original(engine, choice, message)

    patch.wrap(child_answer, "exchange_keys", exchange_keys)


def choose_without_look(patch: Patch) -> None:
    """The SPI of a chosen ESP proposal is not looked at."""
    from reference_impl.ikev2 import child_answer, children, proposal
    from reference_impl.wire.simple import KePayload

    def choose(engine: Any, connection: Any, message: Any, offer: Any, *, initial: bool) -> Any:
        kei = None if initial else message.get(KePayload)
        return proposal.choose_esp(
            offer.proposals,
            connection.esp,
            children.new_spi(engine),
            groups=not initial,
            ke_group=None if kei is None else kei.group,
        )

    patch(child_answer, "choose", choose)


@mutant("sends-spi-zero", breaks="rfc4303/2.1/spi-zero-not-sent")
def sends_spi_zero(patch: Patch) -> None:
    """Accepts an ESP SPI of zero and sends packets with it."""
    choose_without_look(patch)


@mutant("takes-any-spi-size", breaks="rfc7296/3.3.1/later-spi-size")
def takes_any_spi_size(patch: Patch) -> None:
    """Does not look at the size of an SPI in a proposal."""
    from reference_impl.ikev2 import proposal
    from reference_impl.wire import sa

    choose_without_look(patch)
    patch(sa, "check_spi_size", lambda protocol, size, offset: None)
    patch.wrap(
        proposal,
        "proposal_is_usable",
        lambda original, offered, protocol, spi_size: original(offered, protocol, len(offered.spi)),
    )


@mutant("takes-any-public-value", breaks="rfc6989/2/tests-for-all")
def takes_any_public_value(patch: Patch) -> None:
    """Goes on with a shared secret of zeros when a public value in CREATE_CHILD_SA is none of the group."""
    from reference_impl.crypto import ke
    from reference_impl.ikev2 import child_answer
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.wire.registries import Group
    from reference_impl.wire.simple import KePayload

    def respond_ke(original: Any, engine: Any, kei: Any) -> Any:
        try:
            return original(engine, kei)
        except Refusal:
            return KePayload(kei.group, ke.key_exchange(Group(kei.group)).public), bytes(32)

    patch.wrap(child_answer, "respond_ke", respond_ke)
