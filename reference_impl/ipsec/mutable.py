"""What of an IP packet the ICV of AH covers: the rules for mutable fields (RFC 4302 section 3.3.3.1 and appendix A).

A field that changes on the way counts as zero; one that changes in a way the sender can predict counts as the
receiver will see it. Everything after AH is covered as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from .discards import Discard, Discarded
from .flow import AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, ROUTING, malformed, total_length

_END, _NO_OPERATION = 0, 1
_LOOSE_ROUTE, _STRICT_ROUTE = 131, 137
# appendix A1, by the whole type octet: End, No Operation, Security, Extended and Commercial Security, Router Alert,
# Sender Directed Multi-Destination Delivery. All others, the unknown ones included, are zeroed.
_IMMUTABLE_OPTIONS = frozenset({_END, _NO_OPERATION, 130, 133, 134, 148, 149})
_PAD1 = 0
_CHANGES_EN_ROUTE = 0x20  # in an IPv6 option type (RFC 8200 section 4.2)


@dataclass(frozen=True, slots=True)
class Covered:
    """The octets that the ICV covers, and at which of them AH begins. The ICV field in it is as it was."""

    octets: bytes
    offset: int


def covered(packet: bytes) -> Covered:
    """An IP packet with AH, wherever on its way, as the ICV covers it.

    Raises Discarded: MALFORMED, AH_FRAGMENT for a fragment, AH_MISSING where no AH follows the IP headers,
    AH_ROUTING for a routing header that is neither of type 0 nor at its end, for which RFC 4302 has no rule.
    """
    packet = without_atomic_fragment(packet[: total_length(packet)])
    return _ipv4(packet) if packet[0] >> 4 == 4 else _ipv6(packet)


def without_atomic_fragment(packet: bytes) -> bytes:
    """Without an IPv6 Fragment Header that says "first and last": AH processing does not see it (appendix A2)."""
    if packet[0] >> 4 != 6:
        return packet
    place, protocol, offset = 6, packet[6], 40
    while protocol in (HOP_BY_HOP, ROUTING, DESTINATION):
        size = _extension_size(packet, offset)
        place, protocol, offset = offset, packet[offset], offset + size
    if protocol != FRAGMENT:
        return packet
    if offset + 8 > len(packet):
        raise malformed(f"IPv6 Fragment Header at octet {offset} does not end in the packet")
    if packet[offset + 2] or packet[offset + 3] & 0xF9:
        raise Discarded(Discard.AH_FRAGMENT, "fragments are reassembled before AH processing")
    edited = bytearray(packet[:offset] + packet[offset + 8 :])
    edited[place] = packet[offset]
    edited[4:6] = (len(edited) - 40).to_bytes(2)
    return bytes(edited)


def _ipv4(packet: bytes) -> Covered:
    size = (packet[0] & 15) * 4
    if packet[6] & 0x3F or packet[7]:
        raise Discarded(Discard.AH_FRAGMENT, "fragments are reassembled before AH processing")
    if packet[9] != AUTHENTICATION:
        raise Discarded(Discard.AH_MISSING, f"protocol {packet[9]}")
    edited = bytearray(packet)
    edited[1] = 0  # DSCP and ECN
    edited[6:9] = bytes(3)  # flags, fragment offset, TTL
    edited[10:12] = bytes(2)  # checksum
    place = 20
    while place < size and packet[place] != _END:
        kind = packet[place]
        if kind == _NO_OPERATION:
            place += 1
            continue
        length = packet[place + 1] if place + 1 < size else 0
        if length < 2 or place + length > size:
            raise malformed(f"IPv4 option {kind} of {length} octets in a header of {size}")
        if kind in (_LOOSE_ROUTE, _STRICT_ROUTE):
            edited[16:20] = _final_hop(packet, place, length)
        if kind not in _IMMUTABLE_OPTIONS:
            edited[place : place + length] = bytes(length)
        place += length
    return Covered(bytes(edited), size)


def _final_hop(packet: bytes, place: int, length: int) -> bytes:
    """The destination when a source route is used up: its last address (RFC 791, loose source route)."""
    if length < 3 or (length - 3) % 4:
        raise malformed(f"a source route of {length} octets")
    pointer = packet[place + 2]
    return packet[16:20] if pointer > length else packet[place + length - 4 : place + length]


def _ipv6(packet: bytes) -> Covered:
    edited = bytearray(packet)
    edited[0:4] = b"\x60\0\0\0"  # traffic class and flow label
    edited[7] = 0  # hop limit
    protocol, offset = packet[6], 40
    while protocol in (HOP_BY_HOP, ROUTING, DESTINATION):
        size = _extension_size(packet, offset)
        if protocol == ROUTING:
            _route_to_the_end(edited, offset, size)
        else:
            _zero_options(edited, offset, size)
        protocol, offset = packet[offset], offset + size
    if protocol != AUTHENTICATION:
        raise Discarded(Discard.AH_MISSING, f"next header {protocol}")
    return Covered(bytes(edited), offset)


def _extension_size(packet: bytes, offset: int) -> int:
    if offset + 8 > len(packet):
        raise malformed(f"IPv6 extension header at octet {offset} does not end in the packet")
    size = (packet[offset + 1] + 1) * 8
    if offset + size > len(packet):
        raise malformed(f"IPv6 extension header of {size} octets at octet {offset} does not end in the packet")
    return size


def _zero_options(edited: bytearray, offset: int, size: int) -> None:
    """The data of each option whose type says that it may change en route; type and length stay."""
    place, end = offset + 2, offset + size
    while place < end:
        if edited[place] == _PAD1:
            place += 1
            continue
        length = edited[place + 1] if place + 1 < end else -1
        if length < 0 or place + 2 + length > end:
            raise malformed(f"IPv6 option {edited[place]} at octet {place} does not end in its header")
        if edited[place] & _CHANGES_EN_ROUTE:
            edited[place + 2 : place + 2 + length] = bytes(length)
        place += 2 + length


def _route_to_the_end(edited: bytearray, offset: int, size: int) -> None:
    """A type 0 routing header and the destination as the last node sees them (RFC 2460 section 4.4)."""
    kind, left = edited[offset + 2], edited[offset + 3]
    if not left:
        return
    if kind:
        raise Discarded(Discard.AH_ROUTING, f"routing type {kind} with {left} segments left")
    count = size // 16
    if size % 16 != 8 or left > count:
        raise malformed(f"routing header of {size} octets with {left} segments left")
    for index in range(count - left, count):
        place = offset + 8 + 16 * index
        edited[24:40], edited[place : place + 16] = edited[place : place + 16], edited[24:40]
    edited[offset + 3] = 0
