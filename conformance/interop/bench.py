"""What a scenario does with its two implementations: connect them, wait, ping, and read the capture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from conformance.interop import checks
from conformance.interop.site import Side, Site
from conformance.interop.wire import Broken, Spis, Wire
from peers import keys, pcap
from peers.capture import Capture
from peers.driver import ChildSaView, IkeSaView
from peers.errors import LabError, PeerError
from peers.scenario import ANY, AuthMethod, Connection

IKE_SUITE, ESP_SUITE = "aes128gcm16-prfsha256-ecp256", "aes128gcm16"
PATIENCE = 6.0
POLL = 0.03
Change = Callable[[Connection], Connection]


def same(connection: Connection) -> Connection:
    """No change."""
    return connection


class Bench:
    """An initiator and a responder with one connection between them, and the capture of what they send."""

    def __init__(self, site: Site, initiator: Side, responder: Side, capture: Path) -> None:
        self.site = site
        self.initiator = initiator
        self.responder = responder
        self.path = capture
        self.auth: AuthMethod = "psk"
        self.wire: Wire | None = None
        self._capture: Capture | None = None
        self._connections: list[tuple[Side, Connection]] = []
        self._left: list[Broken] = []

    @property
    def sides(self) -> tuple[Side, Side]:
        """Initiator and responder."""
        return self.initiator, self.responder

    @property
    def behind_nat(self) -> bool:
        """Whether the initiator is behind the NAT box."""
        return self.initiator.place == "inside"

    @property
    def hosts(self) -> tuple[str, str]:
        """The protected addresses."""
        return self.initiator.host, self.responder.host

    def other(self, side: Side) -> Side:
        """The other end."""
        return self.responder if side is self.initiator else self.initiator

    # -- set-up ------------------------------------------------------------------------------------------------------

    def configure(self, auth: AuthMethod = "psk", *, initiator: Change = same, responder: Change = same) -> None:
        """Install the connection at both ends, each as it is changed, and begin the capture.

        Raises NotSupported when an end cannot do it.
        """
        self.auth = auth
        one, other = self.initiator.endpoint(auth), self.responder.endpoint(auth)
        known = replace(one, credentials=replace(one.credentials, certificate="", key=""))
        peer = replace(other, credentials=replace(other.credentials, certificate="", key=""))
        if self.behind_nat:
            known = replace(known, address=ANY)
        base = Connection(f"interop-{auth}", one, peer, (IKE_SUITE,), (ESP_SUITE,))
        for side, connection in (
            (self.initiator, initiator(base)),
            (self.responder, responder(replace(base, local=other, remote=known))),
        ):
            side.install(connection)
            self._connections.append((side, connection))
        self._capture = Capture(self.site.network.interface, self.path)

    @property
    def connection(self) -> str:
        """The connection's name."""
        return self._connections[0][1].name

    @contextmanager
    def played(self) -> Iterator[None]:
        """Ends what was begun, whatever happens in between. Raises Broken when an SA was left."""
        try:
            yield
            if self._left:
                raise self._left[0]
        finally:
            if self._capture is not None:
                self._capture.stop(settle=0.0)
                if self.wire is None:
                    # evidence for a scenario that did not come to its judgement
                    with suppress(LabError, PeerError):
                        self.read()
            for side, connection in self._connections:
                side.remove(connection)
            self._wait_until_quiet()

    def _wait_until_quiet(self) -> None:
        sides = [side for side, _ in self._connections if side.name != "reference"]
        if not wait(lambda: not any(side.driver.state() for side in sides)):
            raise PeerError("an SA of the scenario stays after the reset", "See the peers' logs")

    # -- actions -----------------------------------------------------------------------------------------------------

    def establish(self) -> IkeSaView:
        """The initiator brings the connection up; its view of the IKE SA. Raises Broken when it does not come up."""
        self.start()
        if not wait(lambda: all(self.up(side) for side in self.sides)):
            # who is at fault is what was sent, if it shows there
            checks.established(self.judge(), self)
            up = [side.name for side in self.sides if self.up(side)]
            observed = f"one at {up[0]} only" if up else "none"
            raise Broken("", f"an IKE SA with a Child SA at both ends within {PATIENCE:.0f} s", observed)
        return self.ike_sa(self.initiator)

    def start(self) -> None:
        """The initiator starts the connection."""
        self.initiator.driver.initiate(self.connection)

    def up(self, side: Side) -> list[str]:
        """The inbound SPIs of the side's usable Child SAs, if its IKE SA is established."""
        return [
            child.spi_in
            for sa in side.driver.state()
            if sa.established
            for child in sa.children
            if child.state == "installed"
        ]

    def ike_sa(self, side: Side) -> IkeSaView:
        """The side's view of its newest established IKE SA. Raises PeerError when it has none."""
        found = [sa for sa in side.driver.state() if sa.established]
        if not found:
            raise PeerError(f"{side.name} has no established IKE SA")
        return found[-1]

    def nothing_left(self, *, ike: bool = True) -> None:
        """No end has an established IKE SA (`ike`), no end a Child SA.

        If one has, the scenario breaks at its end: what was sent says better who is at fault.
        """
        for side in self.sides:
            self._without(side, lambda sa: sa.established and ike, lambda child: True)

    def gone(self, sa: IkeSaView, *, ike: bool = True) -> None:
        """No end has this IKE SA (`ike`) and its Child SAs, as with `nothing_left`.

        What an end sets up anew is no concern of it: a connection that is to stay up comes back.
        """
        spis = {spi for child in sa.children for spi in (child.spi_in, child.spi_out)}
        for side in self.sides:
            self._without(side, lambda each: ike and each.spi_i == sa.spi_i, lambda child: child.spi_in in spis)

    def _without(
        self, side: Side, unwanted: Callable[[IkeSaView], bool], child_unwanted: Callable[[ChildSaView], bool]
    ) -> None:
        def rest() -> str:
            for sa in side.driver.state():
                if unwanted(sa):
                    return f"the IKE SA with SPIs {sa.spi_i}/{sa.spi_r} is {sa.state}"
                for child in sa.children:
                    if child.state == "installed" and child_unwanted(child):
                        return f"the Child SA with inbound SPI {child.spi_in} is installed"
            return ""

        if not wait(lambda: not rest(), 3.0) and (found := rest()):
            self._left.append(Broken(side.name, "no such SA afterwards", found))

    def ping(self, count: int = 2) -> bool:
        """Echo requests both ways, as long as they are answered; whether all were. The capture is what is judged."""
        forth = self.initiator.driver.ping(self.responder.host, self.initiator.host, count)
        return forth.ok and self.responder.driver.ping(self.initiator.host, self.responder.host, count).ok

    def seen(self, exchange: int, *, response: bool = True, source: str = "") -> int:
        """How many IKE messages of an exchange type the capture has by now."""
        count = 0
        for datagram in pcap.read(self.path) if self.path.exists() else ():
            message = datagram.ike
            if message and len(message) >= 28 and message[18] == exchange and bool(message[19] & 0x20) is response:
                count += not source or datagram.source == source
        return count

    # -- judgement ---------------------------------------------------------------------------------------------------

    def judge(self, settle: float = 0.1) -> Wire:
        """End the capture after `settle` seconds; what it shows between the two ends (outside of the NAT box)."""
        assert self._capture is not None
        self._capture.stop(settle)
        wire = self.read()
        wire.check_opened()
        return wire

    def read(self) -> Wire:
        """What the capture shows so far."""
        found = [side.candidates() for side in self.sides]
        known = keys.KeyTable(
            tuple(line for item in found for line in item.known.ike),
            tuple(line for item in found for line in item.known.esp),
        )
        table = keys.match(
            self.path, [key for item in found for key in item.ike], [key for item in found for key in item.esp], known
        )
        address = self.site.box.outside if self.behind_nat else self.initiator.address
        names = {address: self.initiator.name, self.responder.address: self.responder.name}
        self.wire = Wire.read(self.path, table, names)
        return self.wire

    def replaced(self, old: Spis) -> bool:
        """Wait until both ends have one Child SA that is not the old one."""
        gone = {old.initiator, old.responder}
        return wait(lambda: all(len(up := self.up(side)) == 1 and up[0] not in gone for side in self.sides))


def wait(what: Callable[[], object], timeout: float = PATIENCE) -> bool:
    """Whether `what` becomes true within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
