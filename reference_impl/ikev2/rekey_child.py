"""Rekeying a Child SA, both roles, with simultaneous rekeying (RFC 7296 sections 1.3.3, 2.8, 2.8.1, 2.25.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.crypto.suite import EspSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType, ProtocolId
from reference_impl.wire.simple import NoncePayload

from . import child_answer, child_request, child_task, children, collisions, deletion, exchange, policy, temporary
from .child_sa import ChildSa
from .collisions import Ask, Reaction
from .config import Mode
from .errors import Refusal
from .events import Reason
from .states import ChildState, ChildTrigger

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


def answer(engine: Engine, sa: IkeSa, message: Message, notify: NotifyPayload) -> list[Payload]:
    """The response to a request with REKEY_SA. Raises Refusal."""
    old = sa.find_child_by_peer_spi(notify.spi) if notify.protocol == ProtocolId.ESP else None
    how = collisions.reaction(Ask.REKEY_CHILD, collisions.busy_for_child_rekey(sa, old))
    if how is Reaction.TEMPORARY_FAILURE:
        raise Refusal(NotifyType.TEMPORARY_FAILURE, Reason.TEMPORARY_FAILURE, "being closed or replaced")
    if old is None or how is Reaction.CHILD_SA_NOT_FOUND:
        raise Refusal(NotifyType.CHILD_SA_NOT_FOUND, Reason.CHILD_NOT_FOUND, notify.spi.hex(), spi=notify.spi)
    new, payloads = child_answer.answer(engine, sa, message, initial=False, replaces=old)
    if how is Reaction.ANSWER_AND_COMPARE:
        old.peer_rekey = (new, lowest_nonce(message, payloads))
    else:
        old.advance(ChildTrigger.REPLACED)
    return payloads


def lowest_nonce(message: Message, payloads: list[Payload]) -> bytes:
    """The lower of the two nonces of an exchange that the peer initiated."""
    ours = [each.data for each in payloads if isinstance(each, NoncePayload)]
    return collisions.lowest(*ours, *[each.data for each in message.all(NoncePayload)])


class RekeyChild(child_task.CreateChild):
    """Our request to replace a Child SA."""

    def __init__(self, old: ChildSa) -> None:
        super().__init__(old.local_ts, old.remote_ts)
        self.old = self.replaces = old
        self.transport = old.mode is Mode.TRANSPORT

    def suites(self, sa: IkeSa) -> tuple[EspSuite, ...]:
        return policy.rekey_suites(sa.settled_connection.esp, self.old.suite)

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        if self.old.state is not ChildState.INSTALLED:
            return None
        payloads = super().request(engine, sa)
        assert payloads is not None
        self.old.rekey = self
        return (rekey_notify(self.old), *payloads)

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        self.old.rekey = None
        super().response(engine, sa, message)

    def accept(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        assert self.offer is not None
        accepted = child_request.accept(engine, sa, self.offer, message, initial=False)
        rival = self.old.peer_rekey
        own_lowest = collisions.lowest(self.offer.nonce, accepted.nonce_r)
        redundant = rival is not None and collisions.ours_is_redundant(own_lowest, rival[1])
        new = child_request.install(engine, sa, self.offer, accepted, send=not redundant)
        settle(engine, self.old, new, redundant=redundant)

    def refused(self, engine: Engine, sa: IkeSa, error: NotifyPayload) -> None:
        rival = self.old.peer_rekey
        if rival is not None and error.notify in (NotifyType.CHILD_SA_NOT_FOUND, NotifyType.TEMPORARY_FAILURE):
            # The peer finished its own rekey before it saw ours, so the error changes nothing (section 2.8.1).
            replaced_by_peer(self.old)
            return
        if error.notify == NotifyType.TEMPORARY_FAILURE and self.old.state is ChildState.INSTALLED:
            temporary.retry_later(engine, sa, self)
        elif error.notify == NotifyType.CHILD_SA_NOT_FOUND:
            recreate(engine, sa, self.old)
        elif error.notify != NotifyType.TEMPORARY_FAILURE:
            super().refused(engine, sa, error)

    def failed(self, engine: Engine, sa: IkeSa, reason: Reason, detail: str, notify: NotifyType | None = None) -> None:
        self.old.rekey_failed = True
        super().failed(engine, sa, reason, detail, notify)

    def dropped(self, engine: Engine, sa: IkeSa, reason: Reason) -> None:
        self.old.rekey = None


def rekey_notify(old: ChildSa) -> NotifyPayload:
    """REKEY_SA names the SPI that we expect in inbound packets (section 1.3.3)."""
    return NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, old.spi_in)


def settle(engine: Engine, old: ChildSa, new: ChildSa, *, redundant: bool) -> None:
    """After our own rekey: delete the old Child SA, or ours where the peer's survives (section 2.8.1)."""
    if redundant:
        replaced_by_peer(old)
        deletion.delete_child(engine, new, Reason.REDUNDANT)
        return
    old.peer_rekey = None
    delete_old(engine, old)


def delete_old(engine: Engine, old: ChildSa) -> None:
    """The node that initiated the surviving rekey deletes the replaced SA."""
    deletion.delete_child(engine, old, Reason.REKEYED)


def replaced_by_peer(old: ChildSa) -> None:
    """The peer's new Child SA takes over; the peer deletes the old one."""
    old.peer_rekey = None
    if old.state is ChildState.INSTALLED:
        old.advance(ChildTrigger.REPLACED)


def recreate(engine: Engine, sa: IkeSa, old: ChildSa) -> None:
    """CHILD_SA_NOT_FOUND: drop ours silently and ask for a new one from scratch (section 2.25)."""
    if old.state is ChildState.REMOVED:
        return
    selectors = (old.local_ts, old.remote_ts)
    children.remove(engine, old, Reason.CHILD_NOT_FOUND)
    exchange.enqueue(engine, sa, child_task.CreateChild(*selectors))
