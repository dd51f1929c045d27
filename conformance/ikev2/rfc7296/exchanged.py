"""What a device answers to the four exchanges, for tests that look at every response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.tester import IkeSa, Inconclusive, Received, Tester
from conformance.tester.draft import Draft, Editing
from reference_impl.wire.base import Payload
from reference_impl.wire.header import HEADER_SIZE, Header
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType, NotifyType


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with its request's exchange type and Message ID."""

    exchange: ExchangeType
    message_id: int
    received: Received

    @property
    def name(self) -> str:
        """For texts."""
        return f"the {self.exchange.name} response"

    @property
    def header(self) -> Header:
        """Its IKE header."""
        return Header.parse(self.received.octets)

    @property
    def first_generic_flags(self) -> int:
        """The critical and reserved bits of its first payload, which is SK after IKE_SA_INIT."""
        return self.received.octets[HEADER_SIZE + 1]


def answers(tester: Tester) -> tuple[IkeSa, list[Answer]]:
    """An IKE SA, and the responses to IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA and INFORMATIONAL.

    A device may refuse the CREATE_CHILD_SA request: the refusal is a response as well.
    """
    sa = tester.establish(judged=True)
    found = [Answer(ExchangeType.IKE_SA_INIT, 0, init_received(sa))]
    found.append(Answer(ExchangeType.IKE_AUTH, 1, last_received(sa)))
    for exchange, act in ((ExchangeType.CREATE_CHILD_SA, sa.try_child), (ExchangeType.INFORMATIONAL, sa.liveness)):
        expected = sa.next_id
        if act() is not None and sa.last is not None and sa.last.message_id == expected:
            found.append(Answer(exchange, expected, sa.last))
    return sa, found


def init_received(sa: IkeSa) -> Received:
    """The IKE_SA_INIT response of this SA."""
    if sa.init is None or sa.init.received is None:
        raise Inconclusive("the IKE SA was not set up by the tester")
    return sa.init.received


def last_received(sa: IkeSa) -> Received:
    """The last response on this SA."""
    if sa.last is None:
        raise Inconclusive("nothing was received on the IKE SA")
    return sa.last


def last_header(sa: IkeSa) -> Header:
    """The IKE header of the last response."""
    return Header.parse(last_received(sa).octets)


def still_answers(sa: IkeSa, payloads: Sequence[Payload] = ()) -> Message:
    """The answer to a further request; Inconclusive when the device gave the IKE SA up, where that is its right."""
    reply = sa.await_reply(sa.send_request(payloads=payloads))
    if reply is None:
        raise Inconclusive("the device does not answer on this IKE SA any more")
    return reply


def everything_for(tester: Tester, draft: Draft) -> list[Received]:
    """All that came to the test's port for `draft` until the fence was answered, marked as a response or not."""
    mark = tester.mark()
    tester.send(draft)
    tester.fence()
    tester.drain(tester.profile.timing.fence_grace)
    return [item for item in tester.since(mark) if item.datagram.port is tester.port]


def expect_no_effect(sa: IkeSa, message: Draft | bytes, requirement: str | None = None) -> None:
    """Send what somebody without the keys can send: fail if it is answered, or if the IKE SA does not go on."""
    tester = sa.tester
    send = (lambda: sa.send_raw(message, note="forged")) if isinstance(message, bytes) else (lambda: sa.send(message))
    found = tester.answers_to(send, natt=tester.is_natt(sa.remote, sa.port))
    seen = [item.text() for item in found if item.is_response]
    if sa.await_reply(sa.send_request(note="the IKE SA goes on")) is None:
        seen.append("the IKE SA is gone")
    tester.check(not seen, "no answer, and the IKE SA goes on", ", ".join(seen), requirement)


def init_or_silence(tester: Tester, edit: Editing) -> Message | None:
    """The answer to an IKE_SA_INIT request with this change, or None when the fence shows silence."""
    mark = tester.mark()
    init = tester.ike_sa_init(edit=edit, timeout=0.0)
    tester.fence()
    tester.drain(tester.profile.timing.fence_grace)
    for item in tester.since(mark):
        if item.is_response and item.header is not None and item.header.spi_i == init.spi_i:
            if item.message is not None and item.message.notify(NotifyType.COOKIE) is not None:
                return tester.ike_sa_init(edit=edit).reply
            return item.message
    return None
