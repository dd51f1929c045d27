"""The end of an IKE SA: what it leaves behind and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire.registries import NotifyType

from . import children, deletion, exchange, lifetimes, rekey_ike
from .events import IkeFailed, IkeRemoved, Reason
from .states import IkeState, IkeTrigger

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


def delete(engine: Engine, sa: IkeSa, reason: Reason, detail: str = "") -> None:
    """Close an established IKE SA with a Delete; it is the last request on it (section 2.8)."""
    if sa.state not in (IkeState.ESTABLISHED, IkeState.REKEYED, IkeState.AUTH_SENT):
        return
    sa.advance(IkeTrigger.DELETE)
    drop_queue(engine, sa, reason)
    exchange.enqueue(engine, sa, deletion.DeleteIke(reason, detail))


def drop_queue(engine: Engine, sa: IkeSa, reason: Reason) -> None:
    """Tasks that never went out will not."""
    while sa.queue:
        sa.queue.popleft().dropped(engine, sa, reason)


def close(
    engine: Engine,
    sa: IkeSa,
    reason: Reason,
    detail: str = "",
    *,
    notify: NotifyType | None = None,
    linger: bool = True,
) -> None:
    """Discard the IKE SA and its Child SAs. With ``linger`` it still repeats its last response for a while."""
    if sa.state is IkeState.CLOSED:
        return
    rekey_ike.settle_before_close(engine, sa)
    sa.advance(IkeTrigger.CLOSE)
    engine.half_open.pop(sa.ike_id, None)
    for message_id in sa.outbound.pending:
        engine.timers.cancel(("retransmit", sa.ike_id, message_id))
    for kind in ("half-open", "keepalive", "liveness", "rekeyed", "reassembly"):
        engine.timers.cancel((kind, sa.ike_id))
    lifetimes.stop_ike(engine, sa)
    waiting = [pending.task for pending in sa.outbound.pending.values()]
    sa.outbound.pending.clear()
    sa.reassembly.clear()
    for task in waiting:
        task.dropped(engine, sa, reason)
    drop_queue(engine, sa, reason)
    for child in list(sa.children.values()):
        children.remove(engine, child, Reason.PARENT_GONE)
    engine.release_addresses(sa)
    engine.sas.pop(sa.ike_id, None)
    if sa.established:
        engine.emit(IkeRemoved(engine.now, sa.ike_id, sa.connection_name, sa.spi_i, sa.spi_r, reason, detail))
    else:
        engine.emit(IkeFailed(engine.now, sa.ike_id, sa.connection_name, sa.initiator, reason, detail, notify))
    if linger and sa.inbound.responses:
        engine.linger(sa)
    else:
        engine.forget(sa)


def abandon(engine: Engine, sa: IkeSa, reason: Reason, detail: str) -> None:
    """A response that makes the IKE SA unusable: with a Delete once it is established, quietly before (2.21)."""
    if sa.state in (IkeState.ESTABLISHED, IkeState.REKEYED):
        delete(engine, sa, reason, detail)
    else:
        close(engine, sa, reason, detail)
