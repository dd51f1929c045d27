"""Misbehaviours of: the Encrypted payload, notifications and deletes."""

from __future__ import annotations

import os
from dataclasses import replace

from conformance.tester.draft import Draft
from conformance.tester.misbehaviour.vocabulary import each, entry
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.raw import RawPayload, UnknownPayload
from reference_impl.wire.registries import (
    NotifyType,
    PayloadType,
    ProtocolId,
)
from reference_impl.wire.simple import VendorPayload


@entry("SK")
def corrupt_icv(draft: Draft) -> None:
    """The last bit of the integrity check value flipped."""
    draft.content_edits.append(lambda content: content[:-1] + bytes([content[-1] ^ 1]))


@entry("SK")
def corrupt_ciphertext(draft: Draft) -> None:
    """A bit of the ciphertext flipped after the integrity check value was made."""
    size = draft.protection.iv_size if draft.protection else 0

    def flip(content: bytes) -> bytes:
        return content[:size] + bytes([content[size] ^ 0x80]) + content[size + 1 :]

    draft.content_edits.append(flip)


@entry("SK")
def corrupt_iv(draft: Draft) -> None:
    """A bit of the IV flipped after the integrity check value was made."""
    draft.content_edits.append(lambda content: bytes([content[0] ^ 1]) + content[1:])


@entry("SK")
def no_icv(draft: Draft) -> None:
    """The integrity check value cut off, the lengths as if it were there."""
    size = draft.protection.icv_size if draft.protection else 0
    draft.content_edits.append(lambda content: content[: len(content) - size])


@entry("SK")
def empty_sk(draft: Draft) -> None:
    """An SK payload without any content."""
    draft.content_edits.append(lambda content: b"")
    draft.length = 32
    draft.sk_length = 4


@entry("SK")
def pad_length_too_large(draft: Draft) -> None:
    """A Pad Length larger than the content, under a valid integrity check value."""
    draft.pad_length = 255


@entry("SK")
def pad_octets(draft: Draft, octets: int = 255) -> None:
    """As much padding as given (rounded up to whole blocks), with contents that are not zero."""
    from reference_impl.wire.payload import encode_chain

    block = draft.protection.block_size if draft.protection else 1
    _, chain = encode_chain(draft.payloads)
    size = octets
    while (len(chain) + size + 1) % block:
        size -= 1
    draft.pad = os.urandom(size)


@entry("SK")
def sk_inner_next(draft: Draft, value: int) -> None:
    """Another first payload type in the SK payload's header than the first inner payload."""
    draft.inner_next = int(value)


@entry("SK")
def sk_reserved(draft: Draft, bits: int = 0x7F) -> None:
    """The reserved bits of the SK payload's generic header."""
    draft.sk_reserved = bits


@entry("SK")
def sk_critical(draft: Draft) -> None:
    """The critical bit of the SK payload."""
    draft.sk_critical = True


@entry("SK")
def sk_length(draft: Draft, value: int) -> None:
    """A Payload Length of the SK payload of this value, under a valid integrity check value."""
    draft.sk_length = value


@entry("SK")
def same_iv(draft: Draft, iv: bytes) -> None:
    """A given initialization vector, for instance one used before."""
    draft.iv = iv


@entry("SK")
def not_encrypted(draft: Draft) -> None:
    """The payloads in the clear, where the message has to be protected."""
    draft.protection = None


@entry("SK")
def clear_payload_before(draft: Draft, payload: Payload | None = None) -> None:
    """A payload in the clear before the SK payload (default: an unknown Vendor ID)."""
    draft.outer.append(payload or VendorPayload(b"outside"))


@entry("SK")
def unknown_critical_outside(draft: Draft, number: int = 200) -> None:
    """An unknown payload with the critical bit in the clear before the SK payload."""
    draft.outer.append(UnknownPayload(PayloadType(number), b"outside", critical=True))


@entry("SK")
def garbage_inside(draft: Draft, octets: int = 64) -> None:
    """Random octets as the content of the SK payload, under a valid integrity check value."""
    draft.plaintext = os.urandom(octets - 1) + b"\0"


@entry("notify")
def rekey_spi(draft: Draft, spi: bytes) -> None:
    """Another SPI in REKEY_SA."""
    draft.payloads = [
        replace(item, spi=spi) if isinstance(item, NotifyPayload) and item.notify == NotifyType.REKEY_SA else item
        for item in draft.payloads
    ]


@entry("notify")
def notify_spi_size(draft: Draft, size: int = 8) -> None:
    """Notifications with an SPI size that reaches beyond the payload."""
    each(draft, "N", lambda item: RawPayload(item.type_id, item.body()[:1] + bytes([size * 16]) + item.body()[2:]))


@entry("delete")
def delete_count(draft: Draft, value: int = 9) -> None:
    """A number of SPIs in the Delete payload that does not fit."""
    each(
        draft,
        DeletePayload,
        lambda item: RawPayload(item.type_id, item.body()[:2] + value.to_bytes(2, "big") + item.body()[4:]),
    )


@entry("delete")
def delete_spi_size(draft: Draft, value: int = 8) -> None:
    """An SPI size in the Delete payload that does not fit its protocol."""
    each(
        draft, DeletePayload, lambda item: RawPayload(item.type_id, item.body()[:1] + bytes([value]) + item.body()[2:])
    )


@entry("delete")
def delete_protocol(draft: Draft, value: int) -> None:
    """Another protocol in the Delete payload."""
    each(draft, DeletePayload, lambda item: replace(item, protocol=ProtocolId(value)))
