"""What an engine shows of its SAs: plain frozen copies without keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.wire.ts import TrafficSelector

from .config import Mode
from .endpoint import Endpoint
from .states import ChildState, IkeState

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .ike_sa import IkeSa


@dataclass(frozen=True, slots=True)
class ChildView:
    """One Child SA; ``suite`` in strongSwan's proposal keywords."""

    child_id: int
    state: ChildState
    initiator: bool
    spi_in: bytes
    spi_out: bytes
    suite: str
    mode: Mode
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    created: float
    octets: int
    packets: int


@dataclass(frozen=True, slots=True)
class IkeView:
    """One IKE SA with its Child SAs. ``local_id`` and ``remote_id`` are empty until known."""

    ike_id: int
    connection: str
    state: IkeState
    initiator: bool
    spi_i: bytes
    spi_r: bytes
    local: Endpoint
    remote: Endpoint
    local_id: str
    remote_id: str
    suite: str
    nat_local: bool
    nat_remote: bool
    fragmentation: bool
    created: float
    addresses: tuple[str, ...]
    children: tuple[ChildView, ...]


def of_child(child: ChildSa) -> ChildView:
    """A copy of what may be shown."""
    return ChildView(
        child.child_id,
        child.state,
        child.initiator,
        child.spi_in,
        child.spi_out,
        str(child.suite),
        child.mode,
        child.local_ts,
        child.remote_ts,
        child.created,
        child.octets,
        child.packets,
    )


def of_ike(sa: IkeSa) -> IkeView:
    """A copy of what may be shown."""
    return IkeView(
        sa.ike_id,
        sa.connection_name,
        sa.state,
        sa.initiator,
        sa.spi_i,
        sa.spi_r,
        sa.local,
        sa.remote,
        "" if sa.local_id is None else str(sa.local_id),
        "" if sa.remote_id is None else str(sa.remote_id),
        str(sa.suite) if sa.has_keys else "",
        sa.nat_local,
        sa.nat_remote,
        sa.fragmentation,
        sa.created,
        sa.addresses or sa.pool_addresses,
        tuple([of_child(child) for child in sa.children.values()]),
    )
