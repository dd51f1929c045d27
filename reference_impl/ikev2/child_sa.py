"""A Child SA: a pair of ESP SAs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.crypto.suite import EspSuite
from reference_impl.wire.ts import TrafficSelector

from . import states
from .config import Mode
from .states import ChildState, ChildTrigger

if TYPE_CHECKING:
    from .ike_sa import IkeSa
    from .rekey_child import RekeyChild


@dataclass(slots=True, eq=False)
class ChildSa:
    """``spi_in`` is what the peer puts in packets to us, ``spi_out`` what we put in ours (4 octets each)."""

    child_id: int
    sa: IkeSa
    initiator: bool
    spi_in: bytes
    spi_out: bytes
    suite: EspSuite
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    mode: Mode
    created: float
    tfc_padding: bool = True
    state: ChildState = ChildState.INSTALLED
    rekey: RekeyChild | None = None
    rekey_failed: bool = False
    # The Child SA that the peer made out of this one while our own rekey was under way, and its lower nonce.
    peer_rekey: tuple[ChildSa, bytes] | None = None
    send_pending: bool = False
    replaces: ChildSa | None = None
    removed_told: bool = False
    soft_told: bool = False
    octets: int = 0
    packets: int = 0

    def advance(self, trigger: ChildTrigger) -> None:
        """Follow the state table."""
        self.state = states.next_child_state(self.state, trigger)

    @property
    def alive(self) -> bool:
        """Whether it is neither removed nor on its way out by our own Delete."""
        return self.state in (ChildState.INSTALLED, ChildState.REPLACED)
