"""Mutants of exchanges that collide (RFC 7296 §2.8.1, §2.8.2, §2.25)."""

from __future__ import annotations

from typing import Any

from conformance.mutants.registry import Patch, mutant


def react(patch: Patch, **changes: str) -> None:
    """Change entries of the table: ASK__BUSY names the entry, the value the reaction."""
    from reference_impl.ikev2 import collisions

    table = dict(collisions.REACTIONS)
    for name, reaction in changes.items():
        ask, busy = name.split("__")
        table[collisions.Ask[ask], collisions.Busy[busy]] = collisions.Reaction[reaction]
    patch(collisions, "REACTIONS", table)


@mutant("child-work-during-ike-rekey-done", breaks="rfc7296/2.25.2/child-work-during-ike-rekey")
def child_work_during_ike_rekey_done(patch: Patch) -> None:
    """Creates and rekeys Child SAs while it rekeys the IKE SA."""
    react(patch, CREATE_CHILD__REKEYING_IKE="ANSWER", REKEY_CHILD__REKEYING_IKE="ANSWER")


@mutant("ike-rekey-during-child-work-done", breaks="rfc7296/2.25.1/ike-rekey-during-child-work")
def ike_rekey_during_child_work_done(patch: Patch) -> None:
    """Rekeys the IKE SA while it is busy with a Child SA."""
    react(patch, REKEY_IKE__CHANGING_CHILDREN="ANSWER")


@mutant("rekeys-closing-ike", breaks="rfc7296/2.25.2/ike-rekey-of-closing")
def rekeys_closing_ike(patch: Patch) -> None:
    """Answers the rekey of an IKE SA that it is closing by NO_ADDITIONAL_SAS."""
    from reference_impl.ikev2 import rekey_ike
    from reference_impl.ikev2.collisions import Busy, busy_with_ike
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if busy_with_ike(sa) is Busy.CLOSING_IKE:
            raise Refusal(NotifyType.NO_ADDITIONAL_SAS, Reason.NO_ADDITIONAL_SAS, "closing")
        return original(engine, sa, message)

    patch.wrap(rekey_ike, "answer", answer)


@mutant("rekeys-closing-child", breaks="rfc7296/2.25.1/rekey-of-closing-child")
def rekeys_closing_child(patch: Patch) -> None:
    """Answers the rekey of a Child SA that it is closing by CHILD_SA_NOT_FOUND."""
    react(patch, REKEY_CHILD__CLOSING_CHILD="CHILD_SA_NOT_FOUND")


@mutant("rekey-of-rekeying-child-refused", breaks="rfc7296/2.25.1/rekey-of-rekeying-child")
def rekey_of_rekeying_child_refused(patch: Patch) -> None:
    """Refuses the rekey of a Child SA that it is rekeying itself."""
    react(patch, REKEY_CHILD__REKEYING_CHILD="TEMPORARY_FAILURE")


@mutant("rekey-of-rekeying-ike-refused", breaks="rfc7296/2.25.2/ike-rekey-of-rekeying")
def rekey_of_rekeying_ike_refused(patch: Patch) -> None:
    """Refuses the rekey of an IKE SA that it is rekeying itself."""
    react(patch, REKEY_IKE__REKEYING_IKE="TEMPORARY_FAILURE")


@mutant("crossed-delete-answered-with-spi", breaks="rfc7296/1.4.1/crossed-delete-no-payload")
def crossed_delete_answered_with_spi(patch: Patch) -> None:
    """Answers the Delete of a Child SA that it is deleting itself with a Delete payload."""
    react(patch, CLOSE_CHILD__CLOSING_CHILD="ANSWER")


@mutant("close-of-rekeying-child-unpaired", breaks="rfc7296/2.25.1/close-of-rekeying-child")
def close_of_rekeying_child_unpaired(patch: Patch) -> None:
    """Answers the Delete of a Child SA that it is rekeying without Delete payload."""
    react(patch, CLOSE_CHILD__REKEYING_CHILD="ANSWER_WITHOUT_DELETE")


@mutant("child-delete-during-ike-rekey-refused", breaks="rfc7296/2.25.2/child-delete-during-ike-rekey")
def child_delete_during_ike_rekey_refused(patch: Patch) -> None:
    """Refuses Deletes of Child SAs while it rekeys the IKE SA."""
    from reference_impl.ikev2 import deletion
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def close_by_peer(original: Any, engine: Any, sa: Any, spi: bytes) -> Any:
        if sa.rekey is not None:
            raise Refusal(NotifyType.TEMPORARY_FAILURE, Reason.TEMPORARY_FAILURE, "busy")
        return original(engine, sa, spi)

    patch.wrap(deletion, "close_by_peer", close_by_peer)


@mutant("rekey-outlives-ike-delete", breaks="rfc7296/2.25.2/ike-close-of-rekeying")
def rekey_outlives_ike_delete(patch: Patch) -> None:
    """Keeps an IKE SA that the peer deletes as long as its own rekey of it is unanswered."""
    from reference_impl.ikev2 import deletion, informational

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if deletion.deletes_ike(message) and sa.rekey is not None:
            return [], None
        return original(engine, sa, message)

    patch.wrap(informational, "answer", answer)


@mutant("closing-ike-is-deaf", breaks="rfc7296/2.25.2/ike-close-of-closing")
def closing_ike_is_deaf(patch: Patch) -> None:
    """Answers nothing on an IKE SA that it is deleting."""
    from reference_impl.ikev2 import protected
    from reference_impl.ikev2.states import IkeState

    def on_request(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if sa.state is not IkeState.DELETING:
            original(engine, sa, header, opened, path)

    patch.wrap(protected, "on_request", on_request)


# -- simultaneous rekeying ------------------------------------------------------------------------------------------


@mutant("keeps-lowest-nonce", breaks="rfc7296/2.8.1/lowest-nonce-sa-closed")
def keeps_lowest_nonce(patch: Patch) -> None:
    """Keeps the SA with the lowest nonce and closes the other."""
    from reference_impl.ikev2 import collisions

    patch(collisions, "ours_is_redundant", lambda own_lowest, peer_lowest: own_lowest > peer_lowest)


@mutant("compares-request-nonces-only", breaks="rfc7296/2.8.1/lowest-nonce-sa-closed")
def compares_request_nonces_only(patch: Patch) -> None:
    """Compares the nonces of the two requests and not those of the responses."""
    from reference_impl.ikev2 import collisions, rekey_child
    from reference_impl.wire.simple import NoncePayload

    patch(collisions, "lowest", lambda *nonces: nonces[0])
    patch(rekey_child, "lowest_nonce", lambda message, payloads: message.get(NoncePayload).data)


@mutant("longer-nonce-is-lower", breaks="rfc7296/2.8.1/lowest-is-octetwise")
def longer_nonce_is_lower(patch: Patch) -> None:
    """Takes a nonce for higher than another one that begins with it."""
    from reference_impl.ikev2 import collisions

    def key(nonce: bytes) -> bytes:
        return nonce.ljust(256, b"\xff")

    patch(collisions, "lowest", lambda *nonces: min(nonces, key=key))
    patch(collisions, "ours_is_redundant", lambda own_lowest, peer_lowest: key(own_lowest) < key(peer_lowest))


@mutant("collision-drops-peers-child", breaks="rfc7296/2.8.1/accepts-on-either-sa")
def collision_drops_peers_child(patch: Patch) -> None:
    """Takes no packets on the peer's new Child SA once its own rekey of the same SA is answered."""
    from reference_impl.ikev2 import children, rekey_child
    from reference_impl.ikev2.events import Reason

    def accept(original: Any, self: Any, engine: Any, sa: Any, message: Any) -> None:
        rival = self.old.peer_rekey
        original(self, engine, sa, message)
        if rival is not None:
            children.tell_removed(engine, rival[0], Reason.REDUNDANT)

    patch.wrap(rekey_child.RekeyChild, "accept", accept)


@mutant("not-found-not-ignored", breaks="rfc7296/2.8.1/not-found-ignored-in-collision")
def not_found_not_ignored(patch: Patch) -> None:
    """Asks for a new Child SA after CHILD_SA_NOT_FOUND even when the peer has rekeyed the old one."""
    from reference_impl.ikev2 import child_task, exchange, rekey_child
    from reference_impl.wire.registries import NotifyType

    def refused(original: Any, self: Any, engine: Any, sa: Any, error: Any) -> None:
        if error.notify == NotifyType.CHILD_SA_NOT_FOUND:
            exchange.enqueue(engine, sa, child_task.CreateChild(self.local_ts, self.remote_ts))
        else:
            original(self, engine, sa, error)

    patch.wrap(rekey_child.RekeyChild, "refused", refused)


@mutant("redundant-ike-inherits-children", breaks="rfc7296/2.8.2/survivor-inherits-children")
def redundant_ike_inherits_children(patch: Patch) -> None:
    """Moves the Child SAs to its own new IKE SA, also when that is the redundant one."""
    from reference_impl.ikev2 import closing, collisions, rekey_ike
    from reference_impl.ikev2.events import Reason

    def settle(original: Any, engine: Any, old: Any, new: Any, own_lowest: bytes) -> None:
        rival = old.peer_rekey
        if rival is None or not collisions.ours_is_redundant(own_lowest, rival[1]):
            original(engine, old, new, own_lowest)
            return
        rekey_ike.adopt(engine, old, new)
        closing.delete(engine, new, Reason.REDUNDANT)

    patch.wrap(rekey_ike, "settle", settle)


@mutant("unnoticed-rekey-loses-children", breaks="rfc7296/2.8.2/delete-forgets-own-rekey")
def unnoticed_rekey_loses_children(patch: Patch) -> None:
    """Closes the Child SAs with the old IKE SA when the peer deletes that before it saw the device's own rekey."""
    from reference_impl.ikev2 import rekey_ike

    patch(rekey_ike, "settle_before_close", lambda engine, sa: None)
