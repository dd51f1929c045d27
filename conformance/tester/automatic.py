"""Answers to the device's own requests, as a well-behaved peer gives them, so that a test need not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.tester.child_exchanges import new_ike_sa
from conformance.tester.proposals import select_esp, select_ike
from conformance.tester.received import Received
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.ke import respond as key_exchange_respond
from reference_impl.crypto.suite import EspSuite, IkeSuite, parse_esp, parse_ike
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, ProtocolId
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

if TYPE_CHECKING:
    from conformance.tester.child import ChildSa
    from conformance.tester.sa import IkeSa


@dataclass(slots=True)
class Policy:
    """How automatic answers are given. enabled: at all. refuse_children, refuse_rekey: with NO_ADDITIONAL_SAS."""

    enabled: bool = True
    refuse_children: bool = False
    refuse_rekey: bool = False


def respond(sa: IkeSa, received: Received) -> None:
    """Answer one request of the device."""
    request = received.message
    if request is None:
        return
    if request.exchange == ExchangeType.CREATE_CHILD_SA:
        offer = request.get(SaPayload)
        if offer is not None and offer.proposals and offer.proposals[0].protocol == ProtocolId.IKE:
            answer_ike_rekey(sa, received)
        else:
            answer_child(sa, received)
    elif request.exchange == ExchangeType.INFORMATIONAL:
        answer_informational(sa, received)


def answer_informational(sa: IkeSa, received: Received) -> None:
    """Empty for liveness; deletes are carried out, Child SAs answered with our half (RFC 7296 §1.4.1)."""
    answer: list[Payload] = []
    gone: list[ChildSa] = []
    closes = False
    for item in received.message.all(DeletePayload) if received.message else ():
        if item.protocol == ProtocolId.IKE:
            closes = True
        else:
            gone += [child for child in sa.children if child.spi_out in item.spis]
    if gone and not closes:
        answer.append(DeletePayload(ProtocolId.ESP, 4, tuple(child.spi_in for child in gone)))
    sa.answer(received, answer, note="answered automatically")
    for child in gone:
        sa.forget_child(child)
    if closes:
        sa.closed = True


def answer_child(
    sa: IkeSa,
    received: Received,
    *,
    suites: list[EspSuite] | None = None,
    nonce: bytes | None = None,
    tsi: Sequence[TrafficSelector] | None = None,
    tsr: Sequence[TrafficSelector] | None = None,
) -> ChildSa | None:
    """Accept a new Child SA or a rekey of one; None when it was refused. tsi, tsr: default those of the request."""
    request = received.message
    if request is None:
        return None
    if sa.policy.refuse_children:
        sa.answer(received, [NotifyPayload(NotifyType.NO_ADDITIONAL_SAS)], note="refused automatically")
        return None
    offer, nonce_i = request.get(SaPayload), request.get(NoncePayload)
    asked_i, asked_r = request.get(TsiPayload), request.get(TsrPayload)
    if offer is None or nonce_i is None or asked_i is None or asked_r is None:
        sa.answer(received, [NotifyPayload(NotifyType.INVALID_SYNTAX)], note="refused automatically")
        return None
    value = request.get(KePayload)
    accepted = suites or [parse_esp(text) for text in sa.tester.profile.child]
    found = select_esp(offer, accepted, with_group=Group(value.group) if value else None)
    if found is None:
        sa.answer(received, [NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)], note="refused automatically")
        return None
    proposal, suite = found
    own_nonce, spi_in = nonce or os.urandom(32), sa.fresh_spi()
    payloads: list[Payload] = []
    transport = request.notify(NotifyType.USE_TRANSPORT_MODE) is not None
    if transport:
        payloads.append(NotifyPayload(NotifyType.USE_TRANSPORT_MODE))
    chosen = type(proposal)(proposal.number, proposal.protocol, spi_in, proposal.transforms)
    payloads += [SaPayload((chosen,)), NoncePayload(own_nonce)]
    shared = b""
    if suite.group is not None and value is not None:
        try:
            public, shared = key_exchange_respond(suite.group, value.data)
        except CryptoError:
            sa.answer(received, [NotifyPayload(NotifyType.INVALID_SYNTAX)], note="refused automatically")
            return None
        payloads.append(KePayload(suite.group, public))
    answer_i = asked_i if tsi is None else TsiPayload(tuple(tsi))
    answer_r = asked_r if tsr is None else TsrPayload(tuple(tsr))
    payloads += [answer_i, answer_r]
    sa.answer(received, payloads, note="accepted automatically")
    return sa.add_child(
        suite,
        spi_in,
        proposal.spi,
        nonce_i.data,
        own_nonce,
        initiator=False,
        tsi=answer_i.selectors,
        tsr=answer_r.selectors,
        mode="transport" if transport else "tunnel",
        shared=shared,
    )


def answer_ike_rekey(
    sa: IkeSa, received: Received, *, suites: list[IkeSuite] | None = None, nonce: bytes | None = None
) -> IkeSa | None:
    """Accept the rekey of the IKE SA; the new SA, or None when it was refused."""
    from conformance.tester.tester import fresh_spi

    request = received.message
    if request is None:
        return None
    if sa.policy.refuse_rekey:
        sa.answer(received, [NotifyPayload(NotifyType.NO_ADDITIONAL_SAS)], note="refused automatically")
        return None
    offer, nonce_i, value = request.get(SaPayload), request.get(NoncePayload), request.get(KePayload)
    if offer is None or nonce_i is None or value is None:
        sa.answer(received, [NotifyPayload(NotifyType.INVALID_SYNTAX)], note="refused automatically")
        return None
    accepted = suites or [sa.suite, *(parse_ike(text) for text in sa.tester.profile.ike)]
    found = select_ike(offer, accepted)
    if found is None:
        sa.answer(received, [NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)], note="refused automatically")
        return None
    proposal, suite = found
    if suite.group != value.group:
        wanted = int(suite.group).to_bytes(2, "big")
        sa.answer(received, [NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, wanted)], note="other group")
        return None
    try:
        public, shared = key_exchange_respond(suite.group, value.data)
    except CryptoError:
        sa.answer(received, [NotifyPayload(NotifyType.INVALID_SYNTAX)], note="refused automatically")
        return None
    own_nonce, own_spi = nonce or os.urandom(32), fresh_spi()
    chosen = type(proposal)(proposal.number, proposal.protocol, own_spi, proposal.transforms)
    sa.answer(
        received,
        [SaPayload((chosen,)), NoncePayload(own_nonce), KePayload(suite.group, public)],
        note="accepted automatically",
    )
    return new_ike_sa(sa, suite, proposal.spi, own_spi, shared, nonce_i.data, own_nonce, initiator=False)


def is_child_request(message: Message) -> bool:
    """A CREATE_CHILD_SA request that is not a rekey of the IKE SA."""
    offer = message.get(SaPayload)
    return (
        message.exchange == ExchangeType.CREATE_CHILD_SA
        and offer is not None
        and any(item.protocol == ProtocolId.ESP for item in offer.proposals)
    )


def rekeyed_spi(message: Message) -> bytes | None:
    """The SPI in REKEY_SA, or None."""
    found = message.notify(NotifyType.REKEY_SA)
    return found.spi if found else None
