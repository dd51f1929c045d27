"""Fragments of cleartext packets and ICMP "too big" messages (RFC 4301 sections 7 and 8, RFC 791, RFC 8200)."""

from __future__ import annotations

import struct

from reference_impl.wire.ip import Ipv6Header, checksum, segment_checksum

from .discards import Discard, Discarded
from .flow import FRAGMENT, ICMP, ICMPV6, total_length
from .tunnel import ip_packet, with_checksum

_MORE = 0x2000
_DONT = 0x4000


def may_fragment(packet: bytes) -> bool:
    """Whether a forwarder may fragment the packet: IPv4 without DF."""
    return packet[0] >> 4 == 4 and not packet[6] & 0x40


def fragment_ipv4(packet: bytes, mtu: int) -> list[bytes]:
    """`packet`, perhaps itself a fragment, in pieces of at most `mtu` octets. Raises Discarded(TOO_BIG).

    Options stay in the first piece; those with the copied flag go to all (RFC 791 section 3.1).
    """
    length = total_length(packet)
    if length <= mtu:
        return [packet[:length]]
    size = (packet[0] & 15) * 4
    (flags,) = struct.unpack_from(">H", packet, 6)
    data = packet[size:length]
    later_options = _copied_options(packet[20:size])
    pieces: list[bytes] = []
    position = 0
    while position < len(data):
        options = packet[20:size] if not pieces else later_options
        room = (mtu - 20 - len(options)) & ~7
        if room < 8:
            raise Discarded(Discard.TOO_BIG, f"an MTU of {mtu} octets leaves no room for a fragment")
        piece = data[position : position + room]
        last = position + len(piece) == len(data)
        field = (flags & 0x1FFF) + position // 8 | (flags & _MORE if last else _MORE)
        header = bytes((0x45 + len(options) // 4,)) + packet[1:2]
        header += struct.pack(">H2sH", 20 + len(options) + len(piece), packet[4:6], field) + packet[8:20]
        pieces.append(with_checksum(header + options) + piece)
        position += len(piece)
    return pieces


def _copied_options(options: bytes) -> bytes:
    kept, position = b"", 0
    while position < len(options) and options[position] != 0:
        kind = options[position]
        size = 1 if kind == 1 else options[position + 1] if position + 1 < len(options) else 1
        if kind & 0x80:
            kept += options[position : position + size]
        position += max(size, 1)
    return kept + bytes(-len(kept) % 4)


def too_big(packet: bytes, mtu: int, reporter: bytes) -> bytes:
    """The ICMP message that tells the sender of `packet` to send at most `mtu` octets.

    IPv4: type 3 code 4 with the next-hop MTU (RFC 1191); IPv6: Packet Too Big (RFC 4443). `reporter` is the packed
    address that it comes from.
    """
    if packet[0] >> 4 == 4:
        body = struct.pack(">BBHHH", 3, 4, 0, 0, min(mtu, 65535)) + packet[: (packet[0] & 15) * 4 + 8]
        body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
        return ip_packet(reporter, packet[12:16], ICMP, body)
    body = struct.pack(">BBHI", 2, 0, 0, mtu) + packet[: 1280 - 48]
    value = segment_checksum(Ipv6Header(reporter, packet[8:24], ICMPV6), body)
    return ip_packet(reporter, packet[8:24], ICMPV6, body[:2] + struct.pack(">H", value) + body[4:])


class Reassembler:
    """Puts fragments together for a host. Bounded: the oldest datagram goes when `limit` are incomplete.

    Overlapping fragments discard their datagram (RFC 5722 for IPv6; the same is safe for IPv4).
    """

    def __init__(self, limit: int = 64, timeout: float = 30.0) -> None:
        self._limit = limit
        self._timeout = timeout
        self._pending: dict[tuple[bytes, ...], _Datagram] = {}

    def add(self, now: float, packet: bytes) -> bytes | None:
        """The whole datagram, or None while fragments are missing. Raises Discarded(MALFORMED)."""
        length = total_length(packet)
        parsed = _parse_ipv4(packet, length) if packet[0] >> 4 == 4 else _parse_ipv6(packet, length)
        if parsed is None:
            return packet[:length]
        key, header, start, more, data = parsed
        for old in [k for k, d in self._pending.items() if now - d.started > self._timeout]:
            del self._pending[old]
        if key not in self._pending and len(self._pending) >= self._limit:
            del self._pending[next(iter(self._pending))]
        datagram = self._pending.setdefault(key, _Datagram(now))
        if not datagram.add(start, more, data):
            del self._pending[key]
            raise Discarded(Discard.MALFORMED, "overlapping or inconsistent fragments")
        if start == 0:
            datagram.header = header
        whole = datagram.whole()
        if whole is None:
            return None
        del self._pending[key]
        return whole


class _Datagram:
    def __init__(self, started: float) -> None:
        self.started = started
        self.header = b""
        self.pieces: dict[int, bytes] = {}
        self.end: int | None = None

    def add(self, start: int, more: bool, data: bytes) -> bool:
        end = start + len(data)
        if self.pieces.get(start) == data:
            return True
        if (more and len(data) % 8) or end > 65535 or (not more and self.end is not None):
            return False
        if any(start < s + len(d) and s < end for s, d in self.pieces.items()):
            return False
        self.pieces[start] = data
        if not more:
            self.end = end
        return self.end is None or max(s + len(d) for s, d in self.pieces.items()) <= self.end

    def whole(self) -> bytes | None:
        if self.end is None or not self.header or sum(map(len, self.pieces.values())) != self.end:
            return None
        data = b"".join(self.pieces[start] for start in sorted(self.pieces))
        header = self.header
        if header[0] >> 4 == 4:
            whole = header[:2] + struct.pack(">H", len(header) + len(data)) + header[4:6] + b"\0\0" + header[8:]
            return with_checksum(whole) + data
        return header[:4] + struct.pack(">H", len(header) - 40 + len(data)) + header[6:] + data


_Parsed = tuple[tuple[bytes, ...], bytes, int, bool, bytes]


def _parse_ipv4(packet: bytes, length: int) -> _Parsed | None:
    (field,) = struct.unpack_from(">H", packet, 6)
    if not field & 0x3FFF:
        return None
    size = (packet[0] & 15) * 4
    key = (packet[12:20], packet[4:6], packet[9:10])
    return key, packet[:size], (field & 0x1FFF) * 8, bool(field & _MORE), packet[size:length]


def _parse_ipv6(packet: bytes, length: int) -> _Parsed | None:
    place, protocol, offset = 6, packet[6], 40
    while protocol in (0, 43, 60) and offset + 8 <= length:
        place, protocol, offset = offset, packet[offset], offset + (packet[offset + 1] + 1) * 8
    if protocol != FRAGMENT:
        return None
    if offset + 8 > length:
        raise Discarded(Discard.MALFORMED, "IPv6 fragment header does not end in the packet")
    (field,) = struct.unpack_from(">H", packet, offset + 2)
    header = packet[:place] + packet[offset : offset + 1] + packet[place + 1 : offset]
    key = (packet[8:40], packet[offset + 4 : offset + 8])
    return key, header, field & 0xFFF8, bool(field & 1), packet[offset + 8 : length]
