"""Asking for a Child SA, in IKE_AUTH and in CREATE_CHILD_SA, and judging the answer (RFC 7296 sections 1.3, 2.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.crypto import ke
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.ke import KeyExchange
from reference_impl.crypto.suite import EspSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import Group, NotifyType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

from . import child_answer, children, policy, proposal, selectors
from .child_sa import ChildSa
from .config import ConnectionConfig, Mode
from .errors import BadResponse
from .events import Reason

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


@dataclass(slots=True)
class ChildOffer:
    """What we asked for. ``local_ts`` is TSi: the exchange's initiator is us."""

    spi: bytes
    proposals: tuple[Proposal, ...]
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    transport: bool
    nonce: bytes
    ke: KeyExchange | None = None
    replaces: ChildSa | None = None


def make(
    engine: Engine,
    sa: IkeSa,
    suites: tuple[EspSuite, ...],
    *,
    initial: bool,
    group: Group | None = None,
    local_ts: tuple[TrafficSelector, ...] = (),
    remote_ts: tuple[TrafficSelector, ...] = (),
    transport: bool | None = None,
    replaces: ChildSa | None = None,
) -> ChildOffer:
    """An offer of these suites; without selectors, those of the connection.

    ``group`` is the one for the KE payload, if not that of the first suite.
    """
    connection = sa.settled_connection
    transport = wants_transport(connection) if transport is None else transport
    spi = children.new_spi(engine)
    chosen = None if initial else group or suites[0].group
    return ChildOffer(
        spi,
        proposal.esp_offer(suites, spi, groups=not initial),
        local_ts or default_local(sa, transport=transport),
        remote_ts or default_remote(sa, transport=transport),
        transport,
        sa.nonce_i if initial else engine.rng(policy.NONCE_SIZE),
        None if chosen is None else ke.key_exchange(chosen, rng=engine.rng),
        replaces,
    )


def wants_transport(connection: ConnectionConfig) -> bool:
    """Transport mode is asked for only where tunnel mode would not do."""
    return connection.mode is Mode.TRANSPORT


def default_local(sa: IkeSa, *, transport: bool) -> tuple[TrafficSelector, ...]:
    """TSi: everything while an internal address is asked for (section 2.19), the endpoint in transport mode."""
    if transport:
        return (selectors.host(sa.local.address),)
    versions = sa.settled_connection.request_addresses
    if versions and not sa.addresses:
        return tuple([selectors.everything(version) for version in versions])
    return policy.local_selectors(sa)


def default_remote(sa: IkeSa, *, transport: bool) -> tuple[TrafficSelector, ...]:
    """TSr."""
    return (selectors.host(sa.remote.address),) if transport else policy.remote_selectors(sa)


def payloads(sa: IkeSa, offer: ChildOffer, *, initial: bool) -> list[Payload]:
    """In the order of the RFC's figures and appendix C."""
    connection = sa.settled_connection
    result: list[Payload] = []
    if offer.transport:
        result.append(child_answer.TRANSPORT)
    if not connection.tfc_padding:
        result.append(child_answer.NO_TFC_PADDING)
    result.append(SaPayload(offer.proposals))
    if not initial:
        result.append(NoncePayload(offer.nonce))
    if offer.ke is not None:
        result.append(KePayload(offer.ke.group, offer.ke.public))
    result += [TsiPayload(offer.local_ts), TsrPayload(offer.remote_ts)]
    return result


@quick_init
@dataclass(frozen=True, slots=True)
class Accepted:
    """The Child SA that an answer makes, not yet installed."""

    child: ChildSa
    nonce_r: bytes
    shared: bytes


def accept(engine: Engine, sa: IkeSa, offer: ChildOffer, message: Message, *, initial: bool) -> Accepted:
    """Judge the answer. Raises BadResponse."""
    answer, tsi, tsr = message.get(SaPayload), message.get(TsiPayload), message.get(TsrPayload)
    if answer is None or tsi is None or tsr is None:
        raise BadResponse(Reason.MISSING_PAYLOAD, "a Child SA needs SA, TSi and TSr")
    chosen = proposal.accepted(answer.proposals, offer.proposals, 4)
    suite = proposal.esp_suite(chosen)
    nonce_r, shared = (sa.nonce_r, b"") if initial else complete_exchange(sa, offer, suite, message)
    mode = accepted_mode(sa, offer, message)
    local, remote = accepted_selectors(sa, offer, mode, tsi.selectors, tsr.selectors)
    child = ChildSa(
        engine.new_id(),
        sa,
        initiator=True,
        spi_in=offer.spi,
        spi_out=chosen.spi,
        suite=suite,
        local_ts=local,
        remote_ts=remote,
        mode=mode,
        created=engine.now,
        tfc_padding=message.notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED) is None,
    )
    return Accepted(child, nonce_r, shared)


def install(engine: Engine, sa: IkeSa, offer: ChildOffer, accepted: Accepted, *, send: bool = True) -> ChildSa:
    """Derive the keys and install the Child SA."""
    child = accepted.child
    keys = children.derive_keys(sa, child.suite, offer.nonce, accepted.nonce_r, accepted.shared)
    children.install(engine, child, keys, replaces=offer.replaces, send=send)
    return child


def complete_exchange(sa: IkeSa, offer: ChildOffer, suite: EspSuite, message: Message) -> tuple[bytes, bytes]:
    """The responder's nonce, and the shared secret where the suite has a group. Raises BadResponse."""
    nonce = message.get(NoncePayload)
    if nonce is None or 2 * len(nonce.data) < sa.prf.key_size:
        raise BadResponse(Reason.NONCE_LENGTH, "no nonce, or one that is too short")
    if suite.group is None:
        return nonce.data, b""
    return nonce.data, shared_secret(offer.ke, suite.group, message)


def shared_secret(ours: KeyExchange | None, group: Group, message: Message) -> bytes:
    """Raises BadResponse; a bad public value costs the IKE SA (RFC 6989 section 2.5)."""
    ker = message.get(KePayload)
    if ours is None or ker is None or ker.group != group or ours.group != group:
        raise BadResponse(Reason.KE_GROUP, f"no KE payload of group {int(group)}")
    try:
        return ours.shared(ker.data)
    except CryptoError as error:
        raise BadResponse(Reason.KE_VALUE, str(error), fatal=True) from error


def accepted_mode(sa: IkeSa, offer: ChildOffer, message: Message) -> Mode:
    """A declined transport mode is a tunnel, which the connection must allow (section 1.3.1). Raises BadResponse."""
    granted = message.notify(NotifyType.USE_TRANSPORT_MODE) is not None
    if granted and not offer.transport:
        raise BadResponse(Reason.MODE_MISMATCH, "transport mode was not asked for")
    if offer.transport and not granted and sa.settled_connection.mode is Mode.TRANSPORT:
        raise BadResponse(Reason.MODE_MISMATCH, "transport mode was declined")
    return Mode.TRANSPORT if granted else Mode.TUNNEL


def accepted_selectors(
    sa: IkeSa,
    offer: ChildOffer,
    mode: Mode,
    tsi: tuple[TrafficSelector, ...],
    tsr: tuple[TrafficSelector, ...],
) -> tuple[tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]:
    """The answer must be a subset of the offer, and when rekeying not narrower than what it replaces (2.9.2)."""
    local, remote = selectors.understood(tsi), selectors.understood(tsr)
    if mode is Mode.TRANSPORT and sa.nat_local:
        local = selectors.with_address(local, sa.local.address)
    if mode is Mode.TRANSPORT and sa.nat_remote:
        remote = selectors.with_address(remote, sa.remote.address)
    if not is_subset(offer.local_ts, local) or not is_subset(offer.remote_ts, remote):
        raise BadResponse(Reason.TS_UNACCEPTABLE, f"TSi {selectors.as_text(tsi)}, TSr {selectors.as_text(tsr)}")
    old = offer.replaces
    if old is not None and not (selectors.covers(local, old.local_ts) and selectors.covers(remote, old.remote_ts)):
        raise BadResponse(Reason.TS_UNACCEPTABLE, "narrower than the Child SA being rekeyed")
    return local, remote


def is_subset(offered: tuple[TrafficSelector, ...], answer: tuple[TrafficSelector, ...]) -> bool:
    """Whether an answer is not empty and stays inside the offer."""
    return bool(answer) and selectors.covers(offered, answer)
