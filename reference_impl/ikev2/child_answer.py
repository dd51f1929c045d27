"""Answering a request for a Child SA, in IKE_AUTH and in CREATE_CHILD_SA (RFC 7296 sections 1.3.1, 2.9, 2.23.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.crypto import ke
from reference_impl.crypto.errors import CryptoError
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import NotifyType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

from . import children, policy, proposal, selectors
from .child_sa import ChildSa
from .config import ConnectionConfig, Mode
from .errors import Refusal, invalid_syntax
from .events import Reason
from .proposal import EspChoice
from .selectors import Narrowed

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

TRANSPORT = NotifyPayload(NotifyType.USE_TRANSPORT_MODE)
NO_TFC_PADDING = NotifyPayload(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)
ADDITIONAL_TS = NotifyPayload(NotifyType.ADDITIONAL_TS_POSSIBLE)


@quick_init
@dataclass(frozen=True, slots=True)
class Agreement:
    """Mode and selectors; ``remote`` is the side of the peer, who initiated the exchange (TSi)."""

    mode: Mode
    local: Narrowed
    remote: Narrowed


def answer(
    engine: Engine, sa: IkeSa, message: Message, *, initial: bool, replaces: ChildSa | None = None
) -> tuple[ChildSa, list[Payload]]:
    """Create and install the Child SA; the payloads are the response's part for it. Raises Refusal.

    ``initial``: in IKE_AUTH, with the nonces of IKE_SA_INIT and without key exchange.
    """
    connection = sa.settled_connection
    offer, tsi, tsr = message.get(SaPayload), message.get(TsiPayload), message.get(TsrPayload)
    if offer is None or tsi is None or tsr is None:
        raise invalid_syntax(Reason.MISSING_PAYLOAD, "a Child SA needs SA, TSi and TSr")
    check_limit(sa, connection, replaces)
    choice = choose(engine, connection, message, offer, initial=initial)
    agreement = agree(sa, connection, message, tsi.selectors, tsr.selectors, replaces)
    if initial:
        nonce_i, nonce_r, public, shared = sa.nonce_i, sa.nonce_r, None, b""
    else:
        nonce_i, nonce_r = peer_nonce(sa, message), engine.rng(policy.NONCE_SIZE)
        public, shared = exchange_keys(engine, choice, message)
    child = ChildSa(
        engine.new_id(),
        sa,
        initiator=False,
        spi_in=choice.answer.spi,
        spi_out=choice.peer_spi,
        suite=choice.suite,
        local_ts=agreement.local.selectors,
        remote_ts=agreement.remote.selectors,
        mode=agreement.mode,
        created=engine.now,
        tfc_padding=message.notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED) is None,
    )
    keys = children.derive_keys(sa, choice.suite, nonce_i, nonce_r, shared)
    children.install(engine, child, keys, replaces=replaces, send=replaces is None)
    payloads = response_payloads(connection, choice, agreement, None if initial else nonce_r, public)
    return child, payloads


def check_limit(sa: IkeSa, connection: ConnectionConfig, replaces: ChildSa | None) -> None:
    """NO_ADDITIONAL_SAS when the IKE SA has enough Child SAs (section 1.3)."""
    if replaces is None and len(sa.children) >= connection.max_children:
        raise Refusal(NotifyType.NO_ADDITIONAL_SAS, Reason.NO_ADDITIONAL_SAS, f"{len(sa.children)} Child SAs")


def choose(
    engine: Engine, connection: ConnectionConfig, message: Message, offer: SaPayload, *, initial: bool
) -> EspChoice:
    """Raises Refusal with NO_PROPOSAL_CHOSEN."""
    kei = None if initial else message.get(KePayload)
    choice = proposal.choose_esp(
        offer.proposals,
        connection.esp,
        children.new_spi(engine),
        groups=not initial,
        ke_group=None if kei is None else kei.group,
    )
    if choice is None or int.from_bytes(choice.peer_spi, "big") == 0:
        raise Refusal(NotifyType.NO_PROPOSAL_CHOSEN, Reason.NO_PROPOSAL_CHOSEN, "no acceptable ESP proposal")
    return choice


def peer_nonce(sa: IkeSa, message: Message) -> bytes:
    """The fresh nonce of a CREATE_CHILD_SA request (section 2.10). Raises Refusal."""
    nonce = message.get(NoncePayload)
    if nonce is None:
        raise invalid_syntax(Reason.MISSING_PAYLOAD, "CREATE_CHILD_SA needs a Nonce")
    if 2 * len(nonce.data) < sa.prf.key_size:
        raise invalid_syntax(Reason.NONCE_LENGTH, f"nonce of {len(nonce.data)} octets")
    return nonce.data


def exchange_keys(engine: Engine, choice: EspChoice, message: Message) -> tuple[KePayload | None, bytes]:
    """Our KE payload and the shared secret, where the chosen suite has a group. Raises Refusal."""
    group = choice.suite.group
    if group is None:
        return None, b""
    kei = message.get(KePayload)
    if kei is None or kei.group != group:
        raise Refusal(
            NotifyType.INVALID_KE_PAYLOAD,
            Reason.KE_GROUP,
            f"group {int(group)} is due",
            data=int(group).to_bytes(2, "big"),
        )
    return respond_ke(engine, kei)


def respond_ke(engine: Engine, kei: KePayload) -> tuple[KePayload, bytes]:
    """RFC 6989 section 2.5: a bad public value after the IKE SA is established costs the IKE SA."""
    group = policy.known_group(kei.group)
    try:
        public, shared = ke.respond(group, kei.data, rng=engine.rng)
    except CryptoError as error:
        raise invalid_syntax(Reason.KE_VALUE, str(error)) from error
    return KePayload(group, public), shared


def agree(
    sa: IkeSa,
    connection: ConnectionConfig,
    message: Message,
    tsi: tuple[TrafficSelector, ...],
    tsr: tuple[TrafficSelector, ...],
    replaces: ChildSa | None,
) -> Agreement:
    """Mode and narrowed selectors. Raises Refusal."""
    wants_transport = message.notify(NotifyType.USE_TRANSPORT_MODE) is not None
    if wants_transport and connection.mode is not Mode.TUNNEL:
        agreement = agree_transport(sa, connection, tsi, tsr)
        if agreement is not None:
            return agreement
    if connection.mode is Mode.TRANSPORT:
        if wants_transport:
            raise Refusal(NotifyType.TS_UNACCEPTABLE, Reason.TS_UNACCEPTABLE, "not the two endpoints")
        raise Refusal(NotifyType.NO_PROPOSAL_CHOSEN, Reason.MODE_MISMATCH, "only transport mode is allowed")
    local = narrow(connection, tsr, policy.local_selectors(sa, replaces))
    remote = narrow(connection, tsi, policy.remote_selectors(sa, replaces))
    check_narrowed(local, remote, tsi, tsr)
    return Agreement(Mode.TUNNEL, local, remote)


def agree_transport(
    sa: IkeSa, connection: ConnectionConfig, tsi: tuple[TrafficSelector, ...], tsr: tuple[TrafficSelector, ...]
) -> Agreement | None:
    """Transport mode between the two endpoints, with the addresses substituted behind NATs (section 2.23.1)."""
    tsi, tsr = selectors.understood(tsi), selectors.understood(tsr)
    if sa.nat_remote:
        tsi = selectors.with_address(tsi, sa.remote.address)
    if sa.nat_local:
        tsr = selectors.with_address(tsr, sa.local.address)
    local = narrow(connection, tsr, (selectors.host(sa.local.address),))
    remote = narrow(connection, tsi, (selectors.host(sa.remote.address),))
    if not local.selectors or not remote.selectors:
        return None
    return Agreement(Mode.TRANSPORT, local, remote)


def narrow(
    connection: ConnectionConfig, offered: tuple[TrafficSelector, ...], allowed: tuple[TrafficSelector, ...]
) -> Narrowed:
    """What policy allows of one side. Raises Refusal with SINGLE_PAIR_REQUIRED."""
    if not connection.single_pair:
        return selectors.narrow(offered, allowed)
    narrowed = selectors.narrow_to_pair(offered, allowed)
    if narrowed is None:
        raise Refusal(NotifyType.SINGLE_PAIR_REQUIRED, Reason.SINGLE_PAIR_REQUIRED, selectors.as_text(offered))
    return narrowed


def check_narrowed(
    local: Narrowed, remote: Narrowed, tsi: tuple[TrafficSelector, ...], tsr: tuple[TrafficSelector, ...]
) -> None:
    """Nothing left on a side: TS_UNACCEPTABLE."""
    if not local.selectors or not remote.selectors:
        detail = f"TSi {selectors.as_text(tsi)}, TSr {selectors.as_text(tsr)}"
        raise Refusal(NotifyType.TS_UNACCEPTABLE, Reason.TS_UNACCEPTABLE, detail)


def response_payloads(
    connection: ConnectionConfig,
    choice: EspChoice,
    agreement: Agreement,
    nonce: bytes | None,
    public: KePayload | None,
) -> list[Payload]:
    """In the order of the RFC's figures and appendix C."""
    payloads: list[Payload] = []
    if agreement.mode is Mode.TRANSPORT:
        payloads.append(TRANSPORT)
    if not connection.tfc_padding:
        payloads.append(NO_TFC_PADDING)
    payloads.append(SaPayload((choice.answer,)))
    if nonce is not None:
        payloads.append(NoncePayload(nonce))
    if public is not None:
        payloads.append(public)
    payloads += [TsiPayload(agreement.remote.selectors), TsrPayload(agreement.local.selectors)]
    if agreement.local.more or agreement.remote.more:
        payloads.append(ADDITIONAL_TS)
    return payloads
