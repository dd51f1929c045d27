"""Outer headers of tunnel mode, and what they leave in the inner one (RFC 4301 section 5.1.2, RFC 6040)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reference_impl.wire.ip import Ipv4Header, Ipv6Header, checksum
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import IpProtocol

from .discards import Discard, Discarded

ECN_NOT_ECT, ECN_ECT1, ECN_ECT0, ECN_CE = 0, 1, 2, 3
# RFC 6040 figure 4, row inner, column outer (by codepoint value); None: drop
_DECAPSULATE: tuple[tuple[int | None, ...], ...] = (
    (ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, None),
    (ECN_ECT1, ECN_ECT1, ECN_ECT1, ECN_CE),
    (ECN_ECT0, ECN_ECT1, ECN_ECT0, ECN_CE),
    (ECN_CE, ECN_CE, ECN_CE, ECN_CE),
)


class DontFragment(StrEnum):
    """What becomes of the DF bit in an outer IPv4 header (RFC 4301 section 8.1)."""

    COPY = "copy"
    SET = "set"
    CLEAR = "clear"


@quick_init
@dataclass(frozen=True, slots=True)
class Outer:
    """The outer header of a received ESP packet: packed addresses, traffic class octet, TTL or hop limit."""

    source: bytes
    destination: bytes
    traffic_class: int = 0
    ttl: int = 64


def with_checksum(header: bytes) -> bytes:
    """An IPv4 header with its checksum made right."""
    clear = header[:10] + b"\0\0" + header[12:]
    return header[:10] + checksum(clear).to_bytes(2, "big") + header[12:]


def traffic_class(packet: bytes) -> int:
    """The DS field and ECN octet of an IPv4 or IPv6 packet."""
    if packet[0] >> 4 == 4:
        return packet[1]
    return (packet[0] << 4 | packet[1] >> 4) & 0xFF


def with_traffic_class(packet: bytes, value: int) -> bytes:
    """The packet with another DS field and ECN octet."""
    if packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        return with_checksum(packet[:1] + bytes((value,)) + packet[2:size]) + packet[size:]
    return bytes((packet[0] & 0xF0 | value >> 4, value << 4 & 0xF0 | packet[1] & 0x0F)) + packet[2:]


def ip_packet(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = 64,
    traffic_class: int = 0,
    identification: int = 0,
    dont_fragment: bool = False,
) -> bytes:
    """`payload` under an IPv4 or IPv6 header, by the size of the packed addresses."""
    if len(source) == 4:
        flags = 2 if dont_fragment else 0
        return Ipv4Header(source, destination, protocol, ttl, traffic_class, identification, flags).to_bytes(payload)
    return Ipv6Header(source, destination, protocol, ttl, traffic_class).to_bytes(payload)


def outer_dont_fragment(packet: bytes, policy: DontFragment) -> bool:
    """The DF bit of the outer header over `packet`. An IPv6 packet is never fragmented on its way: like DF."""
    if policy is DontFragment.COPY:
        return packet[0] >> 4 == 6 or bool(packet[6] & 0x40)
    return policy is DontFragment.SET


def tunnel_packet(
    esp: bytes,
    inner: bytes,
    source: bytes,
    destination: bytes,
    *,
    ttl: int = 64,
    dont_fragment: DontFragment = DontFragment.COPY,
    identification: int = 0,
) -> bytes:
    """`esp` under its outer header: DS field and ECN are those of the inner packet, the rest is constructed."""
    return ip_packet(
        source,
        destination,
        IpProtocol.ESP,
        esp,
        ttl=ttl,
        traffic_class=traffic_class(inner),
        identification=identification,
        dont_fragment=outer_dont_fragment(inner, dont_fragment),
    )


def propagate_ecn(packet: bytes, outer_traffic_class: int) -> bytes:
    """The inner packet with the ECN field of RFC 6040 section 4.2. Raises Discarded(ECN) where it says drop."""
    outer = outer_traffic_class & 3
    if not outer:
        return packet
    octet = traffic_class(packet)
    result = _DECAPSULATE[octet & 3][outer]
    if result is None:
        raise Discarded(Discard.ECN, "inner Not-ECT, outer CE")
    if result == octet & 3:
        return packet
    return with_traffic_class(packet, octet & 0xFC | result)
