"""Misbehaviours of: the chain of payloads and their generic headers."""

from __future__ import annotations

from dataclasses import replace

from conformance.tester.draft import Draft
from conformance.tester.misbehaviour.vocabulary import Which, each, entry, kind
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.raw import RawPayload, UnknownPayload
from reference_impl.wire.registries import (
    NotifyType,
    PayloadType,
)
from reference_impl.wire.simple import VendorPayload


@entry("chain")
def omit(draft: Draft, which: Which) -> None:
    """A payload left out."""
    draft.payloads = [item for item in draft.payloads if item.type_id != kind(which)]


@entry("chain")
def omit_notify(draft: Draft, which: NotifyType) -> None:
    """A notification left out."""
    draft.payloads = [item for item in draft.payloads if not (isinstance(item, NotifyPayload) and item.notify == which)]


@entry("chain")
def omit_all(draft: Draft) -> None:
    """No payload at all."""
    draft.payloads = []


@entry("chain")
def duplicate(draft: Draft, which: Which) -> None:
    """A payload twice in a row."""
    position = next(at for at, item in enumerate(draft.payloads) if item.type_id == kind(which))
    draft.payloads.insert(position, draft.payloads[position])


@entry("chain")
def reverse_order(draft: Draft) -> None:
    """The payloads in reverse order."""
    draft.payloads.reverse()


@entry("chain")
def move_first(draft: Draft, which: Which) -> None:
    """A payload moved to the front."""
    found = [item for item in draft.payloads if item.type_id == kind(which)]
    draft.payloads = found + [item for item in draft.payloads if item.type_id != kind(which)]


@entry("chain")
def move_last(draft: Draft, which: Which) -> None:
    """A payload moved to the end."""
    found = [item for item in draft.payloads if item.type_id == kind(which)]
    draft.payloads = [item for item in draft.payloads if item.type_id != kind(which)] + found


@entry("chain")
def add(draft: Draft, *payloads: Payload) -> None:
    """Further payloads at the end."""
    draft.payloads += payloads


@entry("chain")
def add_first(draft: Draft, *payloads: Payload) -> None:
    """Further payloads at the front."""
    draft.payloads[:0] = payloads


@entry("chain")
def unknown_payload(draft: Draft, number: int = 200, data: bytes = b"ikeproof") -> None:
    """A payload of an unknown type, not critical, at the end."""
    draft.payloads.append(UnknownPayload(PayloadType(number), data))


@entry("chain")
def unknown_critical_payload(draft: Draft, number: int = 200, data: bytes = b"ikeproof") -> None:
    """A payload of an unknown type with the critical bit, at the end."""
    draft.payloads.append(UnknownPayload(PayloadType(number), data, critical=True))


@entry("chain")
def unknown_payload_first(draft: Draft, number: int = 200, *, critical: bool = False) -> None:
    """A payload of an unknown type at the front."""
    draft.payloads.insert(0, UnknownPayload(PayloadType(number), b"ikeproof", critical=critical))


@entry("chain")
def many_payloads(draft: Draft, count: int = 64) -> None:
    """Very many payloads (Vendor IDs)."""
    draft.payloads += [VendorPayload(number.to_bytes(16, "big")) for number in range(count)]


@entry("chain")
def vendor_id(draft: Draft, data: bytes = b"ikeproof vendor") -> None:
    """An unknown Vendor ID."""
    draft.payloads.append(VendorPayload(data))


@entry("chain")
def unknown_status_notify(draft: Draft, number: int = 40960) -> None:
    """A status notification of an unknown (private) type."""
    draft.payloads.append(NotifyPayload(NotifyType(number)))


@entry("chain")
def unknown_error_notify(draft: Draft, number: int = 8192) -> None:
    """An error notification of an unknown (private) type."""
    draft.payloads.append(NotifyPayload(NotifyType(number)))


@entry("chain")
def bogus_cookie(draft: Draft, data: bytes = b"not your cookie") -> None:
    """A COOKIE notification that nobody asked for, at the front."""
    draft.payloads.insert(0, NotifyPayload(NotifyType.COOKIE, data))


@entry("chain")
def mangle_cookie(draft: Draft) -> None:
    """The device's cookie returned with one bit flipped."""
    each(draft, "N", lambda item: replace(item, data=bytes([item.data[0] ^ 1]) + item.data[1:]))


@entry("chain")
def large_message(draft: Draft, octets: int = 40_000) -> None:
    """A message of this many octets, by Vendor IDs."""
    draft.payloads += [VendorPayload(bytes(1000)) for _ in range(octets // 1004)]


@entry("generic header")
def critical(draft: Draft, which: Which) -> None:
    """The critical bit of a payload that everybody knows."""
    each(draft, which, lambda item: replace(item, critical=True))


@entry("generic header")
def critical_everywhere(draft: Draft) -> None:
    """The critical bit of every payload."""
    draft.payloads = [replace(item, critical=True) for item in draft.payloads]


@entry("generic header")
def payload_reserved_bits(draft: Draft, which: Which, bits: int = 0x7F) -> None:
    """The reserved bits of one generic payload header."""
    each(draft, which, lambda item: replace(item, reserved=bits))


@entry("generic header")
def reserved_bits_everywhere(draft: Draft, bits: int = 0x7F) -> None:
    """The reserved bits of every generic payload header."""
    draft.payloads = [replace(item, reserved=bits) for item in draft.payloads]


@entry("generic header")
def payload_length(draft: Draft, which: Which, length: int) -> None:
    """A Payload Length field of this value."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body(), length))


@entry("generic header")
def payload_length_longer(draft: Draft, which: Which, by: int = 4) -> None:
    """A Payload Length that reaches beyond the payload."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body(), len(item.body()) + 4 + by))


@entry("generic header")
def payload_length_beyond_message(draft: Draft, which: Which) -> None:
    """A Payload Length that reaches far beyond the message."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body(), 0xFFFF))


@entry("generic header")
def payload_length_zero(draft: Draft, which: Which) -> None:
    """A Payload Length of zero, less than the generic header itself."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body(), 0))


@entry("generic header")
def empty_payload(draft: Draft, which: Which) -> None:
    """A payload with its generic header only."""
    each(draft, which, lambda item: RawPayload(item.type_id, b""))


@entry("generic header")
def truncated_payload(draft: Draft, which: Which, octets: int = 1) -> None:
    """A payload whose last octets are missing; its length field is true."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body()[:-octets]))


@entry("generic header")
def extended_payload(draft: Draft, which: Which, octets: int = 4) -> None:
    """A payload with octets too many at its end; its length field is true."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body() + bytes(octets)))


@entry("generic header")
def next_payload(draft: Draft, which: Which, value: int) -> None:
    """Another Next Payload field in one payload than the payload that follows."""
    each(draft, which, lambda item: RawPayload(item.type_id, item.body(), None, int(value)))
