"""ISAKMP messages (RFC 2408, section 3) as far as vectors need them: header, payload chain, data attributes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">8s8sBBBB4sI")
HEADER_SIZE = HEADER.size
VERSION = 0x10
ENCRYPTED = 0x01
_GENERIC = struct.Struct(">BBH")


class IsakmpError(ValueError):
    """Octets that are no ISAKMP message; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed header; `first` is the first payload's type."""

    cky_i: bytes
    cky_r: bytes
    first: int
    exchange: int
    flags: int
    message_id: bytes
    length: int

    @property
    def encrypted(self) -> bool:
        """Whether the body is encrypted."""
        return bool(self.flags & ENCRYPTED)


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload: its type, its body, and where the body begins in the octets that were split."""

    type: int
    body: bytes
    start: int = 0


def header(message: bytes) -> Header:
    """The header of a whole message. Raises IsakmpError when it, its version or its length is wrong."""
    if len(message) < HEADER_SIZE:
        raise IsakmpError(f"{len(message)} octets are shorter than a header")
    cky_i, cky_r, first, version, exchange, flags, message_id, length = HEADER.unpack_from(message)
    if version != VERSION:
        raise IsakmpError(f"octet 17: version {version >> 4}.{version & 15}")
    if length != len(message):
        raise IsakmpError(f"octet 24: the length says {length}, there are {len(message)} octets")
    return Header(cky_i, cky_r, first, exchange, flags, message_id, length)


def split(first: int, octets: bytes) -> tuple[list[Payload], bytes]:
    """The payloads of a chain and what follows the last one. Raises IsakmpError."""
    payloads, offset, kind = [], 0, first
    while kind:
        if offset + _GENERIC.size > len(octets):
            raise IsakmpError(f"octet {offset}: the chain goes on, the octets end")
        following, reserved, length = _GENERIC.unpack_from(octets, offset)
        if reserved or not _GENERIC.size <= length <= len(octets) - offset:
            raise IsakmpError(
                f"octet {offset}: reserved {reserved}, length {length}, {len(octets) - offset} octets left"
            )
        payloads.append(Payload(kind, octets[offset + _GENERIC.size : offset + length], offset + _GENERIC.size))
        kind, offset = following, offset + length
    return payloads, octets[offset:]


def chain(payloads: list[Payload]) -> bytes:
    """Payloads with their generic headers."""
    following = [payload.type for payload in payloads[1:]] + [0]
    return b"".join(
        _GENERIC.pack(kind, 0, _GENERIC.size + len(payload.body)) + payload.body
        for payload, kind in zip(payloads, following, strict=True)
    )


def build(head: Header, body: bytes) -> bytes:
    """A header, its length made right, and what follows it."""
    fields = (head.cky_i, head.cky_r, head.first, VERSION, head.exchange, head.flags, head.message_id)
    return HEADER.pack(*fields, HEADER_SIZE + len(body)) + body


def attributes(octets: bytes) -> list[tuple[int, bytes]]:
    """Data attributes of either format: type and value (RFC 2408, section 3.3). Raises IsakmpError."""
    found, offset = [], 0
    while offset < len(octets):
        if offset + 4 > len(octets):
            raise IsakmpError(f"octet {offset}: {len(octets) - offset} octets are no attribute")
        kind, length = struct.unpack_from(">HH", octets, offset)
        if kind & 0x8000:
            found.append((kind & 0x7FFF, octets[offset + 2 : offset + 4]))
            offset += 4
            continue
        if offset + 4 + length > len(octets):
            raise IsakmpError(f"octet {offset}: a value of {length} octets, {len(octets) - offset - 4} are left")
        found.append((kind, octets[offset + 4 : offset + 4 + length]))
        offset += 4 + length
    return found


def records(payloads: list[Payload]) -> bytes:
    """Payloads as the operations take them: one octet of type, two of length, the body."""
    return b"".join(struct.pack(">BH", payload.type, len(payload.body)) + payload.body for payload in payloads)


def from_records(octets: bytes) -> list[Payload]:
    """The reverse of :func:`records`. Raises IsakmpError."""
    payloads, offset = [], 0
    while offset < len(octets):
        if offset + 3 > len(octets):
            raise IsakmpError(f"octet {offset}: half a record")
        kind, length = struct.unpack_from(">BH", octets, offset)
        body = octets[offset + 3 : offset + 3 + length]
        if len(body) < length:
            raise IsakmpError(f"octet {offset}: a body of {length} octets, {len(body)} are left")
        payloads.append(Payload(kind, body, offset + 3))
        offset += 3 + length
    return payloads
