"""Notify and Delete payloads (RFC 7296 §3.10, §3.11)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload, need, pack
from .errors import BadLength, BadValue, EncodeError, Reason
from .quick import quick_init
from .registries import NotifyType, PayloadType, ProtocolId

_HEADER = struct.Struct("!BBH")
_NOTIFY_TYPES = NotifyType.lookup()
_PROTOCOLS = ProtocolId.lookup()
_MAX = 0xFFFF

# Sizes of the notification data in octets (least, most) where the RFC states one.
DATA_SIZES: Mapping[int, tuple[int, int]] = {
    NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD: (1, 1),  # RFC 7296 §2.5
    NotifyType.INVALID_MESSAGE_ID: (4, 4),  # RFC 7296 §2.3
    NotifyType.INVALID_KE_PAYLOAD: (2, 2),  # RFC 7296 §1.2
    NotifyType.SET_WINDOW_SIZE: (4, 4),  # RFC 7296 §2.3
    NotifyType.IPCOMP_SUPPORTED: (3, _MAX),  # RFC 7296 §2.22
    NotifyType.NAT_DETECTION_SOURCE_IP: (20, 20),  # RFC 7296 §2.23
    NotifyType.NAT_DETECTION_DESTINATION_IP: (20, 20),  # RFC 7296 §2.23
    NotifyType.COOKIE: (1, 64),  # RFC 7296 §2.6
}


@quick_init
@dataclass(frozen=True, slots=True)
class NotifyPayload(Payload):
    """Notify: `spi` is empty unless the notification concerns an existing Child SA."""

    TYPE: ClassVar[PayloadType] = PayloadType.NOTIFY

    notify: NotifyType
    data: bytes = b""
    protocol: ProtocolId = ProtocolId.NONE
    spi: bytes = b""

    def body(self) -> bytes:
        """Protocol, SPI size, type, SPI, data."""
        try:
            head = _HEADER.pack(self.protocol, len(self.spi), self.notify)
        except struct.error as error:
            raise EncodeError(f"Notify: {error}") from None
        return head + self.spi + self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: SPI size 0, or 4 for AH and ESP; size of the data where the RFC states it."""
        need(body, 4, offset, "a Notify payload")
        protocol, spi_size, notify = _HEADER.unpack_from(body)
        start = 4 + spi_size
        if start > len(body):
            raise BadLength(Reason.SPI_SIZE, offset + 1, f"SPI of {spi_size} octets, {len(body) - 4} octets left")
        if strict:
            if spi_size:
                check_spi(protocol, spi_size, offset)
            sizes = DATA_SIZES.get(notify)
            if sizes is not None and not sizes[0] <= len(body) - start <= sizes[1]:
                raise BadLength(
                    Reason.DATA_LENGTH,
                    offset + start,
                    f"{NotifyType(notify).name} with {len(body) - start} octets of data",
                )
        return cls(_NOTIFY_TYPES[notify], body[start:], _PROTOCOLS[protocol], body[4:start])


def check_spi(protocol: int, spi_size: int, offset: int) -> None:
    """§3.10: an SPI goes with AH or ESP and has 4 octets; for the IKE SA it must be empty."""
    if protocol == ProtocolId.NONE:
        raise BadValue(Reason.PROTOCOL, offset, "protocol ID 0 with an SPI")
    if (protocol == ProtocolId.IKE) or (protocol in (ProtocolId.AH, ProtocolId.ESP) and spi_size != 4):
        raise BadLength(Reason.SPI_SIZE, offset + 1, f"SPI of {spi_size} octets for protocol {protocol}")


@quick_init
@dataclass(frozen=True, slots=True)
class DeletePayload(Payload):
    """Delete: the IKE SA (protocol IKE, `spi_size` 0, no SPIs) or Child SAs (`spi_size` 4)."""

    TYPE: ClassVar[PayloadType] = PayloadType.DELETE

    protocol: ProtocolId
    spi_size: int = 0
    spis: tuple[bytes, ...] = ()

    def body(self) -> bytes:
        """Protocol, SPI size, count, SPIs as given."""
        return pack(_HEADER, self.protocol, self.spi_size, len(self.spis), what="Delete") + b"".join(self.spis)

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Count and SPI size must account for every octet; strict: §3.11's SPI sizes and protocols."""
        need(body, 4, offset, "a Delete payload")
        protocol, size, count = _HEADER.unpack_from(body)
        if 4 + size * count != len(body):
            raise BadLength(Reason.COUNT, offset + 2, f"{count} SPIs of {size} octets in {len(body) - 4} octets")
        if strict:
            check_delete(protocol, size, count, offset)
        spis = tuple([body[at : at + size] for at in range(4, len(body), size)]) if size else (b"",) * count
        return cls(_PROTOCOLS[protocol], size, spis)


def check_delete(protocol: int, size: int, count: int, offset: int) -> None:
    """§3.11: protocol 1 without SPIs, or 2 or 3 with SPIs of 4 octets."""
    if protocol not in (ProtocolId.IKE, ProtocolId.AH, ProtocolId.ESP):
        raise BadValue(Reason.PROTOCOL, offset, f"Delete for protocol {protocol}")
    if size != (0 if protocol == ProtocolId.IKE else 4):
        raise BadLength(Reason.SPI_SIZE, offset + 1, f"SPI of {size} octets for protocol {protocol}")
    if protocol == ProtocolId.IKE and count:
        raise BadLength(Reason.COUNT, offset + 2, f"Delete of the IKE SA with {count} SPIs")
