"""ESP as IP protocol 50, without UDP: what it needs of this machine (RFC 4303 §2).

Every raw socket gets every ESP packet of the device, so that tests at the same time take their own by the SPI.
"""

from __future__ import annotations

import socket
from functools import cache

PROTOCOL = 50
NO_PORT = 0
"""Stands in the place of a port in addresses of such packets, in transcripts too."""


@cache
def unavailable(family: int) -> str:
    """Why this process cannot send and receive such packets; empty when it can."""
    try:
        socket.socket(family, socket.SOCK_RAW, PROTOCOL).close()
    except PermissionError:
        return "ESP without UDP needs raw sockets: run as root, or give Python the capability CAP_NET_RAW"
    except OSError as error:
        return f"this machine has no raw sockets for ESP ({error.strerror})"
    return ""


def payload(family: int, packet: bytes) -> bytes:
    """The ESP packet in what a raw socket received: over IPv4 it has the IP header before it."""
    if family != socket.AF_INET:
        return packet
    return packet[(packet[0] & 0x0F) * 4 :] if packet else b""
