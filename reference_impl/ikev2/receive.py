"""Datagrams in: what they are, and which IKE SA they belong to (RFC 7296 sections 2.5, 2.6, 2.21.4, 2.23, 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire import udp
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Header
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType

from . import informational, messages, protected, sa_init, sa_init_request
from .events import Reason
from .ike_sa import NO_SPI, IkeSa
from .messages import Path

if TYPE_CHECKING:
    from .engine import Engine

MAJOR_VERSION = 2


def on_datagram(engine: Engine, datagram: bytes, path: Path) -> None:
    """One UDP payload, as it came in."""
    engine.count("datagrams-received")
    if len(datagram) > engine.config.message_limit:
        engine.reject(Reason.TOO_LARGE, f"{len(datagram)} octets", path)
        return
    data = strip_marker(engine, datagram, path)
    if data is not None:
        on_message(engine, data, path)


def strip_marker(engine: Engine, datagram: bytes, path: Path) -> bytes | None:
    """The IKE message; None when there is none in it. Only the NAT traversal port has the marker."""
    if path.local.port != engine.config.natt_port:
        return datagram
    kind = udp.classify(datagram)
    if kind is udp.DatagramKind.IKE:
        return udp.unwrap_ike(datagram)
    if kind is udp.DatagramKind.KEEPALIVE:
        engine.count("keepalives-received")
    else:
        engine.reject(Reason.NOT_IKE, f"{kind} on the NAT traversal port", path)
    return None


def on_message(engine: Engine, data: bytes, path: Path) -> None:
    """One IKE message."""
    try:
        header = Header.parse(data)
    except WireError as error:
        engine.reject(Reason.MALFORMED, str(error), path)
        return
    if header.major != MAJOR_VERSION:
        on_other_version(engine, header, path)
        return
    if header.length != len(data):
        engine.reject(Reason.MALFORMED, f"length field {header.length}, datagram {len(data)}", path)
        return
    if sa_init.is_new_request(header):
        sa_init.on_request(engine, header, data, path)
        return
    sa = find(engine, header)
    if sa is None:
        on_unknown_spi(engine, header, data, path)
    elif header.exchange == ExchangeType.IKE_SA_INIT:
        on_late_init(engine, sa, header, data, path)
    else:
        protected.on_message(engine, sa, header, data, path)


def on_other_version(engine: Engine, header: Header, path: Path) -> None:
    """A higher major version is dropped, and a request of it answered with INVALID_MAJOR_VERSION (section 2.5)."""
    engine.reject(Reason.MAJOR_VERSION, f"{header.major}.{header.minor}", path)
    if header.major > MAJOR_VERSION and not messages.is_response(header):
        engine.reply_in_clear(header, NotifyType.INVALID_MAJOR_VERSION, path)


def find(engine: Engine, header: Header) -> IkeSa | None:
    """By the SPI that we chose: the Initiator flag says which of the two it is (section 2.6)."""
    from_initiator = messages.is_from_initiator(header)
    sa = engine.by_spi.get(header.spi_r if from_initiator else header.spi_i)
    if sa is None or sa.initiator == from_initiator:
        return None
    return sa if peer_spi_fits(sa, header) else None


def peer_spi_fits(sa: IkeSa, header: Header) -> bool:
    """The other SPI is the peer's; an initiator learns it from the IKE_SA_INIT response."""
    if sa.initiator:
        return sa.spi_r in (NO_SPI, header.spi_r)
    return sa.spi_i == header.spi_i


def on_unknown_spi(engine: Engine, header: Header, data: bytes, path: Path) -> None:
    """An encrypted request may be answered in clear, a response never is (sections 1.5 and 2.21.4)."""
    engine.reject(Reason.UNKNOWN_SPI, f"{header.spi_i.hex()} {header.spi_r.hex()}", path)
    if messages.is_response(header):
        return
    if not is_encrypted(header):
        on_stray_notice(engine, data, path)
    elif header.spi_i != NO_SPI:
        engine.reply_in_clear(header, NotifyType.INVALID_IKE_SPI, path)


def is_encrypted(header: Header) -> bool:
    """Whether the message begins with an Encrypted payload. Others could be notices, which are never answered."""
    return header.next_payload in (PayloadType.SK, PayloadType.SKF)


def on_stray_notice(engine: Engine, data: bytes, path: Path) -> None:
    """INVALID_SPI in clear: not answered, a hint at most that something is wrong with that peer (section 1.5)."""
    try:
        message = Message.parse(data)
    except WireError:
        return
    if message.notify(NotifyType.INVALID_SPI) is not None:
        for sa in list(engine.sas.values()):
            if sa.remote == path.remote:
                informational.on_hint(engine, sa)


def on_late_init(engine: Engine, sa: IkeSa, header: Header, data: bytes, path: Path) -> None:
    """IKE_SA_INIT with two SPIs: a response that we wait for, or nothing that makes sense."""
    if messages.is_response(header) and sa.initiator:
        sa_init_request.on_response(engine, sa, header, data, path)
    else:
        engine.reject(Reason.UNEXPECTED_EXCHANGE, "IKE_SA_INIT for an existing IKE SA", path, sa)
