"""IKE_AUTH as initiator (RFC 7296 sections 1.2, 2.15, 2.21.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import AuthPayload, IdiPayload, IdrPayload

from . import (
    authenticate,
    child_request,
    closing,
    config_payload,
    contact,
    deletion,
    exchange,
    ike_auth,
    messages,
)
from .authenticate import AuthenticationError
from .child_request import ChildOffer
from .errors import BadResponse
from .events import ChildFailed, Reason
from .identity import Identity
from .states import IkeTrigger
from .tasks import Task

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

# Errors that end the IKE SA when they come instead of an authenticated answer (section 2.21.2).
FATAL = frozenset(
    {NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, NotifyType.INVALID_SYNTAX, NotifyType.AUTHENTICATION_FAILED}
)


def start(engine: Engine, sa: IkeSa) -> None:
    """Send the request right after IKE_SA_INIT."""
    task = IkeAuth()
    try:
        payloads = task.request(engine, sa)
    except AuthenticationError as error:
        closing.close(engine, sa, error.reason, error.detail, linger=False)
        return
    message_id = sa.outbound.take_id()
    datagrams = messages.seal(engine, sa, task.exchange, message_id, payloads, response=False)
    exchange.start(engine, sa, task, message_id, datagrams)


class AuthenticationNotice(Task):
    """Tell the responder that its proof failed; the SA is gone on both sides without a Delete (section 2.21.2)."""

    exchange = ExchangeType.INFORMATIONAL
    exclusive = True
    inherited = False

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...]:
        return (NotifyPayload(NotifyType.AUTHENTICATION_FAILED),)

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        closing.close(engine, sa, self.reason, self.detail, linger=False)

    def malformed(self, engine: Engine, sa: IkeSa, detail: str) -> None:
        closing.close(engine, sa, self.reason, self.detail, linger=False)


class IkeAuth(Task):
    """The request with our proof and the first Child SA."""

    exchange = ExchangeType.IKE_AUTH

    def __init__(self) -> None:
        self.offer: ChildOffer | None = None

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...]:
        connection = sa.settled_connection
        sa.local_id = connection.local_id
        idi = IdiPayload(connection.local_id.id_type, connection.local_id.data)
        self.offer = child_request.make(engine, sa, connection.esp, initial=True)
        payloads: list[Payload] = [idi, *authenticate.certificate_payloads(sa, connection.local_auth)]
        payloads += contact.announcement(engine, sa)
        wanted = authenticate.certificate_request(sa.candidates)
        if wanted is not None:
            payloads.append(wanted)
        if connection.send_remote_id and connection.remote_id is not None:
            payloads.append(IdrPayload(connection.remote_id.id_type, connection.remote_id.data))
        payloads.append(authenticate.make_auth(sa, connection.local_auth, idi.body()))
        configuration = config_payload.request(connection.request_addresses)
        if configuration is not None:
            payloads.append(configuration)
        payloads += child_request.payloads(sa, self.offer, initial=True)
        if engine.config.window_size > 1:
            payloads.append(ike_auth.window_notify(engine.config.window_size))
        return tuple(payloads)

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        idr, proof = message.get(IdrPayload), message.get(AuthPayload)
        error = messages.first_error(message)
        if idr is None or proof is None:
            refused(engine, sa, error)
            return
        try:
            verify(engine, sa, idr, message)
        except AuthenticationError as failure:
            give_notice(engine, sa, failure)
            return
        contact.replace_others(engine, sa, message)
        engine.authenticated(sa)
        ike_auth.note_window(sa, message)
        self.first_child(engine, sa, message, error)

    def malformed(self, engine: Engine, sa: IkeSa, detail: str) -> None:
        closing.close(engine, sa, Reason.INVALID_SYNTAX, detail, linger=False)

    def first_child(self, engine: Engine, sa: IkeSa, message: Message, error: NotifyPayload | None) -> None:
        """The Child SA part of the response; without one the IKE SA stays as it is (section 2.21.2)."""
        assert self.offer is not None
        if error is not None:
            child_failed(engine, sa, Reason.ERROR_NOTIFY, error.notify.name, error.notify)
            return
        if message.get(SaPayload) is None:
            child_failed(engine, sa, Reason.MISSING_PAYLOAD, "no SA payload and no error")
            return
        try:
            if sa.settled_connection.request_addresses:
                config_payload.accept(engine, sa, message)
            accepted = child_request.accept(engine, sa, self.offer, message, initial=True)
        except BadResponse as bad:
            child_failed(engine, sa, bad.reason, bad.detail)
            deletion.refuse_child(engine, sa, self.offer.spi)
            return
        child_request.install(engine, sa, self.offer, accepted)


def child_failed(engine: Engine, sa: IkeSa, reason: Reason, detail: str, notify: NotifyType | None = None) -> None:
    """The IKE SA is established without its first Child SA."""
    engine.emit(ChildFailed(engine.now, sa.ike_id, sa.connection_name, True, reason, detail, notify))


def refused(engine: Engine, sa: IkeSa, error: NotifyPayload | None) -> None:
    """No proof of the responder: there will be no IKE SA."""
    if error is None:
        closing.close(engine, sa, Reason.MISSING_PAYLOAD, "IKE_AUTH response without IDr or AUTH", linger=False)
        return
    reason = Reason.AUTHENTICATION if error.notify == NotifyType.AUTHENTICATION_FAILED else Reason.ERROR_NOTIFY
    closing.close(engine, sa, reason, f"the peer sent {error.notify.name}", notify=error.notify, linger=False)


def verify(engine: Engine, sa: IkeSa, idr: IdrPayload, message: Message) -> None:
    """The responder's identity and proof. Raises AuthenticationError."""
    connection = sa.settled_connection
    peer = Identity(idr.id_type, idr.data)
    if not is_expected(connection.remote_id, peer):
        raise AuthenticationError(Reason.AUTHENTICATION, f"{peer} answered instead of {connection.remote_id}")
    authenticate.verify_peer(engine, sa, connection, peer, idr.body(), message)
    ike_auth.note_peer(sa, message, peer)


def is_expected(configured: Identity | None, peer: Identity) -> bool:
    """Whether the responder is the one that the connection is for."""
    return configured is None or configured == peer


def give_notice(engine: Engine, sa: IkeSa, failure: AuthenticationError) -> None:
    """An INFORMATIONAL exchange with AUTHENTICATION_FAILED, then the SA is gone."""
    sa.advance(IkeTrigger.DELETE)
    exchange.enqueue(engine, sa, AuthenticationNotice(failure.reason, failure.detail))
