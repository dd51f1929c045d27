"""The device as initiator: the tester listens, and the test scripts each answer (RFC 7296 §1.2)."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from conformance.profile import Credential
from conformance.tester import authentication
from conformance.tester.child import ChildSa
from conformance.tester.draft import Draft, Editing, apply_edits
from conformance.tester.expect import observed
from conformance.tester.identity import Identity
from conformance.tester.link import LinkError
from conformance.tester.proposals import select_esp, select_ike
from conformance.tester.received import Received
from conformance.tester.sa import IkeSa
from conformance.tester.verdicts import Deviation, Inconclusive
from reference_impl.crypto import kdf
from reference_impl.crypto.auth import signed_octets
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.ke import respond
from reference_impl.crypto.suite import IkeSuite, parse_esp, parse_ike
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import IdiPayload, IdrPayload, KePayload, NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

if TYPE_CHECKING:
    from conformance.tester.tester import Tester


def listen(tester: Tester) -> None:
    """Open the ports that the profile says the device initiates to."""
    wanted = [tester.profile.listen_port, tester.profile.listen_natt_port]
    have = {port.address[1] for port in tester.link.ports}
    try:
        for number in wanted:
            if number not in have:
                tester.link.open(number)
    except LinkError as error:
        raise Inconclusive(str(error)) from None


def await_initiation(tester: Tester, connection: str | None = None) -> DutInitiator:
    """Trigger the device, and take the first IKE_SA_INIT request that it sends."""
    listen(tester)
    if tester.trigger.exclusive and not tester.sas:
        # A device that still has an IKE SA with the tester may set up its Child SA in that one, without IKE_SA_INIT.
        tester.trigger.reset()
    tester.drain()
    tester.trigger.initiate(connection)
    peer = DutInitiator(tester)
    tester.initiations.append(peer)
    peer.receive_ike_sa_init()
    return peer


# Initiator SPIs of attempts of earlier tests: the device may still be repeating their requests.
_FINISHED: deque[bytes] = deque(maxlen=1000)


def finished() -> list[bytes]:
    """The initiator SPIs of attempts that are over, whatever the device thinks."""
    return list(_FINISHED)


def forget(spis: Iterable[bytes]) -> None:
    """Take these attempts for over, too (another process of the run had them)."""
    _FINISHED.extend(spi for spi in spis if spi not in _FINISHED)


class DutInitiator:
    """One attempt of the device to set up an IKE SA with the tester.

    request: its last IKE_SA_INIT request. requests: all of them that differ. auth_request: its IKE_AUTH request,
    decrypted. sa: the IKE SA, after `answer_init`. nat: make the device believe that the tester is behind a NAT, so
    that the SA moves to port 4500 and ESP is UDP-encapsulated.
    """

    def __init__(self, tester: Tester) -> None:
        self.tester = tester
        self.requests: list[Received] = []
        self.sa: IkeSa | None = None
        self.auth_request: Message | None = None
        self.auth_received: Received | None = None
        self.init_response = b""
        self.nonce_r = b""
        self.suite: IkeSuite | None = None
        self._keys: kdf.IkeKeys | None = None
        self._last_reply = b""

    # -- IKE_SA_INIT --------------------------------------------------------------------------------------------

    @property
    def received(self) -> Received:
        """The last IKE_SA_INIT request with its circumstances. Raises Inconclusive when there is none."""
        if not self.requests:
            raise Inconclusive("the device has not initiated")
        return self.requests[-1]

    @property
    def request(self) -> Message:
        """The last IKE_SA_INIT request."""
        message = self.received.message
        if message is None:
            raise Inconclusive("the device's IKE_SA_INIT cannot be decoded")
        return message

    def receive_ike_sa_init(self, timeout: float | None = None) -> Message:
        """The device's next IKE_SA_INIT request that is no retransmission. Raises Inconclusive when none comes."""
        seen = {item.octets for item in self.requests}
        own = self.requests[-1].octets[:8] if self.requests else None

        def wanted(item: Received) -> bool:
            spi = item.octets[:8]
            return _is_init(item) and item.octets not in seen and (spi == own if own else spi not in _FINISHED)

        # RFC 7296 §2.1: an answer may get lost, also within a device that is still busy with the one before.
        received = self._wait(wanted, self.tester.profile.timing.trigger if timeout is None else timeout)
        if received is None:
            raise Inconclusive("the device sent no IKE_SA_INIT request in time: was it triggered?")
        self.requests.append(received)
        return self.request

    def wait_retransmission(self, timeout: float | None = None) -> bool:
        """Whether the device sends the same request again, octet for octet, when it is not answered."""
        limit = self.tester.profile.timing.retransmit_first if timeout is None else timeout
        return self.tester.wait(lambda item: item.octets == self.received.octets, limit) is not None

    def reply(
        self, payloads: Sequence[Payload], *, spi_r: bytes = bytes(8), edit: Editing = None, note: str = ""
    ) -> bytes:
        """Answer the last IKE_SA_INIT request with these payloads; returns the octets."""
        draft = Draft(
            self.request.spi_i, spi_r, ExchangeType.IKE_SA_INIT, Flags.RESPONSE, self.request.message_id, list(payloads)
        )
        apply_edits(draft, edit)
        datagram = self.received.datagram
        self._last_reply = self.tester.send(draft, port=datagram.port, to=datagram.source, note=note)
        return self._last_reply

    def _wait(self, wanted: Callable[[Received], bool], limit: float) -> Received | None:
        """As the tester's `wait`; a retransmitted IKE_SA_INIT request gets the last answer again meanwhile."""
        end = time.monotonic() + limit

        def either(item: Received) -> bool:
            return wanted(item) or (bool(self.requests) and item.octets == self.received.octets)

        while True:
            item = self.tester.wait(either, max(0.0, end - time.monotonic()))
            if item is None or wanted(item):
                return item
            if self._last_reply:
                note = "once more: the request was retransmitted"
                self.tester.send(self._last_reply, port=item.datagram.port, to=item.datagram.source, note=note)

    def demand_cookie(self, cookie: bytes = b"ikeproof-cookie", *, edit: Editing = None) -> Message:
        """Answer with COOKIE; the device's next IKE_SA_INIT request."""
        self.reply([NotifyPayload(NotifyType.COOKIE, cookie)], edit=edit, note="a cookie is demanded")
        return self.receive_ike_sa_init()

    def demand_group(self, group: Group | int, *, edit: Editing = None) -> Message:
        """Answer with INVALID_KE_PAYLOAD for `group`; the device's next IKE_SA_INIT request."""
        data = int(group).to_bytes(2, "big")
        self.reply([NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, data)], edit=edit, note="another group is demanded")
        return self.receive_ike_sa_init()

    def refuse_init(self, kind: NotifyType, data: bytes = b"") -> None:
        """Answer IKE_SA_INIT with an error."""
        self.reply([NotifyPayload(kind, data)], note="refused")

    def answer_init(
        self,
        *,
        suites: Sequence[str | IkeSuite] | None = None,
        proposal: Proposal | None = None,
        ke: KePayload | None = None,
        nonce: bytes | None = None,
        spi_r: bytes | None = None,
        extra: Sequence[Payload] = (),
        nat: bool | None = None,
        edit: Editing = None,
    ) -> Message:
        """Accept IKE_SA_INIT; the answer as sent.

        suites: what the tester accepts, default the profile's. A key exchange of another group is answered with
        INVALID_KE_PAYLOAD first. proposal, ke: as they are to be sent, whatever was offered.
        """
        from conformance.tester.tester import fresh_spi

        accepted = [parse_ike(item) if isinstance(item, str) else item for item in suites or self.tester.profile.ike]
        chosen, suite, value = self._select(accepted)
        if value.group != suite.group:
            self.demand_group(suite.group)
            chosen, suite, value = self._select([suite])
        public, shared = self._respond(suite, value)
        own_spi, own_nonce = spi_r or fresh_spi(), nonce if nonce is not None else os.urandom(32)
        payloads: list[Payload] = [
            SaPayload((proposal or chosen,)),
            ke or KePayload(suite.group, public),
            NoncePayload(own_nonce),
            *self._nat_detection(own_spi, nat),
        ]
        if self.tester.claims("fragmentation"):
            payloads.append(NotifyPayload(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED))
        payloads.append(NotifyPayload(NotifyType.SIGNATURE_HASH_ALGORITHMS, authentication.HASHES_DATA))
        payloads += extra
        self.init_response = self.reply(payloads, spi_r=own_spi, edit=edit)
        self.nonce_r, self.suite = own_nonce, suite
        self._open_sa(own_spi, shared)
        return Message.parse(self.init_response, strict=False)

    def _select(self, accepted: Sequence[IkeSuite]) -> tuple[Proposal, IkeSuite, KePayload]:
        offer, value = self.request.get(SaPayload), self.request.get(KePayload)
        if offer is None or value is None:
            raise Inconclusive(f"no SA or KE payload in {observed(self.request)}")
        same_group = [suite for suite in accepted if suite.group == value.group]
        found = select_ike(offer, same_group) or select_ike(offer, accepted)
        if found is None:
            raise Inconclusive("the device offers no suite of the profile")
        return *found, value

    def _respond(self, suite: IkeSuite, value: KePayload) -> tuple[bytes, bytes]:
        try:
            return respond(suite.group, value.data)
        except CryptoError as error:
            raise Deviation(
                f"a valid public value of {suite.group.name}", str(error), self.tester.requirement
            ) from None

    def _nat_detection(self, spi_r: bytes, nat: bool | None) -> list[Payload]:
        from conformance.tester.tester import nat_hash

        if self.request.notify(NotifyType.NAT_DETECTION_SOURCE_IP) is None:
            return []
        datagram = self.received.datagram
        fake = self.tester.pretends_nat if nat is None else nat
        own = os.urandom(20) if fake else nat_hash(self.request.spi_i, spi_r, datagram.port.address)
        return [
            NotifyPayload(NotifyType.NAT_DETECTION_SOURCE_IP, own),
            NotifyPayload(
                NotifyType.NAT_DETECTION_DESTINATION_IP, nat_hash(self.request.spi_i, spi_r, datagram.source)
            ),
        ]

    def _open_sa(self, spi_r: bytes, shared: bytes) -> None:
        suite, nonce = self.suite, self.request.get(NoncePayload)
        if suite is None or nonce is None:
            raise Inconclusive(f"no nonce in {observed(self.request)}")
        prf = suite.prf_algorithm()
        self._keys = kdf.ike_keys(
            prf,
            kdf.skeyseed(prf, nonce.data, self.nonce_r, shared),
            nonce.data,
            self.nonce_r,
            self.request.spi_i,
            spi_r,
            suite.cipher_algorithm(),
            suite.integ_algorithm(),
        )
        datagram = self.received.datagram
        self.sa = IkeSa(
            self.tester,
            initiator=False,
            spi_i=self.request.spi_i,
            spi_r=spi_r,
            suite=suite,
            keys=self._keys,
            port=datagram.port,
            remote=datagram.source,
        )
        self.sa.expected_id = 1
        self.sa.policy.enabled = False
        self.sa.fragmentation = self.request.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None

    # -- IKE_AUTH -----------------------------------------------------------------------------------------------

    def receive_auth(self, timeout: float | None = None) -> Message:
        """The device's IKE_AUTH request, decrypted. Raises Inconclusive when none comes."""
        sa = self._sa()
        received = sa.request_or_none(ExchangeType.IKE_AUTH, timeout, wait=self._wait)
        if received is None or received.message is None:
            raise Inconclusive("the device sent no IKE_AUTH request in time")
        self.auth_received, self.auth_request = received, received.message
        # RFC 7296 §2.23: the initiator moves to port 4500; answers and further requests go where it is now.
        sa.port, sa.remote = received.datagram.port, received.datagram.source
        return received.message

    def verify_auth(self) -> None:
        """Check the device's proof of identity; raises Deviation when it does not hold."""
        request, suite, keys = self._auth_request(), self.suite, self._keys
        identity = request.get(IdiPayload)
        if identity is None or suite is None or keys is None:
            self.tester.fail("an IDi payload in IKE_AUTH", observed(request))
        octets = signed_octets(self.received.octets, self.nonce_r, suite.prf_algorithm(), keys.sk_pi, identity.body())
        try:
            authentication.verify_device(request, identity, octets, suite.prf_algorithm(), self.tester.profile)
        except authentication.AuthenticationProblem as error:
            self.tester.fail("a proof of identity that verifies", str(error))

    def answer_auth(
        self,
        *,
        auth: str = "psk",
        credential: Credential | None = None,
        identity: Identity | None = None,
        tsi: Sequence[TrafficSelector] | None = None,
        tsr: Sequence[TrafficSelector] | None = None,
        extra: Sequence[Payload] = (),
        child: bool = True,
        edit: Editing = None,
        fragment: int | None = None,
        verify: bool = True,
    ) -> IkeSa:
        """Accept IKE_AUTH; the established SA with its first Child SA (unless `child` is false).

        tsi, tsr: the narrowed selectors, default those of the request.
        """
        if self.auth_request is None:
            self.receive_auth()
        if verify:
            self.verify_auth()
        request, sa, suite, keys = self._auth_request(), self._sa(), self.suite, self._keys
        nonce_i = self.request.get(NoncePayload)
        if suite is None or keys is None or nonce_i is None or self.auth_received is None:
            raise Inconclusive("IKE_SA_INIT is not finished")
        who = identity or self.tester.identity
        idr = IdrPayload(who.id_type, who.data)
        octets = signed_octets(self.init_response, nonce_i.data, suite.prf_algorithm(), keys.sk_pr, idr.body())
        proof = credential or authentication.tester_credential(self.tester.profile, auth)
        hashes = authentication.announced_hashes(self.request)
        payloads: list[Payload] = [idr]
        payloads += authentication.certificates(proof) if proof.method != "psk" else []
        payloads.append(authentication.Signer(suite.prf_algorithm(), proof, hashes).auth(octets))
        spi_in = sa.fresh_spi()
        chosen: Callable[[bytes], ChildSa] | None = None
        if child:
            chosen, accepted = self._accept_child(request, spi_in, tsi, tsr)
            payloads += accepted
        payloads += extra
        sa.answer(self.auth_received, payloads, edit=edit, fragment=fragment)
        sa.established, sa.policy.enabled = True, True
        if chosen is not None:
            chosen(nonce_i.data)
        return sa

    def _accept_child(
        self,
        request: Message,
        spi_in: bytes,
        tsi: Sequence[TrafficSelector] | None,
        tsr: Sequence[TrafficSelector] | None,
    ) -> tuple[Callable[[bytes], ChildSa], list[Payload]]:
        offer, their_tsi, their_tsr = request.get(SaPayload), request.get(TsiPayload), request.get(TsrPayload)
        if offer is None or their_tsi is None or their_tsr is None:
            raise Inconclusive(f"no Child SA asked for in {observed(request)}")
        found = select_esp(offer, [parse_esp(text) for text in self.tester.profile.child])
        if found is None:
            raise Inconclusive("the device offers no ESP suite of the profile")
        proposal, suite = found
        own_i = tuple(tsi) if tsi is not None else their_tsi.selectors
        own_r = tuple(tsr) if tsr is not None else their_tsr.selectors
        transport = request.notify(NotifyType.USE_TRANSPORT_MODE) is not None
        chosen = Proposal(proposal.number, proposal.protocol, spi_in, proposal.transforms)
        payloads: list[Payload] = [SaPayload((chosen,)), TsiPayload(own_i), TsrPayload(own_r)]
        if transport:
            payloads.append(NotifyPayload(NotifyType.USE_TRANSPORT_MODE))

        def make(nonce_i: bytes) -> ChildSa:
            return self._sa().add_child(
                suite,
                spi_in,
                proposal.spi,
                nonce_i,
                self.nonce_r,
                initiator=False,
                tsi=own_i,
                tsr=own_r,
                mode="transport" if transport else "tunnel",
            )

        return make, payloads

    def refuse_auth(self, kind: NotifyType = NotifyType.AUTHENTICATION_FAILED) -> None:
        """Answer IKE_AUTH with an error."""
        if self.auth_request is None:
            self.receive_auth()
        if self.auth_received is not None:
            self._sa().answer(self.auth_received, [NotifyPayload(kind)], note="refused")

    def accept(self, **options: object) -> IkeSa:
        """Answer everything as it should be; the established SA. Keywords: those of `answer_auth`."""
        if self.sa is None:
            self.answer_init()
        return self.answer_auth(**options)  # type: ignore[arg-type]

    def expect_given_up(self, seconds: float | None = None) -> None:
        """Fail if the device goes on with this SA (an IKE_AUTH request comes) within `seconds`."""
        limit = self.tester.profile.timing.answer if seconds is None else seconds
        end = time.monotonic() + limit
        found = self._sa().request_or_none(ExchangeType.IKE_AUTH, end - time.monotonic())
        if found is not None:
            self.tester.fail("the device gives the SA up", found.text())

    def abandon(self) -> None:
        """At the end of a test: an attempt that the device has not finished must not go on in the next one."""
        if not self.requests:
            return
        spi = self.received.octets[:8]
        _FINISHED.append(spi)
        if self.sa is None or not self.sa.established:
            self.tester.trigger.drop(spi)

    def _sa(self) -> IkeSa:
        if self.sa is None:
            raise Inconclusive("IKE_SA_INIT is not answered yet")
        return self.sa

    def _auth_request(self) -> Message:
        if self.auth_request is None:
            raise Inconclusive("IKE_AUTH has not come yet")
        return self.auth_request


def _is_init(item: Received) -> bool:
    return (
        item.is_request
        and item.message is not None
        and item.header is not None
        and item.message.exchange == ExchangeType.IKE_SA_INIT
        and item.header.message_id == 0
    )
