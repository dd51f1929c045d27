"""A host without a kernel: protected addresses that answer ICMP and ICMPv6 echo and UDP echo (RFC 862).

Sans-I/O: packets in, packets out. It stands behind the gateway where there is no TUN device.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from reference_impl.wire.errors import WireError
from reference_impl.wire.ip import (
    IcmpEcho,
    UdpDatagram,
    build_icmp_echo,
    build_udp,
    echo_reply,
    parse_icmp_echo,
    parse_udp,
)

from .discards import Discarded
from .flow import ICMP, ICMPV6, UDP, total_length, upper_layer
from .fragments import Reassembler

UDP_ECHO_PORT = 7


@dataclass(frozen=True, slots=True)
class TooBig:
    """An ICMP "too big" message for a packet of ours: `mtu` in octets towards `destination` (text)."""

    destination: str
    mtu: int


Heard = IcmpEcho | UdpDatagram | TooBig


class MemoryHost:
    """`addresses` are textual IPv4 and IPv6 addresses. `counters` tell what came in and what was done with it.

    `heard` keeps the last answers to what this host itself sent: echo replies, UDP datagrams, ICMP errors.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = tuple(str(ipaddress.ip_address(address)) for address in addresses)
        self._packed = {ipaddress.ip_address(address).packed for address in self.addresses}
        self._reassembler = Reassembler()
        self.counters: Counter[str] = Counter()
        self.heard: deque[Heard] = deque(maxlen=256)

    def add_address(self, address: str) -> None:
        """One more address, for example one that the peer's configuration payload gave."""
        if address not in self.addresses:
            self.addresses += (str(ipaddress.ip_address(address)),)
            self._packed.add(ipaddress.ip_address(address).packed)

    def source_for(self, destination: str) -> str:
        """An own address of the destination's family. Raises ValueError when there is none."""
        version = ipaddress.ip_address(destination).version
        for address in self.addresses:
            if ipaddress.ip_address(address).version == version:
                return address
        raise ValueError(f"the host has no IPv{version} address to reach {destination} from")

    def receive(self, now: float, packet: bytes) -> list[bytes]:
        """Answers to one packet from the protected side. Nothing is raised for a bad packet: it is counted."""
        try:
            total_length(packet)
            destination = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
            if destination not in self._packed:
                self.counters["not-mine"] += 1
                return []
            whole = self._reassembler.add(now, packet)
            if whole is None:
                self.counters["fragments"] += 1
                return []
            return self._deliver(whole)
        except (Discarded, WireError):
            self.counters["malformed"] += 1
            return []

    def echo_request(self, destination: str, identifier: int, sequence: int, size: int = 56) -> bytes:
        """An echo request with `size` octets of data. Raises ValueError when no own address fits, or EncodeError."""
        data = bytes(n & 0xFF for n in range(size))
        return build_icmp_echo(self.source_for(destination), destination, identifier, sequence, data)

    def udp(self, destination: str, port: int, source_port: int, data: bytes) -> bytes:
        """A UDP datagram from this host. Raises ValueError when no own address fits, or EncodeError."""
        return build_udp(self.source_for(destination), destination, source_port, port, data)

    def _deliver(self, packet: bytes) -> list[bytes]:
        protocol, offset, _ = upper_layer(packet)
        if protocol in (ICMP, ICMPV6):
            return self._icmp(packet, offset)
        if protocol == UDP:
            datagram = parse_udp(packet)
            if datagram is not None:
                return self._udp(datagram)
        self.counters["no-service"] += 1
        return []

    def _icmp(self, packet: bytes, offset: int) -> list[bytes]:
        answer = echo_reply(packet)
        if answer is not None:
            self.counters["echo-requests"] += 1
            return [answer]
        echo = parse_icmp_echo(packet)
        if echo is not None:
            self.counters["echo-replies"] += 1
            self.heard.append(echo)
        elif packet[offset : offset + 2] == b"\x03\x04" and packet[0] >> 4 == 4 and len(packet) >= offset + 28:
            mtu = int.from_bytes(packet[offset + 6 : offset + 8], "big")
            self._too_big(packet[offset + 24 : offset + 28], mtu)
        elif packet[offset : offset + 2] == b"\x02\x00" and packet[0] >> 4 == 6 and len(packet) >= offset + 48:
            mtu = int.from_bytes(packet[offset + 4 : offset + 8], "big")
            self._too_big(packet[offset + 32 : offset + 48], mtu)
        else:
            self.counters["icmp-other"] += 1
        return []

    def _too_big(self, destination: bytes, mtu: int) -> None:
        self.counters["too-big"] += 1
        self.heard.append(TooBig(str(ipaddress.ip_address(destination)), mtu))

    def _udp(self, datagram: UdpDatagram) -> list[bytes]:
        if datagram.dst_port == UDP_ECHO_PORT:
            self.counters["udp-echoes"] += 1
            # port 7 to port 7 would echo for ever
            if datagram.src_port == UDP_ECHO_PORT:
                return []
            return [build_udp(datagram.dst, datagram.src, UDP_ECHO_PORT, datagram.src_port, datagram.data)]
        self.counters["udp-received"] += 1
        self.heard.append(datagram)
        return []
