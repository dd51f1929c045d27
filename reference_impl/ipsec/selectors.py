"""Traffic selectors of an SA, and the check of packets against them (RFC 4301 sections 4.4.1.1 and 5.2)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .flow import Flow, embedded_flow, read_flow

if TYPE_CHECKING:
    from reference_impl.wire.ts import TrafficSelector

_ALL_PORTS = (0, 65535)
_OPAQUE_PORTS = (65535, 0)
_KNOWN_LIMIT = 4096
_Range = tuple[bytes, bytes]


class SaSelectors:
    """The local and remote traffic selectors of one SA pair. A packet fits when both of its ends do.

    Ranges without protocol and ports are kept apart: most SAs have nothing else, and two comparisons decide.
    """

    __slots__ = ("_any_local", "_any_remote", "_only_any", "known_inbound", "local", "remote")

    def __init__(self, local: Iterable[TrafficSelector], remote: Iterable[TrafficSelector]) -> None:
        self.local = tuple(local)
        self.remote = tuple(remote)
        self._any_local = _address_ranges(self.local)
        self._any_remote = _address_ranges(self.remote)
        self._only_any = len(self._any_local) == len(self.local) and len(self._any_remote) == len(self.remote)
        # source and destination of IPv4 packets that were allowed whatever their protocol: the SPD cache of RFC 4301
        self.known_inbound: set[bytes] = set()

    def allows_inbound(self, packet: bytes) -> bool:
        """Whether a decapsulated packet may come through this SA. Raises Discarded(MALFORMED)."""
        ipv4 = packet[0] >> 4 == 4
        source, destination = (packet[12:16], packet[16:20]) if ipv4 else (packet[8:24], packet[24:40])
        if _within(source, self._any_remote) and _within(destination, self._any_local):
            if ipv4 and len(self.known_inbound) < _KNOWN_LIMIT:
                self.known_inbound.add(packet[12:20])
            return True
        if self._only_any:
            return False
        return self._permits(read_flow(packet), outbound=False) or self._permits_error(packet, outbound=False)

    def allows_outbound(self, packet: bytes) -> bool:
        """Whether a cleartext packet may leave through this SA. Raises Discarded(MALFORMED)."""
        ipv4 = packet[0] >> 4 == 4
        source, destination = (packet[12:16], packet[16:20]) if ipv4 else (packet[8:24], packet[24:40])
        if _within(source, self._any_local) and _within(destination, self._any_remote):
            return True
        if self._only_any:
            return False
        return self._permits(read_flow(packet), outbound=True) or self._permits_error(packet, outbound=True)

    def permits(self, flow: Flow) -> bool:
        """Whether an outbound flow fits."""
        return self._permits(flow, outbound=True)

    def _permits(self, flow: Flow, *, outbound: bool) -> bool:
        sources, destinations = (self.local, self.remote) if outbound else (self.remote, self.local)
        return any(
            selector_matches(s, flow.source, flow.protocol, flow.source_port, flow.opaque) for s in sources
        ) and any(
            selector_matches(s, flow.destination, flow.protocol, flow.destination_port, flow.opaque)
            for s in destinations
        )

    def _permits_error(self, packet: bytes, *, outbound: bool) -> bool:
        flow = embedded_flow(packet)
        return flow is not None and self._permits(flow, outbound=outbound)

    def __str__(self) -> str:
        return f"{' '.join(map(describe, self.local))} === {' '.join(map(describe, self.remote))}"


def selector_matches(selector: TrafficSelector, address: bytes, protocol: int, port: int | None, opaque: bool) -> bool:
    """Whether one end of a packet fits one selector (RFC 4301 section 4.4.1.1).

    Ports that a fragment does not show fit ANY and OPAQUE only.
    """
    if len(address) != len(selector.start) or not selector.start <= address <= selector.end:
        return False
    if selector.protocol not in (0, protocol):
        return False
    ports = selector.start_port, selector.end_port
    if ports == _ALL_PORTS:
        return True
    if port is None:
        # a protocol without ports has none to compare: "MUST be zero" to 65535 is ANY, other ranges mean ports
        return ports == _OPAQUE_PORTS and opaque
    return selector.start_port <= port <= selector.end_port


def describe(selector: TrafficSelector) -> str:
    """A range as text: ``10.1.0.0-10.1.0.255``, with protocol and ports where they are restricted."""
    text = f"{ipaddress.ip_address(selector.start)}-{ipaddress.ip_address(selector.end)}"
    if selector.protocol or (selector.start_port, selector.end_port) != _ALL_PORTS:
        text += f"[{selector.protocol}/{selector.start_port}-{selector.end_port}]"
    return text


def _address_ranges(selectors: tuple[TrafficSelector, ...]) -> tuple[_Range, ...]:
    return tuple((s.start, s.end) for s in selectors if not s.protocol and (s.start_port, s.end_port) == _ALL_PORTS)


def _within(address: bytes, ranges: tuple[_Range, ...]) -> bool:
    size = len(address)
    return any(len(start) == size and start <= address <= end for start, end in ranges)
