"""Rekeying the IKE SA, both roles, with simultaneous rekeying (RFC 7296 sections 1.3.2, 2.8.2, 2.18, 2.25.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.crypto import kdf, ke
from reference_impl.crypto.ke import KeyExchange
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload

from . import (
    child_answer,
    child_request,
    children,
    closing,
    collisions,
    exchange,
    messages,
    policy,
    proposal,
    temporary,
)
from .collisions import Ask, Reaction
from .errors import BadResponse, Refusal, invalid_syntax
from .events import IkeKeysDerived, Reason
from .ike_sa import NO_SPI, IkeSa
from .states import IkeState, IkeTrigger
from .tasks import Task

if TYPE_CHECKING:
    from .engine import Engine

GROUP_RETRIES = 3
# What the new IKE SA takes over as it is.
INHERITED = (
    "peer_hashes",
    "announced_hashes",
    "fragmentation",
    "nat_local",
    "nat_remote",
    "forced_encapsulation",
    "local_id",
    "remote_id",
    "auth_method",
    "addresses",
    "last_heard",
)


def answer(engine: Engine, sa: IkeSa, message: Message) -> list[Payload]:
    """The response to a request that rekeys the IKE SA. Raises Refusal."""
    how = collisions.reaction(Ask.REKEY_IKE, collisions.busy_for_ike_rekey(sa))
    if how is Reaction.TEMPORARY_FAILURE:
        raise Refusal(NotifyType.TEMPORARY_FAILURE, Reason.TEMPORARY_FAILURE, "busy with this IKE SA")
    offer, kei = message.get(SaPayload), message.get(KePayload)
    if offer is None or kei is None:
        raise invalid_syntax(Reason.MISSING_PAYLOAD, "rekeying an IKE SA needs SA and KE")
    nonce_i = child_answer.peer_nonce(sa, message)
    choice = proposal.choose_ike(offer.proposals, sa.settled_connection.ike, kei.group, engine.new_ike_spi())
    if choice is None:
        raise Refusal(NotifyType.NO_PROPOSAL_CHOSEN, Reason.NO_PROPOSAL_CHOSEN, "no acceptable IKE proposal")
    if choice.suite.group != kei.group:
        raise Refusal(
            NotifyType.INVALID_KE_PAYLOAD,
            Reason.KE_GROUP,
            f"group {int(choice.suite.group)} is due",
            data=int(choice.suite.group).to_bytes(2, "big"),
        )
    peer_spi = next(each.spi for each in offer.proposals if each.number == choice.answer.number)
    if peer_spi == NO_SPI:
        raise invalid_syntax(Reason.MALFORMED, "the new initiator SPI is zero")
    public, shared = child_answer.respond_ke(engine, kei)
    nonce_r = engine.rng(policy.NONCE_SIZE)
    new = make_successor(engine, sa, False, peer_spi, choice.answer.spi, nonce_i, nonce_r, choice.suite, shared)
    if how is Reaction.ANSWER_AND_COMPARE:
        new.unsettled = sa
        sa.peer_rekey = (new, collisions.lowest(nonce_i, nonce_r))
    else:
        adopt(engine, sa, new)
    return [SaPayload((choice.answer,)), NoncePayload(nonce_r), public]


def make_successor(
    engine: Engine,
    old: IkeSa,
    initiator: bool,
    spi_i: bytes,
    spi_r: bytes,
    nonce_i: bytes,
    nonce_r: bytes,
    suite: IkeSuite,
    shared: bytes,
) -> IkeSa:
    """A new IKE SA with fresh windows and everything else of the old one (section 2.18)."""
    new = IkeSa(
        engine.new_id(),
        initiator=initiator,
        spi_i=spi_i,
        spi_r=spi_r,
        local=old.local,
        remote=old.remote,
        state=IkeState.ESTABLISHED,
        created=engine.now,
        connection=old.connection,
        candidates=old.candidates,
    )
    new.nonce_i, new.nonce_r = nonce_i, nonce_r
    for name in INHERITED:
        setattr(new, name, getattr(old, name))
    new.set_keys(suite, successor_seed(old, shared, nonce_i, nonce_r))
    engine.add(new)
    engine.emit(IkeKeysDerived(engine.now, new.ike_id, spi_i, spi_r, suite, new.keys))
    engine.announce(new, replaces=old)
    return new


def successor_seed(old: IkeSa, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
    """SKEYSEED with the PRF and SK_d of the old IKE SA."""
    return kdf.rekey_skeyseed(old.prf, old.keys.sk_d, shared, nonce_i, nonce_r)


def adopt(engine: Engine, old: IkeSa, new: IkeSa) -> None:
    """The new IKE SA inherits Child SAs, internal addresses and what waits to be sent."""
    old.advance(IkeTrigger.REPLACED)
    old.successor = new
    if old.peer_rekey is not None:
        old.peer_rekey[0].unsettled = None
        old.peer_rekey = None
    new.pool_addresses, old.pool_addresses = old.pool_addresses, ()
    children.move(engine, old, new)
    engine.timers.cancel(("ike-soft", old.ike_id))
    for kind in ("liveness", "keepalive"):
        engine.timers.cancel((kind, old.ike_id))
    waiting = [task for task in old.queue if task.inherited]
    old.queue.clear()
    new.queue.extend(waiting)
    exchange.pump(engine, new)
    # The peer deletes the old SA; should it never do so, we do.
    when = engine.now + 2 * engine.config.linger
    engine.timers.set(("rekeyed", old.ike_id), when, lambda: closing.delete(engine, old, Reason.REKEYED))


def settle_before_close(engine: Engine, sa: IkeSa) -> None:
    """The peer deletes the old IKE SA before it noticed our rekey: its new SA inherits (section 2.8.2)."""
    heir = live_rival(sa)
    if heir is not None and sa.state is IkeState.ESTABLISHED:
        adopt(engine, sa, heir)


def live_rival(sa: IkeSa) -> IkeSa | None:
    """The new IKE SA that the peer made during our own rekey, unless it is gone again."""
    if sa.peer_rekey is None or sa.peer_rekey[0].state is not IkeState.ESTABLISHED:
        return None
    return sa.peer_rekey[0]


class RekeyIke(Task):
    """Our request to replace the IKE SA."""

    exchange = ExchangeType.CREATE_CHILD_SA
    exclusive = True
    inherited = False

    def __init__(self) -> None:
        self.spi = b""
        self.nonce = b""
        self.offer: tuple[Proposal, ...] = ()
        self.group: Group | None = None
        self.group_retries = 0
        self.ke: KeyExchange | None = None

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        if sa.state is not IkeState.ESTABLISHED or sa.peer_rekey is not None:
            return None
        sa.rekey = self
        suites = policy.ike_suites(sa.settled_connection.ike, sa.suite)
        self.spi = engine.new_ike_spi()
        self.nonce = engine.rng(policy.NONCE_SIZE)
        self.offer = proposal.ike_offer(suites, self.spi)
        self.ke = ke.key_exchange(self.group or suites[0].group, rng=engine.rng)
        return (SaPayload(self.offer), NoncePayload(self.nonce), KePayload(self.ke.group, self.ke.public))

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        sa.rekey = None
        error = messages.first_error(message)
        if error is not None:
            self.refused(engine, sa, error)
            return
        temporary.clear(sa)
        try:
            self.accept(engine, sa, message)
        except BadResponse as bad:
            engine.reject_response(sa, bad)
            closing.delete(engine, sa, bad.reason, bad.detail)

    def accept(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        """Take the responder's choice and settle who inherits. Raises BadResponse."""
        answer_, nonce = message.get(SaPayload), message.get(NoncePayload)
        if answer_ is None or nonce is None or 2 * len(nonce.data) < sa.prf.key_size:
            raise BadResponse(Reason.MISSING_PAYLOAD, "rekeying an IKE SA needs SA and Nonce")
        chosen = proposal.accepted(answer_.proposals, self.offer, 8)
        suite = proposal.ike_suite(chosen)
        if chosen.spi == NO_SPI:
            raise BadResponse(Reason.MALFORMED, "the new responder SPI is zero")
        shared = child_request.shared_secret(self.ke, suite.group, message)
        new = make_successor(engine, sa, True, self.spi, chosen.spi, self.nonce, nonce.data, suite, shared)
        settle(engine, sa, new, collisions.lowest(self.nonce, nonce.data))

    def refused(self, engine: Engine, sa: IkeSa, error: NotifyPayload) -> None:
        """The peer answered with an error."""
        heir = live_rival(sa)
        if heir is not None:
            adopt(engine, sa, heir)
        elif error.notify == NotifyType.INVALID_KE_PAYLOAD and self.use_group(error.data):
            exchange.enqueue(engine, sa, self, first=True)
        elif error.notify == NotifyType.TEMPORARY_FAILURE:
            temporary.retry_later(engine, sa, self)
        elif error.notify == NotifyType.INVALID_SYNTAX:
            closing.close(engine, sa, Reason.INVALID_SYNTAX, "the peer sent INVALID_SYNTAX", linger=False)
        else:
            engine.reject_response(sa, BadResponse(Reason.ERROR_NOTIFY, error.notify.name))

    def use_group(self, data: bytes) -> bool:
        """Switch to the group that the responder wants, if we offer it; a bounded number of times."""
        group = int.from_bytes(data, "big")
        self.group_retries += 1
        if group not in proposal.groups_of(self.offer) or self.group_retries > GROUP_RETRIES:
            return False
        self.group = Group(group)
        return True

    def dropped(self, engine: Engine, sa: IkeSa, reason: Reason) -> None:
        sa.rekey = None


def settle(engine: Engine, old: IkeSa, new: IkeSa, own_lowest: bytes) -> None:
    """After our own rekey: which new IKE SA inherits, and which SA we delete (section 2.8.2)."""
    heir = live_rival(old)
    if heir is not None and old.peer_rekey is not None and collisions.ours_is_redundant(own_lowest, old.peer_rekey[1]):
        adopt(engine, old, heir)
        closing.delete(engine, new, Reason.REDUNDANT)
        return
    adopt(engine, old, new)
    delete_old(engine, old)
    if heir is not None:
        expect_deletion(engine, heir)


def expect_deletion(engine: Engine, redundant: IkeSa) -> None:
    """The peer deletes its redundant IKE SA, unless it never got our response and does not even know it."""
    when = engine.now + 2 * engine.config.linger
    engine.timers.set(
        ("rekeyed", redundant.ike_id),
        when,
        lambda: closing.close(engine, redundant, Reason.REDUNDANT, linger=False),
    )


def delete_old(engine: Engine, old: IkeSa) -> None:
    """The node that initiated the surviving rekey deletes the old IKE SA."""
    closing.delete(engine, old, Reason.REKEYED)
