"""One ESP security association per direction: sequence numbers, padding, checks (RFC 4303 sections 3.3 and 3.4).

Usable alone: `OutboundSa.encapsulate(packet)` gives the octets from SPI to ICV,
`InboundSa.decapsulate(esp)` the packet.
Every refusal is a `Discarded` with its reason; counting and logging them is the caller's business.
"""

from __future__ import annotations

import struct
from enum import StrEnum

from reference_impl.crypto.errors import IntegrityError
from reference_impl.wire.esp import PADDING

from . import esp, transport, tunnel
from .discards import Discard, Discarded
from .flow import read_flow, total_length
from .replay import ReplayWindow
from .selectors import SaSelectors
from .tunnel import Outer

_read_sequence = struct.Struct(">I").unpack_from


class EspMode(StrEnum):
    """What ESP protects: a whole IP packet, or what follows the IP header."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"


class OutboundSa:
    """The sending side. `packets` and `octets` count what was protected; octets are those of the plaintext packets.

    `tfc_unit`: in tunnel mode, packets are padded to a multiple of so many octets (RFC 4303 section 2.7).
    `allow_wrap`: the counter may cycle, as only a peer without anti-replay service permits (section 3.3.3).
    """

    __slots__ = (
        "_ipv4_trailers",
        "_ipv6_trailers",
        "_last",
        "_seal",
        "alignment",
        "allow_wrap",
        "expired",
        "mode",
        "octets",
        "packets",
        "sequence",
        "spi",
        "tfc_unit",
        "transform",
        "tunnel_mode",
    )

    def __init__(
        self,
        transform: esp.EspTransform,
        mode: EspMode = EspMode.TUNNEL,
        *,
        tfc_unit: int = 0,
        allow_wrap: bool = False,
    ) -> None:
        self.transform = transform
        self.spi = transform.spi
        self.mode = mode
        self.tunnel_mode = mode is EspMode.TUNNEL
        self.tfc_unit = tfc_unit
        self.allow_wrap = allow_wrap
        self.sequence = 0
        self.packets = 0
        self.octets = 0
        self.expired = False
        self.alignment = transform.alignment
        self._seal = transform.seal
        self._last = (1 << 64) - 1 if transform.esn else (1 << 32) - 1
        self._ipv4_trailers = esp.trailers(self.alignment, esp.NEXT_IPV4)
        self._ipv6_trailers = esp.trailers(self.alignment, esp.NEXT_IPV6)

    def encapsulate(self, packet: bytes) -> bytes:
        """`packet` (IPv4 or IPv6) as an ESP packet. Raises Discarded."""
        if not self.tunnel_mode:
            _, protocol, payload = transport.split(packet)
            size = len(payload)
            plaintext = payload + esp.trailers(self.alignment, protocol)[size % self.alignment]
        else:
            size = len(packet)
            family = self._ipv4_trailers if packet[0] >> 4 == 4 else self._ipv6_trailers
            if self.tfc_unit:
                padded = packet + bytes(-size % self.tfc_unit)
                plaintext = padded + family[len(padded) % self.alignment]
            else:
                plaintext = packet + family[size % self.alignment]
        sealed = self._seal(self.next_sequence(), plaintext)
        self.packets += 1
        self.octets += size
        return sealed

    def dummy(self, size: int = 0) -> bytes:
        """A dummy packet, Next Header 59, with `size` octets of payload (RFC 4303 section 2.6)."""
        return self.seal_payload(bytes(size), esp.NEXT_NONE)

    def seal_payload(self, payload: bytes, next_header: int, pad_length: int | None = None) -> bytes:
        """Any payload under any Next Header, with the shortest trailer or one of `pad_length` octets of padding."""
        if pad_length is None:
            ending = esp.trailers(self.alignment, next_header)[len(payload) % self.alignment]
        else:
            ending = esp.trailer(pad_length, next_header)
        return self._seal(self.next_sequence(), payload + ending)

    def next_sequence(self) -> int:
        """Count and return the next sequence number. Raises Discarded(SEQUENCE_OVERFLOW) rather than let it cycle."""
        sequence = self.sequence + 1
        if sequence > self._last:
            if not self.allow_wrap:
                raise Discarded(
                    Discard.SEQUENCE_OVERFLOW, "the sequence number would cycle", spi=self.spi, sequence=sequence
                )
            sequence = 0
        self.sequence = sequence
        return sequence

    def overhead(self) -> int:
        """The most octets that ESP adds to a payload, without outer IP and UDP headers."""
        transform = self.transform
        return esp.HEADER_SIZE + transform.iv_size + transform.icv_size + transform.alignment + 1


class InboundSa:
    """The receiving side.

    `selectors` None accepts any inner packet. `resync_failures` ICV failures in a row make it look for the peer's
    sequence number in the next `resync_reach` subspaces (RFC 4303 Appendix A3); 0 turns that off.
    `translated`: a NAT lies on the path, so transport mode computes TCP and UDP checksums anew.
    """

    __slots__ = (
        "_ipv4_endings",
        "_known",
        "_minimum",
        "_open",
        "alignment",
        "expired",
        "failures",
        "mode",
        "octets",
        "packets",
        "resync_failures",
        "resync_reach",
        "selectors",
        "spi",
        "transform",
        "translated",
        "tunnel_mode",
        "window",
    )

    def __init__(
        self,
        transform: esp.EspTransform,
        mode: EspMode = EspMode.TUNNEL,
        *,
        selectors: SaSelectors | None = None,
        window: int = 64,
        translated: bool = False,
        resync_failures: int = 64,
        resync_reach: int = 4,
    ) -> None:
        self.transform = transform
        self.spi = transform.spi
        self.mode = mode
        self.tunnel_mode = mode is EspMode.TUNNEL
        self.selectors = selectors
        self._known = selectors.known_inbound if selectors is not None else frozenset()
        self.window = ReplayWindow(window, esn=transform.esn)
        self.translated = translated
        self.resync_failures = resync_failures if transform.esn else 0
        self.resync_reach = resync_reach
        self.failures = 0
        self.packets = 0
        self.octets = 0
        self.expired = False
        self.alignment = transform.alignment
        self._ipv4_endings: tuple[bytes | None, ...] = esp.trailers(self.alignment, esp.NEXT_IPV4)
        if not self.tunnel_mode:
            self._ipv4_endings = (None,) * self.alignment
        self._minimum = transform.minimum
        self._open = transform.open

    def decapsulate(self, packet: bytes, outer: Outer | None = None) -> bytes:
        """The IP packet that ESP `packet` (SPI to ICV) carries. Raises Discarded.

        `outer` gives ECN to tunnel mode, which needs nothing else of it, and the addresses to transport mode,
        which cannot do without.
        """
        if len(packet) < self._minimum:
            raise Discarded(Discard.TRUNCATED, f"{len(packet)} octets, the least is {self._minimum}", spi=self.spi)
        window = self.window
        (sequence,) = _read_sequence(packet, 4)
        if window.esn:
            sequence = window.sequence(sequence)
        # beyond the window's top there is nothing to look up
        if sequence <= window.top and not window.acceptable(sequence):
            raise self._discard(Discard.REPLAY if sequence else Discard.SEQUENCE_ZERO, "", packet)
        try:
            plaintext = self._open(packet, sequence)
        except IntegrityError as error:
            sequence, plaintext = self._resynchronize(packet, sequence, error)
        self.failures = 0
        window.update(sequence)

        size = plaintext[2] << 8 | plaintext[3]
        # one comparison for an IPv4 packet with the shortest padding: length, padding and Next Header at once
        if plaintext[size:] == self._ipv4_endings[size % self.alignment] and size >= 20 and plaintext[0] >> 4 == 4:
            inner = plaintext[:size]
            known = inner[12:20] in self._known
        else:
            inner = self._payload(plaintext, outer, packet)
            known = False
        if outer is not None and outer.traffic_class & 3 and self.tunnel_mode:
            inner = tunnel.propagate_ecn(inner, outer.traffic_class)
        if not known and self.selectors is not None and not self.selectors.allows_inbound(inner):
            discarded = self._discard(Discard.SELECTORS, _flow_text(inner), packet)
            discarded.inner = inner
            raise discarded
        self.packets += 1
        self.octets += len(inner)
        return inner

    def _payload(self, plaintext: bytes, outer: Outer | None, packet: bytes) -> bytes:
        """The packet in `plaintext`, after the checks of padding and Next Header."""
        end = self._payload_end(plaintext)
        if end < 0:
            raise self._discard(Discard.PADDING, f"Pad Length {plaintext[-2]}", packet)
        next_header = plaintext[-1]
        if next_header == esp.NEXT_NONE:
            raise self._discard(Discard.DUMMY, "", packet)
        if not self.tunnel_mode:
            if outer is None:
                raise ValueError("transport mode needs the outer header")
            return transport.join(outer, next_header, plaintext[:end], fix_checksum=self.translated)
        if next_header not in (esp.NEXT_IPV4, esp.NEXT_IPV6):
            raise self._discard(Discard.NEXT_HEADER, f"Next Header {next_header} in tunnel mode", packet)
        inner = plaintext[:end]
        try:
            size = total_length(inner)
        except Discarded as discarded:
            raise self._discard(Discard.INNER_MALFORMED, discarded.detail, packet) from None
        if inner[0] >> 4 != (4 if next_header == esp.NEXT_IPV4 else 6):
            raise self._discard(Discard.INNER_MALFORMED, f"Next Header {next_header}, another IP version", packet)
        return inner[:size]

    def _payload_end(self, plaintext: bytes) -> int:
        """Octets before the padding; negative when the padding is not 1, 2, 3 … (RFC 4303 section 2.4)."""
        pad_length = plaintext[-2]
        end = len(plaintext) - 2 - pad_length
        return end if end >= 0 and plaintext[end:-2] == PADDING[:pad_length] else -1

    def _resynchronize(self, packet: bytes, sequence: int, error: IntegrityError) -> tuple[int, bytes]:
        self.failures += 1
        if self.resync_failures and self.failures >= self.resync_failures:
            self.failures = 0
            for ahead in range(1, self.resync_reach + 1):
                candidate = sequence + (ahead << 32)
                try:
                    return candidate, self._open(packet, candidate)
                except IntegrityError:
                    continue
        raise self._discard(Discard.INTEGRITY, str(error), packet) from None

    def _discard(self, reason: Discard, detail: str, packet: bytes) -> Discarded:
        return Discarded(reason, detail, spi=self.spi, sequence=int.from_bytes(packet[4:8], "big"))


def _flow_text(packet: bytes) -> str:
    try:
        return str(read_flow(packet))
    except Discarded as discarded:
        return str(discarded)
