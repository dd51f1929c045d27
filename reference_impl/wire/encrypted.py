"""Encrypted payloads: SK (RFC 7296 §3.14) and SKF (RFC 7383 §2.5), as opaque content."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload, need, pack
from .errors import BadValue, Reason
from .quick import quick_init
from .registries import PayloadType

_FRAGMENT = struct.Struct("!HH")


@quick_init
@dataclass(frozen=True, slots=True)
class SkPayload(Payload):
    """Encrypted and Authenticated: `content` is IV‖ciphertext‖ICV; `inner` the type of the first inner payload."""

    TYPE: ClassVar[PayloadType] = PayloadType.SK

    content: bytes
    inner: int = 0

    def body(self) -> bytes:
        """The content."""
        return self.content

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Any octets; `inner` is not in the body, parse_chain adds it."""
        return cls(body)

    def announcing(self, inner: int) -> SkPayload:
        """The same with the type of its first inner payload."""
        return SkPayload(self.content, inner, critical=self.critical, reserved=self.reserved)


@quick_init
@dataclass(frozen=True, slots=True)
class SkfPayload(Payload):
    """Encrypted and Authenticated Fragment: number `fragment` of `total`; `inner` 0 but in the first one."""

    TYPE: ClassVar[PayloadType] = PayloadType.SKF

    fragment: int
    total: int
    content: bytes
    inner: int = 0

    def body(self) -> bytes:
        """Fragment Number, Total Fragments, content."""
        return pack(_FRAGMENT, self.fragment, self.total, what="SKF") + self.content

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: the receiver's checks of RFC 7383 §2.6 that need no state."""
        need(body, 4, offset, "an SKF payload")
        fragment, total = _FRAGMENT.unpack_from(body)
        if strict:
            check_fragment(fragment, total, offset)
        return cls(fragment, total, body[4:])

    def announcing(self, inner: int) -> SkfPayload:
        """The same with the type of its first inner payload."""
        return SkfPayload(
            self.fragment, self.total, self.content, inner, critical=self.critical, reserved=self.reserved
        )


def check_fragment(fragment: int, total: int, offset: int) -> None:
    """RFC 7383 §2.6: both numbers above zero, Fragment Number at most Total Fragments."""
    if fragment == 0 or total == 0 or fragment > total:
        raise BadValue(Reason.FRAGMENT_NUMBER, offset, f"fragment {fragment} of {total}")
