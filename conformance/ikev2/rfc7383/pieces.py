"""What the tests of IKE fragmentation share: requests in pieces, and the fragments that the device sends."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from conformance.tester import Draft, IkeSa, Inconclusive, Received, Sent, Tester
from conformance.tester.initial import selectors
from conformance.tester.proposals import esp_sa_payload, offered_groups
from reference_impl.crypto.ke import key_exchange
from reference_impl.wire.encrypted import SkfPayload
from reference_impl.wire.header import Header
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.payload import encode_chain
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TsiPayload, TsrPayload

# Private status and payload types, which nobody knows: the first is ignored, the second refused when it is critical.
UNKNOWN_STATUS = NotifyType(40_977)
UNKNOWN_PAYLOAD = 201
UDP_AND_IPV4 = 28
MARKER = 4
MANY_SELECTORS = 60


def negotiated(tester: Tester, **options: object) -> IkeSa:
    """An IKE SA on which both ends have announced fragmentation."""
    sa = tester.establish(judged=False, **options)
    if not sa.fragmentation:
        raise Inconclusive("the device does not announce fragmentation, though its profile claims it")
    return sa


def notice(octets: int = 300) -> NotifyPayload:
    """A status notification of a private type, to be ignored, that makes a request as long as wanted."""
    return NotifyPayload(UNKNOWN_STATUS, os.urandom(octets))


def request(sa: IkeSa, octets: int = 300) -> Draft:
    """A request that is answered without an error: for a Child SA, of a device that does not refuse further ones.

    Not INFORMATIONAL where that can be avoided: some devices do not reassemble those, which has a test of its own.
    """
    if not sa.tester.claims("additional_child"):
        return sa.draft(ExchangeType.INFORMATIONAL, [notice(octets)])
    offer = esp_sa_payload(sa.tester.profile.child[0], sa.fresh_spi())
    own_ts, far_ts = selectors(sa.tester, None, None, "tunnel")
    payloads = [notice(octets), offer, NoncePayload(os.urandom(32))]
    if groups := offered_groups(offer):
        payloads.append(KePayload(groups[0], key_exchange(groups[0]).public))
    return sa.draft(ExchangeType.CREATE_CHILD_SA, [*payloads, TsiPayload(own_ts), TsrPayload(far_ts)])


def cut(sa: IkeSa, draft: Draft, count: int) -> list[bytes]:
    """The draft in `count` fragments."""
    _, chain = encode_chain(draft.payloads)
    found = sa.fragments(draft, -(-len(chain) // count))
    if len(found) != count:
        raise ValueError(f"{len(chain)} octets do not make {count} fragments")
    return found


def send(sa: IkeSa, datagrams: Iterable[bytes], *, at_once: bool = False) -> None:
    """Send datagrams on the path of the IKE SA, each when the device has had time for the one before, or `at_once`.

    Devices of several threads read datagrams in any order, and drop one of a message that they are at work on.
    """
    for number, data in enumerate(datagrams):
        if number and not at_once:
            sa.tester.fence(natt=sa.tester.is_natt(sa.remote, sa.port))
        sa.send_raw(data, note="fragment")


def responses(sa: IkeSa, datagrams: Sequence[bytes], *, at_once: bool = False) -> list[Received]:
    """The responses that come for these datagrams before another source port gets an answer to IKE_SA_INIT."""
    tester = sa.tester
    natt = tester.is_natt(sa.remote, sa.port)
    return [
        item for item in tester.answers_to(partial(send, sa, datagrams, at_once=at_once), natt=natt) if item.is_response
    ]


def expect_unanswered(sa: IkeSa, datagrams: Sequence[bytes], requirement: str | None = None) -> None:
    """Send, and fail if any of it is answered."""
    found = responses(sa, datagrams)
    sa.tester.check(not found, "no answer", ", ".join(item.text() for item in found), requirement)


def take_answer(sa: IkeSa, draft: Draft, datagrams: Sequence[bytes], requirement: str | None = None) -> Message:
    """Send the fragments of `draft` (or those that are still missing), and take the answer that is due then."""
    sent = Sent(draft, list(datagrams), sa.tester.mark())
    send(sa, datagrams)
    reply = sa.await_reply(sent, retransmit=False)
    if reply is None:
        sa.tester.fail("an answer to the reassembled request", "no answer", requirement)
    return reply


@dataclass(frozen=True, slots=True)
class Piece:
    """One fragment of the device: its header, its payloads as they were sent, the octets of the IKE message."""

    header: Header
    message: Message
    skf: SkfPayload
    octets: bytes
    marker: bool

    @property
    def ip_size(self) -> int:
        """Octets of the IP datagram that it came in (IPv4 without options)."""
        return len(self.octets) + UDP_AND_IPV4 + (MARKER if self.marker else 0)


def pieces_of(items: Iterable[Received]) -> list[Piece]:
    """The fragments among what was received, in order of arrival."""
    found = []
    for item in items:
        if item.header is None or item.message is None:
            continue
        # The tester puts the reassembled message in the place of the last fragment.
        message = Message.parse(item.octets, strict=False)
        skf = message.payloads[-1] if message.payloads else None
        if isinstance(skf, SkfPayload):
            found.append(Piece(item.header, message, skf, item.octets, item.marker))
    return found


def is_fragment(item: Received) -> bool:
    """Whether it is an SKF message."""
    return bool(pieces_of([item]))


def big_answer(tester: Tester, *, bigger: bool = False, **options: object) -> list[Received]:
    """The device's IKE_AUTH response with a certificate, in the datagrams that it came in.

    bigger: the request also has very many Traffic Selectors, which a device that supports them all returns.
    Inconclusive when IKE_AUTH goes wrong before there is a response.
    """
    if bigger and tester.profile.traffic is not None:
        hosts = ipaddress.ip_network(tester.profile.traffic.local).hosts()
        options["tsr"] = [str(host) for host in islice(hosts, 0, 2 * MANY_SELECTORS, 2)]
    mark = tester.mark()
    attempt = tester.attempt(auth=certificate_method(tester), **options)
    if attempt.init.reply is None:
        raise Inconclusive("no answer to IKE_SA_INIT")
    found = [
        item
        for item in tester.since(mark)
        if item.is_response and item.message is not None and item.message.exchange == ExchangeType.IKE_AUTH
    ]
    if not found:
        raise Inconclusive(f"no IKE_AUTH response: {attempt.problem}")
    return found


def certificate_method(tester: Tester) -> str:
    """The method whose certificate is the longest that the device can prove itself with."""
    for method in ("rsa", "ecdsa", "ed25519"):
        if tester.claims(method):
            return method
    raise Inconclusive("the device has no certificate")


def fragmented_answer(tester: Tester, *, bigger: bool = False) -> list[Piece]:
    """The fragments of the device's IKE_AUTH response; Inconclusive when it came in one piece."""
    found = pieces_of(big_answer(tester, bigger=bigger))
    if not found:
        raise Inconclusive("the device's IKE_AUTH response was not fragmented")
    return found


def text(piece: Piece) -> str:
    """For verdicts."""
    names = " ".join(PayloadType(item.type_id).name for item in piece.message.payloads)
    return f"fragment {piece.skf.fragment}/{piece.skf.total}: {names}, first inner payload {piece.skf.inner}"
