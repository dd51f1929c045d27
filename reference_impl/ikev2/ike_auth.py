"""IKE_AUTH as responder (RFC 7296 sections 1.2, 2.15, 2.21.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType, PayloadType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import AuthPayload, IdiPayload, IdrPayload
from reference_impl.wire.ts import TsiPayload, TsrPayload

from . import authenticate, child_answer, config_payload, contact, sa_init_request, selection
from .authenticate import AuthenticationError
from .config import ConnectionConfig
from .errors import Refusal, invalid_syntax
from .events import ChildFailed, Reason
from .identity import Identity

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

ONCE = (
    PayloadType.IDI,
    PayloadType.IDR,
    PayloadType.AUTH,
    PayloadType.SA,
    PayloadType.TSI,
    PayloadType.TSR,
)


def answer(engine: Engine, sa: IkeSa, message: Message) -> list[Payload]:
    """Authenticate the peer, then ourselves, then try the first Child SA. Raises Refusal."""
    idi = required(message)
    peer = Identity(idi.id_type, idi.data)
    idr = message.get(IdrPayload)
    wanted = None if idr is None else Identity(idr.id_type, idr.data)
    try:
        connection = select(sa, message, peer, wanted)
        authenticate.verify_peer(engine, sa, connection, peer, idi.body(), message)
        sa.connection, sa.candidates = connection, (connection,)
        note_peer(sa, message, peer)
        payloads = own_proof(sa, connection, message)
    except AuthenticationError as error:
        raise authentication_failed(error) from error
    contact.replace_others(engine, sa, message)
    engine.authenticated(sa)
    note_window(sa, message)
    if engine.config.window_size > 1:
        payloads.append(window_notify(engine.config.window_size))
    return payloads + first_child(engine, sa, connection, message)


def required(message: Message) -> IdiPayload:
    """IDi; a message without the payloads of the figure, or with one of them twice, is malformed. Raises Refusal."""
    idi = message.get(IdiPayload)
    if idi is None or message.get(SaPayload) is None:
        raise invalid_syntax(Reason.MISSING_PAYLOAD, "IKE_AUTH needs IDi, SA, TSi and TSr")
    if message.get(TsiPayload) is None or message.get(TsrPayload) is None:
        raise invalid_syntax(Reason.MISSING_PAYLOAD, "IKE_AUTH needs TSi and TSr")
    types = [payload.TYPE for payload in message.payloads]
    for kind in ONCE:
        if types.count(kind) > 1:
            raise invalid_syntax(Reason.DUPLICATE_PAYLOAD, f"{kind.name} occurs twice")
    return idi


def select(sa: IkeSa, message: Message, peer: Identity, wanted: Identity | None) -> ConnectionConfig:
    """The connection of this peer. Raises AuthenticationError."""
    proof = message.get(AuthPayload)
    if proof is None:
        raise AuthenticationError(Reason.MISSING_PAYLOAD, "no AUTH payload; EAP is not supported")
    connection = selection.by_identity(sa.candidates, peer, wanted, proof.method)
    if connection is None:
        raise AuthenticationError(Reason.NO_CONNECTION, f"no connection for {peer} by {proof.method.name}")
    return connection


def note_peer(sa: IkeSa, message: Message, peer: Identity) -> None:
    """What the authenticated peer told about itself."""
    proof = message.get(AuthPayload)
    sa.remote_id = peer
    sa.auth_method = None if proof is None else proof.method
    sa_init_request.note_certificate_request(sa, message)


def own_proof(sa: IkeSa, connection: ConnectionConfig, message: Message) -> list[Payload]:
    """IDr, certificates and AUTH."""
    sa.local_id = connection.local_id
    idr = IdrPayload(connection.local_id.id_type, connection.local_id.data)
    return [
        idr,
        *authenticate.certificate_payloads(sa, connection.local_auth),
        authenticate.make_auth(sa, connection.local_auth, idr.body()),
    ]


def authentication_failed(error: AuthenticationError) -> Refusal:
    """Whatever went wrong, the peer learns only that it did (section 2.21.2)."""
    return Refusal(NotifyType.AUTHENTICATION_FAILED, error.reason, error.detail, fatal=True)


def window_notify(size: int) -> NotifyPayload:
    """SET_WINDOW_SIZE (section 2.3)."""
    return NotifyPayload(NotifyType.SET_WINDOW_SIZE, size.to_bytes(4, "big"))


def note_window(sa: IkeSa, message: Message) -> None:
    """How many requests the peer takes at once."""
    notify = message.notify(NotifyType.SET_WINDOW_SIZE)
    if notify is not None and len(notify.data) == 4:
        sa.outbound.widen(int.from_bytes(notify.data, "big"))


def first_child(engine: Engine, sa: IkeSa, connection: ConnectionConfig, message: Message) -> list[Payload]:
    """CP and the first Child SA; its failure leaves the IKE SA as it is (sections 1.2 and 2.21.2)."""
    try:
        reply = config_payload.answer(engine, sa, connection, message)
        _, payloads = child_answer.answer(engine, sa, message, initial=True)
    except Refusal as refusal:
        engine.emit(
            ChildFailed(engine.now, sa.ike_id, connection.name, False, refusal.reason, refusal.detail, refusal.notify)
        )
        return [NotifyPayload(refusal.notify, refusal.data)]
    return payloads if reply is None else [reply, *payloads]
