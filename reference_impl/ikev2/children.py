"""Child SAs in the engine's tables: SPIs, keys, installation, inheritance, removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.crypto import kdf
from reference_impl.crypto.suite import EspSuite

from . import lifetimes
from .child_sa import ChildSa
from .events import ChildInstalled, ChildMoved, ChildOutbound, ChildRemoved, Reason
from .states import ChildState, ChildTrigger

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

FIRST_USABLE_SPI = 256


def new_spi(engine: Engine) -> bytes:
    """A fresh inbound SPI: not among the reserved 1–255, not in use."""
    while True:
        spi = engine.rng(4)
        if int.from_bytes(spi, "big") >= FIRST_USABLE_SPI and spi not in engine.child_spis:
            return spi


def derive_keys(sa: IkeSa, suite: EspSuite, ni: bytes, nr: bytes, shared: bytes) -> kdf.ChildKeys:
    """KEYMAT of section 2.17."""
    return kdf.child_keys(sa.prf, sa.keys.sk_d, ni, nr, suite.cipher_algorithm(), suite.integ_algorithm(), shared)


def install(
    engine: Engine, child: ChildSa, keys: kdf.ChildKeys, *, replaces: ChildSa | None = None, send: bool = True
) -> None:
    """Enter the Child SA in the tables and tell the owner, before any response goes out (section 2.8)."""
    sa = child.sa
    sa.children[child.spi_in] = child
    engine.children[child.child_id] = child
    engine.child_spis[child.spi_in] = child
    child.send_pending = not send
    child.replaces = replaces
    ours, theirs = (keys.encr_i, keys.integ_i), (keys.encr_r, keys.integ_r)
    if not child.initiator:
        ours, theirs = theirs, ours
    engine.emit(
        ChildInstalled(
            at=engine.now,
            child_id=child.child_id,
            ike_id=sa.ike_id,
            connection=sa.connection_name,
            initiator=child.initiator,
            spi_in=child.spi_in,
            spi_out=child.spi_out,
            suite=child.suite,
            encr_key_in=theirs[0],
            integ_key_in=theirs[1],
            encr_key_out=ours[0],
            integ_key_out=ours[1],
            local_ts=child.local_ts,
            remote_ts=child.remote_ts,
            mode=child.mode,
            esn=child.suite.esn,
            encapsulate=sa.encapsulate,
            local=sa.local,
            remote=sa.remote,
            replaces=None if replaces is None else replaces.child_id,
            send=send,
            tfc_padding=child.tfc_padding,
        )
    )
    lifetimes.start_child(engine, child)


def start_sending(engine: Engine, child: ChildSa) -> None:
    """The peer is known to have the new Child SA: traffic may move to it (section 2.8)."""
    if child.send_pending:
        child.send_pending = False
        engine.emit(ChildOutbound(engine.now, child.child_id))


def tell_removed(engine: Engine, child: ChildSa, reason: Reason) -> None:
    """Emit ChildRemoved, once."""
    if not child.removed_told:
        child.removed_told = True
        engine.emit(ChildRemoved(engine.now, child.child_id, child.sa.ike_id, child.spi_in, child.spi_out, reason))


def remove(engine: Engine, child: ChildSa, reason: Reason) -> None:
    """Take the pair out of all tables; harmless when it is out already."""
    if child.state is ChildState.REMOVED:
        return
    child.advance(ChildTrigger.REMOVE)
    lifetimes.stop_child(engine, child)
    child.replaces = None
    child.sa.children.pop(child.spi_in, None)
    engine.children.pop(child.child_id, None)
    engine.child_spis.pop(child.spi_in, None)
    tell_removed(engine, child, reason)


def move(engine: Engine, old: IkeSa, new: IkeSa) -> None:
    """The new IKE SA inherits all Child SAs of the one it replaces (section 2.8)."""
    for child in list(old.children.values()):
        child.sa = new
        new.children[child.spi_in] = child
        engine.emit(ChildMoved(engine.now, child.child_id, new.ike_id))
    old.children.clear()
