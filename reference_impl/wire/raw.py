"""Payloads kept or sent as plain octets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload
from .quick import quick_init
from .registries import PayloadType


@quick_init
@dataclass(frozen=True, slots=True)
class _Octets(Payload):
    TYPE: ClassVar[PayloadType] = PayloadType.NONE

    type: int
    data: bytes

    @property
    def type_id(self) -> int:
        """The type number."""
        return self.type

    def body(self) -> bytes:
        """The octets after the generic header, as received or as they shall go out."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Any octets; `type` is not in the body, parse_chain sets it."""
        return cls(PayloadType.NONE, body)


@quick_init
@dataclass(frozen=True, slots=True)
class UnknownPayload(_Octets):
    """A payload whose type has no codec, or whose body lenient parsing could not decode."""


@quick_init
@dataclass(frozen=True, slots=True)
class RawPayload(_Octets):
    """A payload whose generic header may lie: `length` and `next_payload` replace the true values when given.

    For the tester's deliberate faults, and for what lenient parsing finds with an impossible length.
    """

    length: int | None = None
    next_payload: int | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class TrailingOctets(_Octets):
    """Octets without a generic header at the end of a chain; `type` is what the field before them announced."""
