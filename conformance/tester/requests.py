"""The path and keys of an IKE SA: messages with any payloads and any faults, requests of the tester, their answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from conformance.tester import expect
from conformance.tester.draft import Draft, Editing, apply_edits
from conformance.tester.expect import Outcome
from conformance.tester.link import Address, Port
from conformance.tester.received import Received
from conformance.tester.sealing import encode, encode_fragment, encode_fragments
from conformance.tester.verdicts import NoAnswer
from reference_impl.crypto import kdf
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType
from reference_impl.wire.udp import NON_ESP_MARKER

if TYPE_CHECKING:
    from conformance.tester.tester import Tester


@dataclass(slots=True, eq=False)
class Sent:
    """A request on its way: the draft, the datagrams it went in (without marker), the place in the inbox.

    times: how often it was sent.
    """

    draft: Draft
    datagrams: list[bytes]
    mark: int
    times: int = 1


class Ends(TypedDict):
    """What `Requests` is made of, for those that pass it on."""

    initiator: bool
    spi_i: bytes
    spi_r: bytes
    suite: IkeSuite
    keys: kdf.IkeKeys
    port: Port
    remote: Address


class Requests:
    """What one end of an IKE SA needs to send requests and take answers. `initiator`: the tester initiated it first.

    next_id: message ID of our next request. last: the answer taken last.
    """

    def __init__(self, tester: Tester, **ends: Unpack[Ends]) -> None:
        self.tester = tester
        self.initiator = ends["initiator"]
        self.spi_i = ends["spi_i"]
        self.spi_r = ends["spi_r"]
        self.suite = ends["suite"]
        self.keys = ends["keys"]
        self.port = ends["port"]
        self.remote = ends["remote"]
        self.next_id = 0
        self.established = False
        self.last: Received | None = None
        cipher, integ = self.suite.cipher_algorithm(), self.suite.integ_algorithm()
        from_i = Protection(cipher, integ, self.keys.sk_ei, self.keys.sk_ai)
        from_r = Protection(cipher, integ, self.keys.sk_er, self.keys.sk_ar)
        self.outbound, self.inbound = (from_i, from_r) if self.initiator else (from_r, from_i)

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

    def expects(
        self, reply: Message | Received | None, one_of: set[Outcome] | Outcome, requirement: str | None = None
    ) -> Outcome:
        """As `tester.expects`."""
        return expect.judge(reply, one_of, requirement or self.tester.requirement)

    def move_to(self, port: Port, *, natt: bool | None = None) -> None:
        """Go on from another source port, as behind a NAT whose mapping changed."""
        self.port = port
        if natt is not None:
            self.remote = self.tester.natt_address if natt else self.tester.ike_address

    @property
    def marker(self) -> bytes:
        """The non-ESP marker, where this SA's path has one."""
        return NON_ESP_MARKER if self.tester.is_natt(self.remote, self.port) else b""
