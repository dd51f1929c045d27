"""Requests of the device on an IKE SA: waited for, answered by the test or automatically, told from repetitions."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Unpack

from conformance.tester import automatic
from conformance.tester.draft import Editing
from conformance.tester.fences import Fences
from conformance.tester.received import Received
from conformance.tester.requests import Ends
from conformance.tester.verdicts import Inconclusive
from reference_impl.wire.base import Payload
from reference_impl.wire.registries import ExchangeType

if TYPE_CHECKING:
    from conformance.tester.tester import Tester


class DeviceRequests(Fences):
    """The receiving side. expected_id: message ID of the device's next request.

    policy: how requests of the device are answered automatically. requests: every request of the device, in order.
    retransmissions: how often each request of the device (by message ID) came again.
    """

    def __init__(self, tester: Tester, **ends: Unpack[Ends]) -> None:
        super().__init__(tester, **ends)
        self.expected_id = 0
        self.policy = automatic.Policy()
        self.requests: list[Received] = []
        self.retransmissions: dict[int, int] = {}
        self._answers: dict[int, list[bytes]] = {}
        self._holding = 0

    @abstractmethod
    def answer_automatically(self, received: Received) -> None:
        """Answer as a well-behaved peer would."""

    @contextmanager
    def manual(self) -> Iterator[None]:
        """Within it, requests of the device are not answered automatically but wait for `receive_request`."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1

    def receive_request(
        self, exchange: ExchangeType | None = None, timeout: float | None = None, *, fresh: bool = True
    ) -> Received:
        """The device's next request, decrypted, unanswered. Raises Inconclusive when none comes in time.

        fresh: not one that was received before (a retransmission).
        """
        received = self.request_or_none(exchange, timeout, fresh=fresh)
        if received is None:
            wanted = exchange.name if exchange else "any"
            raise Inconclusive(f"the device sent no {wanted} request in time")
        return received

    def request_or_none(
        self,
        exchange: ExchangeType | None = None,
        timeout: float | None = None,
        *,
        fresh: bool = True,
        wait: Callable[[Callable[[Received], bool], float], Received | None] | None = None,
    ) -> Received | None:
        """As `receive_request`, but None when none comes in time. `wait`: instead of the tester's."""

        def wanted(item: Received) -> bool:
            return (
                item.sa is self
                and item.is_request
                and item.opened
                and item.message is not None
                and (exchange is None or item.message.exchange == exchange)
                and (not fresh or item.message_id not in self._answers)
            )

        with self.manual():
            limit = self.tester.profile.timing.trigger if timeout is None else timeout
            return (wait or self.tester.wait)(wanted, limit)

    def answer(
        self,
        received: Received,
        payloads: Sequence[Payload] = (),
        *,
        edit: Editing = None,
        fragment: int | None = None,
        note: str = "",
    ) -> bytes:
        """Answer a request of the device; the answer is kept and sent again when the request comes again."""
        exchange = received.message.exchange if received.message else ExchangeType.INFORMATIONAL
        draft = self.draft(exchange, payloads, message_id=received.message_id, response=True, edit=edit)
        datagrams = self.send(draft, fragment=fragment, note=note)
        self._answers[received.message_id] = datagrams
        self.expected_id = max(self.expected_id, received.message_id + 1)
        return datagrams[0]

    def answers_sent(self, message_id: int) -> list[bytes]:
        """The datagrams (IKE messages) that answered the device's request with this Message ID; empty before."""
        return list(self._answers.get(message_id, ()))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let the device act, answering its requests, until `until` is true (then True) or the time is over."""
        end = time.monotonic() + seconds
        while not until():
            if self.tester.pump(end) is None:
                return until()
        return True

    def arrived(self, received: Received) -> None:
        """File a message of this SA: count retransmissions, answer what the test does not want to answer itself."""
        if not received.is_request or not received.opened:
            return
        number = received.message_id
        if number in self._answers:
            self.retransmissions[number] = self.retransmissions.get(number, 0) + 1
            if not self._holding:
                for data in self._answers[number]:
                    self.send_raw(data, note="answer sent again")
            return
        self.requests.append(received)
        if not self._holding and self.policy.enabled:
            received.taken = True
            self.answer_automatically(received)
