"""IKE identities (RFC 7296 section 3.5) as configuration writes them: ``fqdn:gw.example``, ``ip:192.0.2.1`` …"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from reference_impl.wire.registries import IdType


@dataclass(frozen=True, slots=True)
class Identity:
    """An identification payload's type and data."""

    id_type: IdType
    data: bytes

    def body(self) -> bytes:
        """The payload body without its generic header, as AUTH signs it (reserved octets zero)."""
        return bytes((self.id_type, 0, 0, 0)) + self.data

    def __str__(self) -> str:
        if self.id_type in (IdType.ID_FQDN, IdType.ID_RFC822_ADDR):
            prefix = "fqdn" if self.id_type == IdType.ID_FQDN else "email"
            return f"{prefix}:{self.data.decode('ascii', 'backslashreplace')}"
        if self.id_type in (IdType.ID_IPV4_ADDR, IdType.ID_IPV6_ADDR) and len(self.data) in (4, 16):
            return f"ip:{ipaddress.ip_address(self.data)}"
        names = {IdType.ID_DER_ASN1_DN: "dn", IdType.ID_DER_ASN1_GN: "gn", IdType.ID_KEY_ID: "keyid"}
        return f"{names.get(self.id_type, int(self.id_type))}:{self.data.hex()}"


def parse_identity(text: str) -> Identity:
    """``fqdn:``, ``email:``, ``ip:`` with text; ``dn:``, ``gn:``, ``keyid:`` with hexadecimal octets.

    Raises ValueError for any other prefix or a value that does not fit it.
    """
    prefix, separator, value = text.partition(":")
    if not separator or not value:
        raise ValueError(f"identity {text!r}: write TYPE:VALUE, for example fqdn:gw.example")
    if prefix == "fqdn":
        return Identity(IdType.ID_FQDN, value.encode("ascii"))
    if prefix == "email":
        return Identity(IdType.ID_RFC822_ADDR, value.encode("ascii"))
    if prefix == "ip":
        packed = ipaddress.ip_address(value).packed
        return Identity(IdType.ID_IPV4_ADDR if len(packed) == 4 else IdType.ID_IPV6_ADDR, packed)
    if prefix in ("dn", "gn", "keyid"):
        types = {"dn": IdType.ID_DER_ASN1_DN, "gn": IdType.ID_DER_ASN1_GN, "keyid": IdType.ID_KEY_ID}
        return Identity(types[prefix], bytes.fromhex(value))
    raise ValueError(f"identity {text!r}: unknown type {prefix!r}; use fqdn, email, ip, dn, gn or keyid")
