"""The running gateway: one engine, its sockets, its timer and its data plane."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections import Counter
from dataclasses import replace
from typing import Any

from reference_impl.ikev2 import events
from reference_impl.ikev2.commands import CommandError
from reference_impl.ikev2.config import Lifetimes
from reference_impl.ikev2.endpoint import Endpoint, Outgoing
from reference_impl.ikev2.engine import Engine
from reference_impl.ikev2.states import IkeState
from reference_impl.ipsec.processing import (
    Acquire,
    Audit,
    EspDatagram,
    LimitReached,
    Notice,
    PeerAlive,
    UnknownSpi,
    WrongSelectors,
)
from reference_impl.wire.udp import KEEPALIVE, DatagramKind, classify

from . import keylog
from .dataplane import DataPlane
from .errors import StartError
from .eventlog import EventLog
from .icmp import IcmpSocket
from .settings import RawEsp, Settings
from .sockets import RawEspSocket, UdpSocket, bind_pairs, route_mtu

NATT_PORT = 4500
# Seconds after which cleartext may ask again for an SA that it did not get.
ACQUIRE_PAUSE = 1.0


class Gateway:
    """Everything between the sockets and the engine. Create it inside a running asyncio loop.

    `engine` is made from `settings.engine` with the ports that were really bound.
    """

    def __init__(self, settings: Settings) -> None:
        """Binds the sockets and opens files and devices. Raises StartError."""
        self.settings = settings
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self.log = EventLog(settings.event_log)
        self._keys = keylog.KeyLog(settings.key_log) if settings.key_log is not None else None
        self.counters: Counter[str] = Counter()
        self.pairs = bind_pairs(settings.addresses, settings.ike_port, settings.natt_port, self.counters)
        self.ike_port, self.natt_port = (each.local.port for each in self.pairs[0])
        self._udp = {each.local: each for pair in self.pairs for each in pair}
        self._raw = self._open_raw()
        self._icmp = self._open_icmp()
        self.engine = self._make_engine()
        self.data_plane = DataPlane(settings.data_plane, self.now, self._send_esp, self._audit, self.settle)
        self._timer: asyncio.TimerHandle | None = None
        self._settling = False
        self.ike_sas: dict[int, events.IkeEstablished] = {}
        self.children: dict[int, events.ChildInstalled] = {}
        self._acquired: dict[str, float] = {}
        self.stopping = asyncio.Event()

    def _make_engine(self) -> Engine:
        config = self.settings.engine
        return Engine(
            replace(config, address=self.settings.addresses[0], ike_port=self.ike_port, natt_port=self.natt_port)
        )

    def _open_raw(self) -> dict[str, RawEspSocket]:
        wanted = self.settings.data_plane.raw_esp
        if wanted is RawEsp.NEVER or (wanted is RawEsp.AUTO and self.natt_port != NATT_PORT):
            return {}
        raw: dict[str, RawEspSocket] = {}
        for address in self.settings.addresses:
            try:
                raw[address] = RawEspSocket(address, self.counters)
            except OSError as error:
                if wanted is RawEsp.ALWAYS:
                    raise StartError(f"raw ESP socket on {address}: {error.strerror} (raw_esp needs root)") from None
        return raw

    def _open_icmp(self) -> dict[str, IcmpSocket]:
        """Where it is permitted; without it a path MTU is what the configuration says."""
        opened: dict[str, IcmpSocket] = {}
        if self.settings.data_plane.icmp_pmtu:
            for address in self.settings.addresses:
                with contextlib.suppress(OSError):
                    opened[address] = IcmpSocket(address)
        return opened

    def start(self) -> None:
        """Receive from now on. Raises StartError."""
        for ike, natt in self.pairs:
            ike.start(self._loop, self._receive_ike)
            natt.start(self._loop, self._receive_natt)
        for raw in self._raw.values():
            raw.start(self._loop, self._receive_raw)
        for icmp in self._icmp.values():
            icmp.start(self._loop, self.data_plane.learn_path_mtu)
        self.data_plane.start(self._loop)
        self.settle()

    def close(self) -> None:
        """Close sockets, devices and files. Nothing is sent."""
        if self._timer is not None:
            self._timer.cancel()
        for udp in self._udp.values():
            udp.close(self._loop)
        for raw in self._raw.values():
            raw.close(self._loop)
        for icmp in self._icmp.values():
            icmp.close(self._loop)
        self.data_plane.close(self._loop)
        self.log.close()
        if self._keys is not None:
            self._keys.close()

    async def say_farewell(self, patience: float) -> None:
        """Delete all IKE SAs and wait for the answers, at most `patience` seconds."""
        for sa in self.engine.list_sas():
            self.engine.delete_ike(self.now(), sa.ike_id)
        self.settle()
        end = self.now() + patience
        while self.ike_sas and self.now() < end:
            await asyncio.sleep(0.01)

    def local_address(self, version: int) -> str | None:
        """The first own address of an IP version."""
        return next((each for each in self.settings.addresses if (":" in each) == (version == 6)), None)

    def now(self) -> float:
        """Engine time: seconds since the gateway was made."""
        return self._loop.time() - self._started

    # from the sockets

    def _receive_ike(self, data: bytes, local: Endpoint, remote: Endpoint, traffic_class: int) -> None:
        self.counters["received-ike"] += 1
        self.engine.receive(self.now(), data, local, remote)
        self.settle()

    def _receive_natt(self, data: bytes, local: Endpoint, remote: Endpoint, traffic_class: int) -> None:
        kind = classify(data)
        self.counters[f"received-natt-{kind.value}"] += 1
        if kind is DatagramKind.IKE:
            self.engine.receive(self.now(), data, local, remote)
        elif kind is DatagramKind.ESP:
            self.data_plane.receive_esp(data, local, remote, traffic_class, in_udp=True)
        else:
            # a keepalive has done its work on the way; anything else is neither IKE nor ESP
            return
        self.settle()

    def _receive_raw(self, data: bytes, local: Endpoint, remote: Endpoint, traffic_class: int) -> None:
        self.counters["received-esp"] += 1
        self.data_plane.receive_esp(data, local, remote, traffic_class, in_udp=False)
        self.settle()

    # to the sockets

    def _send_ike(self, outgoing: Outgoing) -> None:
        socket = self._udp.get(outgoing.local)
        if socket is None:
            self.counters["send-error-unknown-local-endpoint"] += 1
            return
        self.counters["sent-keepalive" if outgoing.data == KEEPALIVE else "sent-ike"] += 1
        socket.send(outgoing.data, outgoing.remote)

    def _send_esp(self, datagram: EspDatagram) -> None:
        path = datagram.path
        raw = None if path.encapsulate else self._raw.get(path.local)
        socket: RawEspSocket | UdpSocket
        if raw is not None:
            self.counters["sent-esp"] += 1
            socket, remote = raw, Endpoint(path.remote, 0)
        else:
            self.counters["sent-esp-in-udp"] += 1
            socket, remote = self._udp[Endpoint(path.local, self.natt_port)], self._natt_remote(datagram)
        if not socket.send(datagram.esp, remote, datagram.traffic_class, dont_fragment=datagram.dont_fragment):
            mtu = route_mtu(path.local, path.remote)
            if mtu is not None:
                self.data_plane.processor.set_path_mtu(self.now(), datagram.child_id, mtu)

    def _natt_remote(self, datagram: EspDatagram) -> Endpoint:
        """Where ESP in UDP goes. Without raw sockets that is also ESP that needs no UDP: every peer understands it.

        (RFC 7296 section 2.23.) The IKE SA may then not have moved to the NAT traversal ports.
        """
        path = datagram.path
        if path.local_port == self.natt_port:
            return Endpoint(path.remote, path.remote_port)
        if datagram.child_id in self.data_plane.udp_remotes:
            return self.data_plane.udp_remotes[datagram.child_id]
        name = self.children[datagram.child_id].connection
        return Endpoint(path.remote, self.engine.find_connection(name).remote_natt_port)

    # engine, data plane and timer

    def settle(self) -> None:
        """Carry out what the engine and the data plane ask for, until neither asks for more; then set the timer."""
        if self._settling:
            return
        self._settling = True
        try:
            busy = True
            while busy:
                busy = False
                for event in self.engine.take_events():
                    busy = True
                    self._handle(event)
                for notice in self.data_plane.take_notices():
                    busy = True
                    self._notice(notice)
                for outgoing in self.engine.take_output():
                    self._send_ike(outgoing)
        finally:
            self._settling = False
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self.engine.deadline()
        if self._timer is not None:
            if deadline is not None and self._timer.when() == self._started + deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(self._started + deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.engine.tick(self.now())
        self.settle()

    def _handle(self, event: events.Event) -> None:
        if isinstance(event, events.Rejected):
            self.counters[f"rejected-{event.reason.value}"] += 1
        else:
            self.counters[f"event-{type(event).__name__}"] += 1
        self.log.add_record(event.at, event)
        match event:
            case events.IkeKeysDerived():
                self._log_ike_keys(event)
            case events.IkeEstablished():
                self.ike_sas[event.ike_id] = event
                if event.replaces is not None:
                    self._log_ike_keys(event)
            case events.IkeRemoved():
                self.ike_sas.pop(event.ike_id, None)
            case events.ChildInstalled():
                self._install(event)
            case events.ChildOutbound():
                self.data_plane.start_sending(event.child_id)
            case events.ChildRemoved():
                self.children.pop(event.child_id, None)
                self.data_plane.remove(event.child_id)
            case events.ChildMoved():
                self._child_moved(event)
            case events.ChildEndpoints():
                self.data_plane.move(event)
            case events.AddressesAssigned() if event.local:
                for address in event.addresses:
                    self.data_plane.add_address(address)
            case _:
                pass

    def _install(self, event: events.ChildInstalled) -> None:
        self.children[event.child_id] = event
        limits = next(
            (each.lifetimes for each in self.settings.engine.connections if each.name == event.connection), Lifetimes()
        )
        try:
            self.data_plane.install(event, limits)
        except ValueError as error:
            self.log.add(self.now(), "install-failed", {"child_id": event.child_id, "reason": str(error)})
            self.engine.delete_child(self.now(), event.child_id)
            return
        if self._keys is not None:
            local, remote = event.local.address, event.remote.address
            suite = event.suite
            self._keys.write_esp(
                keylog.esp_line(remote, local, event.spi_in, suite, event.encr_key_in, event.integ_key_in)
            )
            self._keys.write_esp(
                keylog.esp_line(local, remote, event.spi_out, suite, event.encr_key_out, event.integ_key_out)
            )

    def _child_moved(self, event: events.ChildMoved) -> None:
        child = self.children.get(event.child_id)
        if child is not None:
            self.children[event.child_id] = replace(child, ike_id=event.ike_id)

    def _log_ike_keys(self, event: events.IkeKeysDerived | events.IkeEstablished) -> None:
        if self._keys is not None:
            self._keys.write_ike(keylog.ike_line(event.spi_i, event.spi_r, event.suite, event.keys))

    def _notice(self, notice: Notice) -> None:
        now, engine = self.now(), self.engine
        match notice:
            case PeerAlive(child_id, path):
                local, remote = Endpoint(path.local, path.local_port), Endpoint(path.remote, path.remote_port)
                engine.esp_authenticated(now, child_id, local, remote)
                return
            case UnknownSpi(spi, path):
                engine.esp_unknown_spi(now, spi, Endpoint(path.remote, path.remote_port))
            case WrongSelectors(child_id, packet):
                engine.esp_wrong_selectors(now, child_id, packet)
            case LimitReached(child_id):
                self.report_usage(child_id)
            case Acquire(_, _, connection):
                self._acquire(connection)
        self.log.add_record(now, notice)

    def _acquire(self, connection: str) -> None:
        """Cleartext waits for an SA: ask the peer for one, unless that is under way or the peer's address unknown."""
        now = self.now()
        if now < self._acquired.get(connection, now):
            return
        self._acquired[connection] = now + ACQUIRE_PAUSE
        known = [
            sa
            for sa in self.engine.list_sas()
            if sa.connection == connection and sa.state not in (IkeState.DELETING, IkeState.CLOSED)
        ]
        try:
            if not known:
                self.initiate(connection)
            elif known[-1].state is IkeState.ESTABLISHED:
                self.engine.create_child(now, known[-1].ike_id)
        except CommandError:
            self.counters["acquire-not-possible"] += 1

    def initiate(self, connection: str, address: str | None = None, port: int | None = None) -> int:
        """Start an IKE SA from the own address of the peer's IP version; its ``ike_id``. Raises CommandError."""
        config = self.engine.find_connection(connection)
        remote = config.remote_address or "" if address is None else address
        try:
            version = ipaddress.ip_address(remote).version
        except ValueError:
            raise CommandError(f"connection {connection!r} has no single remote_address to initiate to") from None
        local = config.local_address or self.local_address(version)
        if local is None:
            raise CommandError(f"the gateway has no IPv{version} address")
        ends = Endpoint(local, self.ike_port), Endpoint(remote, config.remote_port if port is None else port)
        return self.engine.initiate(self.now(), connection, *ends)

    def report_usage(self, child_id: int) -> None:
        """Tell the engine what a Child SA has carried; it rekeys or deletes at its limits."""
        pair = self.data_plane.processor.sad.get(child_id)
        if pair is not None:
            octets = max(pair.inbound.octets, pair.outbound.octets)
            packets = max(pair.inbound.packets, pair.outbound.packets)
            self.engine.child_usage(self.now(), child_id, octets, packets)

    def _audit(self, audit: Audit) -> None:
        self.log.add_record(audit.at, audit)

    def ready_line(self, control: str) -> dict[str, Any]:
        """What standard output says when the gateway can be used."""
        return {
            "ready": True,
            "name": self.settings.name,
            "address": self.settings.addresses[0],
            "addresses": list(self.settings.addresses),
            "ike_port": self.ike_port,
            "natt_port": self.natt_port,
            "raw_esp": sorted(self._raw),
            "icmp_pmtu": sorted(self._icmp),
            "control": control,
        }
