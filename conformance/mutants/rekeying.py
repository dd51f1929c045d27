"""Mutants of rekeying: the device as responder and as initiator of CREATE_CHILD_SA (RFC 7296 §1.3.2, §1.3.3, §2.18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.child_sas import with_spi
from conformance.mutants.registry import Patch, mutant

# -- the new IKE SA -------------------------------------------------------------------------------------------------


def on_successor(patch: Patch, change: Callable[[Any, Any], None]) -> None:
    """`change(new, old)` alters the IKE SA that a rekey of `old` has made."""
    from reference_impl.ikev2 import rekey_ike

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        new = original(engine, old, *arguments, **options)
        change(new, old)
        return new

    patch.wrap(rekey_ike, "make_successor", make_successor)


@mutant("rekey-seed-without-shared-secret", breaks="rfc7296/2.18/rekey-skeyseed-formula")
def rekey_seed_without_shared_secret(patch: Patch) -> None:
    """Leaves the shared secret out of SKEYSEED of the new IKE SA."""
    from reference_impl.ikev2 import rekey_ike

    patch.wrap(
        rekey_ike,
        "successor_seed",
        lambda original, old, shared, nonce_i, nonce_r: original(old, b"", nonce_i, nonce_r),
    )


@mutant("rekey-seed-with-new-prf", breaks="rfc7296/2.18/rekey-uses-old-prf")
def rekey_seed_with_new_prf(patch: Patch) -> None:
    """Computes SKEYSEED of the new IKE SA with the PRF of the new one."""
    from reference_impl.crypto import kdf
    from reference_impl.ikev2 import rekey_ike

    suites: list[Any] = []

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        suites.append(arguments[5])
        return original(engine, old, *arguments, **options)

    def successor_seed(old: Any, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
        return kdf.rekey_skeyseed(suites[-1].prf_algorithm(), old.keys.sk_d, shared, nonce_i, nonce_r)

    patch.wrap(rekey_ike, "make_successor", make_successor)
    patch(rekey_ike, "successor_seed", successor_seed)


@mutant("rekey-keys-with-old-prf", breaks="rfc7296/2.18/new-keys-new-prf")
def rekey_keys_with_old_prf(patch: Patch) -> None:
    """Expands SKEYSEED of the new IKE SA with the PRF of the old one."""
    from reference_impl.crypto import kdf
    from reference_impl.ikev2 import rekey_ike

    old_prfs: list[Any] = []

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        old_prfs.append(old.prf)
        try:
            return original(engine, old, *arguments, **options)
        finally:
            old_prfs.clear()

    def ike_keys(original: Any, prf: Any, *arguments: Any) -> Any:
        return original(replace(old_prfs[-1], key_size=prf.key_size) if old_prfs else prf, *arguments)

    patch.wrap(rekey_ike, "make_successor", make_successor)
    patch.wrap(kdf, "ike_keys", ike_keys)


@mutant("rekey-seed-from-first-sk-d", breaks="rfc7296/2.18/rekey-skeyseed-formula")
def rekey_seed_from_first_sk_d(patch: Patch) -> None:
    """Uses SK_d of the first IKE SA for every later rekey."""
    from reference_impl.crypto import kdf
    from reference_impl.ikev2 import rekey_ike

    first: dict[int, bytes] = {}

    def change(new: Any, old: Any) -> None:
        first[new.ike_id] = first.get(old.ike_id, old.keys.sk_d)

    def successor_seed(old: Any, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
        return kdf.rekey_skeyseed(old.prf, first.get(old.ike_id, old.keys.sk_d), shared, nonce_i, nonce_r)

    on_successor(patch, change)
    patch(rekey_ike, "successor_seed", successor_seed)


@mutant("own-rekey-keeps-numbering", breaks="rfc7296/1.3.2/new-ike-message-id-zero")
def own_rekey_keeps_numbering(patch: Patch) -> None:
    """Numbers its requests on the new IKE SA from where the old one stood."""

    def change(new: Any, old: Any) -> None:
        new.outbound.next_id = old.outbound.next_id

    on_successor(patch, change)


@mutant("initiator-flag-survives-rekey", breaks="rfc7296/3.1/initiator-flag-after-rekey")
def initiator_flag_survives_rekey(patch: Patch) -> None:
    """Sets the Initiator flag by who initiated the first IKE SA, also after rekeys."""
    from reference_impl.ikev2 import messages
    from reference_impl.wire.header import Flags

    roles: dict[int, bool] = {}

    def change(new: Any, old: Any) -> None:
        roles[new.ike_id] = roles.get(old.ike_id, old.initiator)

    def flags(sa: Any, *, response: bool) -> Flags:
        value = Flags.INITIATOR if roles.get(sa.ike_id, sa.initiator) else Flags.NONE
        return value | Flags.RESPONSE if response else value

    on_successor(patch, change)
    patch(messages, "flags", flags)


@mutant("children-stay-with-old-ike", breaks="rfc7296/2.8/new-ike-inherits-children")
def children_stay_with_old_ike(patch: Patch) -> None:
    """Leaves the Child SAs with the IKE SA that was rekeyed."""
    from reference_impl.ikev2 import children

    patch(children, "move", lambda engine, old, new: None)


@mutant("rekey-moves-first-child-only", breaks="rfc7296/2.8/new-ike-inherits-children")
def rekey_moves_first_child_only(patch: Patch) -> None:
    """Moves only the first Child SA to the new IKE SA."""
    from reference_impl.ikev2 import children

    def move(original: Any, engine: Any, old: Any, new: Any) -> None:
        rest = dict(list(old.children.items())[1:])
        for spi in rest:
            del old.children[spi]
        original(engine, old, new)
        old.children.update(rest)

    patch.wrap(children, "move", move)


@mutant("old-ike-closed-at-rekey", breaks="rfc7296/1.3.2/old-ike-keeps-numbering")
def old_ike_closed_at_rekey(patch: Patch) -> None:
    """Takes no request on an IKE SA that has been rekeyed, not even its Delete."""
    from reference_impl.ikev2 import protected
    from reference_impl.ikev2.states import IkeState

    patch(protected, "ALLOWED", {**protected.ALLOWED, IkeState.REKEYED: frozenset()})


@mutant("rekeyed-ike-delete-closes-both", breaks="rfc7296/2.8/new-ike-inherits-children")
def rekeyed_ike_delete_closes_both(patch: Patch) -> None:
    """Closes the successor together with the old IKE SA."""
    from reference_impl.ikev2 import closing

    def close(original: Any, engine: Any, sa: Any, *arguments: Any, **options: Any) -> None:
        heir = sa.successor
        original(engine, sa, *arguments, **options)
        if heir is not None:
            original(engine, heir, *arguments, **options)

    patch.wrap(closing, "close", close)


@mutant("ike-rekey-without-ke", breaks="rfc7296/2.18/rekey-accepts-no-none")
def ike_rekey_without_ke(patch: Patch) -> None:
    """Accepts the rekey of an IKE SA without a key exchange."""
    from reference_impl.ikev2 import policy, rekey_ike
    from reference_impl.wire.sa import SaPayload
    from reference_impl.wire.simple import KePayload, NoncePayload

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if message.get(KePayload) is not None:
            return original(engine, sa, message)
        chosen = replace(message.get(SaPayload).proposals[0], spi=engine.new_ike_spi())
        return [SaPayload((chosen,)), NoncePayload(engine.rng(policy.NONCE_SIZE))]

    patch.wrap(rekey_ike, "answer", answer)


@mutant("takes-ike-spi-zero", breaks="rfc7296/3.1/initiator-spi-nonzero")
def takes_ike_spi_zero(patch: Patch) -> None:
    """Accepts a new initiator SPI of zero, and none for zero."""
    from reference_impl.ikev2 import rekey_ike
    from reference_impl.wire import sa as wire_sa
    from reference_impl.wire.sa import SaPayload

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        payloads = [
            with_spi([item], bytes(8))[0] if isinstance(item, SaPayload) and not item.proposals[0].spi else item
            for item in message.payloads
        ]
        return original(engine, sa, replace(message, payloads=tuple(payloads)))

    patch(rekey_ike, "NO_SPI", b"")
    patch(wire_sa, "check_spi_size", lambda protocol, size, offset: None)
    patch.wrap(rekey_ike, "answer", answer)


# -- the Child SA that is rekeyed, as responder ---------------------------------------------------------------------


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


# -- the device's own rekey of a Child SA ---------------------------------------------------------------------------


def on_own_requests(patch: Patch, name: str, change: Callable[[list[Any], Any, Any], list[Any]]) -> None:
    """Requests of the task class `name` go out as `change(payloads, task, sa)` makes them."""
    from reference_impl.ikev2 import rekey_child, rekey_ike

    owner = rekey_child.RekeyChild if name == "RekeyChild" else rekey_ike.RekeyIke

    def request(original: Any, self: Any, engine: Any, sa: Any) -> Any:
        payloads = original(self, engine, sa)
        return None if payloads is None else tuple(change(list(payloads), self, sa))

    patch.wrap(owner, "request", request)


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


# -- refusals and strange answers -----------------------------------------------------------------------------------


@mutant("refused-own-rekey-closes-ike", breaks="rfc7296/1.3.1/failed-child-keeps-ike")
def refused_own_rekey_closes_ike(patch: Patch) -> None:
    """Deletes the IKE SA when its rekey is refused."""
    from reference_impl.ikev2 import closing, rekey_child, rekey_ike
    from reference_impl.ikev2.events import Reason

    def refused(self: Any, engine: Any, sa: Any, error: Any) -> None:
        closing.delete(engine, sa, Reason.ERROR_NOTIFY)

    patch(rekey_child.RekeyChild, "refused", refused)
    patch(rekey_ike.RekeyIke, "refused", refused)


@mutant("retries-at-once", breaks="rfc7296/2.25/temporary-failure-no-immediate-retry")
def retries_at_once(patch: Patch) -> None:
    """Repeats a request at once that was answered by TEMPORARY_FAILURE."""
    from reference_impl.ikev2 import exchange, temporary

    patch(temporary, "retry_later", lambda engine, sa, task: exchange.enqueue(engine, sa, task))


@mutant("not-found-is-the-end", breaks="rfc7296/2.25/child-sa-not-found-recovers")
def not_found_is_the_end(patch: Patch) -> None:
    """Does nothing after CHILD_SA_NOT_FOUND."""
    from reference_impl.ikev2 import rekey_child

    patch(rekey_child, "recreate", lambda engine, sa, old: None)


@mutant("not-found-deletes-loudly", breaks="rfc7296/2.25/child-sa-not-found-recovers")
def not_found_deletes_loudly(patch: Patch) -> None:
    """Sends a Delete for the Child SA that the peer has not found."""
    from reference_impl.ikev2 import deletion, rekey_child
    from reference_impl.ikev2.events import Reason

    patch(
        rekey_child,
        "recreate",
        lambda engine, sa, old: deletion.delete_child(engine, old, Reason.CHILD_NOT_FOUND),
    )


@mutant("ignores-demanded-group", breaks="rfc7296/3.3.6/retry-uses-indicated-group")
def ignores_demanded_group(patch: Patch) -> None:
    """Tries again with the same group after INVALID_KE_PAYLOAD."""
    from reference_impl.ikev2 import child_task, rekey_ike

    patch(child_task.CreateChild, "use_group", lambda self, data: True)
    patch(rekey_ike.RekeyIke, "use_group", lambda self, data: True)


@mutant("retry-offers-one-group", breaks="rfc7296/3.3.6/retry-keeps-all-groups")
def retry_offers_one_group(patch: Patch) -> None:
    """Offers only the demanded group when it tries again."""
    from reference_impl.wire.registries import TransformType
    from reference_impl.wire.sa import SaPayload

    def change(payloads: list[Any], task: Any, sa: Any) -> list[Any]:
        if task.group is None:
            return payloads
        task.offer = tuple(
            each for each in task.offer if any(item.id == task.group for item in each.of(TransformType.KE))
        )
        return [SaPayload(task.offer) if isinstance(item, SaPayload) else item for item in payloads]

    on_own_requests(patch, "RekeyIke", change)


@mutant("takes-unoffered-suite", breaks="rfc7296/3.3.6/initiator-checks-offer")
def takes_unoffered_suite(patch: Patch) -> None:
    """Takes whatever the answer chooses, offered or not."""
    from reference_impl.ikev2 import proposal

    patch(proposal, "accepted", lambda answer, offered, spi_size: answer[0])


@mutant("takes-ike-rekey-response-without-ke", breaks="rfc7296/2.18/rekey-new-key-exchange")
def takes_ike_rekey_response_without_ke(patch: Patch) -> None:
    """Goes on without a shared secret when the answer to its rekey has no KE payload."""
    from reference_impl.ikev2 import child_request
    from reference_impl.wire.simple import KePayload

    def shared_secret(original: Any, ours: Any, group: Any, message: Any) -> bytes:
        return b"" if message.get(KePayload) is None else original(ours, group, message)

    patch.wrap(child_request, "shared_secret", shared_secret)


@mutant("takes-any-response", breaks="rfc7296/2.2/response-echoes-message-id")
def takes_any_response(patch: Patch) -> None:
    """Takes a response of any Message ID for the answer to its oldest request."""
    from reference_impl.ikev2 import protected

    def on_response(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if sa.outbound.pending and header.message_id not in sa.outbound.pending:
            protected.deliver(engine, sa, next(iter(sa.outbound.pending.values())), opened, path)
        else:
            original(engine, sa, header, opened, path)

    patch.wrap(protected, "on_response", on_response)


# -- the device's own rekey of the IKE SA ---------------------------------------------------------------------------


@mutant("ike-rekey-proposes-none", breaks="rfc7296/2.18/rekey-proposes-no-none")
def ike_rekey_proposes_none(patch: Patch) -> None:
    """Offers the group NONE when it rekeys the IKE SA."""
    from reference_impl.wire.registries import Group, TransformType
    from reference_impl.wire.sa import SaPayload, Transform

    none = Transform(TransformType.KE, Group.NONE)

    def change(payloads: list[Any], task: Any, sa: Any) -> list[Any]:
        offer = tuple(replace(each, transforms=(*each.transforms, none)) for each in task.offer)
        return [SaPayload(offer) if isinstance(item, SaPayload) else item for item in payloads]

    on_own_requests(patch, "RekeyIke", change)


@mutant("ike-rekey-keeps-own-spi", breaks="rfc7296/1.3.2/new-initiator-spi")
def ike_rekey_keeps_own_spi(patch: Patch) -> None:
    """Offers the SPI of the old IKE SA again when it rekeys it."""
    on_own_requests(patch, "RekeyIke", lambda payloads, task, sa: with_spi(payloads, sa.own_spi))


@mutant("rekeyed-ike-not-deleted", breaks="rfc7296/2.8/initiator-deletes-old-ike")
def rekeyed_ike_not_deleted(patch: Patch) -> None:
    """Leaves the old IKE SA in place after its own rekey."""
    from reference_impl.ikev2 import rekey_ike

    patch(rekey_ike, "delete_old", lambda engine, old: None)
