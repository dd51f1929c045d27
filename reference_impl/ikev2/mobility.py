"""Signs of life, and following a peer whose NAT mapping changed (RFC 7296 sections 2.4 and 2.23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire.registries import ExchangeType

from . import nat
from .events import ChildEndpoints, PeerMoved
from .messages import Path
from .states import IkeState

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


def note_authentic(engine: Engine, sa: IkeSa, exchange: ExchangeType, path: Path) -> None:
    """A fresh authentic message: the peer is alive, and this is where it is."""
    sa.last_heard = engine.now
    if (path.local, path.remote) == (sa.local, sa.remote):
        return
    if sa.state is IkeState.HALF_OPEN:
        # The initiator decides in IKE_AUTH to go on from port 4500; nobody else can make this message.
        sa.local, sa.remote = path.local, path.remote
    elif nat.may_follow_peer(sa.nat_local):
        move(engine, sa, path)


def move(engine: Engine, sa: IkeSa, path: Path) -> None:
    """All further packets, retransmissions included, go to the new address and port."""
    old = sa.remote
    sa.local, sa.remote = path.local, path.remote
    if old != path.remote:
        engine.emit(PeerMoved(engine.now, sa.ike_id, old, path.remote))
    for child in sa.children.values():
        engine.emit(ChildEndpoints(engine.now, child.child_id, sa.encapsulate, sa.local, sa.remote))
