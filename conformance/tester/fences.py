"""Silence shown without waiting: what came back before the answers to valid requests that were sent afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.tester.draft import Draft, Editing
from conformance.tester.received import Received
from conformance.tester.requests import Requests, Sent
from conformance.tester.verdicts import Deviation, NoAnswer
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType

# How long an IKE_AUTH answer may come after that to a later IKE_SA_INIT, for devices with several threads.
AUTH_GRACE = 0.2


class Fences(Requests):
    """Requests that the device should not, or need not, answer."""

    def answers_to(self, send: Callable[[], object] | Draft | bytes) -> list[Received]:
        """What came back for `send` (a draft, octets, or a function that sends) before the answers to the fences.

        The fences are two empty INFORMATIONAL requests with the next two message IDs. The first may have the message
        ID of what was sent; then an answer to that is told from the fence's by its content or by coming twice.
        """
        tester, mark = self.tester, self.tester.mark()
        if callable(send):
            send()
        elif isinstance(send, Draft):
            self.send(send)
        else:
            self.send_raw(send, note="no answer is expected")
        expected: list[bytes] = []
        for note in ("fence", "second fence"):
            fence = self.send_request(note=note)
            reply = self.await_reply(fence)
            if reply is None or self.last is None:
                raise NoAnswer(f"the SA goes on: a valid request ({note}) is answered", "no answer", tester.requirement)
            if not _fits_fence(reply):
                break
            # A fence that had to be sent again may be answered as often.
            expected += [self.last.octets] * fence.times
        tester.drain(tester.profile.timing.fence_grace)
        answers = []
        for item in tester.since(mark):
            if item.is_request or not (item.sa is self or item.datagram.port is self.port):
                continue
            if item.octets in expected:
                expected.remove(item.octets)
            else:
                answers.append(item)
        return answers

    def expect_silence(self, send: Callable[[], object] | Draft | bytes, *, requirement: str | None = None) -> None:
        """Send, and fail unless the device stays silent about it; the fences show it without waiting."""
        answers = self.answers_to(send)
        if answers:
            texts = ", ".join(item.text() for item in answers)
            raise Deviation("no answer", texts, requirement or self.tester.requirement)

    def exchange_or_silence(
        self,
        exchange: ExchangeType = ExchangeType.INFORMATIONAL,
        payloads: Sequence[Payload] = (),
        *,
        message_id: int | None = None,
        edit: Editing = None,
        fragment: int | None = None,
        note: str = "",
    ) -> Message | None:
        """Send a request that need not be answered: its decrypted answer, or None when the fences show silence.

        Before IKE_AUTH is done the fence is an IKE_SA_INIT from elsewhere, and a pause, as IKE_AUTH takes longer.
        """
        draft = self.draft(exchange, payloads, message_id=message_id, edit=edit)
        if not self.established:
            sent = Sent(draft, self.send(draft, fragment=fragment, note=note), self.tester.mark())
            self.tester.fence(natt=self.tester.is_natt(self.remote, self.port))
            return self.await_reply(sent, max(AUTH_GRACE, self.tester.profile.timing.fence_grace), retransmit=False)
        for item in self.answers_to(lambda: self.send(draft, fragment=fragment, note=note)):
            if item.message is not None and item.complete:
                return item.message
        return None


def _fits_fence(reply: Message) -> bool:
    return reply.exchange == ExchangeType.INFORMATIONAL and not reply.payloads
