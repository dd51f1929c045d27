"""What access control reads from an IP packet: the selectors of RFC 4301 section 4.4.1.1."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from reference_impl.wire.quick import quick_init

from .discards import Discard, Discarded

ICMP, IGMP, TCP, UDP, ICMPV6 = 1, 2, 6, 17, 58
_DCCP, _SCTP, _UDPLITE, _MOBILITY = 33, 132, 136, 135
_WITH_PORTS = frozenset({TCP, UDP, _DCCP, _SCTP, _UDPLITE})
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60


@quick_init
@dataclass(frozen=True, slots=True)
class Flow:
    """The selectors of one packet. Addresses packed; ports None where the packet does not show them (OPAQUE).

    An ICMP type and code, or a Mobility Header type, stand in both ports as IKE writes them (RFC 7296
    section 3.13.1). `opaque` tells a non-initial fragment, whose ports cannot be known, from a protocol without ports.
    """

    version: int
    source: bytes
    destination: bytes
    protocol: int
    source_port: int | None
    destination_port: int | None
    opaque: bool = False

    def reversed(self) -> Flow:
        """The flow of the answers."""
        return Flow(
            self.version,
            self.destination,
            self.source,
            self.protocol,
            self.destination_port,
            self.source_port,
            self.opaque,
        )

    def __str__(self) -> str:
        ends = []
        for address, port in ((self.source, self.source_port), (self.destination, self.destination_port)):
            text = str(ipaddress.ip_address(address))
            ends.append(text if port is None else f"[{text}]:{port}" if self.version == 6 else f"{text}:{port}")
        return f"{ends[0]} > {ends[1]} protocol {self.protocol}"


def malformed(detail: str) -> Discarded:
    return Discarded(Discard.MALFORMED, detail)


def total_length(packet: bytes) -> int:
    """Octets of the IP packet by its own header. Raises Discarded(MALFORMED) when `packet` cannot hold it."""
    if not packet:
        raise malformed("no octets")
    version = packet[0] >> 4
    if version == 4:
        if len(packet) < 20:
            raise malformed(f"{len(packet)} octets are too few for an IPv4 header")
        header, length = (packet[0] & 15) * 4, packet[2] << 8 | packet[3]
        if header < 20 or length < header:
            raise malformed(f"IPv4 header length {header}, total length {length}")
    elif version == 6:
        if len(packet) < 40:
            raise malformed(f"{len(packet)} octets are too few for an IPv6 header")
        length = 40 + (packet[4] << 8 | packet[5])
    else:
        raise malformed(f"IP version {version}")
    if length > len(packet):
        raise malformed(f"total length {length} in {len(packet)} octets")
    return length


def upper_layer(packet: bytes) -> tuple[int, int, bool]:
    """Protocol, offset of its header, and whether the packet is a non-initial fragment. Raises Discarded(MALFORMED)."""
    length = total_length(packet)
    if packet[0] >> 4 == 4:
        return packet[9], (packet[0] & 15) * 4, bool(packet[6] & 0x1F or packet[7])
    protocol, offset, later = packet[6], 40, False
    while protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION) and not later:
        if offset + 8 > length:
            raise malformed(f"IPv6 extension header {protocol} at octet {offset} does not end in the packet")
        if protocol == FRAGMENT:
            later = (packet[offset + 2] << 8 | packet[offset + 3]) & 0xFFF8 != 0
            size = 8
        elif protocol == AUTHENTICATION:
            size = (packet[offset + 1] + 2) * 4
        else:
            size = (packet[offset + 1] + 1) * 8
        protocol = packet[offset]
        offset += size
    if offset > length:
        raise malformed(f"IPv6 extension headers of {offset - 40} octets in a payload of {length - 40}")
    return protocol, offset, later


def is_fragment(packet: bytes) -> bool:
    """Whether the packet is an initial or later fragment."""
    if packet[0] >> 4 == 4:
        return bool(packet[6] & 0x3F or packet[7])
    offset, protocol = 40, packet[6]
    while protocol in (HOP_BY_HOP, ROUTING, DESTINATION) and offset + 8 <= len(packet):
        protocol, offset = packet[offset], offset + (packet[offset + 1] + 1) * 8
    return protocol == FRAGMENT


def read_flow(packet: bytes) -> Flow:
    """The selectors of an IPv4 or IPv6 packet. Raises Discarded(MALFORMED)."""
    protocol, offset, later = upper_layer(packet)
    version = packet[0] >> 4
    source, destination = (packet[12:16], packet[16:20]) if version == 4 else (packet[8:24], packet[24:40])
    source_port = destination_port = None
    visible = not later and len(packet) >= offset + 4
    if visible and protocol in _WITH_PORTS:
        source_port = packet[offset] << 8 | packet[offset + 1]
        destination_port = packet[offset + 2] << 8 | packet[offset + 3]
    elif visible and protocol in (ICMP, ICMPV6):
        source_port = destination_port = packet[offset] << 8 | packet[offset + 1]
    elif visible and protocol == _MOBILITY:
        source_port = destination_port = packet[offset + 2] << 8
    return Flow(version, source, destination, protocol, source_port, destination_port, opaque=not visible)


def embedded_flow(packet: bytes) -> Flow | None:
    """For an ICMP error message, the reversed flow of the packet that it quotes (RFC 4301 section 6.2)."""
    protocol, offset, later = upper_layer(packet)
    if later or len(packet) < offset + 8:
        return None
    kind = packet[offset]
    error = (protocol == ICMP and kind in (3, 4, 5, 11, 12)) or (protocol == ICMPV6 and kind < 128)
    if not error:
        return None
    quoted = packet[offset + 8 :]
    try:
        # the quotation is cut short, so its own length field says more than is there
        if quoted[:1] and quoted[0] >> 4 == 4:
            quoted = quoted[:2] + len(quoted).to_bytes(2, "big") + quoted[4:]
        elif len(quoted) >= 40:
            quoted = quoted[:4] + (len(quoted) - 40).to_bytes(2, "big") + quoted[6:]
        return read_flow(quoted).reversed()
    except Discarded:
        return None
