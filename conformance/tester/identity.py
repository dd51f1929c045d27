"""Identities in profiles ("fqdn:gw.example") as ID payload contents (RFC 7296 §3.5)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from cryptography import x509

from reference_impl.wire.registries import IdType


@dataclass(frozen=True, slots=True)
class Identity:
    """An ID type and its data, as they stand in an ID payload."""

    id_type: IdType
    data: bytes


def parse_identity(text: str) -> Identity:
    """`fqdn:`, `email:`, `ipv4:`, `ipv6:`, `dn:` (RFC 4514 string) or `key:` (hex) as an identity.

    Raises ValueError with the reason when the text is none of these.
    """
    kind, colon, value = text.partition(":")
    if not colon or not value:
        raise ValueError(f"{text!r} has no type: write fqdn:, email:, ipv4:, ipv6:, dn: or key: before it")
    match kind.lower():
        case "fqdn":
            return Identity(IdType.ID_FQDN, value.encode())
        case "email":
            return Identity(IdType.ID_RFC822_ADDR, value.encode())
        case "ipv4":
            return Identity(IdType.ID_IPV4_ADDR, ipaddress.IPv4Address(value).packed)
        case "ipv6":
            return Identity(IdType.ID_IPV6_ADDR, ipaddress.IPv6Address(value).packed)
        case "dn":
            return Identity(IdType.ID_DER_ASN1_DN, x509.Name.from_rfc4514_string(value).public_bytes())
        case "key":
            return Identity(IdType.ID_KEY_ID, bytes.fromhex(value))
    raise ValueError(f"{kind!r} is not an identity type: use fqdn, email, ipv4, ipv6, dn or key")
