"""Misbehaviours of: sA, KE and nonce payloads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from conformance.tester.draft import Draft
from conformance.tester.misbehaviour.vocabulary import each, entry
from reference_impl.wire.base import Payload
from reference_impl.wire.raw import RawPayload
from reference_impl.wire.registries import (
    AttributeType,
    Group,
    ProtocolId,
    TransformType,
)
from reference_impl.wire.sa import Attribute, Proposal, SaPayload, Transform, key_length
from reference_impl.wire.simple import KePayload, NoncePayload


def _sa(draft: Draft, change: Callable[[SaPayload], Payload]) -> None:
    each(draft, SaPayload, change)


def _proposals(draft: Draft, change: Callable[[Proposal], Proposal]) -> None:
    _sa(draft, lambda item: SaPayload(tuple(change(proposal) for proposal in item.proposals)))


def _transforms(draft: Draft, change: Callable[[Transform], Sequence[Transform]]) -> None:
    _proposals(
        draft, lambda item: replace(item, transforms=tuple(new for old in item.transforms for new in change(old)))
    )


@entry("SA")
def proposal_reserved(draft: Draft, value: int = 0xFF) -> None:
    """The reserved octet of every proposal."""
    _proposals(draft, lambda item: replace(item, reserved=value))


@entry("SA")
def transform_reserved(draft: Draft, value: int = 0xFF) -> None:
    """Both reserved octets of every transform."""
    _transforms(draft, lambda item: [replace(item, reserved1=value, reserved2=value)])


@entry("SA")
def omit_transform(draft: Draft, which: TransformType) -> None:
    """Every transform of one type left out."""
    _transforms(draft, lambda item: [] if item.type == which else [item])


@entry("SA")
def duplicate_transforms(draft: Draft) -> None:
    """Every transform twice."""
    _transforms(draft, lambda item: [item, item])


@entry("SA")
def unknown_transform_id(draft: Draft, which: TransformType = TransformType.ENCR) -> None:
    """A transform ID from the private range in place of one type's."""
    _transforms(draft, lambda item: [replace(item, id=65001)] if item.type == which else [item])


@entry("SA")
def add_unknown_transform_id(draft: Draft, which: TransformType = TransformType.ENCR) -> None:
    """One more transform with an unknown ID beside the known ones of its type."""
    _proposals(draft, lambda item: replace(item, transforms=(Transform(which, 65001, ()), *item.transforms)))


@entry("SA")
def unknown_transform_type(draft: Draft, number: int = 242) -> None:
    """A transform of an unknown type added."""
    _proposals(draft, lambda item: replace(item, transforms=(*item.transforms, Transform(TransformType(number), 1))))


@entry("SA")
def no_key_length(draft: Draft) -> None:
    """The Key Length attribute left out."""
    _transforms(draft, lambda item: [replace(item, attributes=())])


@entry("SA")
def key_bits(draft: Draft, bits: int) -> None:
    """A Key Length attribute of this value on every encryption transform."""
    _transforms(
        draft,
        lambda item: [replace(item, attributes=(key_length(bits),)) if item.type == TransformType.ENCR else item],
    )


@entry("SA")
def key_length_on_fixed(draft: Draft, bits: int = 256) -> None:
    """A Key Length attribute on a PRF, which has a fixed one."""
    _transforms(
        draft,
        lambda item: [replace(item, attributes=(key_length(bits),)) if item.type == TransformType.PRF else item],
    )


@entry("SA")
def long_key_length(draft: Draft) -> None:
    """The Key Length attribute in the long (TLV) format, which is not allowed for it."""
    _transforms(
        draft,
        lambda item: [
            replace(
                item,
                attributes=tuple(Attribute(AttributeType.KEY_LENGTH, old.value, False) for old in item.attributes),
            )
        ],
    )


@entry("SA")
def unknown_attribute(draft: Draft, number: int = 100) -> None:
    """An attribute of an unknown type on every encryption transform."""
    extra = Attribute(number, b"\0\1", True)
    _transforms(
        draft,
        lambda item: [replace(item, attributes=(*item.attributes, extra)) if item.type == TransformType.ENCR else item],
    )


@entry("SA")
def proposal_number(draft: Draft, first: int) -> None:
    """Proposal numbers that start at this value."""
    _sa(
        draft,
        lambda item: SaPayload(tuple(replace(old, number=first + at) for at, old in enumerate(item.proposals))),
    )


@entry("SA")
def proposal_protocol(draft: Draft, protocol: int) -> None:
    """Another protocol ID in every proposal."""
    _proposals(draft, lambda item: replace(item, protocol=ProtocolId(protocol)))


@entry("SA")
def proposal_spi(draft: Draft, spi: bytes) -> None:
    """Another SPI (any size) in every proposal."""
    _proposals(draft, lambda item: replace(item, spi=spi))


@entry("SA")
def no_proposals(draft: Draft) -> None:
    """An SA payload without any proposal."""
    _sa(draft, lambda item: SaPayload(()))


@entry("SA")
def no_transforms(draft: Draft) -> None:
    """Proposals without any transform."""
    _proposals(draft, lambda item: replace(item, transforms=()))


@entry("SA")
def last_proposal_bit(draft: Draft) -> None:
    """The Last Substruc octet of the last proposal says "more", though none follows."""
    _sa(draft, lambda item: RawPayload(item.type_id, b"\x02" + item.body()[1:]))


@entry("SA")
def proposal_length(draft: Draft, by: int = 4) -> None:
    """A Proposal Length too large (or, negative, too small) by some octets."""

    def change(item: SaPayload) -> Payload:
        body = item.body()
        length = int.from_bytes(body[2:4], "big") + by
        return RawPayload(item.type_id, body[:2] + length.to_bytes(2, "big") + body[4:])

    _sa(draft, change)


@entry("SA")
def transform_count(draft: Draft, value: int = 9) -> None:
    """A "Num Transforms" that does not fit."""
    _sa(draft, lambda item: RawPayload(item.type_id, item.body()[:7] + bytes([value]) + item.body()[8:]))


@entry("KE")
def ke_group(draft: Draft, group: int = Group.MODP_768) -> None:
    """Another group number in the KE payload."""
    each(draft, KePayload, lambda item: replace(item, group=int(group)))


@entry("KE")
def ke_value(draft: Draft, data: bytes) -> None:
    """Another public value."""
    each(draft, KePayload, lambda item: replace(item, data=data))


@entry("KE")
def ke_zero(draft: Draft) -> None:
    """A public value of zero."""
    each(draft, KePayload, lambda item: replace(item, data=bytes(len(item.data))))


@entry("KE")
def ke_one(draft: Draft) -> None:
    """A public value of one."""
    each(draft, KePayload, lambda item: replace(item, data=bytes(len(item.data) - 1) + b"\1"))


@entry("KE")
def ke_shorter(draft: Draft, octets: int = 1) -> None:
    """A public value with octets missing."""
    each(draft, KePayload, lambda item: replace(item, data=item.data[:-octets]))


@entry("KE")
def ke_longer(draft: Draft, octets: int = 1) -> None:
    """A public value with octets too many."""
    each(draft, KePayload, lambda item: replace(item, data=item.data + bytes(octets)))


@entry("KE")
def ke_off_curve(draft: Draft) -> None:
    """A point that is not on the curve: the last bit of y flipped."""
    each(draft, KePayload, lambda item: replace(item, data=item.data[:-1] + bytes([item.data[-1] ^ 1])))


@entry("KE")
def ke_reserved(draft: Draft, value: int = 0xFFFF) -> None:
    """The reserved field of the KE payload."""
    each(draft, KePayload, lambda item: replace(item, reserved2=value))


@entry("nonce")
def nonce_size(draft: Draft, octets: int) -> None:
    """A nonce of this size."""
    each(draft, NoncePayload, lambda item: replace(item, data=os.urandom(octets)))


@entry("nonce")
def nonce_too_short(draft: Draft) -> None:
    """A nonce of 15 octets."""
    each(draft, NoncePayload, lambda item: replace(item, data=os.urandom(15)))


@entry("nonce")
def nonce_too_long(draft: Draft) -> None:
    """A nonce of 257 octets."""
    each(draft, NoncePayload, lambda item: replace(item, data=os.urandom(257)))
