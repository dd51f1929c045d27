"""IKE_SA_INIT as responder (RFC 7296 sections 1.2, 2.6, 2.21.1 and 2.23)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from reference_impl.crypto import kdf, ke
from reference_impl.crypto.errors import CryptoError
from reference_impl.wire.base import Payload
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Header
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, HashAlgorithm, NotifyType, PayloadType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload, VendorPayload

from . import authenticate, messages, nat, proposal, selection
from .config import ConnectionConfig
from .events import IkeKeysDerived, Reason
from .ike_sa import NO_SPI, IkeSa
from .messages import Path
from .proposal import IkeChoice
from .states import IkeState

if TYPE_CHECKING:
    from .engine import Engine

NONCE_SIZE = 32
ONCE = (PayloadType.SA, PayloadType.KE, PayloadType.NONCE)
FRAGMENTATION = NotifyPayload(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)


def is_new_request(header: Header) -> bool:
    """Whether a datagram asks for a new IKE SA: an IKE_SA_INIT request with no responder SPI."""
    return header.exchange == ExchangeType.IKE_SA_INIT and not messages.is_response(header) and header.spi_r == NO_SPI


def on_request(engine: Engine, header: Header, data: bytes, path: Path) -> None:
    """Answer a request for a new IKE SA, or repeat the answer to the very same request (section 2.1)."""
    key = hashlib.sha256(data).digest()
    known = engine.init_requests.get(key)
    if known is not None:
        repeat_response(engine, known, path)
        return
    reason = header_fault(header)
    if reason is not None:
        engine.reject(Reason.MALFORMED, reason, path)
        return
    try:
        message = Message.parse(data)
    except WireError as error:
        engine.reject(Reason.MALFORMED, str(error), path)
        return
    critical = messages.unknown_critical(message.payloads)
    if critical is not None:
        engine.reject(Reason.CRITICAL_PAYLOAD, f"payload type {critical}", path)
        engine.reply_in_clear(header, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, path, bytes((critical,)))
        return
    respond(engine, header, message, data, key, path)


def header_fault(header: Header) -> str | None:
    """What is wrong with the header of an initial request."""
    if header.spi_i == NO_SPI:
        return "initiator SPI is zero"
    if not messages.is_from_initiator(header):
        return "Initiator flag is clear"
    if header.message_id != 0:
        return f"IKE_SA_INIT with Message ID {header.message_id}"
    return None


def repeat_response(engine: Engine, sa: IkeSa, path: Path) -> None:
    """A retransmission is answered with the stored response while half-open, and ignored after IKE_AUTH."""
    engine.reject(Reason.RETRANSMISSION, "IKE_SA_INIT", path, sa)
    response = sa.inbound.responses.get(0)
    if sa.state is IkeState.HALF_OPEN and response is not None:
        engine.transmit(response, path.local, path.remote)


def respond(engine: Engine, header: Header, message: Message, data: bytes, key: bytes, path: Path) -> None:
    """Negotiate and create a half-open IKE SA, or refuse without keeping any state."""
    offer, kei, nonce = message.get(SaPayload), message.get(KePayload), message.get(NoncePayload)
    if offer is None or kei is None or nonce is None:
        engine.reject(Reason.MISSING_PAYLOAD, "IKE_SA_INIT needs SA, KE and Nonce", path)
        return
    if has_duplicates(message):
        engine.reject(Reason.DUPLICATE_PAYLOAD, "SA, KE or Nonce occurs twice", path)
        return
    if not cookie_is_settled(engine, header, message, nonce.data, path):
        return
    if len(engine.half_open) >= engine.config.half_open_limit or len(engine.sas) >= engine.config.ike_sa_limit:
        engine.reject(Reason.OVERLOAD, "too many IKE SAs", path)
        return
    candidates = selection.by_addresses(engine.config.connections, path)
    choice = choose(engine, candidates, offer, kei)
    if choice is None:
        engine.reject(Reason.NO_PROPOSAL_CHOSEN, "no acceptable IKE proposal", path)
        engine.reply_in_clear(header, NotifyType.NO_PROPOSAL_CHOSEN, path)
        return
    if choice.suite.group != kei.group:
        engine.reject(Reason.KE_GROUP, f"KE of group {int(kei.group)}", path)
        engine.reply_in_clear(header, NotifyType.INVALID_KE_PAYLOAD, path, int(choice.suite.group).to_bytes(2, "big"))
        return
    if not nonce_is_long_enough(choice, nonce.data):
        engine.reject(Reason.NONCE_LENGTH, f"nonce of {len(nonce.data)} octets", path)
        return
    try:
        public, shared = ke.respond(choice.suite.group, kei.data, rng=engine.rng)
    except CryptoError as error:
        engine.reject(Reason.KE_VALUE, str(error), path)
        return
    create(engine, message, data, key, path, candidates, choice, public, shared)


def has_duplicates(message: Message) -> bool:
    """Payloads of which one exchange has exactly one."""
    types = [payload.TYPE for payload in message.payloads]
    return any(types.count(kind) > 1 for kind in ONCE)


def cookie_is_settled(engine: Engine, header: Header, message: Message, nonce: bytes, path: Path) -> bool:
    """Under load only a request with a good cookie goes on; any other is answered with a cookie (section 2.6)."""
    if not cookie_is_required(engine):
        return True
    given = message.notify(NotifyType.COOKIE)
    if given is not None and engine.cookies.accepts(engine.now, given.data, nonce, path.remote, header.spi_i):
        engine.count("cookies-accepted")
        return True
    reason = Reason.COOKIE_REQUIRED if given is None else Reason.COOKIE_WRONG
    engine.reject(reason, "IKE_SA_INIT", path)
    cookie = engine.cookies.make(engine.now, nonce, path.remote, header.spi_i)
    # Not rate limited: stateless, shorter than the request, and the only way in while under load.
    engine.transmit((messages.clear_notify(header, NotifyType.COOKIE, cookie),), path.local, path.remote)
    return False


def cookie_is_required(engine: Engine) -> bool:
    """Whether there are many half-open IKE SAs."""
    return len(engine.half_open) >= engine.config.cookie_threshold


def nonce_is_long_enough(choice: IkeChoice, nonce: bytes) -> bool:
    """At least half the key size of the negotiated PRF (section 2.10)."""
    return 2 * len(nonce) >= choice.suite.prf_algorithm().key_size


def choose(
    engine: Engine, candidates: Sequence[ConnectionConfig], offer: SaPayload, kei: KePayload
) -> IkeChoice | None:
    """From the suites of all connections that the peer may yet turn out to belong to."""
    return proposal.choose_ike(offer.proposals, selection.ike_policy(candidates), kei.group)


def create(
    engine: Engine,
    message: Message,
    data: bytes,
    key: bytes,
    path: Path,
    candidates: tuple[ConnectionConfig, ...],
    choice: IkeChoice,
    public: bytes,
    shared: bytes,
) -> None:
    """The half-open IKE SA, its keys and the response."""
    nonce = message.get(NoncePayload)
    assert nonce is not None
    sa = IkeSa(
        engine.new_id(),
        initiator=False,
        spi_i=message.spi_i,
        spi_r=engine.new_ike_spi(),
        local=path.local,
        remote=path.remote,
        state=IkeState.HALF_OPEN,
        created=engine.now,
        candidates=selection.by_suite(candidates, choice.suite),
    )
    sa.nonce_i, sa.nonce_r = nonce.data, engine.rng(NONCE_SIZE)
    note_nat(sa, message, path)
    sa.forced_encapsulation = selection.claims_nat(sa.candidates)
    sa.fragmentation = message.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None and any(
        candidate.fragmentation for candidate in sa.candidates
    )
    sa.peer_hashes = authenticate.parse_hashes(message)
    payloads: list[Payload] = [
        SaPayload((choice.answer,)),
        KePayload(choice.suite.group, public),
        NoncePayload(sa.nonce_r),
        *detection_payloads(sa, path, sa.forced_encapsulation),
    ]
    request_certificates = authenticate.certificate_request(sa.candidates)
    if request_certificates is not None:
        payloads.append(request_certificates)
    if sa.fragmentation:
        payloads.append(FRAGMENTATION)
    if sa.peer_hashes:
        sa.announced_hashes = authenticate.announced_hashes(sa.candidates)
        payloads.append(hash_notify(sa.announced_hashes))
    payloads += vendor_payloads(engine)
    response = Message(
        sa.spi_i, sa.spi_r, ExchangeType.IKE_SA_INIT, messages.flags(sa, response=True), 0, tuple(payloads)
    ).to_bytes()
    sa.init_request, sa.init_response, sa.init_key = data, response, key
    sa.set_keys(choice.suite, kdf.skeyseed(choice.suite.prf_algorithm(), sa.nonce_i, sa.nonce_r, shared))
    sa.inbound.answered(0, (response,))
    engine.add_half_open(sa)
    engine.count("ike-sa-init-accepted")
    engine.emit(IkeKeysDerived(engine.now, sa.ike_id, sa.spi_i, sa.spi_r, choice.suite, sa.keys))
    engine.transmit((response,), path.local, path.remote)


def note_nat(sa: IkeSa, message: Message, path: Path) -> None:
    """Compare the peer's NAT_DETECTION hashes with what arrived."""
    sources: list[bytes] = []
    destinations: list[bytes] = []
    for payload in message.payloads:
        if isinstance(payload, NotifyPayload):
            if payload.notify == NotifyType.NAT_DETECTION_SOURCE_IP:
                sources.append(payload.data)
            elif payload.notify == NotifyType.NAT_DETECTION_DESTINATION_IP:
                destinations.append(payload.data)
    spi_i, spi_r = message.spi_i, message.spi_r
    sa.nat_remote = nat.source_is_translated(sources, spi_i, spi_r, path.remote)
    sa.nat_local = nat.destination_is_translated(destinations, spi_i, spi_r, path.local)


def detection_payloads(sa: IkeSa, path: Path, claim: bool) -> tuple[NotifyPayload, NotifyPayload]:
    """Our own NAT_DETECTION hashes; with ``claim`` a source hash that fits nowhere."""
    source = nat.claimed_hash if claim else nat.detection_hash
    return (
        NotifyPayload(NotifyType.NAT_DETECTION_SOURCE_IP, source(sa.spi_i, sa.spi_r, path.local)),
        NotifyPayload(NotifyType.NAT_DETECTION_DESTINATION_IP, nat.detection_hash(sa.spi_i, sa.spi_r, path.remote)),
    )


@lru_cache(maxsize=64)
def hash_notify(hashes: tuple[HashAlgorithm, ...]) -> NotifyPayload:
    """SIGNATURE_HASH_ALGORITHMS (RFC 7427 section 4)."""
    return NotifyPayload(
        NotifyType.SIGNATURE_HASH_ALGORITHMS, b"".join([int(each).to_bytes(2, "big") for each in hashes])
    )


def vendor_payloads(engine: Engine) -> list[Payload]:
    """Our Vendor IDs."""
    return [VendorPayload(data) for data in engine.config.vendor_ids]
