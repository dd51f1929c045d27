"""The peers of the captured exchanges: charon in containers, driven through vici, its secrets read from its log."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import pcap
from peers.lab import Lab, Net
from peers.strongswan.driver import StrongswanDriver
from vectors.recording import charon_log
from vectors.recording.ikev1_state import ObserverError, Seen

DEBIAN = {"strongswan-6.0": "Debian 13", "strongswan-5.9": "Debian 12", "libreswan-5.2": "Debian 13"}
_SETTINGS = """charon {{
    i_dont_care_about_security_and_use_aggressive_mode_psk = yes
    retransmit_tries = 2
    cisco_unity = no
    # a key exchange that the server's private key opens
    tls {{
        version_max = 1.2
        suites = TLS_RSA_WITH_AES_128_CBC_SHA256
    }}
    plugins {{
        kernel-libipsec {{ load = {libipsec} }}
        eap-gtc {{ backend = generic }}
    }}
    filelog {{ lab {{
        path = /lab/charon.log
        time_format = %s
        flush_line = yes
        default = 1
        ike = 4
        chd = 4
        lib = 4
        enc = 4
        tls = 4
        asn = 1
    }} }}
}}
"""


class Charon(StrongswanDriver):
    """A charon of its own, with raw vici commands."""

    address = ""

    @property
    def implementation(self) -> str:
        """Name, version and distribution."""
        return f"strongSwan {self.version} ({DEBIAN[self.name]})"

    def command(self, name: str, message: Mapping[str, Any]) -> Any:
        """A vici command, its events drained. Raises PeerError."""
        function: Callable[[Mapping[str, Any]], Any] = getattr(self._session, name)

        def call() -> Any:
            answer = function(message)
            return answer if isinstance(answer, dict) or answer is None else list(answer)

        return self._ask(call)

    def forget(self) -> None:
        """Drop every SA, connection, key and pool."""
        self.reset()
        for name in self._ask(self._session.get_conns).get("conns", []):
            self.command("unload_conn", {"name": name.decode()})
        for name in self._ask(self._session.get_pools):
            self.command("unload_pool", {"name": name})
        self._ask(self._session.clear_creds)


def start(lab: Lab, network: Net, image: str, host: str, *, protected: str, libipsec: bool, **options: Any) -> Charon:
    """A container with charon on `network`; with libipsec it has a data plane, and puts ESP into UDP always."""
    folder = lab.folder()
    (folder / "strongswan.d").mkdir()
    (folder / "strongswan.d" / "run.conf").write_text(_SETTINGS.format(libipsec="yes" if libipsec else "no"))
    place = options.get("place", {})
    container = lab.container(
        image,
        host,
        network,
        volumes={folder: "/lab"},
        environment={"PROTECTED": protected, **place},
        address=str(place.get("ADDRESS", "")).partition("/")[0],
    )
    charon = Charon(image, folder, str(container.id), lab.client)
    charon.address = lab.address(container, network)
    return charon


@dataclass
class Evidence:
    """The named octets of both ends' logs.

    charon logs every value; pluto not all of them (`sparse`): what it does not log counts by the exchange going on.
    """

    logs: tuple[list[charon_log.Dump], list[charon_log.Dump]]
    sparse: tuple[bool, bool] = (False, False)
    confirmed: dict[str, bytes] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, first: str, second: str) -> Evidence:
        """The dumps of two logs of charon."""
        return cls((list(charon_log.dumps(first)), list(charon_log.dumps(second))))

    def confirm(self, what: str, octets: bytes) -> None:
        """Raise ObserverError unless the logs have these octets, alone or as a part of a dump."""
        found = [any(octets in dump.octets for dump in log) for log in self.logs]
        for number, (there, sparse) in enumerate(zip(found, self.sparse, strict=True)):
            if not there and not sparse:
                raise ObserverError(f"{what} is not in the log of the {('initiator', 'responder')[number]}")
        self.confirmed[what] = octets
        if all(found):
            self.twice.add(what)

    def shared(self) -> list[bytes]:
        """Every Diffie-Hellman secret that both ends logged, in order."""
        return self.common("shared Diffie Hellman secret", "key exchange secret")

    def common(self, *names: str) -> list[bytes]:
        """What both ends dumped under one of these names, in the order of the first that dumps all."""
        return self._both(lambda dump: dump.octets if dump.name in names else None)

    def shared_quick(self, tail: bytes) -> list[bytes]:
        """What both ends put before ``protocol | SPI | Ni_b | Nr_b``."""
        size = len(tail)
        return self._both(lambda dump: dump.octets[:-size] if dump.octets.endswith(tail) else None)

    def _both(self, part: Callable[[charon_log.Dump], bytes | None]) -> list[bytes]:
        lists = [
            [octets for octets in map(part, log) if octets]
            for log, sparse in zip(self.logs, self.sparse, strict=True)
            if not sparse
        ]
        return [octets for octets in lists[0] if all(octets in other for other in lists)]


def seen(path: Path, responder: str) -> list[Seen]:
    """The IKE messages of a capture to and from the responder, with times from the first one on."""
    stamps = list(_times(path))
    found: list[Seen] = []
    begin = 0.0
    for datagram in pcap.read(path):
        message = datagram.ike
        if message is None or datagram.ports is None or responder not in (datagram.source, datagram.destination):
            continue
        if found and any(each.data == message for each in found):
            continue  # a retransmission says nothing new
        stamp = stamps[datagram.frame - 1]
        begin = begin if found else stamp
        ends = (datagram.source, datagram.ports[0]), (datagram.destination, datagram.ports[1])
        found.append(Seen(stamp - begin, *ends, len(message) != len(datagram.data), message))
    return found


def _times(path: Path) -> list[float]:
    data, offset, found = path.read_bytes(), 24, []
    while offset + 16 <= len(data):
        seconds, fraction, length = struct.unpack_from("<III", data, offset)
        found.append(seconds + fraction / 1e6)
        offset += 16 + length
    return found


def wait(what: Callable[[], bool], text: str, timeout: float = 6.0) -> None:
    """Return once it is so. Raises ObserverError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not what():
        if time.monotonic() > deadline:
            raise ObserverError(f"not in time: {text}")
        time.sleep(0.03)
