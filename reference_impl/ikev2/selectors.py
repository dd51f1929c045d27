"""Traffic selector arithmetic: intersection, coverage and narrowing (RFC 7296 section 2.9)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import TsType
from reference_impl.wire.ts import TrafficSelector

ANY_PORTS = (0, 65535)
OPAQUE_PORTS = (65535, 0)
KNOWN_TYPES = frozenset({TsType.TS_IPV4_ADDR_RANGE, TsType.TS_IPV6_ADDR_RANGE})
SELECTOR_LIMIT = 255


@quick_init
@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left of an offer; ``more`` when other parts of it would be acceptable in a separate SA."""

    selectors: tuple[TrafficSelector, ...]
    more: bool = False


def host(address: str, protocol: int = 0, ports: tuple[int, int] = ANY_PORTS) -> TrafficSelector:
    """The selector of one address."""
    packed = ipaddress.ip_address(address).packed
    kind = TsType.TS_IPV4_ADDR_RANGE if len(packed) == 4 else TsType.TS_IPV6_ADDR_RANGE
    return TrafficSelector(kind, protocol, ports[0], ports[1], packed, packed)


def everything(version: int) -> TrafficSelector:
    """All addresses of IP version 4 or 6."""
    size, kind = (4, TsType.TS_IPV4_ADDR_RANGE) if version == 4 else (16, TsType.TS_IPV6_ADDR_RANGE)
    return TrafficSelector(kind, 0, 0, 65535, bytes(size), b"\xff" * size)


def understood(offered: Iterable[TrafficSelector]) -> tuple[TrafficSelector, ...]:
    """Selectors of unknown types are ignored and so never returned (section 2.9)."""
    return tuple(each for each in offered if each.ts_type in KNOWN_TYPES)


def common_ports(a: TrafficSelector, b: TrafficSelector) -> tuple[int, int] | None:
    """ANY includes OPAQUE (section 3.13.1)."""
    first, second = (a.start_port, a.end_port), (b.start_port, b.end_port)
    if first in (second, ANY_PORTS):
        return second
    if second == ANY_PORTS:
        return first
    if OPAQUE_PORTS in (first, second):
        return None
    start, end = max(first[0], second[0]), min(first[1], second[1])
    return (start, end) if start <= end else None


def intersection(a: TrafficSelector, b: TrafficSelector) -> TrafficSelector | None:
    """The traffic in both, or None."""
    if a.ts_type != b.ts_type or (a.protocol != b.protocol and a.protocol and b.protocol):
        return None
    start, end = max(a.start, b.start), min(a.end, b.end)
    ports = common_ports(a, b)
    if start > end or ports is None:
        return None
    return TrafficSelector(a.ts_type, a.protocol or b.protocol, ports[0], ports[1], start, end)


def contains(outer: TrafficSelector, inner: TrafficSelector) -> bool:
    """Whether all traffic of ``inner`` is in ``outer``."""
    return intersection(outer, inner) == inner


def covers(outer: Sequence[TrafficSelector], inner: Iterable[TrafficSelector]) -> bool:
    """Whether every selector of ``inner`` is inside the union of ``outer``."""
    return all(_is_covered(each, outer) for each in inner)


def _is_covered(wanted: TrafficSelector, outer: Sequence[TrafficSelector]) -> bool:
    if any(contains(each, wanted) for each in outer):
        return True
    for each in outer:
        common = intersection(each, wanted)
        # Cutting by address is enough: real selectors are not tiled by port or protocol.
        if common is not None and (common.protocol, common.start_port, common.end_port) == (
            wanted.protocol,
            wanted.start_port,
            wanted.end_port,
        ):
            rest = [other for other in outer if other is not each]
            return all(_is_covered(part, rest) for part in _outside(wanted, common))
    return False


def _outside(whole: TrafficSelector, part: TrafficSelector) -> list[TrafficSelector]:
    pieces = []
    size = len(whole.start)
    if part.start > whole.start:
        before = (int.from_bytes(part.start, "big") - 1).to_bytes(size, "big")
        pieces.append(replace(whole, end=before))
    if part.end < whole.end:
        after = (int.from_bytes(part.end, "big") + 1).to_bytes(size, "big")
        pieces.append(replace(whole, start=after))
    return pieces


def narrow(
    offered: Sequence[TrafficSelector], policy: Sequence[TrafficSelector], limit: int = SELECTOR_LIMIT
) -> Narrowed:
    """All of the offer that policy allows, what the initiator put first coming first. Empty: nothing is allowed."""
    kept: list[TrafficSelector] = []
    for each in understood(offered):
        for allowed in policy:
            common = intersection(each, allowed)
            if common is not None and not any(contains(other, common) for other in kept):
                kept = [other for other in kept if not contains(common, other)]
                kept.append(common)
    return Narrowed(tuple(kept[:limit]), more=len(kept) > limit)


def is_single_address(selector: TrafficSelector) -> bool:
    """Whether it names exactly one address."""
    return selector.start == selector.end


def narrow_to_pair(offered: Sequence[TrafficSelector], policy: Sequence[TrafficSelector]) -> Narrowed | None:
    """For a policy of one SA per address pair: only the initiator's first choice, which must be one address.

    None: the first selector is not one address, so SINGLE_PAIR_REQUIRED is due.
    """
    known = understood(offered)
    if not known or not is_single_address(known[0]):
        return None
    first = narrow(known[:1], policy)
    others = narrow(known[1:], policy)
    return Narrowed(first.selectors, more=bool(others.selectors) and not covers(first.selectors, others.selectors))


def with_address(selectors: Iterable[TrafficSelector], address: str) -> tuple[TrafficSelector, ...]:
    """The same protocols and ports at another address: NAT traversal in transport mode (section 2.23.1)."""
    packed = ipaddress.ip_address(address).packed
    kind = TsType.TS_IPV4_ADDR_RANGE if len(packed) == 4 else TsType.TS_IPV6_ADDR_RANGE
    return tuple(replace(each, ts_type=kind, start=packed, end=packed) for each in selectors)


def only_address(selectors: Sequence[TrafficSelector], address: str) -> bool:
    """Whether all selectors name exactly this one address."""
    packed = ipaddress.ip_address(address).packed
    return bool(selectors) and all(each.start == each.end == packed for each in selectors)


def as_text(selectors: Iterable[TrafficSelector]) -> str:
    """For events and logs."""
    return " ".join(_text(each) for each in selectors)


def _text(selector: TrafficSelector) -> str:
    if selector.ts_type not in KNOWN_TYPES:
        return f"type{int(selector.ts_type)}"
    first, last = ipaddress.ip_address(selector.start), ipaddress.ip_address(selector.end)
    ports = (
        "" if (selector.start_port, selector.end_port) == ANY_PORTS else f":{selector.start_port}-{selector.end_port}"
    )
    protocol = f"/proto{selector.protocol}" if selector.protocol else ""
    return f"{first}-{last}{protocol}{ports}"
