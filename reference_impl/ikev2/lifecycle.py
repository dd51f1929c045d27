"""From authentication to expiry: what happens to SAs as time and traffic go by (RFC 7296 sections 2.4, 2.8, 2.23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import children, closing, deletion, exchange, informational, lifetimes, rekey_child, rekey_ike
from .events import IkeEstablished, Reason
from .states import ChildState, ChildTrigger, IkeState, IkeTrigger

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .engine import Engine
    from .ike_sa import IkeSa


def authenticated(engine: Engine, sa: IkeSa) -> None:
    """Both peers have proved who they are."""
    sa.advance(IkeTrigger.AUTHENTICATED)
    engine.half_open.pop(sa.ike_id, None)
    engine.timers.cancel(("half-open", sa.ike_id))
    sa.last_heard = engine.now
    # AUTH has been computed and checked: the messages it covers are not needed any more.
    sa.init_request = sa.init_response = b""
    sa.inbound.size = engine.config.window_size
    announce(engine, sa, None)


def announce(engine: Engine, sa: IkeSa, replaces: IkeSa | None) -> None:
    """Tell of an established IKE SA and arm its timers."""
    sa.established = True
    assert sa.local_id is not None
    assert sa.remote_id is not None
    engine.emit(
        IkeEstablished(
            engine.now,
            sa.ike_id,
            sa.connection_name,
            sa.initiator,
            sa.spi_i,
            sa.spi_r,
            sa.local,
            sa.remote,
            sa.local_id,
            sa.remote_id,
            sa.suite,
            sa.keys,
            sa.nat_local,
            sa.nat_remote,
            sa.fragmentation,
            sa.auth_method,
            None if replaces is None else replaces.ike_id,
        )
    )
    lifetimes.start_ike(engine, sa)
    informational.schedule(engine, sa, sa.settled_connection.liveness_interval)
    if needs_keepalive(engine, sa):
        schedule_keepalive(engine, sa)


def needs_keepalive(engine: Engine, sa: IkeSa) -> bool:
    """A host behind a NAT keeps the mapping alive (section 2.23)."""
    return sa.nat_local and engine.config.keepalive > 0 and sa.local.port == engine.config.natt_port


def schedule_keepalive(engine: Engine, sa: IkeSa) -> None:
    """Arm the keepalive timer."""
    when = engine.now + engine.config.keepalive
    engine.timers.set(("keepalive", sa.ike_id), when, lambda: on_keepalive(engine, sa))


def on_keepalive(engine: Engine, sa: IkeSa) -> None:
    """Send one and go on."""
    engine.send_keepalive(sa)
    schedule_keepalive(engine, sa)


def ike_soft_expired(engine: Engine, sa: IkeSa) -> None:
    """Time to rekey the IKE SA, before the hard limit."""
    engine.timers.cancel(("ike-soft", sa.ike_id))
    lifetimes.start_ike_hard(engine, sa)
    if sa.state is IkeState.ESTABLISHED and sa.rekey is None:
        exchange.enqueue(engine, sa, rekey_ike.RekeyIke())


def ike_hard_expired(engine: Engine, sa: IkeSa) -> None:
    """An expired IKE SA must not be used any more: it is closed."""
    engine.count("ike-sas-expired")
    if sa.state in (IkeState.ESTABLISHED, IkeState.REKEYED):
        closing.delete(engine, sa, Reason.EXPIRED)
    else:
        closing.close(engine, sa, Reason.EXPIRED, linger=False)


def child_soft_expired(engine: Engine, child: ChildSa) -> None:
    """Time to rekey the Child SA, before the hard limit."""
    engine.timers.cancel(("child-soft", child.child_id))
    lifetimes.start_child_hard(engine, child)
    if child.state is ChildState.INSTALLED and child.rekey is None:
        exchange.enqueue(engine, child.sa, rekey_child.RekeyChild(child))


def child_hard_expired(engine: Engine, child: ChildSa) -> None:
    """An expired Child SA must not be used and goes at once; after a failed rekey the IKE SA goes too (section 2.8)."""
    engine.count("child-sas-expired")
    children.tell_removed(engine, child, Reason.EXPIRED)
    if child.rekey_failed:
        closing.delete(engine, child.sa, Reason.EXPIRED, "a Child SA expired after its rekey failed")
    elif child.alive:
        child.advance(ChildTrigger.DELETE)
        exchange.enqueue(engine, child.sa, deletion.DeleteChild((child,), Reason.EXPIRED))


def on_usage(engine: Engine, child: ChildSa, octets: int, packets: int) -> None:
    """Compare a Child SA's traffic with its limits."""
    child.octets, child.packets = octets, packets
    limits = child.sa.lifetimes
    if child.alive and lifetimes.hard_reached(limits, child.suite.esn, octets, packets):
        child_hard_expired(engine, child)
    elif (
        child.state is ChildState.INSTALLED
        and not child.soft_told
        and lifetimes.soft_reached(limits, child.suite.esn, octets, packets)
    ):
        child.soft_told = True
        child_soft_expired(engine, child)
