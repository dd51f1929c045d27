"""ESP header and trailer (RFC 4303 §2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from .errors import BadLength, BadValue, EncodeError, Reason, Truncated

ESP_HEADER_SIZE = 8
TRAILER_SIZE = 2
MAX_PADDING = 255
_HEADER = struct.Struct("!II")
# RFC 4303 §2.4: padding octets are 1, 2, 3, … when the algorithm asks for nothing else.
PADDING = bytes(range(1, MAX_PADDING + 1))


@dataclass(frozen=True, slots=True)
class EspHeader:
    """SPI and the 32 sequence number bits on the wire."""

    spi: int
    seq: int

    @classmethod
    def parse(cls, packet: bytes) -> Self:
        """The first 8 octets; Truncated when there are fewer."""
        if len(packet) < ESP_HEADER_SIZE:
            raise Truncated(Reason.TRUNCATED, len(packet), f"{len(packet)} octets; the ESP header has 8")
        spi, seq = _HEADER.unpack_from(packet)
        return cls(spi, seq)

    def to_bytes(self) -> bytes:
        """8 octets; EncodeError when a number does not fit 32 bits."""
        try:
            return _HEADER.pack(self.spi, self.seq)
        except struct.error:
            raise EncodeError(f"SPI {self.spi} or sequence number {self.seq} does not fit 32 bits") from None


def pad_length(size: int, alignment: int) -> int:
    """Least Pad Length for `size` payload octets so that payload, padding and trailer fill `alignment` octets."""
    return -(size + TRAILER_SIZE) % alignment


def trailer(size: int, next_header: int, alignment: int, *, extra: int = 0) -> bytes:
    """Padding, Pad Length and Next Header after `size` octets.

    `alignment` in octets is at least 4 (RFC 4303 §2.4); `extra` octets of padding are added, rounded by the caller.
    """
    count = pad_length(size, alignment) + extra
    if not 0 <= count <= MAX_PADDING or not 0 <= next_header <= 0xFF:
        raise EncodeError(f"{count} octets of padding, next header {next_header}")
    return PADDING[:count] + bytes((count, next_header))


def split_trailer(plaintext: bytes, *, strict: bool = True) -> tuple[bytes, int, bytes]:
    """Payload, Next Header and padding octets of a decrypted ESP packet.

    Strict also checks that the padding is 1, 2, 3, … (a receiver SHOULD, §2.4). Truncated, BadLength, BadValue.
    """
    if len(plaintext) < TRAILER_SIZE:
        raise Truncated(Reason.TRUNCATED, len(plaintext), f"{len(plaintext)} octets; the ESP trailer has 2")
    count, next_header = plaintext[-2], plaintext[-1]
    end = len(plaintext) - TRAILER_SIZE - count
    if end < 0:
        raise BadLength(Reason.PADDING, len(plaintext) - 2, f"{count} octets of padding in {len(plaintext)}")
    padding = plaintext[end:-2]
    if strict and padding != PADDING[:count]:
        raise BadValue(Reason.PADDING, end, "padding octets are not 1, 2, 3, …")
    return plaintext[:end], next_header, padding
