"""Protected messages in: decryption, Message IDs, fragments, dispatch, responses (RFC 7296, 2.1 to 2.3, 2.21)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reference_impl.crypto.errors import IntegrityError
from reference_impl.wire.base import Payload
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Header
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, ProtocolId

from . import (
    closing,
    create_child,
    exchange,
    ike_auth,
    informational,
    messages,
    mobility,
    protect,
    reassembly,
)
from .errors import BadResponse, Refusal, invalid_syntax
from .events import Reason
from .informational import Afterwards
from .messages import Path
from .protect import InnerError, Opened
from .states import IkeState
from .window import Pending, Verdict

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

# Which exchanges a peer may start in which state; INFORMATIONAL never before the initial exchanges (section 1.4).
ALLOWED: dict[IkeState, frozenset[ExchangeType]] = {
    IkeState.INIT_SENT: frozenset(),
    IkeState.HALF_OPEN: frozenset({ExchangeType.IKE_AUTH}),
    IkeState.AUTH_SENT: frozenset(),
    IkeState.ESTABLISHED: frozenset({ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL}),
    IkeState.REKEYED: frozenset({ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL}),
    IkeState.DELETING: frozenset({ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL}),
    IkeState.CLOSED: frozenset(),
}


def is_allowed(sa: IkeSa, exchange_type: ExchangeType) -> bool:
    """Whether the table lets the peer start this exchange; an SA being deleted may never have been authenticated."""
    if sa.state is IkeState.DELETING and not sa.established:
        return False
    return exchange_type in ALLOWED[sa.state]


def on_message(engine: Engine, sa: IkeSa, header: Header, data: bytes, path: Path) -> None:
    """A message of an existing IKE SA other than IKE_SA_INIT."""
    if not sa.has_keys:
        engine.reject(Reason.UNEXPECTED_EXCHANGE, f"{header.exchange.name} before IKE_SA_INIT is done", path, sa)
        return
    opened = decrypt(engine, sa, header, data, path)
    if opened is None:
        return
    if messages.is_response(header):
        on_response(engine, sa, header, opened, path)
    else:
        on_request(engine, sa, header, opened, path)


def decrypt(engine: Engine, sa: IkeSa, header: Header, data: bytes, path: Path) -> Opened | InnerError | None:
    """The verified message; InnerError when it is authentic but its padding is not; None when it is dropped."""
    try:
        return protect.open_raw(data, sa.rx)
    except InnerError as error:
        return error
    except IntegrityError as error:
        engine.reject(Reason.INTEGRITY, str(error), path, sa)
    except WireError as error:
        on_unprotected(engine, sa, header, data, str(error), path)
    return None


def on_unprotected(engine: Engine, sa: IkeSa, header: Header, data: bytes, detail: str, path: Path) -> None:
    """Not protected or not well-formed: no state changes, at most the peer is asked for a sign of life (2.21.4)."""
    try:
        message = Message.parse(data)
    except WireError:
        engine.reject(Reason.MALFORMED, detail, path, sa)
        return
    engine.reject(Reason.NOT_PROTECTED, header.exchange.name, path, sa)
    if messages.is_response(header) and message.notify(NotifyType.INVALID_IKE_SPI) is not None:
        informational.on_hint(engine, sa)


def on_request(engine: Engine, sa: IkeSa, header: Header, opened: Opened | InnerError, path: Path) -> None:
    """An authentic request: its Message ID decides whether it is new."""
    verdict = sa.inbound.judge(header.message_id)
    if verdict is Verdict.RETRANSMISSION:
        repeat_response(engine, sa, header.message_id, opened, path)
    elif verdict is Verdict.OLD:
        engine.reject(Reason.OLD_MESSAGE_ID, f"{header.message_id}", path, sa)
    elif verdict is Verdict.AHEAD:
        on_outside_window(engine, sa, header.message_id, path)
    elif not is_allowed(sa, header.exchange):
        on_forbidden_exchange(engine, sa, header, path)
    else:
        whole = complete(engine, sa, header, opened, path)
        if whole is not None:
            process(engine, sa, header, whole, path)


def complete(
    engine: Engine, sa: IkeSa, header: Header, opened: Opened | InnerError, path: Path
) -> Opened | InnerError | None:
    """The whole message, which also tells where the peer is; None while fragments of it are missing."""
    whole: Opened | InnerError | None = opened
    if isinstance(opened, Opened) and opened.total:
        whole = reassembly.collect(engine, sa, header, opened, path)
    if whole is not None:
        mobility.note_authentic(engine, sa, header.exchange, path)
    return whole


def repeat_response(engine: Engine, sa: IkeSa, message_id: int, opened: Opened | InnerError, path: Path) -> None:
    """The stored octets again; of a fragmented request only the first fragment asks for them (RFC 7383, 2.6.1)."""
    engine.reject(Reason.RETRANSMISSION, f"request {message_id}", path, sa)
    if isinstance(opened, Opened) and opened.total and opened.fragment != 1:
        return
    engine.count("responses-repeated")
    engine.transmit(sa.inbound.responses[message_id], path.local, path.remote)


def on_outside_window(engine: Engine, sa: IkeSa, message_id: int, path: Path) -> None:
    """Not acknowledged; the peer may be told in a request of our own (section 2.3)."""
    engine.reject(Reason.OUTSIDE_WINDOW, f"{message_id}, expected {sa.inbound.expected}", path, sa)
    if engine.config.notify_invalid_message_id and sa.state is IkeState.ESTABLISHED:
        notify = NotifyPayload(NotifyType.INVALID_MESSAGE_ID, message_id.to_bytes(4, "big"))
        informational.report(engine, sa, notify)


def on_forbidden_exchange(engine: Engine, sa: IkeSa, header: Header, path: Path) -> None:
    """Before authentication it is ignored; after, an exchange we do not know is an error to answer (2.21.3)."""
    engine.reject(Reason.UNEXPECTED_EXCHANGE, f"{header.exchange.name} in state {sa.state}", path, sa)
    if sa.state is IkeState.CLOSED:
        engine.reply_in_clear(header, NotifyType.INVALID_IKE_SPI, path)
    elif sa.established:
        refuse(engine, sa, header, invalid_syntax(Reason.UNEXPECTED_EXCHANGE, header.exchange.name), path)


def process(engine: Engine, sa: IkeSa, header: Header, opened: Opened | InnerError, path: Path) -> None:
    """Handle a new request and send its one response."""
    try:
        message = parse(opened)
        critical = messages.unknown_critical(message.payloads)
        if critical is not None:
            raise critical_refusal(sa, critical)
        payloads, afterwards = handle(engine, sa, message)
    except Refusal as refusal:
        refuse(engine, sa, header, refusal, path)
        return
    engine.count(f"requests-accepted-{header.exchange.name.lower()}")
    respond(engine, sa, header, payloads, path)
    if afterwards is not None:
        afterwards()
    else:
        exchange.pump(engine, sa)


def parse(opened: Opened | InnerError) -> Message:
    """The inner payloads. Raises Refusal with INVALID_SYNTAX."""
    if isinstance(opened, InnerError):
        raise invalid_syntax(Reason.INVALID_SYNTAX, str(opened)) from opened
    try:
        if opened.outer.payloads:
            # What travelled in clear text before the Encrypted payload says nothing that counts.
            opened = replace(opened, outer=replace(opened.outer, payloads=()))
        return opened.message()
    except InnerError as error:
        raise invalid_syntax(Reason.INVALID_SYNTAX, str(error)) from error


def critical_refusal(sa: IkeSa, payload_type: int) -> Refusal:
    """The whole request is rejected (section 2.5); before authentication the IKE SA goes with it (2.21.2)."""
    return Refusal(
        NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD,
        Reason.CRITICAL_PAYLOAD,
        f"payload type {payload_type}",
        data=bytes((payload_type,)),
        fatal=not sa.authenticated,
    )


def handle(engine: Engine, sa: IkeSa, message: Message) -> tuple[list[Payload], Afterwards | None]:
    """By exchange type. Raises Refusal."""
    if message.exchange == ExchangeType.IKE_AUTH:
        return ike_auth.answer(engine, sa, message), None
    if message.exchange == ExchangeType.CREATE_CHILD_SA:
        return create_child.answer(engine, sa, message), None
    return informational.answer(engine, sa, message)


def refuse(engine: Engine, sa: IkeSa, header: Header, refusal: Refusal, path: Path) -> None:
    """The error response; a fatal one ends the IKE SA on both sides."""
    engine.reject(refusal.reason, refusal.detail, path, sa)
    protocol = ProtocolId.ESP if refusal.spi else ProtocolId.NONE
    notify = NotifyPayload(refusal.notify, refusal.data, protocol, refusal.spi)
    respond(engine, sa, header, [notify], path)
    if refusal.fatal:
        closing.close(engine, sa, refusal.reason, refusal.detail)
    else:
        exchange.pump(engine, sa)


def respond(engine: Engine, sa: IkeSa, header: Header, payloads: list[Payload], path: Path) -> None:
    """Protect, remember and send a response, to where the request came from (section 2.11)."""
    datagrams = messages.seal(engine, sa, header.exchange, header.message_id, payloads, response=True)
    sa.inbound.answered(header.message_id, datagrams)
    engine.transmit(datagrams, path.local, path.remote)


def on_response(engine: Engine, sa: IkeSa, header: Header, opened: Opened | InnerError, path: Path) -> None:
    """An authentic response: it must belong to an outstanding request."""
    pending = sa.outbound.pending.get(header.message_id)
    if pending is None or pending.exchange != header.exchange:
        engine.reject(Reason.UNEXPECTED_RESPONSE, f"{header.exchange.name} {header.message_id}", path, sa)
        return
    whole = complete(engine, sa, header, opened, path)
    if whole is not None:
        deliver(engine, sa, pending, whole, path)


def deliver(engine: Engine, sa: IkeSa, pending: Pending, opened: Opened | InnerError, path: Path) -> None:
    """To the task that waits for it. A response that cannot be read is not answered (section 2.21)."""
    try:
        message = parse(opened)
        if messages.unknown_critical(message.payloads) is not None:
            raise invalid_syntax(Reason.CRITICAL_PAYLOAD, "critical payload in a response")
    except Refusal as refusal:
        engine.reject(refusal.reason, refusal.detail, path, sa)
        exchange.finish(engine, sa, pending)
        pending.task.malformed(engine, sa, refusal.detail)
        return
    engine.count(f"responses-accepted-{message.exchange.name.lower()}")
    try:
        exchange.on_response(engine, sa, pending, message)
    except BadResponse as bad:
        engine.reject(bad.reason, bad.detail, path, sa)
        closing.abandon(engine, sa, bad.reason, bad.detail)
