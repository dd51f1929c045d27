"""IKE_SA_INIT as initiator, with its retries for COOKIE and INVALID_KE_PAYLOAD (RFC 7296 sections 1.2, 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.crypto import kdf, ke
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.ke import KeyExchange
from reference_impl.wire.base import Payload
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Header
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import CertReqPayload, KePayload, NoncePayload

from . import authenticate, closing, exchange, ike_auth_request, messages, nat, proposal, sa_init, selection
from .config import ConnectionConfig
from .endpoint import Endpoint
from .errors import BadResponse
from .events import IkeKeysDerived, Reason
from .ike_sa import NO_SPI, IkeSa
from .messages import Path
from .states import IkeState, IkeTrigger
from .tasks import Task

if TYPE_CHECKING:
    from .engine import Engine
    from .window import Pending

# Each forged error could make us send once more, so the retries are few (sections 2.6 and 2.21.1).
RETRY_LIMIT = 6


class SaInit(Task):
    """The first exchange. It keeps what a retry must repeat unchanged."""

    exchange = ExchangeType.IKE_SA_INIT

    def __init__(self, connection: ConnectionConfig, group: Group, ke_: KeyExchange, nonce: bytes) -> None:
        self.connection = connection
        self.offer = proposal.ike_offer(connection.ike)
        self.group = group
        self.ke = ke_
        self.nonce = nonce
        self.cookie: NotifyPayload | None = None
        self.retries = 0
        self.refused_groups: set[int] = set()
        self.last_error: NotifyType | None = None

    def dropped(self, engine: Engine, sa: IkeSa, reason: Reason) -> None:
        if self.last_error is not None:
            engine.count(f"sa-init-refused-{self.last_error.name.lower()}")


def initiate(engine: Engine, connection: ConnectionConfig, local: Endpoint, remote: Endpoint) -> IkeSa:
    """Send the first message of a new IKE SA."""
    group = connection.ike[0].group
    task = SaInit(connection, group, ke.key_exchange(group, rng=engine.rng), engine.rng(sa_init.NONCE_SIZE))
    sa = IkeSa(
        engine.new_id(),
        initiator=True,
        spi_i=engine.new_ike_spi(),
        spi_r=NO_SPI,
        local=local,
        remote=remote,
        state=IkeState.INIT_SENT,
        created=engine.now,
        connection=connection,
        candidates=(connection,),
    )
    sa.nonce_i = task.nonce
    engine.add(sa)
    sa.init_request = build(engine, sa, task)
    exchange.start(engine, sa, task, sa.outbound.take_id(), (sa.init_request,))
    return sa


def build(engine: Engine, sa: IkeSa, task: SaInit) -> bytes:
    """The request as it is now: a cookie goes first (section 2.6)."""
    path = Path(sa.local, sa.remote)
    payloads: list[Payload] = [] if task.cookie is None else [task.cookie]
    payloads += [
        SaPayload(task.offer),
        KePayload(task.group, task.ke.public),
        NoncePayload(task.nonce),
        *sa_init.detection_payloads(sa, path, selection.claims_nat((task.connection,))),
    ]
    if task.connection.fragmentation:
        payloads.append(sa_init.FRAGMENTATION)
    sa.announced_hashes = authenticate.announced_hashes((task.connection,))
    if sa.announced_hashes:
        payloads.append(sa_init.hash_notify(sa.announced_hashes))
    payloads += sa_init.vendor_payloads(engine)
    return Message(
        sa.spi_i, NO_SPI, ExchangeType.IKE_SA_INIT, messages.flags(sa, response=False), 0, tuple(payloads)
    ).to_bytes()


def on_response(engine: Engine, sa: IkeSa, header: Header, data: bytes, path: Path) -> None:
    """Everything here is unauthenticated: what cannot be used is ignored and the request goes on (section 2.21.1)."""
    pending = sa.outbound.pending.get(0)
    if sa.state is not IkeState.INIT_SENT or pending is None or header.message_id != 0:
        engine.reject(Reason.UNEXPECTED_RESPONSE, "IKE_SA_INIT", path, sa)
        return
    try:
        message = Message.parse(data)
    except WireError as error:
        engine.reject(Reason.MALFORMED, str(error), path, sa)
        return
    if messages.unknown_critical(message.payloads) is not None:
        engine.reject(Reason.CRITICAL_PAYLOAD, "in an IKE_SA_INIT response", path, sa)
        return
    task = pending.task
    assert isinstance(task, SaInit)
    if retried(engine, sa, pending, task, message, path):
        return
    try:
        accept(engine, sa, task, message, data, path)
    except BadResponse as bad:
        engine.reject(bad.reason, bad.detail, path, sa)
        if bad.fatal:
            closing.close(engine, sa, bad.reason, bad.detail, linger=False)


def retried(engine: Engine, sa: IkeSa, pending: Pending, task: SaInit, message: Message, path: Path) -> bool:
    """Whether the response was a notification: COOKIE and INVALID_KE_PAYLOAD change the request, others are noted."""
    cookie = message.notify(NotifyType.COOKIE)
    if cookie is not None and message.get(SaPayload) is None:
        if allow_retry(task):
            use_cookie(task, cookie)
            resend(engine, sa, pending, task)
        return True
    error = messages.first_error(message)
    if error is None:
        return False
    engine.reject(Reason.UNAUTHENTICATED_NOTIFY, error.notify.name, path, sa)
    task.last_error = error.notify
    if error.notify == NotifyType.INVALID_KE_PAYLOAD and use_group(engine, task, error.data):
        resend(engine, sa, pending, task)
    return True


def allow_retry(task: SaInit) -> bool:
    """A bounded number of times."""
    task.retries += 1
    return task.retries <= RETRY_LIMIT


def use_cookie(task: SaInit, cookie: NotifyPayload) -> None:
    """The cookie goes into this and all further retries (section 2.6.1)."""
    task.cookie = NotifyPayload(NotifyType.COOKIE, cookie.data)


def use_group(engine: Engine, task: SaInit, data: bytes) -> bool:
    """Switch to the group that the responder wants, if we offer it and it has not been refused before."""
    group = int.from_bytes(data, "big")
    if group not in proposal.groups_of(task.offer) or group in task.refused_groups or group == task.group:
        return False
    if not proposal.group_is_supported(group) or not allow_retry(task):
        return False
    task.refused_groups.add(int(task.group))
    task.group = Group(group)
    task.ke = ke.key_exchange(task.group, rng=engine.rng)
    return True


def resend(engine: Engine, sa: IkeSa, pending: Pending, task: SaInit) -> None:
    """The whole offer again, Message ID and SPI unchanged; AUTH will cover this latest version (section 2.15)."""
    sa.init_request = build(engine, sa, task)
    exchange.replace(engine, sa, pending, (sa.init_request,))


def accept(engine: Engine, sa: IkeSa, task: SaInit, message: Message, data: bytes, path: Path) -> None:
    """Take the responder's choice, derive the keys and go on to IKE_AUTH. Raises BadResponse."""
    answer, ker, nonce = message.get(SaPayload), message.get(KePayload), message.get(NoncePayload)
    if answer is None or ker is None or nonce is None or sa_init.has_duplicates(message):
        raise BadResponse(Reason.MISSING_PAYLOAD, "IKE_SA_INIT response needs one SA, KE and Nonce")
    if message.spi_r == NO_SPI:
        raise BadResponse(Reason.MALFORMED, "responder SPI is zero")
    try:
        chosen = proposal.accepted(answer.proposals, task.offer, 0)
    except BadResponse as bad:
        raise BadResponse(bad.reason, bad.detail, fatal=True) from bad
    suite = proposal.ike_suite(chosen)
    if suite.group != task.group or ker.group != task.group:
        raise BadResponse(Reason.KE_GROUP, f"KE of group {int(ker.group)}, suite {suite.group}", fatal=True)
    prf = suite.prf_algorithm()
    if 2 * len(nonce.data) < prf.key_size:
        raise BadResponse(Reason.NONCE_LENGTH, f"nonce of {len(nonce.data)} octets")
    try:
        shared = task.ke.shared(ker.data)
    except CryptoError as error:
        raise BadResponse(Reason.KE_VALUE, str(error)) from error
    sa.spi_r, sa.nonce_r, sa.init_response = message.spi_r, nonce.data, data
    sa.set_keys(suite, kdf.skeyseed(prf, sa.nonce_i, sa.nonce_r, shared))
    sa_init.note_nat(sa, message, path)
    sa.fragmentation = task.connection.fragmentation and (
        message.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None
    )
    sa.peer_hashes = authenticate.parse_hashes(message)
    note_certificate_request(sa, message)
    float_port(engine, sa, path)
    engine.emit(IkeKeysDerived(engine.now, sa.ike_id, sa.spi_i, sa.spi_r, suite, sa.keys))
    exchange.finish(engine, sa, sa.outbound.pending[0])
    sa.advance(IkeTrigger.INIT_DONE)
    ike_auth_request.start(engine, sa)


def note_certificate_request(sa: IkeSa, message: Message) -> None:
    """Which trust anchors the peer names; None when it did not ask."""
    requests = message.all(CertReqPayload)
    if requests:
        sa.certificate_authorities = tuple([each for request in requests for each in request.authorities])


def float_port(engine: Engine, sa: IkeSa, path: Path) -> None:
    """With a NAT in between everything goes on over the NAT traversal ports (section 2.23)."""
    sa.forced_encapsulation = selection.claims_nat(sa.candidates)
    if not (nat.must_float(sa.nat_local, sa.nat_remote) or sa.forced_encapsulation):
        return
    sa.local = Endpoint(sa.local.address, engine.config.natt_port)
    if path.local.port != engine.config.natt_port:
        sa.remote = Endpoint(sa.remote.address, sa.settled_connection.remote_natt_port)
