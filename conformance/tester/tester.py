"""The tester: one end of the wire, and nothing of the device. One per test."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from conformance.profile import Profile
from conformance.tester import child as child_module
from conformance.tester import dut_initiator, expect, ike_sa_init, initial, raw_esp
from conformance.tester.capture import SessionKeys
from conformance.tester.draft import Draft, Editing, apply_edits
from conformance.tester.expect import Outcome
from conformance.tester.identity import Identity, parse_identity
from conformance.tester.ike_sa_init import InitExchange
from conformance.tester.initial import AuthExchange
from conformance.tester.link import Address, Datagram, Link, Port
from conformance.tester.proposals import encr, group, integ, prf
from conformance.tester.received import Kind, Received, lenient
from conformance.tester.sa import IkeSa
from conformance.tester.sealing import encode
from conformance.tester.transcript import Entry, Transcript
from conformance.tester.trigger import Trigger
from conformance.tester.verdicts import Deviation, DutDied, Inconclusive, NotEstablished
from reference_impl.wire.base import Payload
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Flags, Header
from reference_impl.wire.message import Message
from reference_impl.wire.registries import Encr, ExchangeType, Group, Integ, Prf, ProtocolId
from reference_impl.wire.sa import Proposal
from reference_impl.wire.simple import KePayload
from reference_impl.wire.udp import NON_ESP_MARKER, DatagramKind, classify

Send = Callable[[], object]


class Tester:
    """Builds messages, changes anything in them, sends them, looks at what comes back.

    number: distinguishes the tests of a run (identity, inner address). requirement: what a failure is reported
    against when the test does not say. profile: the device's. port: the default source port. inbox: what arrived.
    """

    __test__ = False

    def __init__(self, profile: Profile, *, number: int = 0, trigger: Trigger | None = None) -> None:
        self.profile = profile
        self.number = number
        self.requirement: str | None = None
        self.transcript = Transcript()
        self.epoch = time.time() - (time.monotonic() - self.transcript.start)
        self.keys = SessionKeys([], [])
        self.link = Link(profile.tester_address, profile.address, self.transcript)
        self.inbox: list[Received] = []
        self.sas: list[IkeSa] = []
        self.trigger = trigger or Trigger(profile)
        self.initiations: list[dut_initiator.DutInitiator] = []
        self._port: Port | None = None
        self._fence_port: Port | None = None

    # -- who and where ------------------------------------------------------------------------------------------

    @property
    def port(self) -> Port:
        """The test's own source port, opened on first use."""
        if self._port is None:
            self._port = self.link.open(self.profile.tester_port)
        return self._port

    def open_port(self) -> Port:
        """One more source port, as after a NAT's new mapping."""
        return self.link.open()

    def use_port(self, port: Port) -> None:
        """Make `port` the source of what is sent from now on outside of an SA."""
        self._port = port

    @property
    def ike_address(self) -> Address:
        """The device's IKE port."""
        return (self.profile.address, self.profile.ike_port)

    @property
    def natt_address(self) -> Address:
        """The device's NAT traversal port (4500)."""
        return (self.profile.address, self.profile.natt_port)

    @property
    def identity(self) -> Identity:
        """The tester's identity in this test."""
        return parse_identity(self.profile.tester_identity.replace("%d", str(self.number)))

    @property
    def inner_address(self) -> str:
        """The tester's protected address in this test."""
        traffic = self.profile.traffic
        if traffic is None:
            raise Inconclusive("the profile has no [dut.traffic]: no traffic selectors can be offered")
        return traffic.remote_address(self.number)

    @property
    def pretends_nat(self) -> bool:
        """Whether SAs of this run go over port 4500, where ESP is in UDP, unless a test says otherwise."""
        return self.profile.esp_in_udp

    @property
    def raw_esp_unavailable(self) -> str:
        """Why ESP without UDP cannot be sent and received here; empty when it can."""
        return raw_esp.unavailable(socket.AF_INET6 if ":" in self.profile.address else socket.AF_INET)

    def claims(self, claim: str) -> bool:
        """Whether the device claims it (see the profile's schema)."""
        return self.profile.claimed(claim)

    # -- messages -----------------------------------------------------------------------------------------------

    def draft(
        self,
        exchange: ExchangeType = ExchangeType.IKE_SA_INIT,
        payloads: Sequence[Payload] = (),
        *,
        spi_i: bytes | None = None,
        spi_r: bytes = bytes(8),
        message_id: int = 0,
        flags: Flags = Flags.INITIATOR,
        edit: Editing = None,
    ) -> Draft:
        """An unprotected message with a fresh initiator SPI."""
        draft = Draft(spi_i or fresh_spi(), spi_r, exchange, flags, message_id, list(payloads))
        return apply_edits(draft, edit)

    def send(
        self,
        message: Draft | bytes,
        *,
        natt: bool = False,
        port: Port | None = None,
        to: Address | None = None,
        note: str = "",
        decoded: Message | None = None,
    ) -> bytes:
        """Send a draft, or any octets, as one IKE message; returns the IKE message's octets.

        natt: to the device's port 4500 with the non-ESP marker, else to its IKE port.
        """
        target = to or (self.natt_address if natt else self.ike_address)
        decrypted = False
        source = port or self.port
        marker = self.is_natt(target, source)
        if isinstance(message, Draft):
            data = encode(message)
            decoded = message.message()
            decrypted = message.protection is not None
            marker = marker if message.marker is None else message.marker
            note = "; ".join([*message.notes, note] if note else message.notes)
        else:
            data = message
            decoded = decoded or lenient(data)
        wire = NON_ESP_MARKER + data if marker else data
        self.link.send(source, target, wire, decoded, decrypted=decrypted, note=note)
        return data

    def send_datagram(
        self, data: bytes, *, natt: bool = True, port: Port | None = None, note: str = "", summary: str = ""
    ) -> Entry:
        """Send octets as they are, without marker: garbage, keepalives, ESP."""
        target = self.natt_address if natt else self.ike_address
        return self.link.send(port or self.port, target, data, note=note, summary=summary)

    def is_natt(self, address: Address, port: Port | None = None) -> bool:
        """Whether messages between `address` and our `port` carry the non-ESP marker: one end is a port 4500."""
        ours = port is not None and port.address[1] == self.profile.listen_natt_port
        return address[1] == self.profile.natt_port or ours

    # -- receiving ----------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """A place in the inbox, for `since`."""
        return len(self.inbox)

    def since(self, mark: int) -> list[Received]:
        """What arrived since `mark`."""
        return self.inbox[mark:]

    def pump(self, deadline: float) -> Received | None:
        """Read, decode and file one datagram; requests on known SAs are answered. None at the deadline."""
        datagram = self.link.receive(deadline)
        if datagram is None:
            return None
        received = self._decode(datagram)
        self.inbox.append(received)
        if received.sa is not None and received.kind == Kind.IKE:
            received.sa.arrived(received)
        return received

    def wait(
        self, wanted: Callable[[Received], bool], timeout: float | None = None, *, since: int = 0
    ) -> Received | None:
        """The first datagram not yet taken that is `wanted`, at hand or to come; None at the timeout."""
        deadline = time.monotonic() + (self.profile.timing.answer if timeout is None else timeout)
        position = since
        while True:
            while position < len(self.inbox):
                received = self.inbox[position]
                position += 1
                if not received.taken and wanted(received):
                    received.taken = True
                    return received
            if self.pump(deadline) is None and position >= len(self.inbox):
                return None

    def drain(self, seconds: float = 0.0) -> None:
        """Read what is there, and what comes within `seconds`."""
        deadline = time.monotonic() + seconds
        while self.pump(deadline) is not None:
            pass

    def _decode(self, datagram: Datagram) -> Received:
        data, marker = datagram.data, False
        if datagram.port.esp:
            return child_module.decode_esp(self.children(), datagram)
        if self.is_natt(datagram.source, datagram.port):
            kind = classify(data)
            if kind == DatagramKind.KEEPALIVE:
                datagram.entry.summary = "NAT keepalive"
                return Received(Kind.KEEPALIVE, datagram, data)
            if kind == DatagramKind.ESP:
                return child_module.decode_esp(self.children(), datagram)
            if kind == DatagramKind.IKE:
                data, marker = data[4:], True
        received = Received(Kind.IKE, datagram, data, marker=marker)
        try:
            received.header = Header.parse(data)
            received.message = Message.parse(data, strict=False)
        except WireError as error:
            received.kind, received.problem = Kind.GARBAGE, str(error)
            return received
        try:
            Message.parse(data, strict=True)
        except WireError as error:
            received.malformed = str(error)
        datagram.entry.message = received.message
        sa = self.find_sa(received.header.spi_i, received.header.spi_r)
        if sa is not None:
            sa.open(received)
        return received

    def find_sa(self, spi_i: bytes, spi_r: bytes) -> IkeSa | None:
        """The tester's SA with these SPIs."""
        for sa in reversed(self.sas):
            if sa.spi_i == spi_i and sa.spi_r == spi_r:
                return sa
        return None

    def children(self) -> list[child_module.ChildSa]:
        """Every Child SA of the test, the newest first."""
        return [item for sa in reversed(self.sas) for item in reversed(sa.children)]

    # -- exchanges ----------------------------------------------------------------------------------------------

    def ike_sa_init(self, **overrides: Any) -> InitExchange:
        """Send IKE_SA_INIT and take the answer; see `ike_sa_init.ike_sa_init` for the keywords."""
        return ike_sa_init.ike_sa_init(self, **overrides)

    def ike_auth(self, init: InitExchange, **overrides: Any) -> AuthExchange:
        """Send IKE_AUTH after `init` and take the answer; see `initial.ike_auth` for the keywords."""
        return initial.ike_auth(self, init, **overrides)

    def attempt(self, **overrides: Any) -> AuthExchange:
        """IKE_SA_INIT and IKE_AUTH; whatever the device answers is returned, nothing is judged.

        Keywords: those of `ike_sa_init` and of `ike_auth`; `edit_init` and `edit_auth` instead of `edit`.
        """
        return initial.attempt(self, **overrides)

    def establish(self, *, judged: bool | None = None, **overrides: Any) -> IkeSa:
        """An IKE SA with its first Child SA.

        Without keywords this is set-up: a refusal makes the test inconclusive. With any keyword (see `attempt`) the
        refusal is what the test is about, and fails it. `judged` says it outright. `nat` and `identity` do not count.
        """
        if judged is None:
            judged = bool(set(overrides) - {"nat", "identity", "need_child"})
        attempt = self.attempt(**overrides)
        if attempt.sa is not None and attempt.problem == "":
            return attempt.sa
        observed = attempt.problem or "no IKE SA"
        if judged:
            raise Deviation("the IKE SA and its Child SA are established", observed, self.requirement)
        raise NotEstablished(f"set-up failed: {observed}")

    # -- the device as initiator --------------------------------------------------------------------------------

    def listen(self) -> None:
        """Open the ports that the device initiates to. Raises Inconclusive when they are taken."""
        dut_initiator.listen(self)

    def await_initiation(self, connection: str | None = None) -> dut_initiator.DutInitiator:
        """Trigger the device to initiate, and take its first IKE_SA_INIT request."""
        return dut_initiator.await_initiation(self, connection)

    # -- silence ------------------------------------------------------------------------------------------------

    def fence(self, *, natt: bool = False) -> None:
        """A valid IKE_SA_INIT from another source port, whose answer is due. Raises DutDied when there is none."""
        if self._fence_port is None:
            self._fence_port = self.link.open()
        for proposals, ke in ((refused_offer(), REFUSED_KE), (self.profile.ike[0], None)):
            init = ike_sa_init.ike_sa_init(
                self, proposals=proposals, ke=ke, port=self._fence_port, natt=natt, note="fence", cookies=False
            )
            if init.reply is not None:
                return
        raise DutDied("an answer to a valid IKE_SA_INIT", "nothing: the device does not answer any more")

    def answers_to(self, send: Send | Draft | bytes, *, natt: bool = False) -> list[Received]:
        """What the device sent to this test, other than to the fence, after `send` and before the fence's answer.

        send: a draft or the octets of an IKE message, sent from the test's port, or a function that sends.
        """
        mark = self.mark()
        if callable(send):
            send()
        else:
            self.send(send, natt=natt, note="no answer is expected")
        self.fence(natt=natt)
        self.drain(self.profile.timing.fence_grace)
        return [
            item
            for item in self.since(mark)
            if item.datagram.port is not self._fence_port and not (item.is_request and item.sa is None)
        ]

    def answer_or_silence(self, send: Send | Draft | bytes, *, natt: bool = False) -> Message | None:
        """The first IKE message that came for `send`, or None when the fence shows that there is none."""
        for item in self.answers_to(send, natt=natt):
            if item.kind == Kind.IKE and item.is_response:
                return item.message
        return None

    def expect_silence(self, send: Send | Draft | bytes, *, natt: bool = False, requirement: str | None = None) -> None:
        """Send, and fail unless the device stays silent until it has answered the fence."""
        answers = self.answers_to(send, natt=natt)
        if answers:
            raise Deviation("no answer", ", ".join(item.text() for item in answers), requirement or self.requirement)

    def check_alive(self) -> None:
        """Whether the device still answers; raises DutDied. Free when it was the device that spoke last."""
        entries = self.transcript.entries
        if entries and not entries[-1].outgoing:
            return
        self.drain()
        if not entries or entries[-1].outgoing:
            self.fence()

    # -- verdicts -----------------------------------------------------------------------------------------------

    def fail(self, expected: str | Sequence[str], observed: str, requirement: str | None = None) -> NoReturn:
        """The device broke `requirement` (default: the first that the test covers)."""
        raise Deviation(expected, observed, requirement or self.requirement)

    def check(self, good: bool, expected: str, observed: str, requirement: str | None = None) -> None:
        """Fail unless `good`."""
        if not good:
            self.fail(expected, observed, requirement)

    def expects(
        self, reply: Message | Received | None, one_of: set[Outcome] | Outcome, requirement: str | None = None
    ) -> Outcome:
        """The outcome that `reply` (None: silence) is, among the acceptable ones; fails when it is none of them."""
        return expect.judge(reply, one_of, requirement or self.requirement)

    # -- the end ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Delete what the device still has of this test, without waiting, and close the sockets."""
        for sa in self.sas:
            sa.abandon()
        for peer in self.initiations:
            peer.abandon()
        self.link.close()


REFUSED_KE = KePayload(Group.MODP_768, bytes([2]) * 96)


def refused_offer() -> Proposal:
    """An IKE proposal that no device accepts: DES, MD5 and a 768-bit group (RFC 8247 forbids each)."""
    transforms = (encr(Encr.DES), prf(Prf.HMAC_MD5), integ(Integ.HMAC_MD5_96), group(Group.MODP_768))
    return Proposal(1, ProtocolId.IKE, b"", transforms)


def fresh_spi() -> bytes:
    """A random IKE SPI, never zero."""
    return bytes([os.urandom(1)[0] | 1]) + os.urandom(7)


def nat_hash(spi_i: bytes, spi_r: bytes, address: Address) -> bytes:
    """SHA-1 of SPIs, IP address and port (RFC 7296 §2.23)."""
    octets = spi_i + spi_r + ipaddress.ip_address(address[0]).packed + address[1].to_bytes(2, "big")
    return hashlib.sha1(octets, usedforsecurity=False).digest()
