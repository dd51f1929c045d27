"""A Linux TUN device as the protected side: the kernel's IP stack is the host (needs CAP_NET_ADMIN)."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable

from .errors import StartError

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_DEVICE = "/dev/net/tun"
_BATCH = 64


class Tun:
    """One TUN interface with `addresses` (interface form, `10.1.0.1/24`). Routes follow the SAs."""

    def __init__(self, name: str, addresses: Iterable[str], mtu: int) -> None:
        """Raises StartError that says what is missing."""
        if sys.platform != "linux":
            raise StartError('TUN devices are supported on Linux only: use [dataplane] kind = "memory"')
        program = shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program is None:
            raise StartError('kind = "tun" needs the program ip (package iproute2)')
        self._program = program
        self._descriptor, self.name = _open(name)
        self._routes: dict[str, int] = {}
        self._received: Callable[[bytes], object] | None = None
        try:
            for address in addresses:
                self._ip("address", "add", address, "dev", self.name)
            self._ip("link", "set", "dev", self.name, "mtu", str(mtu), "up")
        except StartError:
            os.close(self._descriptor)
            raise

    def start(self, loop: asyncio.AbstractEventLoop, received: Callable[[bytes], object]) -> None:
        """Give packets that the kernel routes into the device to `received`."""
        self._received = received
        loop.add_reader(self._descriptor, self._readable)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Remove the interface, and its routes with it."""
        loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def write(self, packet: bytes) -> bool:
        """Hand a packet to the kernel; False when it does not take it."""
        try:
            os.write(self._descriptor, packet)
        except OSError:
            return False
        return True

    def add_address(self, address: str) -> None:
        """One more address, alone in its network. Raises StartError."""
        size = ipaddress.ip_address(address).max_prefixlen
        self._ip("address", "replace", f"{address}/{size}", "dev", self.name)

    def add_routes(self, networks: Iterable[str]) -> None:
        """Route networks into the device, once however many SAs ask. Raises StartError."""
        for network in networks:
            self._routes[network] = self._routes.get(network, 0) + 1
            if self._routes[network] == 1:
                self._ip("route", "replace", network, "dev", self.name)

    def remove_routes(self, networks: Iterable[str]) -> None:
        """Undo one `add_routes`. Raises StartError."""
        for network in networks:
            count = self._routes.get(network, 0)
            if count == 1:
                self._ip("route", "del", network, "dev", self.name)
            self._routes[network] = max(count - 1, 0)

    def _readable(self) -> None:
        assert self._received is not None
        for _ in range(_BATCH):
            try:
                packet = os.read(self._descriptor, 65536)
            except OSError:
                return
            self._received(packet)

    def _ip(self, *arguments: str) -> None:
        result = subprocess.run([self._program, *arguments], capture_output=True, text=True, timeout=10, check=False)
        if result.returncode:
            raise StartError(f"ip {' '.join(arguments)}: {result.stderr.strip()}")


def _open(name: str) -> tuple[int, str]:
    import fcntl

    try:
        descriptor = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StartError(f'{_DEVICE}: {error.strerror}: kind = "tun" needs the tun module and permission') from None
    request = struct.pack("16sH22x", name.encode()[:15], _IFF_TUN | _IFF_NO_PI)
    try:
        answer = fcntl.ioctl(descriptor, _TUNSETIFF, request)
    except OSError as error:
        os.close(descriptor)
        hint = "run as root" if error.errno == errno.EPERM else error.strerror
        raise StartError(f"TUN device {name or '(any)'}: {hint}") from None
    return descriptor, answer[:16].rstrip(b"\0").decode()
