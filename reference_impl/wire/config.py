"""Configuration payload (RFC 7296 §3.15)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload, need, pack
from .errors import BadLength, EncodeError, Reason, Truncated
from .quick import quick_init
from .registries import CfgAttribute, CfgType, PayloadType

_HEADER = struct.Struct("!I")
_ATTRIBUTE = struct.Struct("!HH")
_CFG_TYPES = CfgType.lookup()
_ATTRIBUTES = CfgAttribute.lookup()
_RESERVED_BIT = 0x8000

# Octets of a non-empty value, §3.15.1; any attribute may be empty in CFG_REQUEST and CFG_ACK.
VALUE_SIZES: Mapping[int, int] = {
    CfgAttribute.INTERNAL_IP4_ADDRESS: 4,
    CfgAttribute.INTERNAL_IP4_NETMASK: 4,
    CfgAttribute.INTERNAL_IP4_DNS: 4,
    CfgAttribute.INTERNAL_IP4_NBNS: 4,
    CfgAttribute.INTERNAL_IP4_DHCP: 4,
    CfgAttribute.INTERNAL_IP6_ADDRESS: 17,
    CfgAttribute.INTERNAL_IP6_DNS: 16,
    CfgAttribute.INTERNAL_IP6_DHCP: 16,
    CfgAttribute.INTERNAL_IP4_SUBNET: 8,
    CfgAttribute.INTERNAL_IP6_SUBNET: 17,
}


@quick_init
@dataclass(frozen=True, slots=True)
class ConfigAttribute:
    """A configuration attribute; `reserved` is the R bit."""

    type: CfgAttribute
    value: bytes = b""
    reserved: bool = False

    def to_bytes(self) -> bytes:
        """Type, length, value."""
        if not 0 <= self.type < _RESERVED_BIT:
            raise EncodeError(f"configuration attribute type {self.type} does not fit 15 bits")
        kind = self.type | (_RESERVED_BIT if self.reserved else 0)
        return pack(_ATTRIBUTE, kind, len(self.value), what="configuration attribute") + self.value


@quick_init
@dataclass(frozen=True, slots=True)
class ConfigPayload(Payload):
    """Configuration; 24 reserved bits in `reserved2`."""

    TYPE: ClassVar[PayloadType] = PayloadType.CP

    cfg_type: CfgType
    attributes: tuple[ConfigAttribute, ...] = ()
    reserved2: int = 0

    def of(self, attribute: CfgAttribute) -> tuple[bytes, ...]:
        """The values of one attribute type, in order."""
        return tuple([item.value for item in self.attributes if item.type == attribute])

    def body(self) -> bytes:
        """CFG type, 24 reserved bits, attributes."""
        if not (0 <= self.cfg_type <= 0xFF and 0 <= self.reserved2 <= 0xFFFFFF):
            raise EncodeError(f"CFG type {self.cfg_type}, reserved {self.reserved2:#x}")
        return _HEADER.pack(self.cfg_type << 24 | self.reserved2) + b"".join(
            [attribute.to_bytes() for attribute in self.attributes]
        )

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Attributes must fill the payload; strict: sizes of §3.15.1."""
        need(body, 4, offset, "a CP payload")
        (word,) = _HEADER.unpack_from(body)
        attributes = []
        position, end = 4, len(body)
        while position < end:
            if end - position < 4:
                raise Truncated(
                    Reason.TRUNCATED, offset + position, f"{end - position} octets; an attribute has at least 4"
                )
            kind, size = _ATTRIBUTE.unpack_from(body, position)
            after = position + 4 + size
            if after > end:
                raise BadLength(
                    Reason.ATTRIBUTE_LENGTH,
                    offset + position + 2,
                    f"attribute value of {size} octets, {end - position - 4} octets left",
                )
            attribute = _ATTRIBUTES[kind & 0x7FFF]
            if strict and size:
                check_size(attribute, size, offset + position + 2)
            attributes.append(ConfigAttribute(attribute, body[position + 4 : after], kind & _RESERVED_BIT != 0))
            position = after
        return cls(_CFG_TYPES[word >> 24], tuple(attributes), word & 0xFFFFFF)


def check_size(attribute: CfgAttribute, size: int, offset: int) -> None:
    """§3.15.1's length column for a non-empty value."""
    if size != VALUE_SIZES.get(attribute, size) or (attribute == CfgAttribute.SUPPORTED_ATTRIBUTES and size % 2):
        raise BadLength(Reason.ATTRIBUTE_LENGTH, offset, f"{attribute.name} of {size} octets")
