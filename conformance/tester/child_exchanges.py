"""CREATE_CHILD_SA with the tester as its initiator: Child SAs, rekeys of both kinds (RFC 7296 §1.3)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.tester.child import ChildSa
from conformance.tester.draft import Draft, Editing
from conformance.tester.expect import error_of, observed
from conformance.tester.proposals import (
    EspOffer,
    IkeOffer,
    NotOneSuite,
    chosen_esp,
    chosen_ike,
    esp_sa_payload,
    ike_sa_payload,
    offered_groups,
)
from reference_impl.crypto import kdf
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.ke import KeyExchange, key_exchange
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, ProtocolId
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

if TYPE_CHECKING:
    from conformance.tester.sa import IkeSa


@dataclass(slots=True, eq=False)
class ChildExchange:
    """What CREATE_CHILD_SA for a Child SA came to; `problem` says why there is no `child`."""

    draft: Draft
    reply: Message | None
    child: ChildSa | None = None
    problem: str = ""


@dataclass(slots=True, eq=False)
class RekeyExchange:
    """What CREATE_CHILD_SA for the IKE SA came to; `problem` says why there is no new `sa`."""

    draft: Draft
    reply: Message | None
    sa: IkeSa | None = None
    problem: str = ""
    shared: bytes = b""

    def wrongly_derived(self, old: IkeSa, seed_prf: PrfAlgorithm, keys_prf: PrfAlgorithm) -> IkeSa:
        """The new IKE SA as a device has it that took these PRFs for SKEYSEED and for prf+: tells what it did."""
        new, offer = self.sa, self.draft.message().get(NoncePayload)
        nonce = self.reply.get(NoncePayload) if self.reply is not None else None
        if new is None or offer is None or nonce is None:
            raise ValueError("there is no new IKE SA")
        spis = (new.spi_i, new.spi_r)
        prfs = (seed_prf, keys_prf)
        return new_ike_sa(old, new.suite, *spis, self.shared, offer.data, nonce.data, initiator=True, prfs=prfs)


def try_child(
    sa: IkeSa,
    *,
    rekey: ChildSa | None = None,
    offer: EspOffer | None = None,
    group: Group | None = None,
    ke: KePayload | None = None,
    nonce: bytes | None = None,
    spi: bytes | None = None,
    tsi: Sequence[TrafficSelector | str] | None = None,
    tsr: Sequence[TrafficSelector | str] | None = None,
    mode: str | None = None,
    extra: Sequence[Payload] = (),
    edit: Editing = None,
    fragment: int | None = None,
    silent: bool = False,
    timeout: float | None = None,
    message_id: int | None = None,
    note: str = "",
) -> ChildExchange:
    """Ask for a Child SA, or with `rekey` for the successor of one.

    offer: ESP suites; default the old one's suite or the profile's first. group: with a KE payload (PFS); it is added
    to the offer. ke: a KE payload as it is to be sent. tsi, tsr: default those of the old SA or of the profile. silent:
    silence may be the answer. The rest as in `initial.ike_auth`.
    """
    from conformance.tester.initial import selectors

    spi_in = spi or sa.fresh_spi()
    nonce_i = os.urandom(32) if nonce is None else nonce
    mode = mode or (rekey.mode if rekey else "tunnel")
    if offer is None:
        offer = rekey.suite if rekey else sa.tester.profile.child[0]
    sa_payload = esp_sa_payload(offer, spi_in)
    if group is not None:
        sa_payload = SaPayload(tuple(_with_group(item, group) for item in sa_payload.proposals))
    elif ke is None:
        group = next(iter(offered_groups(sa_payload)), None)
    mine = key_exchange(group) if group is not None and group != Group.NONE and ke is None else None
    if rekey is not None and tsi is None and tsr is None:
        own_ts, far_ts = rekey.own_ts, rekey.far_ts
    else:
        if tsi is None and sa.children and sa.tester.claims("config_required"):
            tsi = sa.children[0].own_ts
        own_ts, far_ts = selectors(sa.tester, tsi, tsr, mode)
    payloads: list[Payload] = []
    if rekey is not None:
        payloads.append(NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, rekey.spi_in))
    if mode == "transport":
        payloads.append(NotifyPayload(NotifyType.USE_TRANSPORT_MODE))
    payloads += [sa_payload, NoncePayload(nonce_i)]
    if ke is not None or mine is not None:
        payloads.append(ke or _public(mine))
    payloads += [TsiPayload(own_ts), TsrPayload(far_ts), *extra]
    draft, reply = _exchange(sa, payloads, edit, fragment, silent, timeout, message_id, note)
    result = ChildExchange(draft, reply)
    try:
        result.child = _child(sa, result.reply, spi_in, nonce_i, mine)
    except (ValueError, CryptoError) as error:
        result.problem = f"{error} ({observed(reply)})"
    return result


def _child(sa: IkeSa, reply: Message | None, spi_in: bytes, nonce_i: bytes, mine: KeyExchange | None) -> ChildSa:
    if reply is None:
        raise ValueError("no answer to CREATE_CHILD_SA")
    accepted, nonce = reply.get(SaPayload), reply.get(NoncePayload)
    tsi, tsr = reply.get(TsiPayload), reply.get(TsrPayload)
    if error_of(reply) or accepted is None or nonce is None or tsi is None or tsr is None:
        raise ValueError("refused")
    if len(accepted.proposals) != 1:
        raise NotOneSuite(f"{len(accepted.proposals)} proposals in the answer")
    value = reply.get(KePayload)
    shared = mine.shared(value.data) if mine is not None and value is not None else b""
    transport = reply.notify(NotifyType.USE_TRANSPORT_MODE) is not None
    return sa.add_child(
        chosen_esp(accepted.proposals[0]),
        spi_in,
        accepted.proposals[0].spi,
        nonce_i,
        nonce.data,
        initiator=True,
        tsi=tsi.selectors,
        tsr=tsr.selectors,
        mode="transport" if transport else "tunnel",
        shared=shared,
    )


def try_rekey_ike(
    sa: IkeSa,
    *,
    proposals: IkeOffer | None = None,
    group: Group | None = None,
    ke: KePayload | None = None,
    nonce: bytes | None = None,
    spi: bytes | None = None,
    extra: Sequence[Payload] = (),
    edit: Editing = None,
    fragment: int | None = None,
    silent: bool = False,
    timeout: float | None = None,
    message_id: int | None = None,
    note: str = "",
) -> RekeyExchange:
    """Ask for the successor of the IKE SA. proposals: default the suite of the old one. spi: our new SPI (8 octets)."""
    from conformance.tester.tester import fresh_spi

    own_spi = spi or fresh_spi()
    nonce_i = os.urandom(32) if nonce is None else nonce
    sa_payload = ike_sa_payload(proposals if proposals is not None else sa.suite, own_spi)
    chosen = group or next(iter(offered_groups(sa_payload)), sa.suite.group)
    mine = key_exchange(chosen) if ke is None else None
    payloads: list[Payload] = [sa_payload, NoncePayload(nonce_i), ke or _public(mine), *extra]
    draft, reply = _exchange(sa, payloads, edit, fragment, silent, timeout, message_id, note)
    result = RekeyExchange(draft, reply)
    try:
        if mine is None:
            raise ValueError("the private value of the KE payload is not known")
        result.sa, result.shared = _successor(sa, reply, own_spi, nonce_i, mine)
    except (ValueError, CryptoError) as error:
        result.problem = f"{error} ({observed(reply)})"
    return result


def _successor(
    sa: IkeSa, reply: Message | None, own_spi: bytes, nonce_i: bytes, mine: KeyExchange
) -> tuple[IkeSa, bytes]:
    if reply is None:
        raise ValueError("no answer to CREATE_CHILD_SA")
    accepted, nonce, value = reply.get(SaPayload), reply.get(NoncePayload), reply.get(KePayload)
    if error_of(reply) or accepted is None or nonce is None or value is None:
        raise ValueError("refused")
    if len(accepted.proposals) != 1 or len(accepted.proposals[0].spi) != 8:
        raise NotOneSuite("one proposal with an SPI of 8 octets is due")
    suite = chosen_ike(accepted.proposals[0])
    shared = mine.shared(value.data)
    new = new_ike_sa(sa, suite, own_spi, accepted.proposals[0].spi, shared, nonce_i, nonce.data, initiator=True)
    return new, shared


def new_ike_sa(
    old: IkeSa,
    suite: IkeSuite,
    spi_i: bytes,
    spi_r: bytes,
    shared: bytes,
    nonce_i: bytes,
    nonce_r: bytes,
    *,
    initiator: bool,
    prfs: tuple[PrfAlgorithm, PrfAlgorithm] | None = None,
) -> IkeSa:
    """The SA that a rekey of `old` makes (RFC 7296 §2.18); the Child SAs move to it.

    prfs: those of SKEYSEED and of prf+, in place of the old SA's and the new one's.
    """
    from conformance.tester.sa import IkeSa

    seed_prf, keys_prf = prfs or (old.suite.prf_algorithm(), suite.prf_algorithm())
    seed = kdf.rekey_skeyseed(seed_prf, old.keys.sk_d, shared, nonce_i, nonce_r)
    keys = kdf.ike_keys(
        replace(keys_prf, key_size=suite.prf_algorithm().key_size),
        seed,
        nonce_i,
        nonce_r,
        spi_i,
        spi_r,
        suite.cipher_algorithm(),
        suite.integ_algorithm(),
    )
    new = IkeSa(
        old.tester,
        initiator=initiator,
        spi_i=spi_i,
        spi_r=spi_r,
        suite=suite,
        keys=keys,
        port=old.port,
        remote=old.remote,
    )
    new.established = True
    new.fragmentation = old.fragmentation
    new.policy = old.policy
    new.children, old.children = old.children, []
    for child in new.children:
        child.ike = new
    return new


def _exchange(
    sa: IkeSa,
    payloads: Sequence[Payload],
    edit: Editing,
    fragment: int | None,
    silent: bool,
    timeout: float | None,
    message_id: int | None,
    note: str,
) -> tuple[Draft, Message | None]:
    kind = ExchangeType.CREATE_CHILD_SA
    if silent:
        reply = sa.exchange_or_silence(kind, payloads, edit=edit, fragment=fragment, message_id=message_id, note=note)
        return sa.draft(kind, payloads, message_id=message_id), reply
    sent = sa.send_request(kind, payloads, edit=edit, fragment=fragment, message_id=message_id, note=note)
    return sent.draft, sa.await_reply(sent, timeout)


def _with_group(proposal: Proposal, group: Group) -> Proposal:
    from conformance.tester.proposals import group as group_transform
    from reference_impl.wire.registries import TransformType

    if any(item.id == group for item in proposal.of(TransformType.KE)):
        return proposal
    return Proposal(proposal.number, proposal.protocol, proposal.spi, (*proposal.transforms, group_transform(group)))


def _public(mine: KeyExchange | None) -> KePayload:
    if mine is None:
        raise ValueError("no key exchange")
    return KePayload(mine.group, mine.public)
