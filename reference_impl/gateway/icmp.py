"""ICMP messages about our own ESP packets, from a raw socket (RFC 4301 section 8.2.1)."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable

from reference_impl.ipsec.pmtu import PathMtu, read_icmp, read_icmpv6

_BATCH = 64
_LIMIT = 2048
_DESTINATION_UNREACHABLE, _PACKET_TOO_BIG = 3, 2
# Linux: SOL_RAW and ICMP_FILTER, a mask of the types that are kept away; IPPROTO_ICMPV6 and ICMP6_FILTER
_FILTER4, _FILTER6 = (255, 1), (58, 1)


class IcmpSocket:
    """Tells of routers that could not forward a packet because of its size. One local address; needs root."""

    def __init__(self, address: str) -> None:
        """Raises OSError, PermissionError among them."""
        self._ipv6 = ":" in address
        family, protocol = (
            (socket.AF_INET6, socket.IPPROTO_ICMPV6) if self._ipv6 else (socket.AF_INET, socket.IPPROTO_ICMP)
        )
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        try:
            self.socket.setblocking(False)
            self._filter()
            self.socket.bind((address, 0))
        except OSError:
            self.socket.close()
            raise
        self._heard: Callable[[PathMtu], object] | None = None

    def _filter(self) -> None:
        """Keep all other types in the kernel, where it can: a flood of them must not cost anything."""
        if sys.platform != "linux":
            return
        if self._ipv6:
            mask = ~(1 << _PACKET_TOO_BIG) & 0xFFFFFFFF
            self.socket.setsockopt(*_FILTER6, struct.pack("=8I", mask, *[0xFFFFFFFF] * 7))
        else:
            self.socket.setsockopt(*_FILTER4, struct.pack("=I", ~(1 << _DESTINATION_UNREACHABLE) & 0xFFFFFFFF))

    def start(self, loop: asyncio.AbstractEventLoop, heard: Callable[[PathMtu], object]) -> None:
        self._heard = heard
        loop.add_reader(self.socket.fileno(), self._readable)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self.socket.fileno())
        self.socket.close()

    def _readable(self) -> None:
        assert self._heard is not None
        for _ in range(_BATCH):
            try:
                data = self.socket.recv(_LIMIT)
            except OSError:
                return
            # an IPv4 raw socket gives the IP header too
            news = read_icmpv6(data) if self._ipv6 else read_icmp(data[(data[0] & 15) * 4 :] if data else b"")
            if news is not None:
                self._heard(news)
