"""Seal and open SK payloads (RFC 7296, 3.14; RFC 5282) and SKF payloads (RFC 7383), on whole datagrams.

The associated data is everything before the IV: the IKE header, payloads that travel unencrypted, and the generic
header of the SK payload (with SKF also the two fragment numbers). A sender never repeats an IV under one key: the
caller sees to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reference_impl.crypto.errors import IntegrityError
from reference_impl.crypto.protection import Protection
from reference_impl.wire.base import GENERIC_SIZE, MAX_PAYLOAD, Payload
from reference_impl.wire.encrypted import SkfPayload, SkPayload
from reference_impl.wire.errors import BadValue, EncodeError, Reason, WireError
from reference_impl.wire.header import HEADER_SIZE
from reference_impl.wire.message import Message
from reference_impl.wire.payload import encode_chain, parse_chain
from reference_impl.wire.quick import quick_init

MAX_PADDING = 255
MAX_FRAGMENTS = 0xFFFF


class InnerError(WireError):
    """Malformed content of an encrypted payload whose integrity was verified: the peer itself sent it."""


@quick_init
@dataclass(frozen=True, slots=True)
class Opened:
    """A verified and decrypted message. `outer` has the payloads that were not encrypted, without the SK or SKF
    payload.

    `inner` is the content without padding, `inner_first` the type of its first payload, `offset` where it begins in the
    datagram. `fragment` and `total` are those of an SKF payload, or 0.
    """

    outer: Message
    inner_first: int
    inner: bytes
    iv: bytes
    padding: bytes
    offset: int
    fragment: int = 0
    total: int = 0

    def message(self, *, strict: bool = True) -> Message:
        """The message with its inner payloads in place of the encrypted one. Raises InnerError when strict."""
        try:
            payloads = parse_chain(self.inner_first, self.inner, offset=self.offset, strict=strict, inside_sk=True)
        except WireError as error:
            raise InnerError(error.reason, error.offset, error.detail) from error
        return _with_payloads(self.outer, (*self.outer.payloads, *payloads))


@quick_init
@dataclass(frozen=True, slots=True)
class Fragment:
    """One verified and decrypted SKF payload: chunk `number` of `total`; `first_payload` is 0 but in the first one."""

    number: int
    total: int
    first_payload: int
    data: bytes
    outer: Message


def seal(
    message: Message, protection: Protection, iv: bytes, pad: int | None = None, *, outer: Sequence[Payload] = ()
) -> bytes:
    """The datagram of `message`, all its payloads encrypted in one SK payload; `outer` ones go before it in clear.

    `pad` octets of padding instead of the fewest possible. Raises EncodeError, or CryptoError for a `pad` that
    leaves the plaintext misaligned.
    """
    first, inner = encode_chain(message.payloads)
    return seal_raw(_with_payloads(message, tuple(outer)), first, inner, protection, iv, pad=pad)


def seal_raw(
    outer: Message,
    inner_first: int,
    inner: bytes,
    protection: Protection,
    iv: bytes,
    *,
    pad: int | None = None,
    padding: bytes | None = None,
    pad_length: int | None = None,
    fragment: tuple[int, int] | None = None,
    critical: bool = False,
    reserved: int = 0,
) -> bytes:
    """Seal arbitrary octets as content of an SK payload, or with `fragment` (number, total) of an SKF payload.

    `outer` gives the header and the unencrypted payloads. `padding` octets, else `pad` zero octets, else the
    fewest that align. `pad_length` replaces the truth in the Pad Length field. Raises EncodeError, and CryptoError
    for a misaligned plaintext.
    """
    if len(iv) != protection.iv_size:
        raise EncodeError(f"IV of {len(iv)} octets; {protection.cipher.name} takes {protection.iv_size}")
    if padding is None:
        padding = bytes(-(len(inner) + 1) % protection.block_size if pad is None else pad)
    length = len(padding) if pad_length is None else pad_length
    if not 0 <= length <= MAX_PADDING:
        raise EncodeError(f"padding of {length} octets; the Pad Length field holds {MAX_PADDING} at most")
    plaintext = b"%b%b%c" % (inner, padding, length)
    encrypted: SkPayload | SkfPayload
    if fragment is None:
        encrypted = SkPayload(b"", inner_first, critical=critical, reserved=reserved)
    else:
        encrypted = SkfPayload(*fragment, b"", inner_first, critical=critical, reserved=reserved)
    prefix = _prefix(outer, encrypted, len(plaintext) + protection.overhead)
    return prefix + iv + protection.seal(iv, plaintext, prefix)


def _with_payloads(message: Message, payloads: tuple[Payload, ...]) -> Message:
    """As dataclasses.replace, which takes several times as long."""
    return Message(
        message.spi_i,
        message.spi_r,
        message.exchange,
        message.flags,
        message.message_id,
        payloads,
        message.major,
        message.minor,
        message.length,
        message.next_payload,
    )


def _prefix(outer: Message, encrypted: SkPayload | SkfPayload, size: int) -> bytes:
    """What `Message.seal_prefix` gives, without its detours where the message has nothing but SK or SKF."""
    numbers = encrypted.body()
    length = GENERIC_SIZE + len(numbers) + size
    fits = length <= MAX_PAYLOAD and 0 <= encrypted.inner <= 0xFF and 0 <= encrypted.reserved <= 0x7F
    if outer.payloads or not fits:
        return outer.seal_prefix(encrypted, size)
    flags = encrypted.reserved | (0x80 if encrypted.critical else 0)
    header = outer.header(encrypted.TYPE, HEADER_SIZE + length).to_bytes()
    return header + bytes((encrypted.inner, flags)) + length.to_bytes(2, "big") + numbers


def open_raw(data: bytes, protection: Protection, *, strict: bool = True) -> Opened:
    """Verify and decrypt one datagram whose last payload is SK or SKF, without a look at what is inside.

    Raises WireError for a malformed outside, IntegrityError when it is not authentic, and InnerError for a Pad
    Length that exceeds the verified content.
    """
    outer = Message.parse(data, strict=strict)
    encrypted = outer.encrypted
    if encrypted is None:
        raise BadValue(Reason.PAYLOAD_CHAIN, HEADER_SIZE, "the last payload is neither SK nor SKF")
    content = encrypted.content
    start = len(data) - len(content)
    if len(content) < protection.overhead + 1:
        raise IntegrityError(
            f"{len(content)} octets cannot hold IV, Pad Length and ICV of {protection.overhead + 1} octets"
        )
    split = protection.iv_size
    iv = content[:split]
    plaintext = protection.open(iv, content[split:], data[:start])
    pad_length = plaintext[-1]
    end = len(plaintext) - 1 - pad_length
    if end < 0:
        raise InnerError(Reason.PADDING, start + split, f"Pad Length {pad_length} of {len(plaintext)} decrypted octets")
    number, total = (encrypted.fragment, encrypted.total) if isinstance(encrypted, SkfPayload) else (0, 0)
    return Opened(
        _with_payloads(outer, outer.payloads[:-1]),
        encrypted.inner,
        plaintext[:end],
        iv,
        plaintext[end:-1],
        start + split,
        number,
        total,
    )


def open_sk(data: bytes, protection: Protection, *, strict: bool = True) -> Message:
    """Verify, decrypt and parse a datagram that ends in an SK payload: its inner payloads take that one's place.

    Raises IntegrityError, WireError for a malformed outside, InnerError for malformed content that was authentic.
    """
    opened = open_raw(data, protection, strict=strict)
    if opened.total:
        raise BadValue(Reason.PAYLOAD_CHAIN, HEADER_SIZE, "an SKF payload where SK is expected")
    return opened.message(strict=strict)


def seal_fragments(
    message: Message,
    protection: Protection,
    ivs: Iterable[bytes],
    mtu: int,
    *,
    outer: Sequence[Payload] = (),
) -> list[bytes]:
    """The datagrams of `message` split into SKF payloads, none longer than `mtu` octets (without a non-ESP marker).

    `ivs` gives one IV per fragment: `iter(make_iv, None)` for a generator function. The `outer` payloads go
    unencrypted into the first fragment (RFC 7383, section 2.5.3). Raises EncodeError when `mtu` holds no content,
    or more than 65535 fragments would be needed.
    """
    first, inner = encode_chain(message.payloads)
    heads = (_with_payloads(message, tuple(outer)), _with_payloads(message, ()))
    rooms = [_room(head, protection, mtu) for head in heads]
    # The first fragment may hold no content at all (section 2.5.3); the others must.
    if rooms[0] < 0 or rooms[1] < 1:
        raise EncodeError(f"{mtu} octets per fragment leave no room for content")
    chunks = [inner[: rooms[0]]]
    chunks += [inner[start : start + rooms[1]] for start in range(rooms[0], len(inner), rooms[1])]
    if len(chunks) > MAX_FRAGMENTS:
        raise EncodeError(f"{len(chunks)} fragments; the Total Fragments field holds {MAX_FRAGMENTS} at most")
    source = iter(ivs)
    return [
        seal_raw(
            heads[min(index, 1)],
            0 if index else first,
            chunk,
            protection,
            next(source),
            fragment=(index + 1, len(chunks)),
        )
        for index, chunk in enumerate(chunks)
    ]


def _room(head: Message, protection: Protection, mtu: int) -> int:
    """How many octets of content one SKF payload after `head` can hold in `mtu` octets."""
    prefix = len(head.seal_prefix(SkfPayload(1, 1, b""), 0))
    block = protection.block_size
    return (mtu - prefix - protection.overhead) // block * block - 1


def open_fragment(data: bytes, protection: Protection) -> Fragment:
    """Verify and decrypt a datagram that ends in an SKF payload. Raises as `open_sk` does."""
    opened = open_raw(data, protection)
    if not opened.total:
        raise BadValue(Reason.PAYLOAD_CHAIN, HEADER_SIZE, "an SK payload where SKF is expected")
    return Fragment(opened.fragment, opened.total, opened.inner_first, opened.inner, opened.outer)


def reassemble(fragments: Iterable[Fragment], *, strict: bool = True) -> Message:
    """The message of one complete set of fragments, in any order. Raises InnerError, ValueError for a wrong set."""
    ordered = sorted(fragments, key=lambda fragment: fragment.number)
    if [fragment.number for fragment in ordered] != list(range(1, ordered[0].total + 1) if ordered else ()):
        raise ValueError("the fragments are not one complete set")
    if not ordered or any(fragment.total != ordered[0].total for fragment in ordered):
        raise ValueError("the fragments are not one complete set")
    head = ordered[0]
    content = b"".join(fragment.data for fragment in ordered)
    return Opened(head.outer, head.first_payload, content, b"", b"", HEADER_SIZE).message(strict=strict)
