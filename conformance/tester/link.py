"""The tester's sockets: bounded, with deadlines, everything in the transcript."""

from __future__ import annotations

import errno
import select
import socket
import time
from dataclasses import dataclass

from conformance.tester import raw_esp
from conformance.tester.transcript import Entry, Transcript
from conformance.tester.verdicts import Inconclusive
from reference_impl.wire.message import Message

MAX_DATAGRAMS = 20_000
MAX_OCTETS = 64 * 1024 * 1024

Address = tuple[str, int]


class LinkError(Exception):
    """A socket of the tester cannot be opened; the text says what to do."""


@dataclass(slots=True, eq=False)
class Port:
    """One UDP socket of the tester, or with `esp` a raw one for ESP without UDP, whose port is 0."""

    socket: socket.socket
    address: Address
    esp: bool = False

    def fileno(self) -> int:
        """For select."""
        return self.socket.fileno()


@dataclass(slots=True, eq=False)
class Datagram:
    """What arrived: UDP payload or ESP packet, where from, at which of our ports, when (monotonic clock, seconds)."""

    data: bytes
    source: Address
    port: Port
    at: float
    entry: Entry


class Link:
    """UDP between the tester's address and the device's, and ESP as IP protocol 50.

    spis: our ESP SPIs; packets with others, which may be those of other tests, are not received from a raw socket.

    A device that floods is not read for ever: after MAX_DATAGRAMS or MAX_OCTETS the test is inconclusive.
    """

    def __init__(self, local: str, remote: str, transcript: Transcript) -> None:
        self.local = local
        self.remote = remote
        self.transcript = transcript
        self.ports: list[Port] = []
        self.spis: set[bytes] = set()
        self._esp: Port | None = None
        self._datagrams = 0
        self._octets = 0
        self._family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        if self._family == socket.AF_INET6 and local == "0.0.0.0":
            self.local = "::"

    def open(self, port: int = 0) -> Port:
        """A new socket on `port` (0: any free one). Raises LinkError."""
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            sock.bind((self.local, port))
        except OSError as error:
            sock.close()
            raise LinkError(_bind_advice(self.local, port, error)) from None
        sock.setblocking(False)
        opened = Port(sock, (self._source(), sock.getsockname()[1]))
        self.ports.append(opened)
        return opened

    def open_esp(self) -> Port | None:
        """The raw socket for ESP without UDP; None where `raw_esp.unavailable`."""
        if self._esp is None and not raw_esp.unavailable(self._family):
            sock = socket.socket(self._family, socket.SOCK_RAW, raw_esp.PROTOCOL)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            sock.bind((self._source(), raw_esp.NO_PORT))
            sock.setblocking(False)
            self._esp = Port(sock, (self._source(), raw_esp.NO_PORT), esp=True)
            self.ports.append(self._esp)
        return self._esp

    def _source(self) -> str:
        if self.local not in ("0.0.0.0", "::"):
            return self.local
        with socket.socket(self._family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((self.remote, 500))
            except OSError as error:
                raise Inconclusive(f"no route to {self.remote}: {error.strerror}") from None
            self.local = str(probe.getsockname()[0])
        return self.local

    def send(
        self,
        port: Port,
        to: Address,
        data: bytes,
        message: Message | None = None,
        *,
        decrypted: bool = False,
        summary: str = "",
        note: str = "",
        inner: bytes | None = None,
    ) -> Entry:
        """Send one datagram and write it into the transcript. Raises Inconclusive when there is no route."""
        entry = self.transcript.add(
            True, port.address, to, data, message, decrypted=decrypted, summary=summary, note=note, inner=inner
        )
        for attempt in (1, 2):
            try:
                port.socket.sendto(data, to)
                break
            except ConnectionRefusedError:
                # An earlier datagram's ICMP error is reported on the next call: the socket itself is sound.
                if attempt == 2:
                    raise Inconclusive(f"{to[0]} port {to[1]} refuses datagrams: is the device running?") from None
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    raise
                raise Inconclusive(f"cannot send to {to[0]}: {error.strerror}") from None
        return entry

    def receive(self, deadline: float) -> Datagram | None:
        """The next datagram of the device, or None at `deadline` (monotonic). One that waits is always read."""
        while True:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select(self.ports, [], [], left)
            if not ready:
                return None
            for port in ready:
                try:
                    data, source = port.socket.recvfrom(65535)
                except OSError:
                    continue
                address = (str(source[0]), int(source[1]))
                if address[0] != self.remote:
                    continue
                if port.esp:
                    data, address = raw_esp.payload(self._family, data), (self.remote, raw_esp.NO_PORT)
                    if data[:4] not in self.spis:
                        continue
                self._count(len(data))
                entry = self.transcript.add(False, address, port.address, data)
                return Datagram(data, address, port, time.monotonic(), entry)

    def _count(self, octets: int) -> None:
        self._datagrams += 1
        self._octets += octets
        if self._datagrams > MAX_DATAGRAMS or self._octets > MAX_OCTETS:
            raise Inconclusive(f"the device floods the tester: {self._datagrams} datagrams, {self._octets} octets")

    def close(self) -> None:
        """Close every socket."""
        for port in self.ports:
            port.socket.close()
        self.ports.clear()
        self._esp = None


def _bind_advice(local: str, port: int, error: OSError) -> str:
    where = f"UDP port {port} of {local}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use: stop what listens there, or change tester.port or tester.listen_port in the profile"
    if error.errno == errno.EACCES:
        return f"{where} needs privileges: run as root, or use a port from 1024 in the profile"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{local} is not an address of this machine: correct tester.address in the profile"
    return f"{where} cannot be opened: {error.strerror}"
