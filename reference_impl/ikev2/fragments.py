"""Reassembly of fragmented messages (RFC 7383 section 2.6), with bounds on what it may hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FragmentVerdict(StrEnum):
    """What a received fragment is, before it is decrypted."""

    NEW = "new"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    OBSOLETE = "obsolete"
    TOO_MANY = "too-many"


@dataclass(slots=True)
class Reassembly:
    """The fragments of one message so far. ``first`` is the type of the first inner payload, from fragment 1."""

    total: int = 0
    first: int = 0
    parts: dict[int, bytes] = field(default_factory=dict)
    octets: int = 0

    def judge(self, number: int, total: int, limit: int) -> FragmentVerdict:
        """The receiver's checks, in the order of section 2.6."""
        if not numbers_are_valid(number, total):
            return FragmentVerdict.INVALID
        if total > limit:
            return FragmentVerdict.TOO_MANY
        if self.parts and total < self.total:
            return FragmentVerdict.OBSOLETE
        if total == self.total and number in self.parts:
            return FragmentVerdict.DUPLICATE
        return FragmentVerdict.NEW

    def add(self, number: int, total: int, first: int, data: bytes) -> None:
        """Store a verified fragment; a larger total starts over with this one."""
        if total > self.total:
            self.parts.clear()
            self.octets = 0
            self.first = 0
            self.total = total
        self.parts[number] = data
        self.octets += len(data)
        if number == 1:
            self.first = first

    @property
    def complete(self) -> bool:
        """Whether all fragments are there."""
        return bool(self.total) and len(self.parts) == self.total

    def content(self) -> bytes:
        """The merged content of the original encrypted payload."""
        return b"".join([self.parts[number] for number in range(1, self.total + 1)])


def numbers_are_valid(number: int, total: int) -> bool:
    """Both above zero, and the number at most the total."""
    return 0 < number <= total
