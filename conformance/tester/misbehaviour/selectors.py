"""Misbehaviours of: traffic selectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from conformance.tester.draft import Draft
from conformance.tester.misbehaviour.vocabulary import each, entry
from reference_impl.wire.base import Payload
from reference_impl.wire.raw import RawPayload
from reference_impl.wire.registries import (
    TsType,
)
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsPayload, TsrPayload


def _selectors(draft: Draft, change: Callable[[TrafficSelector], Sequence[TrafficSelector]]) -> None:
    for which in (TsiPayload, TsrPayload):
        each(
            draft,
            which,
            lambda item: replace(item, selectors=tuple(new for old in item.selectors for new in change(old))),
        )


@entry("TS")
def ts_reversed_range(draft: Draft) -> None:
    """Starting address above the ending address."""
    _selectors(draft, lambda item: [replace(item, start=item.end, end=bytes(len(item.start)))])


@entry("TS")
def ts_reversed_ports(draft: Draft) -> None:
    """Start port above the end port."""
    _selectors(draft, lambda item: [replace(item, protocol=17, start_port=2000, end_port=1000)])


@entry("TS")
def ts_unknown_type(draft: Draft, number: int = 200) -> None:
    """Selectors of an unknown TS type."""
    _selectors(draft, lambda item: [TrafficSelector(TsType(number), 0, 0, 0, bytes(12), b"")])


@entry("TS")
def ts_add_unknown_type(draft: Draft, number: int = 200) -> None:
    """A selector of an unknown TS type beside the known one."""
    _selectors(draft, lambda item: [item, TrafficSelector(TsType(number), 0, 0, 0, bytes(12), b"")])


@entry("TS")
def ts_none(draft: Draft) -> None:
    """TS payloads without a selector."""
    _selectors(draft, lambda item: [])


@entry("TS")
def ts_many(draft: Draft, count: int = 255) -> None:
    """Very many selectors."""
    _selectors(draft, lambda item: [item] * count)


@entry("TS")
def ts_count(draft: Draft, value: int = 7) -> None:
    """A "Number of TSs" that does not fit."""
    for which in (TsiPayload, TsrPayload):
        each(draft, which, lambda item: RawPayload(item.type_id, bytes([value]) + item.body()[1:]))


@entry("TS")
def ts_reserved(draft: Draft, value: int = 0xFFFFFF) -> None:
    """The reserved field of the TS payloads."""
    for which in (TsiPayload, TsrPayload):
        each(draft, which, lambda item: replace(item, reserved2=value) if isinstance(item, TsPayload) else item)


@entry("TS")
def ts_wrong_length(draft: Draft, by: int = 4) -> None:
    """A Selector Length that does not fit the TS type."""

    def change(item: TsPayload) -> Payload:
        body = item.body()
        length = int.from_bytes(body[6:8], "big") + by
        return RawPayload(item.type_id, body[:6] + length.to_bytes(2, "big") + body[8:])

    for which in (TsiPayload, TsrPayload):
        each(draft, which, change)
