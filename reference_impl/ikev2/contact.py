"""INITIAL_CONTACT and the uniqueness of IKE SAs between two identities (RFC 7296 section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType

from . import closing
from .config import Unique
from .events import Reason

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


def others(engine: Engine, sa: IkeSa) -> list[IkeSa]:
    """The other authenticated IKE SAs between the same two identities."""
    return [
        other
        for other in engine.sas.values()
        if other is not sa and other.authenticated and other.remote_id == sa.remote_id and other.local_id == sa.local_id
    ]


def replace_others(engine: Engine, sa: IkeSa, message: Message) -> None:
    """INITIAL_CONTACT: the peer has no other IKE SA, so ours go without a message. Policy may want that anyway."""
    if message.notify(NotifyType.INITIAL_CONTACT) is not None:
        for other in others(engine, sa):
            closing.close(engine, other, Reason.INITIAL_CONTACT, linger=False)
    elif sa.settled_connection.unique is Unique.REPLACE:
        for other in others(engine, sa):
            closing.delete(engine, other, Reason.REPLACED)


def announcement(engine: Engine, sa: IkeSa) -> list[NotifyPayload]:
    """INITIAL_CONTACT if this is the only IKE SA to the peer that we know of."""
    connection = sa.settled_connection
    if not connection.send_initial_contact or connection.remote_id is None:
        return []
    known = any(
        other is not sa and other.authenticated and other.remote_id == connection.remote_id
        for other in engine.sas.values()
    )
    return [] if known else [NotifyPayload(NotifyType.INITIAL_CONTACT)]
