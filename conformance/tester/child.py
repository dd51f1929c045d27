"""A Child SA of the tester: ESP packets out and in, with any fault (RFC 4303)."""

from __future__ import annotations

import ipaddress
import os
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.tester import raw_esp
from conformance.tester.link import Datagram, Port
from conformance.tester.received import Kind, Received
from conformance.tester.verdicts import Deviation, Inconclusive
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.kdf import ChildKeys
from reference_impl.crypto.suite import EspSuite
from reference_impl.ipsec.esp import EspTransform, transform
from reference_impl.wire.errors import WireError
from reference_impl.wire.ip import IcmpEcho, build_icmp_echo, build_udp, checksum, parse_icmp_echo, parse_udp
from reference_impl.wire.registries import IpProtocol
from reference_impl.wire.ts import TrafficSelector

if TYPE_CHECKING:
    from conformance.tester.sa import IkeSa

TFC_DUMMY = 59
_ESP_HEADER = struct.Struct("!II")


@dataclass(frozen=True, slots=True)
class Echo:
    """Identifies one echo request of a test."""

    identifier: int
    sequence: int


class ChildSa:
    """A pair of ESP SAs. `spi_in`: ours, what the device sends with; `spi_out`: the device's.

    sequence: number of the last packet sent (a full 64-bit number with ESN). replies: echo replies received.
    packets: everything received on it, in order. own_ts, far_ts: the negotiated selectors of either end.
    """

    def __init__(
        self,
        ike: IkeSa,
        suite: EspSuite,
        spi_in: bytes,
        spi_out: bytes,
        keys: ChildKeys,
        initiator: bool,
        own_ts: tuple[TrafficSelector, ...],
        far_ts: tuple[TrafficSelector, ...],
        mode: str,
    ) -> None:
        self.ike = ike
        self.suite = suite
        self.spi_in = spi_in
        self.spi_out = spi_out
        self.keys = keys
        self.own_ts = own_ts
        self.far_ts = far_ts
        self.mode = mode
        self.closed = False
        self.sequence = 0
        self.highest_in = 0
        self.packets: list[Received] = []
        self._echo = 0
        from_i, from_r = (keys.encr_i, keys.integ_i), (keys.encr_r, keys.integ_r)
        self._out_keys, in_keys = (from_i, from_r) if initiator else (from_r, from_i)
        self._in = transform(spi_in, suite, *in_keys, esn=suite.esn)
        self._out = transform(spi_out, suite, *self._out_keys, esn=suite.esn)
        tester = ike.tester
        tester.link.spis.add(spi_in)
        if not tester.is_natt(ike.remote, ike.port):
            tester.link.open_esp()
        own, far = ike.port.address[0], tester.profile.address
        tester.keys.add_esp(own, far, spi_out, suite, *self._out_keys)
        tester.keys.add_esp(far, own, spi_in, suite, *in_keys)

    @property
    def alignment(self) -> int:
        """Octets of which payload and trailer are a multiple."""
        return self._out.alignment

    @property
    def iv_size(self) -> int:
        """Octets of the IV in each packet."""
        return self._out.iv_size

    @property
    def icv_size(self) -> int:
        """Octets of the ICV at the end of each packet."""
        return self._out.icv_size

    # -- addresses ----------------------------------------------------------------------------------------------

    @property
    def own_address(self) -> str:
        """An inner address of ours that the selectors allow."""
        if self.mode == "transport":
            return self.ike.port.address[0]
        wanted = self.ike.tester.inner_address
        if allows(self.own_ts, wanted) or not self.own_ts:
            return wanted
        return str(ipaddress.ip_address(self.own_ts[0].start))

    @property
    def far_address(self) -> str:
        """The device's protected address that answers echo requests. Raises Inconclusive when there is none."""
        profile = self.ike.tester.profile
        if self.mode == "transport":
            return profile.address
        if profile.traffic is None or profile.traffic.ping is None:
            raise Inconclusive("the profile names no protected address that answers ping (dut.traffic.ping)")
        return profile.traffic.ping

    # -- sending ------------------------------------------------------------------------------------------------

    def seal(
        self,
        packet: bytes,
        *,
        seq: int | None = None,
        spi: bytes | None = None,
        next_header: int | None = None,
        pad: bytes | None = None,
        pad_length: int | None = None,
        tfc: int = 0,
        iv: bytes | None = None,
        icv_flip: bool = False,
        truncate: int = 0,
    ) -> bytes:
        """One ESP packet, not sent. The next sequence number is used up unless `seq` is given.

        seq: the full number. next_header: default 4 or 41 in tunnel mode. pad: padding octets (default 1, 2, 3 …);
        pad_length: a lie about them. tfc: octets of traffic flow confidentiality padding. icv_flip: spoil the ICV.
        truncate: cut octets off the end. spi: another one in the header, the ICV made for it.
        """
        if seq is None:
            self.sequence += 1
            seq = self.sequence
        if next_header is None:
            next_header = self._next_header(packet)
        out = self._out if spi is None else self._with_spi(spi)
        plain = packet + bytes(tfc)
        if pad is None:
            pad = bytes(number & 0xFF for number in range(1, 1 + -(len(plain) + 2) % out.alignment))
        trailer = pad + bytes([len(pad) & 0xFF if pad_length is None else pad_length, next_header])
        sealed = out.seal(seq, plain + trailer, iv)
        if icv_flip:
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        return sealed[: len(sealed) - truncate] if truncate else sealed

    def send_esp(self, packet: bytes, *, note: str = "", **faults: Any) -> bytes:
        """Seal (keywords of `seal`) and send; returns the ESP packet."""
        sealed = self.seal(packet, **faults)
        self.send_sealed(sealed, note=note, inner=packet)
        return sealed

    def send_sealed(self, sealed: bytes, *, note: str = "", inner: bytes | None = None) -> None:
        """Send octets as ESP on the path of the IKE SA: in UDP on port 4500, else as IP protocol 50.

        Raises Inconclusive where protocol 50 would be due and raw sockets are not to be had.
        """
        tester = self.ike.tester
        port: Port | None = self.ike.port
        remote = self.ike.remote
        if not tester.is_natt(remote, self.ike.port):
            port, remote = tester.link.open_esp(), (remote[0], raw_esp.NO_PORT)
        if port is None:
            raise Inconclusive(tester.raw_esp_unavailable)
        spi, seq = _ESP_HEADER.unpack_from(sealed) if len(sealed) >= 8 else (0, 0)
        tester.link.send(
            port,
            remote,
            sealed,
            decrypted=inner is not None,
            summary=f"ESP spi {spi:08x} seq {seq}: {packet_text(inner)}",
            note=note,
            inner=inner,
        )

    def send_dummy(self, size: int = 32, **faults: Any) -> bytes:
        """A dummy packet (next header 59), which the device discards (RFC 4303 §2.6)."""
        return self.send_esp(os.urandom(size), next_header=TFC_DUMMY, note="dummy packet", **faults)

    # -- echo ---------------------------------------------------------------------------------------------------

    def echo_packet(
        self, data: bytes = b"ikeproof", *, src: str | None = None, dst: str | None = None
    ) -> tuple[bytes, Echo]:
        """An inner ICMP echo request with an identity of its own; in transport mode without IP header."""
        self._echo += 1
        echo = Echo(int.from_bytes(self.spi_in[-2:], "big"), self._echo)
        packet = build_icmp_echo(src or self.own_address, dst or self.far_address, echo.identifier, echo.sequence, data)
        return (packet[20 if packet[0] >> 4 == 4 else 40 :] if self.mode == "transport" else packet), echo

    def udp_packet(self, data: bytes, dst_port: int = 7, src_port: int = 40007) -> bytes:
        """An inner UDP datagram to the device's protected address."""
        packet = build_udp(self.own_address, self.far_address, src_port, dst_port, data)
        return packet[20 if packet[0] >> 4 == 4 else 40 :] if self.mode == "transport" else packet

    def send_ping(self, data: bytes = b"ikeproof", *, note: str = "", **faults: Any) -> Echo:
        """Send an echo request (keywords of `seal`) and do not wait."""
        packet, echo = self.echo_packet(data)
        self.send_esp(packet, note=note, **faults)
        return echo

    def answered(self, echo: Echo) -> int:
        """How many replies to this echo request have come so far, on whichever SA the device chose to send them."""
        return sum(1 for item in self.ike.tester.inbox if item.kind == Kind.ESP and _reply_to(item, echo))

    def carrier(self, echo: Echo) -> ChildSa | None:
        """The SA on which the device sent the first reply to this echo request; None when there is none yet."""
        for item in self.ike.tester.inbox:
            if item.kind == Kind.ESP and _reply_to(item, echo):
                return item.child
        return None

    def ping(self, data: bytes = b"ikeproof", *, timeout: float | None = None, tries: int = 3, **faults: Any) -> bool:
        """Whether an echo request through the tunnel is answered, within `tries` of them."""
        limit = self.ike.tester.profile.timing.answer if timeout is None else timeout
        for _ in range(tries if not faults else 1):
            if self.await_echo(self.send_ping(data, **faults), limit / (tries if not faults else 1)):
                return True
        return False

    def await_echo(self, echo: Echo, timeout: float | None = None) -> bool:
        """Whether the reply to this echo request comes in time."""
        end = time.monotonic() + (self.ike.tester.profile.timing.answer if timeout is None else timeout)
        while not self.answered(echo) and self.ike.tester.pump(end) is not None:
            pass
        return self.answered(echo) > 0

    def expect_ping(self, data: bytes = b"ikeproof", requirement: str | None = None, **faults: Any) -> None:
        """Fail unless an echo request through the tunnel is answered."""
        if not self.ping(data, **faults):
            raise Deviation("an echo reply through the tunnel", "none", requirement or self.ike.tester.requirement)

    def expect_dropped(
        self, send: Callable[[], object], requirement: str | None = None, expected: str = "the packet is discarded"
    ) -> None:
        """Call `send`, then ping; fail if anything but the ping's reply came back, or the ping was not answered."""
        mark = self.ike.tester.mark()
        echo = send()
        if not self.ping():
            raise Deviation(
                "traffic goes on after the discarded packet",
                "a valid echo request is not answered any more",
                requirement or self.ike.tester.requirement,
            )
        self.ike.tester.drain(self.ike.tester.profile.timing.fence_grace)
        opened = [item for item in self.ike.tester.since(mark) if item.kind == Kind.ESP and item.inner is not None]
        others = [item for item in opened if not self._is_latest_reply(item)]
        if isinstance(echo, Echo) and any(_reply_to(item, echo) for item in others):
            raise Deviation(expected, "it was answered", requirement or self.ike.tester.requirement)
        if others:
            texts = ", ".join(packet_text(item.inner) for item in others)
            raise Deviation(expected, f"the device sent {texts}", requirement or self.ike.tester.requirement)

    def receive(
        self, timeout: float | None = None, wanted: Callable[[Received], bool] | None = None
    ) -> Received | None:
        """The next packet of the device on this SA (`.inner` is decrypted), or None."""
        return self.ike.tester.wait(
            lambda item: item.child is self and item.inner is not None and (wanted is None or wanted(item)), timeout
        )

    # -- receiving ----------------------------------------------------------------------------------------------

    def open(self, received: Received) -> None:
        """Decrypt an ESP packet with our SPI in place."""
        packet = received.octets
        if len(packet) < self._in.minimum:
            received.problem = "too short for ESP"
            return
        low = int.from_bytes(packet[4:8], "big")
        received.sequence = self._full_number(low)
        try:
            plain = self._in.open(packet, received.sequence)
        except CryptoError as error:
            received.problem = str(error)
            return
        self.highest_in = max(self.highest_in, received.sequence)
        pad_length, received.next_header = plain[-2], plain[-1]
        if pad_length + 2 > len(plain):
            received.problem = "pad length larger than the packet"
            return
        received.pad = plain[len(plain) - 2 - pad_length : -2]
        received.inner = plain[: len(plain) - 2 - pad_length]
        received.opened = True
        received.iv = packet[8 : 8 + self._in.iv_size]
        self.packets.append(received)

    def _full_number(self, low: int) -> int:
        if not self.suite.esn:
            return low
        high = self.highest_in >> 32
        return (high << 32 | low) if low + 2**31 > (self.highest_in & 0xFFFFFFFF) else ((high + 1) << 32 | low)

    def _next_header(self, packet: bytes) -> int:
        if self.mode == "transport":
            return IpProtocol.IPV6_ICMP if ":" in self.far_address else IpProtocol.ICMP
        return IpProtocol.IPV6 if packet[:1] and packet[0] >> 4 == 6 else IpProtocol.IPV4

    def _with_spi(self, spi: bytes) -> EspTransform:
        return transform(spi, self.suite, *self._out_keys, esn=self.suite.esn)

    def _is_latest_reply(self, item: Received) -> bool:
        return _reply_to(item, Echo(int.from_bytes(self.spi_in[-2:], "big"), self._echo))


def decode_esp(children: Iterable[ChildSa], datagram: Datagram) -> Received:
    """An ESP datagram, decrypted when its SPI is one of ours."""
    data = datagram.data
    received = Received(Kind.ESP, datagram, data)
    spi, seq = _ESP_HEADER.unpack_from(data)
    for child in children:
        if child.spi_in == data[:4]:
            received.child = child
            child.open(received)
            break
    else:
        received.problem = "unknown SPI"
    text = packet_text(received.inner) if received.inner is not None else received.problem
    datagram.entry.summary = f"ESP spi {spi:08x} seq {seq}: {text}"
    datagram.entry.inner = received.inner
    datagram.entry.decrypted = received.opened
    return received


def allows(selectors: Iterable[TrafficSelector], address: str) -> bool:
    """Whether one of the selectors holds the address."""
    packed = ipaddress.ip_address(address).packed
    return any(len(item.start) == len(packed) and item.start <= packed <= item.end for item in selectors)


def packet_text(packet: bytes | None) -> str:
    """One line about an inner packet."""
    if packet is None:
        return "octets that are not ours to read"
    try:
        echo = parse_icmp_echo(packet)
        if echo is not None:
            kind = "reply" if echo.reply else "request"
            return f"ICMP echo {kind} {echo.src} > {echo.dst} id {echo.identifier} seq {echo.sequence}"
        udp = parse_udp(packet)
        if udp is not None:
            return f"UDP {udp.src}:{udp.src_port} > {udp.dst}:{udp.dst_port}, {len(udp.data)} octets"
    except WireError:
        pass
    return f"{len(packet)} octets"


def _reply_to(item: Received, echo: Echo) -> bool:
    found = _echo_of(item)
    return found is not None and found.reply and (found.identifier, found.sequence) == (echo.identifier, echo.sequence)


def _echo_of(item: Received) -> IcmpEcho | None:
    if item.inner is None:
        return None
    if item.next_header in (IpProtocol.ICMP, IpProtocol.IPV6_ICMP) and len(item.inner) >= 8:
        kind, _, _, identifier, sequence = struct.unpack_from("!BBHHH", item.inner)
        if item.next_header == IpProtocol.ICMP and checksum(item.inner):
            return None
        return IcmpEcho("", "", kind in (0, 129), identifier, sequence, item.inner[8:])
    try:
        return parse_icmp_echo(item.inner)
    except WireError:
        return None
