"""Security Association payload: proposals, transforms, attributes (RFC 7296 §3.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload, pack
from .errors import BadLength, BadValue, EncodeError, Reason, Truncated
from .quick import quick_init
from .registries import TRANSFORM_IDS, AttributeType, PayloadType, ProtocolId, TransformType

_PROPOSAL = struct.Struct("!BBHBBBB")
_TRANSFORM = struct.Struct("!BBHBBH")
_ATTRIBUTE = struct.Struct("!HH")
_TYPES = TransformType.lookup()
_PROTOCOLS = ProtocolId.lookup()
_SPI_SIZES = {ProtocolId.IKE: (0, 8), ProtocolId.AH: (4,), ProtocolId.ESP: (4,)}
_TV = 0x8000


@quick_init
@dataclass(frozen=True, slots=True)
class Attribute:
    """A transform attribute: 15-bit `type`; `tv` (AF=1) means the two octets of `value` replace the length."""

    type: int
    value: bytes
    tv: bool

    def to_bytes(self) -> bytes:
        """TV or TLV encoding."""
        if not 0 <= self.type < _TV:
            raise EncodeError(f"attribute type {self.type} does not fit 15 bits")
        if self.tv:
            if len(self.value) != 2:
                raise EncodeError(f"a TV attribute has a value of 2 octets, not {len(self.value)}")
            return (_TV | self.type).to_bytes(2) + self.value
        return pack(_ATTRIBUTE, self.type, len(self.value), what="attribute") + self.value


def key_length(bits: int) -> Attribute:
    """The Key Length attribute (TV) for a key of `bits` bits."""
    if not 0 <= bits <= 0xFFFF:
        raise EncodeError(f"key length {bits} does not fit 16 bits")
    return Attribute(AttributeType.KEY_LENGTH, bits.to_bytes(2), True)


@quick_init
@dataclass(frozen=True, slots=True)
class Transform:
    """One transform: `id` is read in the registry of its `type`."""

    type: TransformType
    id: int
    attributes: tuple[Attribute, ...] = ()
    reserved1: int = 0
    reserved2: int = 0

    @property
    def key_length(self) -> int | None:
        """Bits of the Key Length attribute, None without one."""
        for attribute in self.attributes:
            if attribute.type == AttributeType.KEY_LENGTH:
                return int.from_bytes(attribute.value)
        return None

    def to_bytes(self, *, last: bool) -> bytes:
        """The substructure; `last` decides the Last Substruc field (0 or 3)."""
        attributes = b"".join([attribute.to_bytes() for attribute in self.attributes])
        size = 8 + len(attributes)
        try:
            head = _TRANSFORM.pack(0 if last else 3, self.reserved1, size, self.type, self.reserved2, self.id)
        except struct.error as error:
            raise EncodeError(f"transform: {error}") from None
        return head + attributes


@quick_init
@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal with its transforms in the order sent."""

    number: int
    protocol: ProtocolId
    spi: bytes
    transforms: tuple[Transform, ...]
    reserved: int = 0

    def of(self, transform_type: TransformType) -> tuple[Transform, ...]:
        """The transforms of one type, in order."""
        return tuple([transform for transform in self.transforms if transform.type == transform_type])

    def to_bytes(self, *, last: bool) -> bytes:
        """The substructure; `last` decides the Last Substruc field (0 or 2)."""
        end = len(self.transforms) - 1
        parts = [transform.to_bytes(last=index == end) for index, transform in enumerate(self.transforms)]
        tail = self.spi + b"".join(parts)
        return (
            pack(
                _PROPOSAL,
                0 if last else 2,
                self.reserved,
                8 + len(tail),
                self.number,
                self.protocol,
                len(self.spi),
                len(self.transforms),
                what="proposal",
            )
            + tail
        )


@quick_init
@dataclass(frozen=True, slots=True)
class SaPayload(Payload):
    """Proposals, most preferred first."""

    TYPE: ClassVar[PayloadType] = PayloadType.SA

    proposals: tuple[Proposal, ...]

    def body(self) -> bytes:
        """The proposal substructures."""
        end = len(self.proposals) - 1
        return b"".join([proposal.to_bytes(last=index == end) for index, proposal in enumerate(self.proposals)])

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """All lengths, counts and Last Substruc fields must agree; strict adds the value rules of §3.3."""
        proposals = []
        position, end = 0, len(body)
        while position < end:
            proposal, position = _parse_proposal(body, position, offset, strict)
            proposals.append(proposal)
        if strict:
            check_proposals(proposals, offset)
        return cls(tuple(proposals))


def check_proposals(proposals: list[Proposal], offset: int) -> None:
    """§3.3: one or more proposals; several are numbered 1, 2, 3, …; a single one keeps the number it answers."""
    if not proposals:
        raise BadLength(Reason.COUNT, offset, "an SA payload has one or more proposals")
    if len(proposals) == 1:
        if proposals[0].number == 0:
            raise BadValue(Reason.PROPOSAL_NUMBER, offset, "proposal number 0")
        return
    for expected, proposal in enumerate(proposals, 1):
        if proposal.number != expected:
            raise BadValue(Reason.PROPOSAL_NUMBER, offset, f"proposal number {proposal.number} where {expected} is due")


def check_spi_size(protocol: int, size: int, offset: int) -> None:
    """§3.3.1: 0 or 8 octets for IKE, 4 for AH and ESP; unknown protocols may have any size."""
    sizes = _SPI_SIZES.get(protocol)  # type: ignore[call-overload]
    if sizes is not None and size not in sizes:
        raise BadLength(Reason.SPI_SIZE, offset, f"SPI of {size} octets for protocol {protocol}")


def _parse_proposal(body: bytes, start: int, offset: int, strict: bool) -> tuple[Proposal, int]:
    if len(body) - start < 8:
        raise Truncated(Reason.TRUNCATED, offset + start, f"{len(body) - start} octets; a proposal has at least 8")
    last, reserved, length, number, protocol, spi_size, count = _PROPOSAL.unpack_from(body, start)
    end = start + length
    position = start + 8 + spi_size
    if position > end or end > len(body):
        raise BadLength(
            Reason.SUBSTRUCTURE_LENGTH,
            offset + start + 2,
            f"proposal of {length} octets, SPI of {spi_size}, {len(body) - start} octets left",
        )
    if last != (0 if end == len(body) else 2):
        raise BadValue(Reason.LAST_SUBSTRUC, offset + start, f"proposal's Last Substruc is {last}")
    if strict:
        check_spi_size(protocol, spi_size, offset + start + 6)
    spi = body[start + 8 : position]
    transforms = []
    while position < end:
        transform, position = _parse_transform(body, position, end, offset, strict)
        transforms.append(transform)
    if len(transforms) != count:
        raise BadLength(Reason.COUNT, offset + start + 7, f"Num Transforms is {count}, found {len(transforms)}")
    if strict and not transforms:
        raise BadLength(Reason.COUNT, offset + start + 7, "a proposal has one or more transforms")
    return Proposal(number, _PROTOCOLS[protocol], spi, tuple(transforms), reserved), end


def _parse_transform(body: bytes, start: int, limit: int, offset: int, strict: bool) -> tuple[Transform, int]:
    if limit - start < 8:
        raise Truncated(Reason.TRUNCATED, offset + start, f"{limit - start} octets; a transform has at least 8")
    last, reserved1, length, kind, reserved2, number = _TRANSFORM.unpack_from(body, start)
    end = start + length
    if length < 8 or end > limit:
        raise BadLength(
            Reason.SUBSTRUCTURE_LENGTH,
            offset + start + 2,
            f"transform of {length} octets, {limit - start} octets left",
        )
    if last != (0 if end == limit else 3):
        raise BadValue(Reason.LAST_SUBSTRUC, offset + start, f"transform's Last Substruc is {last}")
    registered = _REGISTERED.get(body[start + 1 : end])
    if registered is not None:
        return registered, end
    attributes = _parse_attributes(body, start + 8, end, offset, strict) if length > 8 else ()
    return Transform(_TYPES[kind], number, attributes, reserved1, reserved2), end


def _registered() -> dict[bytes, Transform]:
    """Every registered transform by its octets after Last Substruc; ciphers also with the usual key lengths."""
    transforms = []
    for kind, registry in TRANSFORM_IDS.items():
        for member in registry:
            transforms.append(Transform(_TYPES[kind], int(member)))
            if kind == TransformType.ENCR:
                lengths = [Transform(_TYPES[kind], int(member), (key_length(bits),)) for bits in (128, 192, 256)]
                transforms.extend(lengths)
    return {transform.to_bytes(last=True)[1:]: transform for transform in transforms}


# They are immutable: what nearly every proposal consists of is made once, on import.
_REGISTERED = _registered()


def _parse_attributes(body: bytes, position: int, end: int, offset: int, strict: bool) -> tuple[Attribute, ...]:
    attributes = []
    seen = set()
    while position < end:
        if end - position < 4:
            raise Truncated(
                Reason.TRUNCATED, offset + position, f"{end - position} octets; an attribute has at least 4"
            )
        kind, value = _ATTRIBUTE.unpack_from(body, position)
        if kind & _TV:
            kind ^= _TV
            attribute = Attribute(kind, body[position + 2 : position + 4], True)
            after = position + 4
        else:
            after = position + 4 + value
            if after > end:
                raise BadLength(
                    Reason.ATTRIBUTE_LENGTH,
                    offset + position + 2,
                    f"attribute value of {value} octets, {end - position - 4} octets left",
                )
            if strict and kind == AttributeType.KEY_LENGTH:
                raise BadValue(Reason.ATTRIBUTE_FORMAT, offset + position, "Key Length must be TV (AF=1)")
            attribute = Attribute(kind, body[position + 4 : after], False)
        if strict and kind in seen:
            raise BadValue(Reason.DUPLICATE_ATTRIBUTE, offset + position, f"attribute {kind} occurs twice")
        seen.add(kind)
        attributes.append(attribute)
        position = after
    return tuple(attributes)
