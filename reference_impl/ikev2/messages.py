"""Building messages: headers, protection, fragmentation, and the notifications that are sent in clear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags, Header
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.quick import quick_init
from reference_impl.wire.raw import UnknownPayload
from reference_impl.wire.registries import Encr, ExchangeType, NotifyType

from . import protect
from .endpoint import Endpoint

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

# Ciphers whose IV only has to be unique; all others need one that nobody can predict.
COUNTER_MODES = frozenset({Encr.AES_CTR, Encr.CAMELLIA_CTR})
# RFC 7383 section 2.5.1: largest IP datagrams when nothing is known about the path.
IPV4_FRAGMENT = 576
IPV6_FRAGMENT = 1280
UDP_HEADER = 8
MARKER = 4
SMALLEST_ROOM = 128
RESPONSE = int(Flags.RESPONSE)
INITIATOR = int(Flags.INITIATOR)
FLAGS = {
    (False, False): Flags.NONE,
    (False, True): Flags.RESPONSE,
    (True, False): Flags.INITIATOR,
    (True, True): Flags.INITIATOR | Flags.RESPONSE,
}


@quick_init
@dataclass(frozen=True, slots=True)
class Path:
    """Where a datagram came in: ``local`` is our end, ``remote`` the peer's."""

    local: Endpoint
    remote: Endpoint


def flags(sa: IkeSa, *, response: bool) -> Flags:
    """The Initiator flag says who is the original initiator, not who sends a request (section 3.1)."""
    return FLAGS[sa.initiator, response]


def is_response(header: Header) -> bool:
    """The R flag. On plain integers: IntFlag arithmetic is slow."""
    return bool(int(header.flags) & RESPONSE)


def is_from_initiator(header: Header) -> bool:
    """The I flag."""
    return bool(int(header.flags) & INITIATOR)


def next_iv(engine: Engine, sa: IkeSa) -> bytes:
    """An IV never used before under this key: a counter for combined and counter modes, else random octets."""
    cipher = sa.tx.cipher
    if cipher.aead or cipher.id in COUNTER_MODES:
        sa.iv_counter += 1
        return sa.iv_counter.to_bytes(sa.tx.iv_size, "big")
    return engine.rng(sa.tx.iv_size)


def fragment_room(sa: IkeSa, natt: bool) -> int:
    """Octets of one IKE message that fit an IP datagram of the connection's fragment size."""
    ipv6 = ":" in sa.remote.address
    configured = 0 if sa.connection is None else sa.connection.fragment_size
    size = configured or (IPV6_FRAGMENT if ipv6 else IPV4_FRAGMENT)
    return max(size - (40 if ipv6 else 20) - UDP_HEADER - (MARKER if natt else 0), SMALLEST_ROOM)


def seal(
    engine: Engine,
    sa: IkeSa,
    exchange: ExchangeType,
    message_id: int,
    payloads: Sequence[Payload],
    *,
    response: bool,
) -> tuple[bytes, ...]:
    """The datagrams of a protected message (without non-ESP marker): one, or its fragments when it is too long."""
    message = Message(sa.spi_i, sa.spi_r, exchange, flags(sa, response=response), message_id, tuple(payloads))
    whole = protect.seal(message, sa.tx, next_iv(engine, sa))
    if not may_fragment(sa):
        return (whole,)
    room = fragment_room(sa, sa.local.port == engine.config.natt_port)
    if len(whole) <= room:
        return (whole,)
    engine.count("fragmented-messages-sent")
    return tuple(protect.seal_fragments(message, sa.tx, _ivs(engine, sa), room))


def _ivs(engine: Engine, sa: IkeSa) -> Iterator[bytes]:
    while True:
        yield next_iv(engine, sa)


def may_fragment(sa: IkeSa) -> bool:
    """Both peers announced support (RFC 7383 section 2.3)."""
    return sa.fragmentation


def clear_notify(request: Header, notify: NotifyType, data: bytes = b"") -> bytes:
    """A one-way error reply outside any IKE SA: SPIs, Message ID and exchange type copied (section 1.5)."""
    answer_flags = Flags.RESPONSE
    if not is_from_initiator(request):
        answer_flags |= Flags.INITIATOR
    return Message(
        request.spi_i,
        request.spi_r,
        request.exchange,
        answer_flags,
        request.message_id,
        (NotifyPayload(notify, data),),
    ).to_bytes()


def unknown_critical(payloads: Iterable[Payload]) -> int | None:
    """The type of the first payload that is marked critical and not understood (section 2.5)."""
    for payload in payloads:
        if payload.critical and isinstance(payload, UnknownPayload):
            return payload.type_id
    return None


def first_error(message: Message) -> NotifyPayload | None:
    """The first notification of an error type."""
    for payload in message.payloads:
        if isinstance(payload, NotifyPayload) and payload.notify.is_error:
            return payload
    return None
