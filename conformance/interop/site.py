"""One run's network: every implementation on it is started once, when a scenario first needs it."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from peers import Driver, Lab, PeerError, keys
from peers.ca import KeyType, TestCa
from peers.driver import DutHandle
from peers.errors import LabError, NotSupported
from peers.keys import EspCandidate, IkeCandidate, KeyTable
from peers.libreswan.driver import LibreswanDriver
from peers.libreswan.dut import launch as launch_libreswan
from peers.nat import NatBox
from peers.reference import dut as reference
from peers.reference import render
from peers.reference.driver import ReferenceDriver
from peers.scenario import AuthMethod, Connection, Credentials, Endpoint, Identity
from peers.strongswan.driver import StrongswanDriver

Place = Literal["outside", "inside"]
PSK = b"5f0d3c2b9a8e7c61"
_SETTINGS = """charon {
    cookie_threshold = 0
    cookie_threshold_ip = 0
    block_threshold = 0
    retransmit_timeout = 1.0
    retransmit_base = 1.4
    retransmit_tries = 3
}
"""


@dataclass
class Candidates:
    """Session keys that a side's log gives; `known` are lines of Wireshark's tables."""

    ike: list[IkeCandidate] = field(default_factory=list)
    esp: list[EspCandidate] = field(default_factory=list)
    known: KeyTable = field(default_factory=lambda: KeyTable((), ()))


class Side:
    """An implementation at a place of the network. `network` is behind it, `host` its own address in there."""

    def __init__(self, name: str, place: Place, address: str, number: int, driver: Driver | None, ca: TestCa) -> None:
        self.name = name
        self.place = place
        self.address = address
        self.network = f"10.{40 + number}.0.0/24"
        self.host = f"10.{40 + number}.0.1"
        self.label = f"{name.replace('.', '-')}-{place}"
        self._driver = driver
        self._ca = ca
        self._issued: dict[KeyType, Credentials] = {}
        self._mark = 0

    @property
    def driver(self) -> Driver:
        """The driver. Raises PeerError for a reference without a connection."""
        if self._driver is None:
            raise PeerError(f"{self.name} is not running")
        return self._driver

    @property
    def version(self) -> str:
        """The version as the implementation tells it."""
        return self.driver.version

    def identity(self, auth: AuthMethod) -> Identity:
        """The identity of this side for a method."""
        return Identity("fqdn", f"{auth}.{self.label}.example")

    def credentials(self, auth: AuthMethod) -> Credentials:
        """The pre-shared key, or the certificate with its key: one per side and type."""
        if auth == "psk":
            return Credentials(psk=PSK)
        if auth not in self._issued:
            self._issued[auth] = self._ca.issue(auth, self.identity(auth))
        return self._issued[auth]

    def endpoint(self, auth: AuthMethod) -> Endpoint:
        """This side of a connection."""
        return Endpoint(self.address, self.identity(auth), auth, self.credentials(auth), (self.network,))

    def install(self, connection: Connection) -> None:
        """Load the connection; keys are read from what is logged from now on."""
        self.driver.load(connection)
        self._mark = len(self.driver.logs())

    def remove(self, connection: Connection) -> None:
        """Drop the connection and every SA."""
        self.driver.unload(connection.name)
        # libreswan's went with the connection; asked to delete them it would wait for the other end
        if self.driver.state():
            self.driver.reset()

    def candidates(self) -> Candidates:
        """The session keys since `install`."""
        text = self.driver.logs()[self._mark :]
        ike, esp = keys.from_charon(text) if self.name.startswith("strongswan-") else keys.from_pluto(text)
        return Candidates(ike, esp)

    def close(self) -> None:
        """Close the control channel."""
        self.driver.close()


class ReferenceSide(Side):
    """The reference: a process on this host per scenario, at an address of its own on the network's bridge."""

    def __init__(self, address: str, number: int, ca: TestCa, folder: Path, mutant: str = "") -> None:
        super().__init__("reference", "outside", address, number, None, ca)
        self.mutant = mutant
        self._folder = folder
        self._count = 0
        self._handle: DutHandle | None = None

    @property
    def version(self) -> str:
        """The version of this checkout."""
        return version("ikeproof")

    def install(self, connection: Connection) -> None:
        """Start the gateway with this connection."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(mode=0o700)
        ready = reference.launch(
            folder,
            [render.connection(connection, folder, (500, 4500))],
            gateway={"address": self.address, "ike_port": 500, "natt_port": 4500},
            data_plane={"addresses": [self.host]},
            mutant=self.mutant,
        )
        control = {"control": ready["control"], "pid": ready["pid"], "folder": str(folder)}
        profile = {"dut": {"version": self.version}}
        self._handle = DutHandle("reference", profile, str(folder), control)
        self._driver = ReferenceDriver(ready["control"], folder, self.version)

    def remove(self, connection: Connection) -> None:
        """End the gateway."""
        del connection
        self.close()

    def candidates(self) -> Candidates:
        """The tables that the gateway writes."""
        return Candidates(known=keys.from_wireshark(self.driver.keys()))

    def close(self) -> None:
        """End the gateway if it runs."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        if self._handle is not None:
            reference.stop(self._handle)
            self._handle = None


class Site:
    """The network with the NAT box and the sides. Raises LabError when there is no lab to be had.

    mutant: the deviant version of the reference that plays in its place.
    """

    def __init__(self, mutant: str = "") -> None:
        self.mutant = mutant
        self.lab = Lab()
        try:
            self.network = self.lab.fixed_network("interop")
            self.ca = TestCa.create()
            self.rogue = TestCa.create("another CA", organization="elsewhere")
            self._folder = self.lab.folder()
            self._sides: dict[tuple[str, Place], Side] = {}
            self._foreign: dict[str, Credentials] = {}
            self._box: NatBox | None = None
        except BaseException:
            self.lab.close()
            raise

    @property
    def box(self) -> NatBox:
        """The NAT box, started when it is first asked for."""
        if self._box is None:
            self._box = NatBox(self.lab, self.network)
        return self._box

    def side(self, name: str, place: Place = "outside") -> Side:
        """The implementation at this place, started if it is not there yet. Raises NotSupported, LabError."""
        if (name, place) not in self._sides:
            self._sides[name, place] = self._start(name, place, len(self._sides))
        return self._sides[name, place]

    def _start(self, name: str, place: Place, number: int) -> Side:
        if name == "reference":
            if place == "inside":
                raise NotSupported("the reference runs on the host here, which cannot be behind the NAT box")
            return ReferenceSide(self._own_address(), number, self.ca, self._folder, self.mutant)
        around = self.box.place(number) if place == "inside" else {}
        protected = f"10.{40 + number}.0.1/24"
        host = f"{name}-{place}"
        folder = self.lab.folder()
        if name.startswith("libreswan-"):
            container, address, token = launch_libreswan(
                self.lab, name, host, self.network, folder, protected, around or self._plain_place(number)
            )
            return Side(name, place, address, number, LibreswanDriver(name, folder, address, token), self.ca)
        (folder / "strongswan.d").mkdir()
        (folder / "strongswan.d" / "run.conf").write_text(_SETTINGS)
        placed: Mapping[str, str] = around or self._plain_place(number)
        container = self.lab.container(
            name,
            host,
            self.network,
            volumes={folder: "/lab"},
            environment={"PROTECTED": protected, **around},
            address=placed["ADDRESS"].partition("/")[0],
        )
        address = self.lab.address(container, self.network)
        driver = StrongswanDriver(name, folder, str(container.id), self.lab.client)
        return Side(name, place, address, number, driver, self.ca)

    def _plain_place(self, number: int) -> dict[str, str]:
        """A fixed address outside, away from the NAT box and from those that Docker gives out."""
        network = ipaddress.IPv4Network(self.network.subnet)
        return {"ADDRESS": f"{network[256 + 10 + number]}/{network.prefixlen}"}

    def _own_address(self) -> str:
        """Another address of this host on the bridge: clients inside reach the first one past the NAT box."""
        network = ipaddress.IPv4Network(self.network.subnet)
        address = str(network[256 + 5])
        command = ["ip", "address", "replace", f"{address}/{network.prefixlen}", "dev", self.network.interface]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"the host takes no further address: {done.stderr.strip()}", "Run as root")
        return address

    def untrusted(self, side: Side, auth: KeyType) -> Endpoint:
        """The side's endpoint with a certificate of the right name from another CA; what it trusts stays the same."""
        if side.label not in self._foreign:
            self._foreign[side.label] = replace(self.rogue.issue(auth, side.identity(auth)), ca=self.ca.pem)
        return replace(side.endpoint(auth), credentials=self._foreign[side.label])

    def close(self) -> None:
        """Stop everything."""
        for side in self._sides.values():
            side.close()
        self.lab.close()
