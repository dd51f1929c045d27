"""Traffic Selector payloads (RFC 7296 §3.13)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload, need, pack
from .errors import BadLength, BadValue, EncodeError, Reason, Truncated
from .quick import quick_init
from .registries import PayloadType, TsType

_HEADER = struct.Struct("!I")
_SELECTOR = struct.Struct("!BBHHH")
_OPAQUE = struct.Struct("!BBH")
_TS_TYPES = TsType.lookup()
_ADDRESS_SIZES = {TsType.TS_IPV4_ADDR_RANGE: 4, TsType.TS_IPV6_ADDR_RANGE: 16}
OPAQUE_PORTS = (0xFFFF, 0)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@quick_init
@dataclass(frozen=True, slots=True)
class TrafficSelector:
    """One selector. `start` and `end` are addresses in network order (4 or 16 octets each).

    For a TS type other than 7 and 8, `start` holds everything after the Selector Length field, `end` is empty and
    the ports are 0.
    """

    ts_type: TsType
    protocol: int
    start_port: int
    end_port: int
    start: bytes
    end: bytes

    @classmethod
    def from_network(cls, network: str, protocol: int = 0, ports: tuple[int, int] = (0, 0xFFFF)) -> Self:
        """The selector of "10.0.0.0/24", "2001:db8::/64", one address, or "10.0.0.1-10.0.0.9"; ValueError if none."""
        low: ipaddress.IPv4Address | ipaddress.IPv6Address
        high: ipaddress.IPv4Address | ipaddress.IPv6Address
        first, dash, last = network.partition("-")
        if dash:
            low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
            if low.version != high.version or int(low) > int(high):
                raise ValueError(f"not an address range: {network!r}")
        else:
            parsed = ipaddress.ip_network(network)
            low, high = parsed[0], parsed[-1]
        ts_type = TsType.TS_IPV4_ADDR_RANGE if low.version == 4 else TsType.TS_IPV6_ADDR_RANGE
        return cls(ts_type, protocol, ports[0], ports[1], low.packed, high.packed)

    @property
    def is_address_range(self) -> bool:
        """Whether this is a TS type 7 or 8 selector with addresses of its size."""
        return len(self.start) == len(self.end) == _ADDRESS_SIZES.get(self.ts_type, -1)

    def networks(self) -> tuple[Network, ...]:
        """The range as CIDR networks; empty for other TS types and for an empty range."""
        if not self.is_address_range or self.start > self.end:
            return ()
        if len(self.start) == 4:
            return tuple(
                ipaddress.summarize_address_range(ipaddress.IPv4Address(self.start), ipaddress.IPv4Address(self.end))
            )
        return tuple(
            ipaddress.summarize_address_range(ipaddress.IPv6Address(self.start), ipaddress.IPv6Address(self.end))
        )

    def to_bytes(self) -> bytes:
        """The substructure with its length."""
        if self.ts_type not in _ADDRESS_SIZES:
            tail = self.start + self.end
            return pack(_OPAQUE, self.ts_type, self.protocol, 4 + len(tail), what="traffic selector") + tail
        if not self.is_address_range:
            raise EncodeError(f"{self.ts_type.name} with addresses of {len(self.start)} and {len(self.end)} octets")
        return (
            pack(
                _SELECTOR,
                self.ts_type,
                self.protocol,
                8 + 2 * len(self.start),
                self.start_port,
                self.end_port,
                what="traffic selector",
            )
            + self.start
            + self.end
        )


@quick_init
@dataclass(frozen=True, slots=True)
class TsPayload(Payload):
    """Traffic selectors of one end; 24 reserved bits in `reserved2`."""

    selectors: tuple[TrafficSelector, ...]
    reserved2: int = 0

    def body(self) -> bytes:
        """Count, 24 reserved bits, selectors."""
        count, reserved = len(self.selectors), self.reserved2
        if count > 0xFF or not 0 <= reserved <= 0xFFFFFF:
            raise EncodeError(f"{count} selectors, reserved {reserved:#x}")
        return _HEADER.pack(count << 24 | reserved) + b"".join([item.to_bytes() for item in self.selectors])

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Count and lengths must account for every octet; strict: one or more selectors, sound ranges."""
        need(body, 4, offset, "a TS payload")
        (word,) = _HEADER.unpack_from(body)
        count = word >> 24
        selectors = []
        position, end = 4, len(body)
        while position < end:
            selector, position = _parse_selector(body, position, offset, strict)
            selectors.append(selector)
        if len(selectors) != count:
            raise BadLength(Reason.COUNT, offset, f"Number of TSs is {count}, found {len(selectors)}")
        if strict and not selectors:
            raise BadLength(Reason.COUNT, offset, "a TS payload has one or more traffic selectors")
        return cls(tuple(selectors), word & 0xFFFFFF)


def _parse_selector(body: bytes, start: int, offset: int, strict: bool) -> tuple[TrafficSelector, int]:
    left = len(body) - start
    if left < 4:
        raise Truncated(Reason.TRUNCATED, offset + start, f"{left} octets; a traffic selector has at least 4")
    kind, protocol, length = _OPAQUE.unpack_from(body, start)
    ts_type = _TS_TYPES[kind]
    size = _ADDRESS_SIZES.get(ts_type)
    if length > left or length < 4 or (size is not None and length != 8 + 2 * size):
        raise BadLength(
            Reason.SELECTOR_LENGTH,
            offset + start + 2,
            f"selector of TS type {kind} with length {length}, {left} octets left",
        )
    end = start + length
    if size is None:
        return TrafficSelector(ts_type, protocol, 0, 0, body[start + 4 : end], b""), end
    _, _, _, start_port, end_port = _SELECTOR.unpack_from(body, start)
    middle = start + 8 + size
    selector = TrafficSelector(ts_type, protocol, start_port, end_port, body[start + 8 : middle], body[middle:end])
    if strict:
        check_selector(selector, offset + start)
    return selector, end


def check_selector(selector: TrafficSelector, offset: int) -> None:
    """§3.13.1: smallest before largest, save OPAQUE ports (65535, 0); all ports where the protocol is 0."""
    ports = (selector.start_port, selector.end_port)
    if ports[0] > ports[1] and ports != OPAQUE_PORTS:
        raise BadValue(Reason.SELECTOR_RANGE, offset + 4, f"start port {ports[0]} above end port {ports[1]}")
    if selector.protocol == 0 and ports not in ((0, 0xFFFF), OPAQUE_PORTS):
        raise BadValue(Reason.SELECTOR_RANGE, offset + 4, f"ports {ports[0]}-{ports[1]} without a protocol")
    if selector.start > selector.end:
        raise BadValue(Reason.SELECTOR_RANGE, offset + 8, "starting address above ending address")


@quick_init
@dataclass(frozen=True, slots=True)
class TsiPayload(TsPayload):
    """Traffic Selector - Initiator."""

    TYPE: ClassVar[PayloadType] = PayloadType.TSI


@quick_init
@dataclass(frozen=True, slots=True)
class TsrPayload(TsPayload):
    """Traffic Selector - Responder."""

    TYPE: ClassVar[PayloadType] = PayloadType.TSR
