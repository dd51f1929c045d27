"""Path MTU from ICMP messages about our own ESP packets (RFC 4301 section 8.2, RFC 1191, RFC 4443, RFC 8201).

Nobody vouches for such a message: whoever uses it must check that it speaks of a packet that was sent.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .flow import UDP

ESP = 50
MARKER = bytes(4)
UDP_HEADER = 8
# What a router that names no MTU may have meant (RFC 1191 section 7.1).
PLATEAUS = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)


@dataclass(frozen=True, slots=True)
class PathMtu:
    """A router on the way from `local` to `remote` (text) forwards at most `mtu` octets.

    `size` is the length of the packet that was too big, 0 when unknown. Of ESP the message quotes the `spi`
    (4 octets) or, in UDP, at least the ports; what it does not quote is None.
    """

    local: str
    remote: str
    mtu: int
    size: int
    spi: bytes | None = None
    ports: tuple[int, int] | None = None


def read_icmp(message: bytes) -> PathMtu | None:
    """From an ICMP message (without IP header), type 3 code 4; None when it is something else or says too little."""
    if len(message) < 28 or message[:2] != b"\x03\x04":
        return None
    quoted = message[8:]
    header = (quoted[0] & 15) * 4
    if quoted[0] >> 4 != 4 or header < 20:
        return None
    size = int.from_bytes(quoted[2:4], "big")
    mtu = int.from_bytes(message[6:8], "big") or next((each for each in PLATEAUS if each < size), PLATEAUS[-1])
    return _quoted(quoted[12:16], quoted[16:20], quoted[9], quoted[header:], mtu, size)


def read_icmpv6(message: bytes) -> PathMtu | None:
    """From an ICMPv6 Packet Too Big message (without IP header); None when it is something else or says too little."""
    if len(message) < 48 or message[:2] != b"\x02\x00" or message[8] >> 4 != 6:
        return None
    quoted = message[8:]
    size = 40 + int.from_bytes(quoted[4:6], "big")
    return _quoted(quoted[8:24], quoted[24:40], quoted[6], quoted[40:], int.from_bytes(message[4:8], "big"), size)


def _quoted(local: bytes, remote: bytes, protocol: int, payload: bytes, mtu: int, size: int) -> PathMtu | None:
    ends = str(ipaddress.ip_address(local)), str(ipaddress.ip_address(remote))
    if protocol == ESP and len(payload) >= 4:
        return PathMtu(*ends, mtu, size, spi=payload[:4])
    if protocol == UDP and len(payload) >= 4:
        ports = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
        spi = payload[UDP_HEADER : UDP_HEADER + 4]
        # four zero octets there are the mark of an IKE message (RFC 3948 section 2.2)
        return None if spi == MARKER else PathMtu(*ends, mtu, size, spi if len(spi) == 4 else None, ports)
    return None
