"""Soft and hard limits of SAs by time, octets and packets (RFC 7296 section 2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .config import Lifetimes

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .engine import Engine
    from .ike_sa import IkeSa

# A 32-bit ESP sequence number must not wrap (RFC 4303 section 3.3.3); the soft limit leaves room for the rekey.
LAST_SEQUENCE = 0xFFFFFFFF
SEQUENCE_MARGIN = 1 << 20


def jittered(engine: Engine, seconds: float, jitter: float) -> float:
    """Soft limits come earlier by a random part, so that two peers rarely rekey at once (section 2.8.1)."""
    if not jitter:
        return seconds
    return seconds * (1.0 - jitter * int.from_bytes(engine.rng(2), "big") / 0x10000)


def start_ike(engine: Engine, sa: IkeSa) -> None:
    """Arm the IKE SA's soft timer; the hard one follows when it fires."""
    limits = sa.lifetimes
    if limits.ike_soft:
        when = engine.now + jittered(engine, limits.ike_soft, limits.jitter)
        engine.timers.set(("ike-soft", sa.ike_id), when, lambda: engine.ike_soft_expired(sa))
    else:
        start_ike_hard(engine, sa)


def start_ike_hard(engine: Engine, sa: IkeSa) -> None:
    """Arm the IKE SA's hard timer."""
    hard = sa.lifetimes.ike_hard
    if hard:
        engine.timers.set(("ike-hard", sa.ike_id), sa.created + hard, lambda: engine.ike_hard_expired(sa))


def stop_ike(engine: Engine, sa: IkeSa) -> None:
    """Disarm them."""
    engine.timers.cancel(("ike-soft", sa.ike_id))
    engine.timers.cancel(("ike-hard", sa.ike_id))


def start_child(engine: Engine, child: ChildSa) -> None:
    """Arm the Child SA's soft timer; the hard one follows when it fires."""
    limits = child.sa.lifetimes
    if limits.child_soft:
        when = engine.now + jittered(engine, limits.child_soft, limits.jitter)
        engine.timers.set(("child-soft", child.child_id), when, lambda: engine.child_soft_expired(child))
    else:
        start_child_hard(engine, child)


def start_child_hard(engine: Engine, child: ChildSa) -> None:
    """Arm the Child SA's hard timer."""
    hard = child.sa.lifetimes.child_hard
    if hard:
        when = child.created + hard
        engine.timers.set(("child-hard", child.child_id), when, lambda: engine.child_hard_expired(child))


def stop_child(engine: Engine, child: ChildSa) -> None:
    """Disarm them."""
    for kind in ("child-soft", "child-hard", "child-retry"):
        engine.timers.cancel((kind, child.child_id))


def _reached(value: int, limit: int) -> bool:
    return bool(limit) and value >= limit


def soft_reached(limits: Lifetimes, esn: bool, octets: int, packets: int) -> bool:
    """Whether traffic calls for a rekey."""
    return (
        _reached(octets, limits.child_soft_bytes)
        or _reached(packets, limits.child_soft_packets)
        or (not esn and packets >= LAST_SEQUENCE - SEQUENCE_MARGIN)
    )


def hard_reached(limits: Lifetimes, esn: bool, octets: int, packets: int) -> bool:
    """Whether the Child SA must not be used any more."""
    return (
        _reached(octets, limits.child_hard_bytes)
        or _reached(packets, limits.child_hard_packets)
        or (not esn and packets >= LAST_SEQUENCE)
    )
