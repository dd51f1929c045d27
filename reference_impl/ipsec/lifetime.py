"""How much an SA may carry (RFC 4301 section 4.4.2.1). Time limits are the IKE engine's: it has the clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """Soft: time to replace the SA. Hard: it carries nothing more."""

    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Volume:
    """Limits in packets and octets of payload per direction; 0 means none."""

    soft_packets: int = 0
    hard_packets: int = 0
    soft_octets: int = 0
    hard_octets: int = 0


UNLIMITED = Volume()

# an SA with 32-bit sequence numbers is replaced while there are numbers left for the time that a rekey takes
SEQUENCE_SOFT_LIMIT = 0xFFFFFFFF - (1 << 20)


class VolumeMeter:
    """Says once when the soft limit is reached, and once when the hard limit is."""

    __slots__ = ("_octet_mark", "_packet_mark", "_reported", "_volume")

    def __init__(self, volume: Volume, *, esn: bool) -> None:
        self._volume = volume
        self._reported: Limit | None = None
        sequence = 0 if esn else SEQUENCE_SOFT_LIMIT
        soft = volume.soft_packets
        self._packet_mark = _least(soft, sequence, volume.hard_packets)
        self._octet_mark = _least(volume.soft_octets, volume.hard_octets)

    def reached(self, packets: int, octets: int) -> Limit | None:
        """The limit that these totals newly reach."""
        if packets < self._packet_mark and octets < self._octet_mark:
            return None
        volume = self._volume
        hard = (volume.hard_packets and packets >= volume.hard_packets) or (
            volume.hard_octets and octets >= volume.hard_octets
        )
        self._packet_mark = _least(volume.hard_packets)
        self._octet_mark = _least(volume.hard_octets)
        limit = Limit.HARD if hard else Limit.SOFT
        if self._reported in (limit, Limit.HARD):
            return None
        self._reported = limit
        return limit


_NEVER = 1 << 80


def _least(*values: int) -> int:
    return min((value for value in values if value), default=_NEVER)
