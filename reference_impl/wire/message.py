"""Whole IKE messages (RFC 7296 §3.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self, TypeVar

from .base import Payload
from .encrypted import SkfPayload, SkPayload
from .errors import BadLength, BadValue, Reason
from .header import EXCHANGE_TYPES, FLAGS, HEADER_SIZE, LAYOUT, Flags, Header, header_truncated
from .notify import NotifyPayload
from .payload import encode_chain, parse_chain
from .quick import quick_init
from .registries import ExchangeType, NotifyType

P = TypeVar("P", bound=Payload)


@quick_init
@dataclass(frozen=True, slots=True)
class Message:
    """An IKE message. `length` and `next_payload` are None when true; a value replaces the header's field."""

    spi_i: bytes
    spi_r: bytes
    exchange: ExchangeType
    flags: Flags
    message_id: int
    payloads: tuple[Payload, ...] = ()
    major: int = 2
    minor: int = 0
    length: int | None = None
    next_payload: int | None = None

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview, *, strict: bool = True) -> Self:
        """Decode one message (without non-ESP marker).

        Strict raises WireError for everything malformed, for a header length other than the datagram's, and for a
        major version other than 2 (use Header.parse to answer those). Reserved bits, the minor version and the
        critical bits are never judged, nor whether the SPIs are zero. Lenient raises Truncated below 28 octets only;
        its result encodes to the same octets.
        """
        if type(data) is not bytes:
            data = bytes(data)
        size = len(data)
        if size < HEADER_SIZE:
            raise header_truncated(size)
        spi_i, spi_r, following, version, exchange, flags, message_id, stated = LAYOUT.unpack_from(data)
        if strict:
            if stated != size:
                raise BadLength(Reason.HEADER_LENGTH, 24, f"header says {stated} octets, the message has {size}")
            if version >> 4 != 2:
                raise BadValue(Reason.MAJOR_VERSION, 17, f"major version {version >> 4}")
        return cls(
            spi_i,
            spi_r,
            EXCHANGE_TYPES[exchange],
            FLAGS[flags],
            message_id,
            parse_chain(following, data[HEADER_SIZE:], offset=HEADER_SIZE, strict=strict),
            version >> 4,
            version & 0x0F,
            None if stated == size else stated,
        )

    def header(self, next_payload: int, length: int) -> Header:
        """The header with the given values where this message does not override them."""
        return Header(
            self.spi_i,
            self.spi_r,
            next_payload if self.next_payload is None else self.next_payload,
            self.major,
            self.minor,
            self.exchange,
            self.flags,
            self.message_id,
            length if self.length is None else self.length,
        )

    def to_bytes(self) -> bytes:
        """The octets; EncodeError when a value does not fit its field."""
        first, body = encode_chain(self.payloads)
        return self.header(first, HEADER_SIZE + len(body)).to_bytes() + body

    def seal_prefix(self, encrypted: SkPayload | SkfPayload, size: int) -> bytes:
        """Everything before the IV of a protected message: the associated data of RFC 5282 §5.1.

        This message's payloads go unencrypted before `encrypted`, whose content is ignored and will have `size`
        octets (IV, ciphertext and ICV); all length fields already count them. The datagram is prefix‖content.
        """
        placeholder = replace(encrypted, content=bytes(size))
        whole = replace(self, payloads=(*self.payloads, placeholder)).to_bytes()
        return whole[: len(whole) - size]

    @property
    def encrypted(self) -> SkPayload | SkfPayload | None:
        """The SK or SKF payload that ends the message, None in clear text."""
        last = self.payloads[-1] if self.payloads else None
        return last if isinstance(last, SkPayload | SkfPayload) else None

    @property
    def is_response(self) -> bool:
        """The R flag."""
        return bool(self.flags & Flags.RESPONSE)

    @property
    def from_initiator(self) -> bool:
        """The I flag: sent by the original initiator of the IKE SA."""
        return bool(self.flags & Flags.INITIATOR)

    def get(self, cls: type[P]) -> P | None:
        """The first payload of the class, or None."""
        for payload in self.payloads:
            if isinstance(payload, cls):
                return payload
        return None

    def all(self, cls: type[P]) -> tuple[P, ...]:
        """The payloads of the class, in order."""
        return tuple([payload for payload in self.payloads if isinstance(payload, cls)])

    def notify(self, kind: NotifyType) -> NotifyPayload | None:
        """The first Notify of the type, or None."""
        for payload in self.payloads:
            if isinstance(payload, NotifyPayload) and payload.notify == kind:
                return payload
        return None


def aad_for(data: bytes) -> bytes:
    """The octets of a received protected message that precede its IV; BadValue when no SK or SKF payload ends it.

    `data` is parsed leniently, so this also serves a message that strict parsing refuses elsewhere.
    """
    encrypted = Message.parse(data, strict=False).encrypted
    if encrypted is None:
        raise BadValue(Reason.PAYLOAD_CHAIN, HEADER_SIZE, "the last payload is neither SK nor SKF")
    return data[: len(data) - len(encrypted.content)]
