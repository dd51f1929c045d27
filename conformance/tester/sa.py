"""An IKE SA of the tester: requests with any payloads and any faults, answers to the device's own requests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.tester import automatic, child_exchanges, expect
from conformance.tester.child import ChildSa
from conformance.tester.child_exchanges import ChildExchange, RekeyExchange
from conformance.tester.draft import Draft, Editing, apply_edits
from conformance.tester.expect import Outcome
from conformance.tester.link import Address, Port
from conformance.tester.received import Received
from conformance.tester.sealing import (
    MAX_FRAGMENTS,
    CannotOpen,
    Opened,
    OpenedFragment,
    encode,
    encode_fragment,
    encode_fragments,
    open_message,
    reassemble,
)
from conformance.tester.verdicts import Deviation, Inconclusive, NoAnswer
from reference_impl.crypto import kdf
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId
from reference_impl.wire.ts import TrafficSelector
from reference_impl.wire.udp import NON_ESP_MARKER

if TYPE_CHECKING:
    from conformance.tester.ike_sa_init import InitExchange
    from conformance.tester.tester import Tester


# How long an IKE_AUTH answer may come after that to a later IKE_SA_INIT, for devices with several threads.
AUTH_GRACE = 0.2


@dataclass(slots=True, eq=False)
class Sent:
    """A request on its way: the draft, the datagrams it went in (without marker), the place in the inbox.

    times: how often it was sent.
    """

    draft: Draft
    datagrams: list[bytes]
    mark: int
    times: int = 1


class IkeSa:
    """One IKE SA. `initiator`: the tester is the original initiator.

    next_id: message ID of our next request. expected_id: of the device's next request. established: IKE_AUTH is done.
    closed: deleted by either side. children: the live Child SAs. fragmentation: both announced RFC 7383.
    policy: how requests of the device are answered automatically. requests: every request of the device, in order.
    retransmissions: how often each request of the device (by message ID) came again.
    """

    def __init__(
        self,
        tester: Tester,
        *,
        initiator: bool,
        spi_i: bytes,
        spi_r: bytes,
        suite: IkeSuite,
        keys: kdf.IkeKeys,
        port: Port,
        remote: Address,
    ) -> None:
        self.tester = tester
        self.initiator = initiator
        self.spi_i = spi_i
        self.spi_r = spi_r
        self.suite = suite
        self.keys = keys
        self.port = port
        self.remote = remote
        self.next_id = 0
        self.expected_id = 0
        self.established = False
        self.closed = False
        self.fragmentation = False
        self.children: list[ChildSa] = []
        self.init: InitExchange | None = None
        self.auth_reply: Message | None = None
        self.policy = automatic.Policy()
        self.requests: list[Received] = []
        self.retransmissions: dict[int, int] = {}
        self.last: Received | None = None
        self._answers: dict[int, list[bytes]] = {}
        self._holding = 0
        self._pieces: dict[tuple[bool, int], dict[int, OpenedFragment]] = {}
        cipher, integ = suite.cipher_algorithm(), suite.integ_algorithm()
        from_i = Protection(cipher, integ, keys.sk_ei, keys.sk_ai)
        from_r = Protection(cipher, integ, keys.sk_er, keys.sk_ar)
        self.outbound, self.inbound = (from_i, from_r) if initiator else (from_r, from_i)
        tester.sas.append(self)
        tester.keys.add_ike(spi_i, spi_r, suite, keys)

    @property
    def child(self) -> ChildSa:
        """The newest live Child SA. Raises Inconclusive when there is none."""
        if not self.children:
            raise Inconclusive("the IKE SA has no Child SA to test with")
        return self.children[-1]

    # -- building and sending -----------------------------------------------------------------------------------

    def draft(
        self,
        exchange: ExchangeType = ExchangeType.INFORMATIONAL,
        payloads: Sequence[Payload] = (),
        *,
        message_id: int | None = None,
        response: bool = False,
        edit: Editing = None,
    ) -> Draft:
        """A protected message of this SA, by default the next request. `edit` is applied to it."""
        flags = (Flags.INITIATOR if self.initiator else Flags.NONE) | (Flags.RESPONSE if response else Flags.NONE)
        number = self.next_id if message_id is None else message_id
        draft = Draft(self.spi_i, self.spi_r, exchange, flags, number, list(payloads), protection=self.outbound)
        return apply_edits(draft, edit)

    def send(self, message: Draft | bytes, *, fragment: int | None = None, note: str = "") -> list[bytes]:
        """Send a draft, whole or in fragments of `fragment` octets, or ready octets; returns the IKE messages sent."""
        tester = self.tester
        if isinstance(message, Draft) and fragment is not None:
            pieces = encode_fragments(message, fragment)
            for number, data in enumerate(pieces, 1):
                text = "; ".join([*message.notes, note, f"fragment {number}/{len(pieces)}"]).strip("; ")
                self.send_raw(data, note=text, decoded=message.message())
            return pieces
        data = tester.send(message, port=self.port, to=self.remote, note=note)
        return [data]

    def send_raw(self, data: bytes, *, note: str = "", decoded: Message | None = None) -> None:
        """Send octets as one IKE message on this SA's path."""
        self.tester.send(data, port=self.port, to=self.remote, note=note, decoded=decoded)

    def encode(self, draft: Draft) -> bytes:
        """The octets of a draft, not sent."""
        return encode(draft)

    def fragments(self, draft: Draft, size: int) -> list[bytes]:
        """The draft as SKF messages of at most `size` octets of payload each, not sent: reorder, drop, repeat them."""
        return encode_fragments(draft, size)

    def fragment(self, draft: Draft, chunk: bytes, number: int, total: int, first: int = 0) -> bytes:
        """One SKF message with any fragment number, total and first payload type, not sent."""
        return encode_fragment(draft, chunk, number, total, first)

    # -- requests of the tester ---------------------------------------------------------------------------------

    def send_request(
        self,
        exchange: ExchangeType = ExchangeType.INFORMATIONAL,
        payloads: Sequence[Payload] = (),
        *,
        message_id: int | None = None,
        edit: Editing = None,
        fragment: int | None = None,
        note: str = "",
    ) -> Sent:
        """Send a request and do not wait. Use `await_reply` for its answer."""
        draft = self.draft(exchange, payloads, message_id=message_id, edit=edit)
        mark = self.tester.mark()
        return Sent(draft, self.send(draft, fragment=fragment, note=note), mark)

    def await_reply(self, sent: Sent, timeout: float | None = None, *, retransmit: bool = True) -> Message | None:
        """The decrypted answer, or None at the timeout. The request is sent again meanwhile, as §2.1 asks."""
        timing = self.tester.profile.timing
        end = time.monotonic() + (timing.answer if timeout is None else timeout)

        def answers(item: Received) -> bool:
            return item.sa is self and item.is_response and item.opened and item.message_id == sent.draft.message_id

        while True:
            left = max(end - time.monotonic(), 0.0)
            received = self.tester.wait(answers, min(left, timing.retransmit) if retransmit else left, since=sent.mark)
            if received is not None:
                self.last = received
                self.next_id = max(self.next_id, sent.draft.message_id + 1)
                return received.message
            if time.monotonic() >= end:
                return None
            sent.times += 1
            for data in sent.datagrams:
                self.send_raw(data, note="retransmission of the tester", decoded=sent.draft.message())

    def request(
        self,
        exchange: ExchangeType = ExchangeType.INFORMATIONAL,
        payloads: Sequence[Payload] = (),
        *,
        message_id: int | None = None,
        edit: Editing = None,
        fragment: int | None = None,
        timeout: float | None = None,
        requirement: str | None = None,
        note: str = "",
    ) -> Message:
        """Send a request and take its decrypted answer. Raises NoAnswer (a deviation) when none comes."""
        sent = self.send_request(exchange, payloads, message_id=message_id, edit=edit, fragment=fragment, note=note)
        reply = self.await_reply(sent, timeout)
        if reply is None:
            raise NoAnswer(
                f"an answer to the {exchange.name} request", "no answer", requirement or self.tester.requirement
            )
        return reply

    def liveness(self, **options: Any) -> Message:
        """An empty INFORMATIONAL request; its answer."""
        return self.request(ExchangeType.INFORMATIONAL, (), **options)

    # -- silence ------------------------------------------------------------------------------------------------

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

    def expects(
        self, reply: Message | Received | None, one_of: set[Outcome] | Outcome, requirement: str | None = None
    ) -> Outcome:
        """As `tester.expects`."""
        return expect.judge(reply, one_of, requirement or self.tester.requirement)

    # -- requests of the device ---------------------------------------------------------------------------------

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

    def answer_automatically(self, received: Received) -> None:
        """Answer as a well-behaved peer would: liveness, deletes, new Child SAs, rekeys (see `automatic`)."""
        automatic.respond(self, received)

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

    # -- child and IKE SAs --------------------------------------------------------------------------------------

    def create_child(self, **options: Any) -> ChildSa:
        """A further Child SA; raises Deviation when refused. Keywords: `child_exchanges.try_child`."""
        return self._due(self.try_child(**options))

    def rekey_child(self, child: ChildSa | None = None, *, delete_old: bool = True, **options: Any) -> ChildSa:
        """Rekey a Child SA (default the newest) and delete the old one; raises Deviation when refused."""
        old = child or self.child
        new = self._due(self.try_child(rekey=old, **options))
        if delete_old:
            self.delete_child(old)
        return new

    def try_child(self, **options: Any) -> ChildExchange:
        """CREATE_CHILD_SA for a Child SA; the answer is not judged. Keywords: `child_exchanges.try_child`."""
        return child_exchanges.try_child(self, **options)

    def try_rekey_ike(self, **options: Any) -> RekeyExchange:
        """CREATE_CHILD_SA that rekeys the IKE SA; the answer is not judged."""
        return child_exchanges.try_rekey_ike(self, **options)

    def rekey_ike(self, *, delete_old: bool = True, **options: Any) -> IkeSa:
        """Rekey the IKE SA, take the Child SAs along, delete the old one; raises Deviation when refused."""
        exchange = self.try_rekey_ike(**options)
        if exchange.sa is None:
            raise Deviation("the rekey of the IKE SA is accepted", exchange.problem, self.tester.requirement)
        if delete_old:
            self.delete_ike()
        return exchange.sa

    def delete_child(self, child: ChildSa | None = None, **options: Any) -> Message:
        """Delete a Child SA (default the newest); the device's answer."""
        gone = child or self.child
        reply = self.request(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (gone.spi_in,))], **options)
        self.forget_child(gone)
        return reply

    def delete_ike(self, **options: Any) -> Message:
        """Delete the IKE SA; the device's answer."""
        reply = self.request(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.IKE)], **options)
        self.closed = True
        return reply

    def add_child(
        self,
        suite: EspSuite,
        spi_in: bytes,
        spi_out: bytes,
        nonce_i: bytes,
        nonce_r: bytes,
        *,
        initiator: bool,
        tsi: tuple[TrafficSelector, ...],
        tsr: tuple[TrafficSelector, ...],
        mode: str = "tunnel",
        shared: bytes = b"",
    ) -> ChildSa:
        """Derive the keys of a negotiated Child SA and file it. `initiator`: the tester sent the request."""
        keys = kdf.child_keys(
            self.suite.prf_algorithm(),
            self.keys.sk_d,
            nonce_i,
            nonce_r,
            suite.cipher_algorithm(),
            suite.integ_algorithm(),
            shared,
        )
        own, far = (tsi, tsr) if initiator else (tsr, tsi)
        child = ChildSa(self, suite, spi_in, spi_out, keys, initiator, own, far, mode)
        self.children.append(child)
        return child

    def forget_child(self, child: ChildSa) -> None:
        """The Child SA is gone."""
        child.closed = True
        if child in self.children:
            self.children.remove(child)

    def abandon(self) -> None:
        """Tell the device that the SA is over, without waiting for the answer."""
        if not self.established or self.closed:
            return
        self.closed = True
        draft = self.draft(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.IKE)])
        try:
            self.send(draft, note="the tester cleans up")
        except Inconclusive:
            return

    # -- receiving ----------------------------------------------------------------------------------------------

    def open(self, received: Received) -> None:
        """Decrypt `received` in place, reassembling fragments."""
        if received.message is None or received.message.encrypted is None:
            return
        try:
            opened = open_message(received.octets, received.message, self.inbound)
            received.sa = self
            if isinstance(opened, OpenedFragment):
                whole = self._collect(opened, received)
                if whole is None:
                    return
                opened = whole
        except CannotOpen as error:
            received.sa = self
            received.problem = str(error)
            return
        received.message = opened.message
        received.opened = True
        received.malformed = received.malformed or opened.malformed
        received.iv, received.pad = opened.iv, opened.pad
        received.datagram.entry.message = opened.message
        received.datagram.entry.decrypted = True

    def _collect(self, piece: OpenedFragment, received: Received) -> Opened | None:
        received.datagram.entry.note = f"fragment {piece.number}/{piece.total}"
        key = (received.is_response, received.message_id)
        pieces = self._pieces.setdefault(key, {})
        if not 1 <= piece.number <= piece.total <= MAX_FRAGMENTS:
            raise CannotOpen(f"fragment {piece.number} of {piece.total}")
        pieces[piece.number] = piece
        if len(pieces) < piece.total:
            return None
        del self._pieces[key]
        received.fragments = piece.total
        return reassemble([pieces[number] for number in sorted(pieces)])

    def _due(self, exchange: ChildExchange) -> ChildSa:
        if exchange.child is None:
            raise Deviation("the Child SA is accepted", exchange.problem, self.tester.requirement)
        return exchange.child

    def move_to(self, port: Port, *, natt: bool | None = None) -> None:
        """Go on from another source port, as behind a NAT whose mapping changed."""
        self.port = port
        if natt is not None:
            self.remote = self.tester.natt_address if natt else self.tester.ike_address

    @property
    def marker(self) -> bytes:
        """The non-ESP marker, where this SA's path has one."""
        return NON_ESP_MARKER if self.tester.is_natt(self.remote, self.port) else b""

    def fresh_spi(self) -> bytes:
        """A random ESP SPI above the reserved ones (RFC 4303 §2.1)."""
        return (256 + int.from_bytes(os.urandom(4), "big") % (2**32 - 256)).to_bytes(4, "big")


def _fits_fence(reply: Message) -> bool:
    return reply.exchange == ExchangeType.INFORMATIONAL and not reply.payloads
