"""IKE_SA_INIT with the tester as initiator: the request, and what the answer gives (RFC 7296 §1.2)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.tester import authentication
from conformance.tester.draft import Draft, Editing, apply_edits
from conformance.tester.expect import error_of, observed
from conformance.tester.link import Port
from conformance.tester.proposals import IkeOffer, NotOneSuite, chosen_ike, ike_sa_payload, offered_groups
from conformance.tester.received import Received
from conformance.tester.sa import IkeSa
from reference_impl.crypto import kdf
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.ke import METHODS, KeyExchange, key_exchange
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload

if TYPE_CHECKING:
    from conformance.tester.tester import Tester

MAX_ROUNDS = 4


class Refused(ValueError):
    """The answer cannot be gone on with; the text says why."""


@dataclass(slots=True, eq=False)
class Round:
    """One request and its answer (None: silence)."""

    draft: Draft
    octets: bytes
    received: Received | None

    @property
    def reply(self) -> Message | None:
        """The answer, decoded."""
        return self.received.message if self.received else None


@dataclass(slots=True, eq=False)
class InitExchange:
    """What IKE_SA_INIT came to. The last round counts; earlier ones were answered with COOKIE or INVALID_KE_PAYLOAD."""

    tester: Tester
    rounds: list[Round]
    ke: KeyExchange | None
    nonce_i: bytes
    port: Port
    nat: bool
    _keys: kdf.IkeKeys | None = field(default=None, repr=False)

    @property
    def draft(self) -> Draft:
        """The last request."""
        return self.rounds[-1].draft

    @property
    def request(self) -> bytes:
        """The last request's octets."""
        return self.rounds[-1].octets

    @property
    def received(self) -> Received | None:
        """The last answer with its circumstances."""
        return self.rounds[-1].received

    @property
    def reply(self) -> Message | None:
        """The last answer, None for silence."""
        return self.rounds[-1].reply

    @property
    def spi_i(self) -> bytes:
        """Our SPI."""
        return self.draft.spi_i

    @property
    def spi_r(self) -> bytes:
        """The device's SPI."""
        return self._due().spi_r

    @property
    def accepted(self) -> bool:
        """Whether the device answered with SA, KE and nonce, and no error."""
        reply = self.reply
        return (
            reply is not None
            and error_of(reply) is None
            and all(reply.get(kind) is not None for kind in (SaPayload, KePayload, NoncePayload))
        )

    @property
    def error(self) -> NotifyType | None:
        """The error notification of the last answer."""
        return error_of(self.reply) if self.reply else None

    @property
    def sa(self) -> SaPayload:
        """The SA payload of the answer. Raises Refused when there is none."""
        found = self._due().get(SaPayload)
        if found is None:
            raise Refused(f"no SA payload in {observed(self.reply)}")
        return found

    @property
    def proposal(self) -> Proposal:
        """The one proposal of the answer. Raises Refused."""
        if len(self.sa.proposals) != 1:
            raise Refused(f"{len(self.sa.proposals)} proposals in the answer")
        return self.sa.proposals[0]

    @property
    def suite(self) -> IkeSuite:
        """The suite that the device chose. Raises Refused."""
        try:
            return chosen_ike(self.proposal)
        except NotOneSuite as error:
            raise Refused(str(error)) from None

    @property
    def nonce_r(self) -> bytes:
        """The device's nonce."""
        found = self._due().get(NoncePayload)
        if found is None:
            raise Refused(f"no nonce in {observed(self.reply)}")
        return found.data

    @property
    def behind_nat(self) -> bool:
        """Whether the device's NAT detection hashes do not fit what the tester sees."""
        from conformance.tester.tester import nat_hash

        reply = self._due()
        source = reply.notify(NotifyType.NAT_DETECTION_SOURCE_IP)
        target = reply.notify(NotifyType.NAT_DETECTION_DESTINATION_IP)
        if source is None or target is None or self.received is None:
            return False
        spis = (reply.spi_i, reply.spi_r)
        return source.data != nat_hash(*spis, self.received.datagram.source) or target.data != nat_hash(
            *spis, self.port.address
        )

    def keys(self) -> kdf.IkeKeys:
        """The SA's keys (RFC 7296 §2.14). Raises Refused when the answer does not give them."""
        if self._keys is None:
            reply, suite = self._due(), self.suite
            value = reply.get(KePayload)
            if value is None or self.ke is None:
                raise Refused(f"no key exchange in {observed(reply)}")
            if value.group != suite.group:
                raise Refused(f"KE of group {value.group}, but the accepted proposal says {suite.group}")
            try:
                shared = self.ke.shared(value.data)
                prf = suite.prf_algorithm()
                self._keys = kdf.ike_keys(
                    prf,
                    kdf.skeyseed(prf, self.nonce_i, self.nonce_r, shared),
                    self.nonce_i,
                    self.nonce_r,
                    self.spi_i,
                    reply.spi_r,
                    suite.cipher_algorithm(),
                    suite.integ_algorithm(),
                )
            except CryptoError as error:
                raise Refused(f"no keys from the answer: {error}") from None
        return self._keys

    def open_sa(self) -> IkeSa:
        """The SA after IKE_SA_INIT, not yet authenticated: for IKE_AUTH messages by hand. Raises Refused."""
        keys = self.keys()
        tester = self.tester
        existing = tester.find_sa(self.spi_i, self.spi_r)
        if existing is not None:
            return existing
        address = tester.natt_address if self.nat or self.behind_nat else tester.ike_address
        sa = IkeSa(
            tester,
            initiator=True,
            spi_i=self.spi_i,
            spi_r=self.spi_r,
            suite=self.suite,
            keys=keys,
            port=self.port,
            remote=address,
        )
        sa.next_id = 1
        sa.init = self
        reply = self._due()
        sa.fragmentation = reply.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None
        return sa

    def _due(self) -> Message:
        if self.reply is None:
            raise Refused("no answer to IKE_SA_INIT")
        return self.reply


def ike_sa_init(
    tester: Tester,
    *,
    proposals: IkeOffer | None = None,
    group: Group | None = None,
    ke: KePayload | None = None,
    private: bytes | None = None,
    nonce: bytes | None = None,
    spi_i: bytes | None = None,
    extra: Sequence[Payload] = (),
    nat: bool | None = None,
    detect_nat: bool = True,
    fragmentation: bool | None = None,
    cookies: bool = True,
    retry_ke: bool = True,
    natt: bool = False,
    port: Port | None = None,
    edit: Editing = None,
    timeout: float | None = None,
    note: str = "",
) -> InitExchange:
    """One IKE_SA_INIT exchange, with what COOKIE and INVALID_KE_PAYLOAD ask for unless switched off.

    proposals: one or several suites ("aes128-sha256-modp2048") or Proposals; default the profile's first suite.
    group: of the KE payload, default the first one offered. ke: a KE payload as it is to be sent (its private value
    unknown, so no keys). private: the private value. extra: payloads at the end. nat: pretend to be behind a NAT, so
    that the SA goes on over port 4500 and ESP is UDP-encapsulated; default: when the device claims natt
    and the profile's tester.esp is not "raw".
    detect_nat: send the NAT_DETECTION notifications. natt: send it to port 4500. fragmentation: announce RFC 7383;
    default: when the device claims it. edit: see `draft.edits`. timeout: seconds to wait for each answer.
    """
    from conformance.tester.tester import fresh_spi

    sa = ike_sa_payload(proposals if proposals is not None else tester.profile.ike[0])
    nat = tester.pretends_nat if nat is None else nat
    fragmentation = tester.claims("fragmentation") if fragmentation is None else fragmentation
    nonce_i = os.urandom(32) if nonce is None else nonce
    source = port or tester.port
    spi = spi_i or fresh_spi()
    chosen = group or next(iter(offered_groups(sa)), Group.ECP_256)
    if ke is None and Group(chosen) not in METHODS:
        # A group that the tester does not have either can still be asked for.
        ke = KePayload(Group(chosen), os.urandom(256))
    mine = None if ke is not None else key_exchange(Group(chosen), private=private)
    exchange = InitExchange(tester, [], mine, nonce_i, source, nat)
    cookie: NotifyPayload | None = None
    for _ in range(MAX_ROUNDS):
        value = ke if mine is None else KePayload(mine.group, mine.public)
        payloads: list[Payload] = [sa, *([value] if value is not None else []), NoncePayload(nonce_i)]
        if detect_nat:
            payloads += nat_detection(tester, spi, source, fake=nat, natt=natt)
        if fragmentation:
            payloads.append(NotifyPayload(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED))
        payloads.append(NotifyPayload(NotifyType.SIGNATURE_HASH_ALGORITHMS, authentication.HASHES_DATA))
        payloads += extra
        if cookie is not None:
            payloads.insert(0, cookie)
        draft = Draft(spi, bytes(8), ExchangeType.IKE_SA_INIT, Flags.INITIATOR, 0, payloads)
        apply_edits(draft, edit)
        taken = _one_round(tester, draft, source, natt, timeout, note)
        exchange.rounds.append(taken)
        demanded = taken.reply.notify(NotifyType.COOKIE) if taken.reply else None
        if cookies and demanded is not None and cookie is None:
            cookie = NotifyPayload(NotifyType.COOKIE, demanded.data)
            continue
        wanted = _wanted_group(taken.reply)
        if retry_ke and mine is not None and wanted in offered_groups(sa) and wanted != mine.group:
            mine = exchange.ke = key_exchange(Group(wanted))
            continue
        break
    return exchange


def _one_round(tester: Tester, draft: Draft, port: Port, natt: bool, timeout: float | None, note: str) -> Round:
    mark = tester.mark()
    octets = tester.send(draft, natt=natt, port=port, note=note)

    def answer(item: Received) -> bool:
        return item.is_response and item.header is not None and item.header.spi_i == draft.spi_i

    limit = tester.profile.timing.answer if timeout is None else timeout
    end = time.monotonic() + limit
    while True:
        left = end - time.monotonic()
        received = tester.wait(answer, min(max(left, 0), tester.profile.timing.retransmit), since=mark)
        if received is not None or time.monotonic() >= end:
            return Round(draft, octets, received)
        tester.send(octets, natt=natt, port=port, note="retransmission of the tester", decoded=draft.message())


def nat_detection(tester: Tester, spi: bytes, source: Port, *, fake: bool, natt: bool) -> list[Payload]:
    """The two NAT_DETECTION notifications; with `fake`, a source hash that says "behind a NAT"."""
    from conformance.tester.tester import nat_hash

    target = tester.natt_address if natt else tester.ike_address
    own = os.urandom(20) if fake else nat_hash(spi, bytes(8), source.address)
    return [
        NotifyPayload(NotifyType.NAT_DETECTION_SOURCE_IP, own),
        NotifyPayload(NotifyType.NAT_DETECTION_DESTINATION_IP, nat_hash(spi, bytes(8), target)),
    ]


def _wanted_group(reply: Message | None) -> int | None:
    found = reply.notify(NotifyType.INVALID_KE_PAYLOAD) if reply else None
    return int.from_bytes(found.data, "big") if found is not None and len(found.data) == 2 else None
