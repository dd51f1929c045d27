"""The security association database: inbound SAs by SPI, outbound SAs by selectors (RFC 4301 section 4.4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.wire.quick import quick_init

from .lifetime import VolumeMeter
from .sa import InboundSa, OutboundSa
from .selectors import SaSelectors
from .tunnel import DontFragment


@quick_init
@dataclass(frozen=True, slots=True)
class Path:
    """Outer addresses of an SA pair, as text, with ports; `encapsulate`: ESP goes in UDP between those ports."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    encapsulate: bool


@dataclass(slots=True)
class SaPair:
    """Both directions of one Child SA. `sending` is false while the SA that it replaces still sends.

    `dont_fragment` is the treatment of the outer DF bit where the SA has its own (RFC 4301 section 8.1).

    `path_mtu` is the largest outer packet in octets, valid until `path_mtu_expires` (RFC 4301 section 8.2.2).
    """

    child_id: int
    connection: str
    inbound: InboundSa
    outbound: OutboundSa
    selectors: SaSelectors
    path: Path
    meter_in: VolumeMeter
    meter_out: VolumeMeter
    sending: bool = True
    dont_fragment: DontFragment | None = None
    path_mtu: int = 0
    path_mtu_expires: float = 0.0
    last_in: float | None = None
    told_at: float | None = None
    told_path: Path | None = None
    last_out: float | None = None


class Sad:
    """All SA pairs. The newest pair that fits a packet sends it."""

    def __init__(self) -> None:
        self._pairs: dict[int, SaPair] = {}
        self._by_spi: dict[bytes, SaPair] = {}
        self._sending: list[SaPair] = []

    def add(self, pair: SaPair) -> None:
        """Raises ValueError for a child or SPI that is already there."""
        spi = pair.inbound.spi.to_bytes(4, "big")
        if pair.child_id in self._pairs or spi in self._by_spi:
            raise ValueError(f"child {pair.child_id} with SPI {spi.hex()} is already installed")
        self._pairs[pair.child_id] = pair
        self._by_spi[spi] = pair
        self._order()

    def remove(self, child_id: int) -> SaPair | None:
        """Take a pair out; None when it is not there."""
        pair = self._pairs.pop(child_id, None)
        if pair is not None:
            del self._by_spi[pair.inbound.spi.to_bytes(4, "big")]
            self._order()
        return pair

    def start_sending(self, child_id: int) -> None:
        """From now on this pair sends what fits it. Unknown children are ignored."""
        pair = self._pairs.get(child_id)
        if pair is not None:
            pair.sending = True
            self._order()

    def get(self, child_id: int) -> SaPair | None:
        return self._pairs.get(child_id)

    def inbound(self, spi: bytes) -> SaPair | None:
        """The pair whose inbound SPI (4 octets) this is."""
        return self._by_spi.get(spi)

    def outbound(self, packet: bytes, connection: str = "") -> SaPair | None:
        """The newest sending pair whose selectors the cleartext packet fits. Raises Discarded(MALFORMED).

        With `connection`, only a pair of that one.
        """
        for pair in self._sending:
            if pair.selectors.allows_outbound(packet) and (not connection or pair.connection == connection):
                return pair
        return None

    def pairs(self) -> list[SaPair]:
        """All pairs, oldest first."""
        return list(self._pairs.values())

    def _order(self) -> None:
        self._sending = [pair for pair in reversed(self._pairs.values()) if pair.sending]
