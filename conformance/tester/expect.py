"""Acceptable answers, as a set: where the RFC leaves freedom, a test lists every outcome that keeps it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from conformance.tester.received import Received
from conformance.tester.transcript import name_of
from conformance.tester.verdicts import Deviation
from reference_impl.wire.base import Payload
from reference_impl.wire.describe import summary
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import NotifyType, ProtocolId
from reference_impl.wire.sa import SaPayload


class Outcome:
    """One acceptable answer. `matches` gets the decoded answer, or None for silence."""

    @abstractmethod
    def matches(self, reply: Message | None) -> bool:
        """Whether `reply` is this outcome."""

    @abstractmethod
    def text(self) -> str:
        """For "expected …"."""


@dataclass(frozen=True, slots=True)
class Silence(Outcome):
    """No answer at all, as a fence has shown."""

    def matches(self, reply: Message | None) -> bool:
        return reply is None

    def text(self) -> str:
        return "no answer"


@dataclass(frozen=True, slots=True)
class Notify(Outcome):
    """A response that carries this notification (and, for an error, nothing that would accept the request)."""

    kind: NotifyType
    data: bytes | None = None

    def matches(self, reply: Message | None) -> bool:
        found = reply.notify(self.kind) if reply is not None else None
        if found is None or (self.data is not None and found.data != self.data):
            return False
        return not (self.kind.is_error and reply is not None and accepts_sa(reply))

    def text(self) -> str:
        return f"N({name_of(self.kind)})" + (f" with data {self.data.hex()}" if self.data is not None else "")


@dataclass(frozen=True, slots=True)
class ErrorNotify(Outcome):
    """A response with any error notification."""

    def matches(self, reply: Message | None) -> bool:
        return reply is not None and error_of(reply) is not None and not accepts_sa(reply)

    def text(self) -> str:
        return "an error notification"


@dataclass(frozen=True, slots=True)
class Accepted(Outcome):
    """A response with an SA payload and no error: the SA that was asked for is accepted."""

    def matches(self, reply: Message | None) -> bool:
        return reply is not None and accepts_sa(reply) and error_of(reply) is None

    def text(self) -> str:
        return "the request is accepted"


@dataclass(frozen=True, slots=True)
class Empty(Outcome):
    """A response without any payload (INFORMATIONAL)."""

    def matches(self, reply: Message | None) -> bool:
        return reply is not None and not reply.payloads

    def text(self) -> str:
        return "an empty response"


@dataclass(frozen=True, slots=True)
class NoError(Outcome):
    """A response without error notification."""

    def matches(self, reply: Message | None) -> bool:
        return reply is not None and error_of(reply) is None

    def text(self) -> str:
        return "a response without error"


@dataclass(frozen=True, slots=True)
class Deleted(Outcome):
    """A response with a Delete payload for this protocol."""

    protocol: ProtocolId = ProtocolId.ESP

    def matches(self, reply: Message | None) -> bool:
        return reply is not None and any(item.protocol == self.protocol for item in reply.all(DeletePayload))

    def text(self) -> str:
        return f"a Delete payload for {name_of(self.protocol)}"


@dataclass(frozen=True, slots=True)
class Reply(Outcome):
    """Any response for which `test` is true; `words` says what that is."""

    words: str
    test: Callable[[Message], bool] = field(default=lambda reply: True)

    def matches(self, reply: Message | None) -> bool:
        return reply is not None and self.test(reply)

    def text(self) -> str:
        return self.words


def judge(
    reply: Message | Received | None, one_of: Iterable[Outcome] | Outcome, requirement: str | None = None
) -> Outcome:
    """The outcome that `reply` is; raises Deviation when it is none of the acceptable ones."""
    outcomes = [one_of] if isinstance(one_of, Outcome) else sorted(one_of, key=lambda outcome: outcome.text())
    message = reply.message if isinstance(reply, Received) else reply
    for outcome in outcomes:
        if outcome.matches(message):
            return outcome
    raise Deviation([outcome.text() for outcome in outcomes], observed(reply), requirement)


def fail(requirement: str, expected: str | Iterable[str], what: str) -> None:
    """Raise the Deviation; for judging functions that have no tester at hand."""
    raise Deviation(expected, what, requirement)


def observed(reply: Message | Received | None) -> str:
    """One line for "observed …"."""
    if reply is None:
        return "no answer"
    return reply.text() if isinstance(reply, Received) else summary(reply)


def accepts_sa(message: Message) -> bool:
    """Whether the message has an SA payload, which in a response accepts."""
    return message.get(SaPayload) is not None


def error_of(message: Message) -> NotifyType | None:
    """The first error notification (RFC 7296 §3.10.1), or None."""
    for item in message.all(NotifyPayload):
        if item.notify.is_error:
            return item.notify
    return None


def order_of(message: Message) -> list[int]:
    """The payload types in order."""
    return [payload.type_id for payload in message.payloads]


def reserved_clear(payloads: Iterable[Payload]) -> bool:
    """Whether the reserved bits of every generic header are zero, and no known payload is marked critical."""
    return all(not payload.reserved and not payload.critical for payload in payloads)
