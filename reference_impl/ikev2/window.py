"""Message IDs of one IKE SA: what may be sent and what may be accepted (RFC 7296 sections 2.1 to 2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tasks import Task

LAST_MESSAGE_ID = 0xFFFFFFFF
# From here on enough Message IDs are left to rekey the IKE SA.
RESERVE_FROM = LAST_MESSAGE_ID - 256


class Verdict(StrEnum):
    """What a received request's Message ID says."""

    NEW = "new"
    RETRANSMISSION = "retransmission"
    OLD = "old"
    AHEAD = "ahead"


class InboundWindow:
    """Requests from the peer: the IDs still to come, and the responses kept for retransmission."""

    __slots__ = ("_answered", "expected", "responses", "size")

    def __init__(self, size: int = 1, expected: int = 0) -> None:
        self.size = size
        self.expected = expected
        self.responses: dict[int, tuple[bytes, ...]] = {}
        self._answered: set[int] = set()

    def judge(self, message_id: int) -> Verdict:
        """Where a request with this Message ID stands."""
        if message_id in self.responses:
            return Verdict.RETRANSMISSION
        if message_id < self.expected or message_id in self._answered:
            return Verdict.OLD
        if message_id >= self.expected + self.size:
            return Verdict.AHEAD
        return Verdict.NEW

    def answered(self, message_id: int, response: tuple[bytes, ...]) -> None:
        """Remember the response to a new request, and forget those that the peer no longer needs (section 2.1)."""
        self._answered.add(message_id)
        while self.expected in self._answered:
            self._answered.discard(self.expected)
            self.expected += 1
        for old in [kept for kept in self.responses if kept + self.size <= message_id]:
            del self.responses[old]
        self.responses[message_id] = response


@dataclass(slots=True)
class Pending:
    """A request of ours that waits for its response. ``datagrams`` are kept: a retransmission is bitwise identical."""

    message_id: int
    exchange: int
    task: Task
    datagrams: tuple[bytes, ...]
    sent: int = 1
    first_at: float = 0.0


@dataclass(slots=True)
class OutboundWindow:
    """Requests to the peer. ``size`` is what the peer promised with SET_WINDOW_SIZE; it starts at one."""

    next_id: int = 0
    size: int = 1
    pending: dict[int, Pending] = field(default_factory=dict)

    def has_room(self) -> bool:
        """Request X waits for the responses to all requests up through X - size (section 2.3)."""
        if not self.pending:
            return self.next_id <= LAST_MESSAGE_ID
        return self.next_id < min(self.pending) + self.size and self.next_id <= LAST_MESSAGE_ID

    def take_id(self) -> int:
        """The Message ID of the next request."""
        taken = self.next_id
        self.next_id += 1
        return taken

    def widen(self, size: int) -> None:
        """The peer's SET_WINDOW_SIZE: a window can only grow (section 2.3)."""
        self.size = max(self.size, size)

    def exhausted(self) -> bool:
        """Message IDs are about to run out: the IKE SA has to be rekeyed or closed (section 2.2)."""
        return self.next_id == RESERVE_FROM
