"""UDP sockets for IKE and ESP-in-UDP, raw sockets for ESP, on the asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable

from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.wire.registries import IpProtocol

from .errors import StartError

_BATCH = 64
_DATAGRAM_LIMIT = 65535
_PORT_TRIES = 20
_BUFFER = 1 << 20
# The option that decides about the DF bit, which Python's socket module does not name, with its values for a clear
# and a set bit. Linux: IP_PMTUDISC_DONT and IP_PMTUDISC_PROBE, since path MTUs are this program's own business.
_DONT_FRAGMENT = {"linux": (10, 0, 3), "darwin": (28, 0, 1)}
_IP_MTU, _IPV6_MTU = (0, 14), (41, 24)
_TRANSIENT = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM}

Received = Callable[[bytes, Endpoint, Endpoint, int], None]
"""Called with datagram, local and remote endpoint, and the traffic class octet of the outer header."""


class UdpSocket:
    """One bound UDP socket. `counters` counts errors of sending and receiving by name."""

    def __init__(self, address: str, port: int, counters: Counter[str]) -> None:
        """Raises OSError when the address or port cannot be had."""
        self._ipv6 = ":" in address
        self._counters = counters
        self._tos = 0
        self._fixed = False
        self.socket = socket.socket(socket.AF_INET6 if self._ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._prepare()
            self.socket.bind((address, port))
        except OSError:
            self.socket.close()
            raise
        self.local = Endpoint(address, self.socket.getsockname()[1])
        self._received: Received | None = None

    def _prepare(self) -> None:
        sock = self.socket
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if self._ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            with contextlib.suppress(OSError, AttributeError):
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
            return
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        # IKE messages without RFC 7383 may exceed the MTU: the kernel must be free to fragment them
        set_dont_fragment(sock, False)

    def start(self, loop: asyncio.AbstractEventLoop, received: Received) -> None:
        """Deliver datagrams to `received` from now on."""
        self._received = received
        loop.add_reader(self.socket.fileno(), self._readable)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self.socket.fileno())
        self.socket.close()

    def send(self, data: bytes, remote: Endpoint, traffic_class: int = 0, *, dont_fragment: bool = False) -> bool:
        """Send one datagram; what the network refuses is counted, not raised. False: too big for the first link.

        The DF bit is IPv4's alone.
        """
        try:
            if traffic_class != self._tos:
                self._mark(traffic_class)
            if dont_fragment != self._fixed and not self._ipv6:
                set_dont_fragment(self.socket, dont_fragment)
                self._fixed = dont_fragment
            self.socket.sendto(data, (remote.address, remote.port))
        except OSError as error:
            self._counters[f"send-error-{errno.errorcode.get(error.errno or 0, 'unknown')}"] += 1
            return error.errno != errno.EMSGSIZE
        except (ValueError, OverflowError):
            self._counters["send-error-address"] += 1
        return True

    def _mark(self, traffic_class: int) -> None:
        level, option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if self._ipv6 else (socket.IPPROTO_IP, socket.IP_TOS)
        self.socket.setsockopt(level, option, traffic_class)
        self._tos = traffic_class

    def _readable(self) -> None:
        # bounded, so that a flood leaves time for timers and the control socket
        for _ in range(_BATCH):
            try:
                data, ancillary, _, source = self.socket.recvmsg(_DATAGRAM_LIMIT, 64)
            except OSError as error:
                if error.errno not in _TRANSIENT:
                    # an ICMP error for something sent earlier: nothing was received
                    self._counters[f"receive-error-{errno.errorcode.get(error.errno or 0, 'unknown')}"] += 1
                    continue
                return
            assert self._received is not None
            self._received(data, self.local, Endpoint(source[0], source[1]), _traffic_class(ancillary))


class RawEspSocket:
    """ESP straight over IP on one local address (protocol 50)."""

    def __init__(self, address: str, counters: Counter[str]) -> None:
        """Raises OSError, PermissionError among them."""
        self._ipv6 = ":" in address
        self._counters = counters
        self._packed = ipaddress.ip_address(address).packed
        family = socket.AF_INET6 if self._ipv6 else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_RAW, IpProtocol.ESP)
        try:
            self.socket.setblocking(False)
            self.socket.bind((address, 0))
        except OSError:
            self.socket.close()
            raise
        self.local = Endpoint(address, 0)
        self._received: Received | None = None

    def start(self, loop: asyncio.AbstractEventLoop, received: Received) -> None:
        self._received = received
        loop.add_reader(self.socket.fileno(), self._readable)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self.socket.fileno())
        self.socket.close()

    def send(self, data: bytes, remote: Endpoint, traffic_class: int = 0, *, dont_fragment: bool = False) -> bool:
        try:
            if not self._ipv6:
                self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, traffic_class)
                set_dont_fragment(self.socket, dont_fragment)
            self.socket.sendto(data, (remote.address, 0))
        except OSError as error:
            self._counters[f"send-error-{errno.errorcode.get(error.errno or 0, 'unknown')}"] += 1
            return error.errno != errno.EMSGSIZE
        return True

    def _readable(self) -> None:
        for _ in range(_BATCH):
            try:
                data, source = self.socket.recvfrom(_DATAGRAM_LIMIT)
            except OSError:
                return
            traffic_class = 0
            if not self._ipv6:
                # an IPv4 raw socket gives the IP header too
                if len(data) < 20:
                    continue
                traffic_class, data = data[1], data[(data[0] & 15) * 4 :]
            assert self._received is not None
            self._received(data, self.local, Endpoint(source[0], 0), traffic_class)


def set_dont_fragment(sock: socket.socket, on: bool) -> None:
    """The DF bit of what an IPv4 socket sends; systems that cannot choose decide themselves."""
    if sys.platform in _DONT_FRAGMENT:
        option, clear, fixed = _DONT_FRAGMENT[sys.platform]
        sock.setsockopt(socket.IPPROTO_IP, option, fixed if on else clear)


def route_mtu(local: str, remote: str) -> int | None:
    """The MTU in octets of the route between two addresses, as far as the kernel tells."""
    if sys.platform != "linux":
        return None
    ipv6 = ":" in remote
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((local, 0))
            probe.connect((remote, 9))
            return probe.getsockopt(*(_IPV6_MTU if ipv6 else _IP_MTU))
        except OSError:
            return None


def _traffic_class(ancillary: list[tuple[int, int, bytes]]) -> int:
    for _, _, data in ancillary:
        if len(data) == 1:
            return data[0]
        if len(data) >= 4:
            value: int = struct.unpack_from("=i", data)[0]
            return value & 0xFF
    return 0


def bind_pairs(
    addresses: tuple[str, ...], ike_port: int, natt_port: int, counters: Counter[str]
) -> list[tuple[UdpSocket, UdpSocket]]:
    """IKE and NAT-T sockets per address; port 0 takes a free port, the same one on every address. Raises StartError."""
    for attempt in range(_PORT_TRIES):
        bound: list[UdpSocket] = []
        wanted = [ike_port, natt_port]
        address = addresses[0]
        try:
            for address in addresses:
                for index in (0, 1):
                    bound.append(UdpSocket(address, wanted[index], counters))
                    wanted[index] = bound[-1].local.port
        except OSError as error:
            for each in bound:
                each.socket.close()
            # another address may have this free port in use: take another one
            if error.errno == errno.EADDRINUSE and 0 in (ike_port, natt_port) and attempt < _PORT_TRIES - 1:
                continue
            raise StartError(_explain(error, address, wanted[len(bound) % 2])) from None
        return list(zip(bound[::2], bound[1::2], strict=True))
    raise AssertionError("unreachable")


def _explain(error: OSError, address: str, port: int) -> str:
    where = f"UDP {Endpoint(address, port)}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use: stop the program that has it, or set ike_port and natt_port (0: any free port)"
    if error.errno == errno.EACCES:
        return f"{where} is not permitted: run as root, or set ike_port and natt_port above 1023 (0: any free port)"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}: this machine has no address {address}"
    return f"{where}: {error.strerror}"
