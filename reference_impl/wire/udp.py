"""What a datagram on port 4500 carries (RFC 3948 §2, RFC 7296 §2.23)."""

from __future__ import annotations

from enum import StrEnum

NON_ESP_MARKER = b"\0\0\0\0"
KEEPALIVE = b"\xff"


class DatagramKind(StrEnum):
    """RFC 3948's three kinds, and what is none of them."""

    IKE = "ike"
    ESP = "esp"
    KEEPALIVE = "keepalive"
    INVALID = "invalid"


def classify(datagram: bytes) -> DatagramKind:
    """The kind of a datagram received on port 4500.

    KEEPALIVE: the single octet 0xFF. IKE: four zero octets first. ESP: a non-zero SPI and a sequence number.
    INVALID: anything shorter.
    """
    if datagram[:4] == NON_ESP_MARKER:
        return DatagramKind.IKE
    if len(datagram) >= 8:
        return DatagramKind.ESP
    return DatagramKind.KEEPALIVE if datagram == KEEPALIVE else DatagramKind.INVALID


def wrap_ike(message: bytes) -> bytes:
    """An IKE message as sent on port 4500."""
    return NON_ESP_MARKER + message


def unwrap_ike(datagram: bytes) -> bytes:
    """The IKE message in a datagram of kind IKE."""
    return datagram[len(NON_ESP_MARKER) :]
