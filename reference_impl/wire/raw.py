"""Payloads kept or sent as plain octets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload
from .quick import quick_init
from .registries import PayloadType


@quick_init
@dataclass(frozen=True, slots=True)
class UnknownPayload(Payload):
    """A payload whose type has no codec, or whose body lenient parsing could not decode."""

    TYPE: ClassVar[PayloadType] = PayloadType.NONE

    type: int
    data: bytes

    @property
    def type_id(self) -> int:
        """The type number."""
        return self.type

    def body(self) -> bytes:
        """The octets as received."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Any octets; `type` is not in the body, parse_chain sets it."""
        return cls(PayloadType.NONE, body)


@quick_init
@dataclass(frozen=True, slots=True)
class RawPayload(Payload):
    """A payload whose generic header may lie: `length` and `next_payload` replace the true values when given.

    For the tester's deliberate faults, and for what lenient parsing finds with an impossible length.
    """

    TYPE: ClassVar[PayloadType] = PayloadType.NONE

    type: int
    data: bytes
    length: int | None = None
    next_payload: int | None = None

    @property
    def type_id(self) -> int:
        """The type number."""
        return self.type

    def body(self) -> bytes:
        """The octets after the generic header."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Any octets."""
        return cls(PayloadType.NONE, body)


@quick_init
@dataclass(frozen=True, slots=True)
class TrailingOctets(Payload):
    """Octets without a generic header at the end of a chain; `type` is what the field before them announced."""

    TYPE: ClassVar[PayloadType] = PayloadType.NONE

    type: int
    data: bytes

    @property
    def type_id(self) -> int:
        """The type number."""
        return self.type

    def body(self) -> bytes:
        """The octets."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Any octets."""
        return cls(PayloadType.NONE, body)
