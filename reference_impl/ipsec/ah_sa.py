"""One AH security association per direction: sequence numbers, place of the header, checks (RFC 4302 section 3)."""

from __future__ import annotations

from reference_impl.crypto.errors import IntegrityError

from . import transport, tunnel
from .ah import AhTransform
from .discards import Discard, Discarded
from .esp import NEXT_IPV4, NEXT_IPV6
from .flow import AUTHENTICATION, malformed, total_length
from .mutable import covered, without_atomic_fragment
from .replay import ReplayWindow


class OutboundAhSa:
    """The sending side. With `ends` (packed source and destination) it is tunnel mode, else transport mode."""

    def __init__(self, transform: AhTransform, ends: tuple[bytes, bytes] | None = None) -> None:
        self.transform = transform
        self.ends = ends
        self.sequence = 0
        self._last = (1 << 64 if transform.esn or transform.sends_high else 1 << 32) - 1

    def encapsulate(self, packet: bytes) -> bytes:
        """`packet` with AH. Raises Discarded: a fragment in transport mode, a counter at its end (section 3.3.2)."""
        if self.sequence >= self._last:
            raise Discarded(Discard.SEQUENCE_OVERFLOW, "the sequence number would cycle", spi=self.transform.spi)
        if self.ends is None:
            header, next_header, payload = transport.split(without_atomic_fragment(packet))
        else:
            payload = packet[: total_length(packet)]
            next_header = NEXT_IPV4 if packet[0] >> 4 == 4 else NEXT_IPV6
            header = tunnel.ip_packet(
                *self.ends,
                AUTHENTICATION,
                b"",
                traffic_class=tunnel.traffic_class(packet),
                dont_fragment=tunnel.outer_dont_fragment(packet, tunnel.DontFragment.COPY),
            )
        sealed = self.transform.seal(self.sequence + 1, header, next_header, payload)
        self.sequence += 1
        return sealed


class InboundAhSa:
    """The receiving side; `window` in packets, 0 without anti-replay service, which ESN does not allow."""

    def __init__(self, transform: AhTransform, *, tunnel_mode: bool, window: int = 64) -> None:
        self.transform = transform
        self.tunnel_mode = tunnel_mode
        self.window = ReplayWindow(window, esn=transform.esn)

    def decapsulate(self, packet: bytes) -> bytes:
        """The packet without AH, or the inner packet of tunnel mode. Raises Discarded."""
        spi, sequence = self._read(packet)
        if spi != self.transform.spi:
            raise Discarded(Discard.NO_SA, spi=spi, sequence=sequence)
        if not self.window.acceptable(sequence):
            raise Discarded(Discard.AH_REPLAY, spi=spi, sequence=sequence)
        try:
            opened = self.transform.open(packet, sequence)
        except IntegrityError as error:
            raise Discarded(Discard.AH_INTEGRITY, str(error), spi=spi, sequence=sequence) from None
        self.window.update(sequence)
        if not self.tunnel_mode:
            return transport.outer_packet(opened.header, opened.payload, opened.next_header)
        if opened.next_header not in (NEXT_IPV4, NEXT_IPV6):
            raise Discarded(Discard.NEXT_HEADER, f"Next Header {opened.next_header} in tunnel mode", spi=spi)
        inner = opened.payload[: total_length(opened.payload)]
        if inner[0] >> 4 != (4 if opened.next_header == NEXT_IPV4 else 6):
            raise Discarded(Discard.INNER_MALFORMED, f"Next Header {opened.next_header}, another IP version", spi=spi)
        return tunnel.propagate_ecn(inner, tunnel.traffic_class(opened.header))

    def _read(self, packet: bytes) -> tuple[int, int]:
        """SPI and full sequence number."""
        counted = covered(packet)
        start = counted.offset
        if len(counted.octets) < start + (16 if self.transform.sends_high else 12):
            raise malformed(f"AH at octet {start} does not end in the packet")
        spi = int.from_bytes(counted.octets[start + 4 : start + 8])
        if self.transform.sends_high:
            return spi, int.from_bytes(counted.octets[start + 8 : start + 16])
        return spi, self.window.sequence(int.from_bytes(counted.octets[start + 8 : start + 12]))
