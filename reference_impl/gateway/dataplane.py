"""The data plane of a gateway: ESP from the sockets to the protected side and back, SAs from the engine's events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from reference_impl.ikev2 import events
from reference_impl.ikev2.config import Lifetimes, Mode
from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.ipsec import esp
from reference_impl.ipsec.host import MemoryHost
from reference_impl.ipsec.lifetime import Volume
from reference_impl.ipsec.pmtu import PathMtu
from reference_impl.ipsec.processing import Audit, EspDatagram, Notice, Processor
from reference_impl.ipsec.sa import EspMode, InboundSa, OutboundSa
from reference_impl.ipsec.sad import Path, SaPair
from reference_impl.ipsec.selectors import SaSelectors, describe
from reference_impl.ipsec.spd import Action, Spd
from reference_impl.wire.ip import IcmpEcho
from reference_impl.wire.ts import TrafficSelector

from .bypass import Bypass
from .errors import StartError
from .settings import DataPlaneKind, DataPlaneSettings
from .tun import Tun

_PING_IDENTIFIER = 0x1D0F


class DataPlane:
    """Wires a `Processor` to a memory host, a TUN device or nothing.

    `send` takes every ESP datagram to a socket; `audit` hears of every discarded packet; `settle` is called when
    there may be notices.
    """

    def __init__(
        self,
        settings: DataPlaneSettings,
        clock: Callable[[], float],
        send: Callable[[EspDatagram], None],
        audit: Callable[[Audit], None],
        settle: Callable[[], None],
    ) -> None:
        """Raises StartError when a TUN device cannot be had."""
        self.settings = settings
        self.processor = Processor(
            Spd(settings.policies),
            mtu=settings.mtu,
            mtu_age=settings.pmtu_age,
            dont_fragment=settings.dont_fragment,
            audit=audit,
        )
        self._clock = clock
        self._send = send
        self._settle = settle
        self.host = MemoryHost(settings.addresses) if settings.kind is DataPlaneKind.MEMORY else None
        self.tun: Tun | None = None
        if settings.kind is DataPlaneKind.TUN:
            self.tun = Tun(settings.device, settings.addresses, settings.mtu - 100)
        self._bypass: Bypass | None = None
        # from where a peer sends ESP in UDP although no NAT asks for it
        self.udp_remotes: dict[int, Endpoint] = {}
        self._pings: dict[int, asyncio.Future[IcmpEcho]] = {}
        self._sequence = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Carry packets from now on. Raises StartError when bypassed ones have no way out."""
        if self.tun is None:
            return
        if self.settings.bypass_device:
            self._bypass = Bypass(self.settings.bypass_device, self.processor.counters)
        self.tun.start(loop, self._from_tun)
        for policy in self.settings.policies:
            if policy.action is Action.PROTECT:
                # so that the first packet, which asks for an SA, comes here; a default route would take IKE's too
                self._route(self.tun.add_routes, policy.selectors.remote, default=False)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.tun is not None:
            self.tun.close(loop)
        if self._bypass is not None:
            self._bypass.close()

    # packets

    def receive_esp(self, data: bytes, local: Endpoint, remote: Endpoint, traffic_class: int, in_udp: bool) -> None:
        """One ESP packet from a socket."""
        path = Path(local.address, local.port, remote.address, remote.port, in_udp)
        now = self._clock()
        packet = self.processor.inbound(now, data, path, traffic_class)
        if packet is None:
            return
        if in_udp:
            pair = self.processor.sad.inbound(data[:4])
            if pair is not None and not pair.path.encapsulate:
                self.udp_remotes[pair.child_id] = remote
        # an answer must already take the path on which the question came
        self._settle()
        self._deliver(now, packet)

    def send_packet(self, packet: bytes) -> int:
        """Protect a packet of the protected side and send it; how many ESP packets that made."""
        now = self._clock()
        result = self.processor.outbound(now, packet)
        for datagram in result.datagrams:
            self._send(datagram)
        for reply in result.replies:
            self._deliver(now, reply)
        for passed in result.bypassed:
            if self._bypass is not None:
                self._bypass.send(passed)
            else:
                self.processor.counters["no-unprotected-side"] += 1
        return len(result.datagrams)

    def _from_tun(self, packet: bytes) -> None:
        self.send_packet(packet)
        # the packet may have reached a limit, or ask for an SA
        self._settle()

    def learn_path_mtu(self, news: PathMtu) -> None:
        """An ICMP message said that a packet of ours was too big."""
        self.processor.learn_path_mtu(self._clock(), news)

    def _deliver(self, now: float, packet: bytes) -> None:
        if self.tun is not None:
            if not self.tun.write(packet):
                self.processor.counters["tun-refused"] += 1
        elif self.host is not None:
            for answer in self.host.receive(now, packet):
                self.send_packet(answer)
            self._settle_pings()
        else:
            self.processor.counters["no-protected-side"] += 1

    def send_dummy(self, child_id: int, size: int) -> bool:
        """Send a dummy packet (RFC 4303 section 2.6); whether there is an SA to send it on."""
        datagram = self.processor.dummy(child_id, size)
        if datagram is None:
            return False
        self._send(datagram)
        return True

    async def ping(self, destination: str, size: int, timeout: float) -> dict[str, Any]:
        """Echo request through the tunnel. Raises ValueError without a memory host, TimeoutError without an answer."""
        if self.host is None:
            raise ValueError('ping needs [dataplane] kind = "memory"')
        self._sequence = self._sequence + 1 & 0xFFFF
        sequence, start = self._sequence, self._clock()
        request = self.host.echo_request(destination, _PING_IDENTIFIER, sequence, size)
        future: asyncio.Future[IcmpEcho] = asyncio.get_running_loop().create_future()
        self._pings[sequence] = future
        try:
            if not self.send_packet(request):
                raise ValueError(f"no SA carries packets from {self.host.source_for(destination)} to {destination}")
            echo = await asyncio.wait_for(future, timeout)
        finally:
            self._pings.pop(sequence, None)
        return {"from": echo.src, "octets": len(echo.data), "seconds": round(self._clock() - start, 6)}

    def _settle_pings(self) -> None:
        assert self.host is not None
        for heard in self.host.heard:
            if isinstance(heard, IcmpEcho) and heard.identifier == _PING_IDENTIFIER:
                future = self._pings.get(heard.sequence)
                if future is not None and not future.done():
                    future.set_result(heard)
        self.host.heard.clear()

    # SAs

    def install(self, event: events.ChildInstalled, limits: Lifetimes) -> None:
        """Install a Child SA that the engine agreed on. Raises ValueError when its SPI is in use."""
        selectors = SaSelectors(event.local_ts, event.remote_ts)
        mode = EspMode.TRANSPORT if event.mode is Mode.TRANSPORT else EspMode.TUNNEL
        inbound = InboundSa(
            esp.transform(event.spi_in, event.suite, event.encr_key_in, event.integ_key_in, esn=event.esn),
            mode,
            selectors=selectors,
            window=self._window(event.esn),
            translated=event.encapsulate,
        )
        outbound = OutboundSa(
            esp.transform(event.spi_out, event.suite, event.encr_key_out, event.integ_key_out, esn=event.esn),
            mode,
            tfc_unit=self.settings.tfc_unit if event.tfc_padding and mode is EspMode.TUNNEL else 0,
        )
        volume = Volume(
            limits.child_soft_packets, limits.child_hard_packets, limits.child_soft_bytes, limits.child_hard_bytes
        )
        path = _path(event.local, event.remote, event.encapsulate)
        self.processor.install(
            event.child_id,
            event.connection,
            inbound,
            outbound,
            selectors,
            path,
            volume=volume,
            sending=event.send,
            dont_fragment=self.settings.connection_dont_fragment.get(event.connection),
        )
        if self.tun is not None and mode is EspMode.TUNNEL:
            self._route(self.tun.add_routes, event.remote_ts)

    def _window(self, esn: bool) -> int:
        size = self.settings.replay_window
        return size or 64 if esn else size

    def remove(self, child_id: int) -> None:
        """Remove a Child SA's pair; nothing happens when there is none."""
        self.udp_remotes.pop(child_id, None)
        pair = self.processor.sad.remove(child_id)
        if pair is not None and self.tun is not None and pair.inbound.tunnel_mode:
            self._route(self.tun.remove_routes, pair.selectors.remote)

    def start_sending(self, child_id: int) -> None:
        self.processor.sad.start_sending(child_id)

    def move(self, event: events.ChildEndpoints) -> None:
        """The outer endpoints of a Child SA changed."""
        pair = self.processor.sad.get(event.child_id)
        if pair is not None:
            pair.path = _path(event.local, event.remote, event.encapsulate)

    def add_address(self, address: str) -> None:
        """An internal address that the peer assigned to us."""
        if self.host is not None:
            self.host.add_address(address)
        elif self.tun is not None:
            self._try(lambda tun: tun.add_address(address))

    def take_notices(self) -> list[Notice]:
        return self.processor.take_notices()

    def describe(self) -> list[dict[str, Any]]:
        """All SA pairs for `list-sas`; no keys."""
        now = self._clock()
        return [
            {**describe_pair(pair), "path_mtu": self.processor.path_mtu(now, pair)}
            for pair in self.processor.sad.pairs()
        ]

    def counters(self) -> dict[str, dict[str, int]]:
        result = {"esp": dict(self.processor.counters)}
        if self.host is not None:
            result["host"] = dict(self.host.counters)
        return result

    def _route(
        self, change: Callable[[list[str]], None], selectors: tuple[TrafficSelector, ...], *, default: bool = True
    ) -> None:
        networks = [network for selector in selectors for network in selector.networks()]
        texts = [str(network) for network in networks if network.prefixlen or default]
        self._try(lambda _: change(texts))

    def _try(self, action: Callable[[Tun], None]) -> None:
        assert self.tun is not None
        try:
            action(self.tun)
        except StartError:
            self.processor.counters["tun-configuration-failed"] += 1


def describe_pair(pair: SaPair) -> dict[str, Any]:
    """One SA pair as JSON-able data: SPIs hexadecimal, counters in packets and octets."""
    inbound, outbound = pair.inbound, pair.outbound
    return {
        "child_id": pair.child_id,
        "connection": pair.connection,
        "mode": inbound.mode.value,
        "spi_in": f"{inbound.spi:08x}",
        "spi_out": f"{outbound.spi:08x}",
        "esn": outbound.transform.esn,
        "encapsulated": pair.path.encapsulate,
        "local": str(Endpoint(pair.path.local, pair.path.local_port)),
        "remote": str(Endpoint(pair.path.remote, pair.path.remote_port)),
        "local_ts": [describe(selector) for selector in pair.selectors.local],
        "remote_ts": [describe(selector) for selector in pair.selectors.remote],
        "sending": pair.sending,
        "expired": inbound.expired,
        "packets_in": inbound.packets,
        "octets_in": inbound.octets,
        "highest_sequence_in": inbound.window.top,
        "packets_out": outbound.packets,
        "octets_out": outbound.octets,
        "sequence_out": outbound.sequence,
    }


def _path(local: Endpoint, remote: Endpoint, encapsulate: bool) -> Path:
    return Path(local.address, local.port, remote.address, remote.port, encapsulate)
