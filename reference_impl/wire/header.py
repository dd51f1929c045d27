"""The IKE header (RFC 7296 §3.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Self

from .errors import EncodeError, Reason, Truncated
from .quick import quick_init
from .registries import ExchangeType

HEADER_SIZE = 28
LAYOUT = struct.Struct("!8s8sBBBBII")


class Flags(IntFlag):
    """Header flags; unknown bits are kept."""

    NONE = 0
    INITIATOR = 0x08
    VERSION = 0x10
    RESPONSE = 0x20


FLAGS: tuple[Flags, ...] = tuple(Flags(value) for value in range(256))
EXCHANGE_TYPES = ExchangeType.lookup()


def header_truncated(size: int) -> Truncated:
    """The rejection of a message of `size` octets."""
    return Truncated(Reason.TRUNCATED, size, f"{size} octets; the IKE header has {HEADER_SIZE}")


@quick_init
@dataclass(frozen=True, slots=True)
class Header:
    """The 28 octets that open every IKE message; `length` as sent, which need not be true."""

    spi_i: bytes
    spi_r: bytes
    next_payload: int
    major: int
    minor: int
    exchange: ExchangeType
    flags: Flags
    message_id: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The header of `data`, whatever its version and length field say; Truncated below 28 octets."""
        if len(data) < HEADER_SIZE:
            raise header_truncated(len(data))
        spi_i, spi_r, next_payload, version, exchange, flags, message_id, length = LAYOUT.unpack_from(data)
        return cls(
            spi_i,
            spi_r,
            next_payload,
            version >> 4,
            version & 0x0F,
            EXCHANGE_TYPES[exchange],
            FLAGS[flags],
            message_id,
            length,
        )

    def to_bytes(self) -> bytes:
        """The 28 octets; EncodeError when a value does not fit its field."""
        if len(self.spi_i) != 8 or len(self.spi_r) != 8:
            raise EncodeError("an IKE SPI in the header has 8 octets")
        if not (0 <= self.major <= 15 and 0 <= self.minor <= 15):
            raise EncodeError(f"version {self.major}.{self.minor} does not fit 4 + 4 bits")
        try:
            return LAYOUT.pack(
                self.spi_i,
                self.spi_r,
                self.next_payload,
                self.major << 4 | self.minor,
                self.exchange,
                self.flags,
                self.message_id,
                self.length,
            )
        except struct.error as error:
            raise EncodeError(f"header field out of range: {error}") from None
