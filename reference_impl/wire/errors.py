"""Typed rejections of the wire codec."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why octets were rejected; stable names that appear in events, counters and reports."""

    TRUNCATED = "truncated"
    HEADER_LENGTH = "header-length"
    MAJOR_VERSION = "major-version"
    PAYLOAD_LENGTH = "payload-length"
    PAYLOAD_CHAIN = "payload-chain"
    TRAILING_OCTETS = "trailing-octets"
    SUBSTRUCTURE_LENGTH = "substructure-length"
    LAST_SUBSTRUC = "last-substruc"
    COUNT = "count"
    PROPOSAL_NUMBER = "proposal-number"
    SPI_SIZE = "spi-size"
    PROTOCOL = "protocol"
    ATTRIBUTE_FORMAT = "attribute-format"
    ATTRIBUTE_LENGTH = "attribute-length"
    DUPLICATE_ATTRIBUTE = "duplicate-attribute"
    DATA_LENGTH = "data-length"
    DATA_VALUE = "data-value"
    SELECTOR_LENGTH = "selector-length"
    SELECTOR_RANGE = "selector-range"
    ENCRYPTED_NOT_LAST = "encrypted-not-last"
    ENCRYPTED_NESTED = "encrypted-nested"
    FRAGMENT_NUMBER = "fragment-number"
    EAP_LENGTH = "eap-length"
    EAP_CODE = "eap-code"
    IP_VERSION = "ip-version"
    CHECKSUM = "checksum"
    PADDING = "padding"
    UNENCODABLE = "unencodable"


class WireError(ValueError):
    """Octets that are not a well-formed message, or values that cannot be encoded.

    `offset` counts octets from the start of the parsed message (after a non-ESP marker); 0 for encoding errors.
    """

    def __init__(self, reason: Reason, offset: int, detail: str) -> None:
        super().__init__(reason, offset, detail)
        self.reason = reason
        self.offset = offset
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason} at octet {self.offset}: {self.detail}"


class Truncated(WireError):
    """The octets end before the structure does."""


class BadLength(WireError):
    """A length or count field contradicts the octets or the RFC."""


class BadValue(WireError):
    """A field has a value that the RFC forbids."""


class EncodeError(WireError):
    """A value does not fit its field (for instance a payload over 65535 octets)."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.UNENCODABLE, 0, detail)

    def __reduce__(self) -> tuple[type[EncodeError], tuple[str]]:
        return (EncodeError, (self.detail,))
