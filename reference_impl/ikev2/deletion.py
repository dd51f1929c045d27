"""Deleting SAs with INFORMATIONAL exchanges, from both ends (RFC 7296 section 1.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId

from . import children, closing, collisions, exchange
from .collisions import Ask, Reaction
from .events import Reason
from .states import ChildState, ChildTrigger
from .tasks import Task

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .engine import Engine
    from .ike_sa import IkeSa


class DeleteIke(Task):
    """Close the IKE SA. Exclusive: nothing else is outstanding when it goes out, nothing follows it."""

    exchange = ExchangeType.INFORMATIONAL
    exclusive = True
    inherited = False

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        return (DeletePayload(ProtocolId.IKE),)

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        closing.close(engine, sa, self.reason, self.detail)

    def malformed(self, engine: Engine, sa: IkeSa, detail: str) -> None:
        closing.close(engine, sa, self.reason, self.detail)


class DeleteChild(Task):
    """Close Child SAs: the request lists our inbound SPIs, the peer answers with its own."""

    exchange = ExchangeType.INFORMATIONAL
    changes_children = True

    def __init__(self, children: Sequence[ChildSa], reason: Reason, spis: tuple[bytes, ...] = ()) -> None:
        self.children = tuple(children)
        self.reason = reason
        self.spis = spis

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        spis = [child.spi_in for child in self.children if child.state is ChildState.DELETING]
        listed = (*spis, *self.spis)
        return (DeletePayload(ProtocolId.ESP, 4, listed),) if listed else None

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        for child in self.children:
            children.remove(engine, child, self.reason)


def delete_child(engine: Engine, child: ChildSa, reason: Reason) -> None:
    """Start closing one Child SA; harmless when that is under way."""
    if not child.alive:
        return
    child.advance(ChildTrigger.DELETE)
    exchange.enqueue(engine, child.sa, DeleteChild((child,), reason))


def refuse_child(engine: Engine, sa: IkeSa, spi_in: bytes) -> None:
    """Delete what the peer believes to have created with our SPI, though we could not accept its answer."""
    exchange.enqueue(engine, sa, DeleteChild((), Reason.ERROR_NOTIFY, (spi_in,)))


def deletes_ike(message: Message) -> bool:
    """Whether a request closes the IKE SA."""
    return any(payload.protocol == ProtocolId.IKE for payload in message.all(DeletePayload))


def answer_child_deletes(engine: Engine, sa: IkeSa, message: Message) -> list[bytes]:
    """Close the Child SAs that a request lists; the result is our inbound SPIs for the response."""
    answered: list[bytes] = []
    for payload in message.all(DeletePayload):
        if payload.protocol == ProtocolId.ESP:
            for spi in payload.spis:
                answered += close_by_peer(engine, sa, spi)
    return answered


def close_by_peer(engine: Engine, sa: IkeSa, spi: bytes) -> list[bytes]:
    """Our paired SPI, unless we have issued a Delete for the same pair or do not know it (section 1.4.1)."""
    child = sa.find_child_by_peer_spi(spi)
    how = collisions.reaction(Ask.CLOSE_CHILD, collisions.busy_with_child(child))
    if child is None:
        engine.count("deletes-of-unknown-children")
        return []
    if how is Reaction.ANSWER_WITHOUT_DELETE:
        return []
    heirs = [other for other in child.sa.children.values() if other.replaces is child]
    children.remove(engine, child, Reason.DELETED_BY_PEER)
    for heir in heirs:
        children.start_sending(engine, heir)
    return [child.spi_in]


def delete_answer(spis: Sequence[bytes]) -> tuple[Payload, ...]:
    """The Delete payload of a response; none when there is nothing to list."""
    return (DeletePayload(ProtocolId.ESP, 4, tuple(spis)),) if spis else ()
