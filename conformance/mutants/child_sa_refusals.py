"""Mutants of CREATE_CHILD_SA: what is refused, and how (RFC 7296 §1.3, §2.21.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch, mutant

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
