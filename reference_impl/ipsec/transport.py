"""Transport mode: taking the next layer out of a packet and putting it back (RFC 4303 section 3.1.1, RFC 3948)."""

from __future__ import annotations

import struct

from reference_impl.wire.ip import Ipv4Header, Ipv6Header, segment_checksum
from reference_impl.wire.registries import IpProtocol

from .discards import Discard, Discarded
from .flow import DESTINATION, HOP_BY_HOP, ROUTING, TCP, UDP, is_fragment, malformed, total_length
from .tunnel import Outer, ip_packet, with_checksum


def split(packet: bytes) -> tuple[bytes, int, bytes]:
    """The part that stays outside, the Next Header value, and the octets that ESP protects.

    IPv6 hop-by-hop and routing headers stay outside, with destination options only when a routing header
    follows them. Raises Discarded for a malformed packet or a fragment (RFC 4303 section 3.3.4).
    """
    length = total_length(packet)
    if is_fragment(packet):
        raise Discarded(Discard.FRAGMENT_IN_TRANSPORT, "transport mode takes whole datagrams only")
    if packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        return packet[:size], packet[9], packet[size:length]
    protocol, offset = packet[6], 40
    while protocol in (HOP_BY_HOP, ROUTING) or (protocol == DESTINATION and packet[offset : offset + 1] == b"\x2b"):
        if offset + 8 > length:
            raise malformed(f"IPv6 extension header {protocol} at octet {offset} does not end in the packet")
        protocol, offset = packet[offset], offset + (packet[offset + 1] + 1) * 8
    if offset > length:
        raise malformed("IPv6 extension headers do not end in the packet")
    return packet[:offset], protocol, packet[offset:length]


def outer_packet(header: bytes, payload: bytes, protocol: int = IpProtocol.ESP) -> bytes:
    """`header`, as `split` gave it, with `payload` after it: Next Header `protocol`, lengths and checksum to match."""
    if header[0] >> 4 == 4:
        length = struct.pack(">H", len(header) + len(payload))
        return with_checksum(header[:2] + length + header[4:9] + bytes((protocol,)) + header[10:]) + payload
    edited = bytearray(header)
    edited[4:6] = struct.pack(">H", len(header) - 40 + len(payload))
    place, offset = 6, 40
    while offset < len(header):
        place, offset = offset, offset + (header[offset + 1] + 1) * 8
    edited[place] = protocol
    return bytes(edited) + payload


def join(outer: Outer, protocol: int, payload: bytes, *, fix_checksum: bool) -> bytes:
    """The datagram as the receiver's IP layer gets it. `payload` may still carry TFC padding.

    `fix_checksum`: addresses may have been translated, so TCP and UDP checksums are computed anew
    (RFC 3948 section 3.1.2 procedure 2).
    """
    payload = strip_tfc(protocol, payload)
    if fix_checksum:
        payload = _recompute(outer, protocol, payload)
    return ip_packet(
        outer.source, outer.destination, protocol, payload, ttl=outer.ttl, traffic_class=outer.traffic_class
    )


def strip_tfc(protocol: int, payload: bytes) -> bytes:
    """Without TFC padding where the next layer tells its length (RFC 4303 section 2.7): UDP does."""
    if protocol == UDP and len(payload) >= 8:
        length = payload[4] << 8 | payload[5]
        if 8 <= length < len(payload):
            return payload[:length]
    return payload


def _recompute(outer: Outer, protocol: int, payload: bytes) -> bytes:
    place = {TCP: 16, UDP: 6}.get(protocol)
    if place is None or len(payload) < place + 2:
        return payload
    ipv4 = len(outer.source) == 4
    if protocol == UDP and payload[6:8] == b"\0\0" and ipv4:
        return payload  # the sender computed none
    header = (Ipv4Header if ipv4 else Ipv6Header)(outer.source, outer.destination, protocol)
    value = segment_checksum(header, payload[:place] + b"\0\0" + payload[place + 2 :])
    if protocol == UDP and value == 0:
        value = 0xFFFF
    return payload[:place] + struct.pack(">H", value) + payload[place + 2 :]
