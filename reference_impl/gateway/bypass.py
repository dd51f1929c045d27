"""Cleartext that policy lets pass unprotected, out of a named interface (RFC 4301 section 5.1 step 3a)."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections import Counter

from .errors import StartError


class Bypass:
    """Raw sockets bound to `device`, so that the routes into the tunnel do not bring the packets back. Needs root."""

    def __init__(self, device: str, counters: Counter[str]) -> None:
        """Raises StartError."""
        if sys.platform != "linux":
            raise StartError("bypass_device is supported on Linux only")
        self._counters = counters
        self._sockets: dict[int, socket.socket] = {}
        try:
            for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
                # IPPROTO_RAW: packets come with their own IP header
                raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
                self._sockets[version] = raw
                raw.setblocking(False)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        except OSError as error:
            self.close()
            raise StartError(f"bypass_device {device!r}: {error.strerror} (it needs root and an interface)") from None

    def send(self, packet: bytes) -> None:
        """Send one IP packet as it is; what the network refuses is counted."""
        version = packet[0] >> 4
        destination = packet[16:20] if version == 4 else packet[24:40]
        try:
            self._sockets[version].sendto(packet, (str(ipaddress.ip_address(destination)), 0))
        except OSError as error:
            self._counters[f"bypass-error-{errno.errorcode.get(error.errno or 0, 'unknown')}"] += 1

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()
