"""Minimal IPv4, IPv6, UDP and ICMP echo on octets, for the packets inside a tunnel.

Sources: RFC 791, RFC 8200, RFC 768, RFC 792, RFC 4443; the checksum is RFC 1071's.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Self

from .errors import BadLength, BadValue, EncodeError, Reason, Truncated
from .quick import quick_init
from .registries import IpProtocol

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHHH")
_ECHO = struct.Struct("!BBHHH")
_PSEUDO6 = struct.Struct("!16s16sIHBB")
_PSEUDO4 = struct.Struct("!4s4sBBH")
_ECHO_TYPES = {IpProtocol.ICMP: (8, 0), IpProtocol.IPV6_ICMP: (128, 129)}
_CHECKSUM_AT = {IpProtocol.UDP: 6, IpProtocol.ICMP: 2, IpProtocol.IPV6_ICMP: 2, IpProtocol.TCP: 16}


def checksum(data: bytes) -> int:
    """The Internet checksum of `data` (RFC 1071): 16-bit one's complement of the one's complement sum."""
    if len(data) % 2:
        data += b"\0"
    # One's complement addition of 16-bit words is arithmetic modulo 65535, where 65535 stands for a non-zero sum.
    number = int.from_bytes(data)
    return 0xFFFF - (number % 0xFFFF or 0xFFFF) if number else 0xFFFF


@quick_init
@dataclass(frozen=True, slots=True)
class Ipv4Header:
    """IPv4 header; `src`, `dst` 4 octets; `flags` the 3 bits (2 is DF, 1 is MF); `fragment` in units of 8 octets."""

    src: bytes
    dst: bytes
    protocol: int
    ttl: int = 64
    tos: int = 0
    identification: int = 0
    flags: int = 0
    fragment: int = 0
    options: bytes = b""

    @classmethod
    def parse(cls, packet: bytes) -> tuple[Self, bytes]:
        """Header and payload; octets after Total Length are dropped. Truncated, BadLength, BadValue (checksum too)."""
        if len(packet) < _IPV4.size:
            raise Truncated(Reason.TRUNCATED, len(packet), f"{len(packet)} octets; an IPv4 header has 20")
        first, tos, total, identification, fragment, ttl, protocol, _, src, dst = _IPV4.unpack_from(packet)
        if first >> 4 != 4:
            raise BadValue(Reason.IP_VERSION, 0, f"IP version {first >> 4}, not 4")
        size = (first & 0x0F) * 4
        if not _IPV4.size <= size <= total <= len(packet):
            raise BadLength(Reason.HEADER_LENGTH, 0, f"header {size}, total {total}, packet {len(packet)} octets")
        if checksum(packet[:size]):
            raise BadValue(Reason.CHECKSUM, 10, "IPv4 header checksum is wrong")
        header = cls(src, dst, protocol, ttl, tos, identification, fragment >> 13, fragment & 0x1FFF, packet[20:size])
        return header, packet[size:total]

    def to_bytes(self, payload: bytes) -> bytes:
        """The packet, header checksum computed."""
        if len(self.options) % 4 or len(self.options) > 40:
            raise EncodeError(f"{len(self.options)} octets of IPv4 options")
        size = _IPV4.size + len(self.options)
        try:
            head = _IPV4.pack(
                0x40 | size // 4,
                self.tos,
                size + len(payload),
                self.identification,
                self.flags << 13 | self.fragment,
                self.ttl,
                self.protocol,
                0,
                self.src,
                self.dst,
            )
        except struct.error as error:
            raise EncodeError(f"IPv4 header: {error}") from None
        head += self.options
        return head[:10] + checksum(head).to_bytes(2) + head[12:] + payload


@quick_init
@dataclass(frozen=True, slots=True)
class Ipv6Header:
    """IPv6 header without extension headers; `src`, `dst` 16 octets."""

    src: bytes
    dst: bytes
    protocol: int
    hop_limit: int = 64
    traffic_class: int = 0
    flow_label: int = 0

    @classmethod
    def parse(cls, packet: bytes) -> tuple[Self, bytes]:
        """Header and payload; octets after Payload Length are dropped. Truncated, BadLength, BadValue."""
        if len(packet) < _IPV6.size:
            raise Truncated(Reason.TRUNCATED, len(packet), f"{len(packet)} octets; an IPv6 header has 40")
        word, length, protocol, hop_limit, src, dst = _IPV6.unpack_from(packet)
        if word >> 28 != 6:
            raise BadValue(Reason.IP_VERSION, 0, f"IP version {word >> 28}, not 6")
        if _IPV6.size + length > len(packet):
            raise BadLength(Reason.HEADER_LENGTH, 4, f"payload length {length} in {len(packet)} octets")
        header = cls(src, dst, protocol, hop_limit, word >> 20 & 0xFF, word & 0xFFFFF)
        return header, packet[_IPV6.size : _IPV6.size + length]

    def to_bytes(self, payload: bytes) -> bytes:
        """The packet."""
        word = 6 << 28 | (self.traffic_class & 0xFF) << 20 | (self.flow_label & 0xFFFFF)
        try:
            head = _IPV6.pack(word, len(payload), self.protocol, self.hop_limit, self.src, self.dst)
        except struct.error as error:
            raise EncodeError(f"IPv6 header: {error}") from None
        return head + payload


IpHeader = Ipv4Header | Ipv6Header


def parse_ip(packet: bytes) -> tuple[IpHeader, bytes]:
    """Header and payload of an IPv4 or IPv6 packet; WireError for anything else."""
    if not packet:
        raise Truncated(Reason.TRUNCATED, 0, "empty packet")
    return Ipv6Header.parse(packet) if packet[0] >> 4 == 6 else Ipv4Header.parse(packet)


def ip_header(src: str, dst: str, protocol: int) -> IpHeader:
    """The header for two textual addresses of one family; ValueError when they are not."""
    source, destination = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if source.version != destination.version:
        raise ValueError(f"{src} and {dst} are of different families")
    family = Ipv4Header if source.version == 4 else Ipv6Header
    return family(source.packed, destination.packed, protocol)


def pseudo_header(header: IpHeader, length: int) -> bytes:
    """What the UDP, TCP and ICMPv6 checksums cover besides the segment of `length` octets."""
    if isinstance(header, Ipv6Header):
        return _PSEUDO6.pack(header.src, header.dst, length, 0, 0, header.protocol)
    return _PSEUDO4.pack(header.src, header.dst, 0, header.protocol, length)


def segment_checksum(header: IpHeader, segment: bytes) -> int:
    """The transport checksum of `segment` (its checksum field counted as it stands: 0 to compute)."""
    covered = segment if header.protocol == IpProtocol.ICMP else pseudo_header(header, len(segment)) + segment
    return checksum(covered)


def checksum_is_right(header: IpHeader, segment: bytes) -> bool:
    """Whether a UDP, TCP, ICMP or ICMPv6 segment's checksum is right; UDP over IPv4 may send 0 (RFC 768)."""
    at = _CHECKSUM_AT.get(IpProtocol(header.protocol))
    if at is None or len(segment) < at + 2:
        return False
    unused = header.protocol == IpProtocol.UDP and segment[at : at + 2] == b"\0\0"
    return isinstance(header, Ipv4Header) if unused else segment_checksum(header, segment) == 0


@quick_init
@dataclass(frozen=True, slots=True)
class UdpDatagram:
    """A UDP datagram with the addresses that carry it (textual)."""

    src: str
    dst: str
    src_port: int
    dst_port: int
    data: bytes


def build_udp(src: str, dst: str, src_port: int, dst_port: int, data: bytes) -> bytes:
    """An IP packet with a UDP datagram; EncodeError when it does not fit."""
    header = ip_header(src, dst, IpProtocol.UDP)
    length = _UDP.size + len(data)
    try:
        segment = _UDP.pack(src_port, dst_port, length, 0) + data
        value = segment_checksum(header, segment) or 0xFFFF
    except struct.error as error:
        raise EncodeError(f"UDP header: {error}") from None
    return header.to_bytes(segment[:6] + value.to_bytes(2) + segment[8:])


def parse_udp(packet: bytes) -> UdpDatagram | None:
    """The UDP datagram of an IP packet, None for another protocol or a fragment; WireError when malformed."""
    header, segment = parse_ip(packet)
    if header.protocol != IpProtocol.UDP or _is_fragment(header):
        return None
    offset = len(packet) - len(segment)
    if len(segment) < _UDP.size:
        raise Truncated(Reason.TRUNCATED, offset, f"{len(segment)} octets; a UDP header has 8")
    src_port, dst_port, length, _ = _UDP.unpack_from(segment)
    if not _UDP.size <= length <= len(segment):
        raise BadLength(Reason.HEADER_LENGTH, offset + 4, f"UDP length {length} in {len(segment)} octets")
    segment = segment[:length]
    if not checksum_is_right(header, segment):
        raise BadValue(Reason.CHECKSUM, offset + 6, "UDP checksum is wrong")
    return UdpDatagram(_text(header.src), _text(header.dst), src_port, dst_port, segment[_UDP.size :])


@quick_init
@dataclass(frozen=True, slots=True)
class IcmpEcho:
    """An ICMP or ICMPv6 echo request or reply with the addresses that carry it (textual)."""

    src: str
    dst: str
    reply: bool
    identifier: int
    sequence: int
    data: bytes


def build_icmp_echo(
    src: str, dst: str, identifier: int = 0, sequence: int = 0, data: bytes = b"", *, reply: bool = False
) -> bytes:
    """An IP packet with an echo request (or reply) of the addresses' family; EncodeError when it does not fit."""
    protocol = IpProtocol.ICMP if ipaddress.ip_address(src).version == 4 else IpProtocol.IPV6_ICMP
    header = ip_header(src, dst, protocol)
    try:
        segment = _ECHO.pack(_ECHO_TYPES[protocol][reply], 0, 0, identifier, sequence) + data
    except struct.error as error:
        raise EncodeError(f"ICMP echo: {error}") from None
    if len(segment) > 0xFFFF:
        raise EncodeError(f"ICMP message of {len(segment)} octets")
    return header.to_bytes(segment[:2] + segment_checksum(header, segment).to_bytes(2) + segment[4:])


def parse_icmp_echo(packet: bytes) -> IcmpEcho | None:
    """The echo message of an IP packet, None for anything else; WireError when malformed."""
    header, segment = parse_ip(packet)
    types = _ECHO_TYPES.get(IpProtocol(header.protocol))
    family = IpProtocol.ICMP if isinstance(header, Ipv4Header) else IpProtocol.IPV6_ICMP
    if types is None or header.protocol != family or _is_fragment(header):
        return None
    offset = len(packet) - len(segment)
    if len(segment) < _ECHO.size:
        raise Truncated(Reason.TRUNCATED, offset, f"{len(segment)} octets; an echo message has at least 8")
    kind, code, _, identifier, sequence = _ECHO.unpack_from(segment)
    if kind not in types or code:
        return None
    if not checksum_is_right(header, segment):
        raise BadValue(Reason.CHECKSUM, offset + 2, "ICMP checksum is wrong")
    return IcmpEcho(_text(header.src), _text(header.dst), kind == types[1], identifier, sequence, segment[_ECHO.size :])


def echo_reply(packet: bytes) -> bytes | None:
    """The packet that answers an echo request, None when `packet` is none; WireError when malformed."""
    echo = parse_icmp_echo(packet)
    if echo is None or echo.reply:
        return None
    return build_icmp_echo(echo.dst, echo.src, echo.identifier, echo.sequence, echo.data, reply=True)


def _is_fragment(header: IpHeader) -> bool:
    return isinstance(header, Ipv4Header) and bool(header.flags & 1 or header.fragment)


def _text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))
