"""What all payloads share: the generic payload header's fields (RFC 7296 §3.2)."""

from __future__ import annotations

import struct
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from .errors import EncodeError, Reason, Truncated
from .registries import PayloadType

GENERIC_SIZE = 4
MAX_PAYLOAD = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A payload: its own fields first, then `critical` and the 7 `reserved` bits of its generic header."""

    TYPE: ClassVar[PayloadType]

    critical: bool = False
    reserved: int = 0

    @property
    def type_id(self) -> int:
        """The payload type number, also for unknown and raw payloads."""
        return self.TYPE

    @abstractmethod
    def body(self) -> bytes:
        """The octets after the generic payload header; EncodeError when a value does not fit its field."""

    @classmethod
    @abstractmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Decode the octets after the generic payload header.

        `offset` is where `body` starts in the message; it goes into errors. Strict also enforces the value rules
        of the RFC; lenient raises WireError only for what could not be encoded again octet for octet.
        """


def need(body: bytes, size: int, offset: int, what: str) -> None:
    """Truncated unless `body` has at least `size` octets."""
    if len(body) < size:
        raise Truncated(Reason.PAYLOAD_LENGTH, offset + len(body), f"{what} needs {size} octets, has {len(body)}")


def pack(layout: struct.Struct, *values: int, what: str) -> bytes:
    """`layout.pack(*values)` with EncodeError instead of struct.error."""
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise EncodeError(f"{what}: {error}") from None
