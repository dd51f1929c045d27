"""Mutants of the rekey of a Child SA: the device as responder, and its own requests (RFC 7296 §1.3.3, §2.8, §2.9.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants._rekey import on_own_requests
from conformance.mutants.child_sas import with_spi
from conformance.mutants.registry import Patch, mutant


@mutant("rekeys-child-once", breaks="rfc7296/1.3.3/rekey-response-payloads")
def rekeys_child_once(patch: Patch) -> None:
    """Refuses to rekey a second time on an IKE SA."""
    from reference_impl.ikev2 import rekey_child
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    done: set[int] = set()

    def answer(original: Any, engine: Any, sa: Any, message: Any, notify: Any) -> Any:
        if sa.ike_id in done:
            raise Refusal(NotifyType.NO_ADDITIONAL_SAS, Reason.NO_ADDITIONAL_SAS, "once is enough")
        done.add(sa.ike_id)
        return original(engine, sa, message, notify)

    patch.wrap(rekey_child, "answer", answer)


@mutant("drops-old-child-on-rekey", breaks="rfc7296/2.8.1/accepts-on-either-sa")
def drops_old_child_on_rekey(patch: Patch) -> None:
    """Takes no packets on the old Child SA once it has answered the rekey."""
    from reference_impl.ikev2 import children, rekey_child
    from reference_impl.ikev2.events import Reason

    def answer(original: Any, engine: Any, sa: Any, message: Any, notify: Any) -> Any:
        old = sa.find_child_by_peer_spi(notify.spi)
        payloads = original(engine, sa, message, notify)
        children.tell_removed(engine, old, Reason.REKEYED)
        for child in sa.children.values():
            children.start_sending(engine, child)
        return payloads

    patch.wrap(rekey_child, "answer", answer)


@mutant("never-sends-on-new-child", breaks="rfc7296/2.8/responder-keeps-old-until-proof")
def never_sends_on_new_child(patch: Patch) -> None:
    """Having answered a rekey it waits for ever with sending on the new Child SA, also when the old one is deleted."""
    from reference_impl.ipsec.sad import Sad

    patch(Sad, "start_sending", lambda self, child_id: None)


@mutant("rekey-of-unknown-child-accepted", breaks="rfc7296/2.25.1/rekey-of-missing-child")
def rekey_of_unknown_child_accepted(patch: Patch) -> None:
    """Creates a new Child SA when the one to be rekeyed does not exist."""
    from reference_impl.ikev2 import create_child, rekey_child

    def answer(original: Any, engine: Any, sa: Any, message: Any, notify: Any) -> Any:
        if sa.find_child_by_peer_spi(notify.spi) is None:
            return create_child.answer_new(engine, sa, message)
        return original(engine, sa, message, notify)

    patch.wrap(rekey_child, "answer", answer)


@mutant("finds-child-by-either-spi", breaks="rfc7296/1.3.3/rekey-sa-spi")
def finds_child_by_either_spi(patch: Patch) -> None:
    """Finds a Child SA by either of its two SPIs."""
    from reference_impl.ikev2.ike_sa import IkeSa

    def find(original: Any, self: Any, spi: bytes) -> Any:
        return original(self, spi) or self.heir().children.get(spi)

    patch.wrap(IkeSa, "find_child_by_peer_spi", find)


@mutant("deleted-child-is-remembered", breaks="rfc7296/2.25.1/close-of-missing-child")
def deleted_child_is_remembered(patch: Patch) -> None:
    """Goes on finding Child SAs that have been deleted."""
    from reference_impl.ikev2.ike_sa import IkeSa

    known: dict[bytes, Any] = {}

    def find(original: Any, self: Any, spi: bytes) -> Any:
        found = original(self, spi) or known.get(spi)
        if found is not None:
            known[spi] = found
        return found

    patch.wrap(IkeSa, "find_child_by_peer_spi", find)


@mutant("rekey-without-rekey-sa", breaks="rfc7296/1.3.3/rekey-sa-included")
def rekey_without_rekey_sa(patch: Patch) -> None:
    """Leaves REKEY_SA out of its rekeys."""
    on_own_requests(patch, "RekeyChild", lambda payloads, task, sa: payloads[1:])


def own_rekey_notify(patch: Patch, change: Callable[[Any, Any], Any]) -> None:
    """REKEY_SA goes out as `change(notify, old)` makes it."""
    from reference_impl.ikev2 import rekey_child

    patch.wrap(rekey_child, "rekey_notify", lambda original, old: change(original(old), old))


@mutant("rekey-sa-with-peers-spi", breaks="rfc7296/1.3.3/rekey-sa-spi")
def rekey_sa_with_peers_spi(patch: Patch) -> None:
    """Names in REKEY_SA the SPI that it sends with."""
    own_rekey_notify(patch, lambda notify, old: replace(notify, spi=old.spi_out))


@mutant("rekey-sa-without-protocol", breaks="rfc7296/1.3.3/rekey-sa-protocol")
def rekey_sa_without_protocol(patch: Patch) -> None:
    """Leaves the Protocol ID of REKEY_SA zero."""
    from reference_impl.wire.registries import ProtocolId

    own_rekey_notify(patch, lambda notify, old: replace(notify, protocol=ProtocolId.NONE))


@mutant("rekey-proposes-narrower", breaks="rfc7296/2.9.2/rekey-proposes-superset")
def rekey_proposes_narrower(patch: Patch) -> None:
    """Proposes a single address of its own side when it rekeys."""
    from reference_impl.wire.ts import TsiPayload

    def change(payloads: list[Any], task: Any, sa: Any) -> list[Any]:
        return [
            replace(item, selectors=tuple(replace(each, end=each.start) for each in item.selectors))
            if isinstance(item, TsiPayload)
            else item
            for item in payloads
        ]

    on_own_requests(patch, "RekeyChild", change)


@mutant("rekey-insists-on-policy", breaks="rfc7296/2.8/rekey-create-then-delete")
def rekey_insists_on_policy(patch: Patch) -> None:
    """Proposes its configured selectors when it rekeys, and takes no narrower ones, though those in use are."""
    from reference_impl.ikev2 import child_request, policy
    from reference_impl.ikev2.errors import BadResponse
    from reference_impl.ikev2.events import Reason
    from reference_impl.ikev2.rekey_child import RekeyChild

    def make_offer(original: Any, self: Any, engine: Any, sa: Any) -> Any:
        self.local_ts, self.remote_ts = policy.local_selectors(sa), policy.remote_selectors(sa)
        return original(self, engine, sa)

    def accepted(original: Any, sa: Any, offer: Any, mode: Any, tsi: Any, tsr: Any) -> Any:
        if offer.replaces is not None and (tsi, tsr) != (offer.local_ts, offer.remote_ts):
            raise BadResponse(Reason.TS_UNACCEPTABLE, "not what was proposed")
        return original(sa, offer, mode, tsi, tsr)

    patch.wrap(RekeyChild, "make_offer", make_offer)
    patch.wrap(child_request, "accepted_selectors", accepted)


@mutant("rekey-request-keeps-spi", breaks="rfc7296/1.3.1/child-request-payloads")
def rekey_request_keeps_spi(patch: Patch) -> None:
    """Offers the SPI of the old Child SA again when it rekeys."""
    on_own_requests(patch, "RekeyChild", lambda payloads, task, sa: with_spi(payloads, task.old.spi_in))


@mutant("ke-of-unoffered-group", breaks="rfc7296/1.3/offer-includes-ke-group")
def ke_of_unoffered_group(patch: Patch) -> None:
    """Sends KE of another group than those that it offers."""
    from reference_impl.crypto.ke import key_exchange
    from reference_impl.wire.registries import Group
    from reference_impl.wire.simple import KePayload

    def change(payloads: list[Any], task: Any, sa: Any) -> list[Any]:
        foreign = key_exchange(Group.MODP_1536)
        return [KePayload(foreign.group, foreign.public) if isinstance(item, KePayload) else item for item in payloads]

    on_own_requests(patch, "RekeyChild", change)


@mutant("rekeyed-child-not-deleted", breaks="rfc7296/2.8/rekey-create-then-delete")
def rekeyed_child_not_deleted(patch: Patch) -> None:
    """Leaves the old Child SA in place after its own rekey."""
    from reference_impl.ikev2 import rekey_child

    patch(rekey_child, "delete_old", lambda engine, old: None)


@mutant("own-rekey-drops-old-child", breaks="rfc7296/2.8.1/accepts-on-either-sa")
def own_rekey_drops_old_child(patch: Patch) -> None:
    """Takes no packets on the old Child SA from its rekey request on."""
    from reference_impl.ikev2 import children, rekey_child
    from reference_impl.ikev2.events import Reason

    def request(original: Any, self: Any, engine: Any, sa: Any) -> Any:
        children.tell_removed(engine, self.old, Reason.REKEYED)
        return original(self, engine, sa)

    patch.wrap(rekey_child.RekeyChild, "request", request)
