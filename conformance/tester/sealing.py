"""SK and SKF payloads, written apart from the reference engine so that each part of them can be wrong on purpose."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conformance.tester.draft import Draft
from reference_impl.crypto.errors import CryptoError, IntegrityError
from reference_impl.crypto.protection import Protection
from reference_impl.wire.encrypted import SkfPayload, SkPayload
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import HEADER_SIZE, Header
from reference_impl.wire.message import Message
from reference_impl.wire.payload import encode_chain, parse_chain
from reference_impl.wire.registries import PayloadType

GENERIC_HEADER = struct.Struct("!BBH")
SKF_HEADER = struct.Struct("!HH")
MAX_FRAGMENTS = 256


class CannotOpen(ValueError):
    """A received message whose SK or SKF payload could not be opened; the text says why."""


def encode(draft: Draft) -> bytes:
    """The octets of a draft, without non-ESP marker (RFC 7296 §3.1, §3.14)."""
    if draft.protection is None:
        first, body = encode_chain(draft.outer + draft.payloads)
        data = _header(draft, first, HEADER_SIZE + len(body)) + body
    else:
        first, plaintext = _plaintext(draft, draft.protection)
        data = _sealed(draft, draft.protection, PayloadType.SK, first, b"", plaintext)
    for edit in draft.datagram_edits:
        data = edit(data)
    return data


def encode_fragments(draft: Draft, size: int) -> list[bytes]:
    """The draft as SKF messages with at most `size` octets of inner payload data each (RFC 7383 §2.5)."""
    if draft.protection is None:
        raise ValueError("only a protected message can be fragmented")
    first, chain = encode_chain(draft.payloads)
    chunks = [chain[start : start + size] for start in range(0, len(chain), size)] or [b""]
    return [
        encode_fragment(draft, chunk, number, len(chunks), first if number == 1 else 0)
        for number, chunk in enumerate(chunks, 1)
    ]


def encode_fragment(draft: Draft, chunk: bytes, number: int, total: int, first: int) -> bytes:
    """One SKF message with any fragment number, total and first payload type."""
    if draft.protection is None:
        raise ValueError("only a protected message can be fragmented")
    plaintext = _padded(draft, draft.protection, chunk)
    data = _sealed(draft, draft.protection, PayloadType.SKF, first, SKF_HEADER.pack(number, total), plaintext)
    for edit in draft.datagram_edits:
        data = edit(data)
    return data


def _plaintext(draft: Draft, protection: Protection) -> tuple[int, bytes]:
    first, chain = encode_chain(draft.payloads)
    if draft.plaintext is not None:
        return first, draft.plaintext
    return first, _padded(draft, protection, chain)


def _padded(draft: Draft, protection: Protection, chain: bytes) -> bytes:
    pad = draft.pad
    if pad is None:
        pad = bytes(-(len(chain) + 1) % protection.block_size)
    return chain + pad + bytes([len(pad) & 0xFF if draft.pad_length is None else draft.pad_length])


def _sealed(
    draft: Draft, protection: Protection, kind: PayloadType, first: int, prefix: bytes, plaintext: bytes
) -> bytes:
    iv = os.urandom(protection.iv_size) if draft.iv is None else draft.iv
    outer_first, outer = encode_chain(draft.outer, kind)
    size = GENERIC_HEADER.size + len(prefix) + len(iv) + len(plaintext) + protection.icv_size
    sk_header = GENERIC_HEADER.pack(
        first if draft.inner_next is None else draft.inner_next,
        (0x80 if draft.sk_critical else 0) | draft.sk_reserved,
        size if draft.sk_length is None else draft.sk_length,
    )
    aad = _header(draft, outer_first if draft.outer else kind, HEADER_SIZE + len(outer) + size)
    aad += outer + sk_header + prefix
    content = iv + protection.seal(iv, plaintext, aad)
    for edit in draft.content_edits:
        content = edit(content)
    return aad + content


def _header(draft: Draft, first: int, length: int) -> bytes:
    return Header(
        draft.spi_i,
        draft.spi_r,
        first if draft.next_payload is None else draft.next_payload,
        draft.major,
        draft.minor,
        draft.exchange,
        draft.flags,
        draft.message_id,
        length if draft.length is None else draft.length,
    ).to_bytes()


@dataclass(frozen=True, slots=True)
class Opened:
    """A message with its SK payload opened.

    message: inner payloads in place of the SK payload. pad: the padding octets, without the pad length.
    malformed: why strict parsing of the inner payloads refuses them, or empty.
    """

    message: Message
    iv: bytes
    pad: bytes
    malformed: str = ""


@dataclass(frozen=True, slots=True)
class OpenedFragment:
    """One opened SKF payload."""

    message: Message
    number: int
    total: int
    first: int
    chunk: bytes


def open_message(data: bytes, message: Message, protection: Protection) -> Opened | OpenedFragment:
    """Open the SK or SKF payload that ends `message`, which was parsed from `data`. Raises CannotOpen."""
    last = message.payloads[-1] if message.payloads else None
    if not isinstance(last, SkPayload | SkfPayload):
        raise CannotOpen("no Encrypted payload at the end")
    if len(last.content) < protection.overhead + 1:
        raise CannotOpen("Encrypted payload too short for its IV and integrity check value")
    aad = data[: len(data) - len(last.content)]
    iv, sealed = last.content[: protection.iv_size], last.content[protection.iv_size :]
    try:
        plaintext = protection.open(iv, sealed, aad)
    except (IntegrityError, CryptoError) as error:
        raise CannotOpen(str(error)) from None
    if not plaintext or plaintext[-1] + 1 > len(plaintext):
        raise CannotOpen("Pad Length is larger than the content")
    end = len(plaintext) - 1 - plaintext[-1]
    if isinstance(last, SkfPayload):
        return OpenedFragment(message, last.fragment, last.total, last.inner, plaintext[:end])
    return _parsed(message, last.inner, plaintext[:end], iv, plaintext[end:-1])


def reassemble(fragments: Sequence[OpenedFragment]) -> Opened:
    """The message that all of its fragments, in order of number, make up. Raises CannotOpen."""
    chain = b"".join(fragment.chunk for fragment in fragments)
    return _parsed(fragments[0].message, fragments[0].first, chain, b"", b"")


def _parsed(message: Message, first: int, chain: bytes, iv: bytes, pad: bytes) -> Opened:
    malformed = ""
    try:
        inner = parse_chain(first, chain, offset=0, strict=True)
    except WireError as error:
        malformed = str(error)
        try:
            inner = parse_chain(first, chain, offset=0, strict=False)
        except WireError as worse:
            raise CannotOpen(f"decrypted, but {worse}") from None
    return Opened(replace(message, payloads=message.payloads[:-1] + tuple(inner)), iv, pad, malformed)
