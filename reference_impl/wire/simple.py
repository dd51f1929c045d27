"""Payloads that are a short header and opaque data: KE, ID, CERT, CERTREQ, AUTH, Nonce, Vendor ID, EAP."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Payload, need, pack
from .errors import BadLength, BadValue, Reason
from .quick import quick_init
from .registries import AuthMethod, CertEncoding, Group, IdType, PayloadType

_KE = struct.Struct("!HH")
_OCTET = struct.Struct("!B")
_WORD = struct.Struct("!I")
_GROUPS = Group.lookup()
_ID_TYPES = IdType.lookup()
_AUTH_METHODS = AuthMethod.lookup()
_ENCODINGS = CertEncoding.lookup()
_HASH_SIZE = 20
_HASHED_AUTHORITIES = (CertEncoding.X509_SIGNATURE, CertEncoding.HASH_URL_X509, CertEncoding.HASH_URL_BUNDLE)


@quick_init
@dataclass(frozen=True, slots=True)
class KePayload(Payload):
    """Key Exchange (§3.4): `data` is the public value; its size is checked by the key exchange method."""

    TYPE: ClassVar[PayloadType] = PayloadType.KE

    group: int
    data: bytes
    reserved2: int = 0

    def body(self) -> bytes:
        """Group number, 16 reserved bits, public value."""
        return pack(_KE, self.group, self.reserved2, what="KE") + self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """At least 4 octets."""
        need(body, 4, offset, "a KE payload")
        group, reserved2 = _KE.unpack_from(body)
        return cls(_GROUPS[group], body[4:], reserved2)


_ADDRESS_SIZES = {IdType.ID_IPV4_ADDR: 4, IdType.ID_IPV6_ADDR: 16}


@quick_init
@dataclass(frozen=True, slots=True)
class IdPayload(Payload):
    """Identification (§3.5); 24 reserved bits in `reserved2`. `body()` is what the AUTH computation covers."""

    id_type: IdType
    data: bytes
    reserved2: int = 0

    def body(self) -> bytes:
        """ID type, 24 reserved bits, data."""
        return pack(_WORD, _word(self.id_type, self.reserved2), what="ID") + self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: 4 or 16 octets for addresses, no terminators in ID_FQDN and ID_RFC822_ADDR."""
        need(body, 4, offset, "an ID payload")
        (word,) = _WORD.unpack_from(body)
        id_type = _ID_TYPES[word >> 24]
        data = body[4:]
        if strict:
            size = _ADDRESS_SIZES.get(id_type)
            if size is not None and len(data) != size:
                raise BadLength(Reason.DATA_LENGTH, offset + 4, f"{id_type.name} of {len(data)} octets, not {size}")
            if id_type in (IdType.ID_FQDN, IdType.ID_RFC822_ADDR):
                for terminator in (b"\0", b"\r", b"\n"):
                    at = data.find(terminator)
                    if at >= 0:
                        raise BadValue(Reason.DATA_VALUE, offset + 4 + at, f"{id_type.name} with a terminator")
        return cls(id_type, data, word & 0xFFFFFF)


@quick_init
@dataclass(frozen=True, slots=True)
class IdiPayload(IdPayload):
    """Identification - Initiator."""

    TYPE: ClassVar[PayloadType] = PayloadType.IDI


@quick_init
@dataclass(frozen=True, slots=True)
class IdrPayload(IdPayload):
    """Identification - Responder."""

    TYPE: ClassVar[PayloadType] = PayloadType.IDR


@quick_init
@dataclass(frozen=True, slots=True)
class CertPayload(Payload):
    """Certificate (§3.6)."""

    TYPE: ClassVar[PayloadType] = PayloadType.CERT

    encoding: CertEncoding
    data: bytes

    def body(self) -> bytes:
        """Encoding, data."""
        return pack(_OCTET, self.encoding, what="CERT") + self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: a Hash and URL encoding holds at least the 20 octets of the hash."""
        need(body, 1, offset, "a CERT payload")
        encoding = _ENCODINGS[body[0]]
        if (
            strict
            and encoding in (CertEncoding.HASH_URL_X509, CertEncoding.HASH_URL_BUNDLE)
            and len(body) <= _HASH_SIZE
        ):
            raise BadLength(Reason.DATA_LENGTH, offset + 1, f"{encoding.name} of {len(body) - 1} octets")
        return cls(encoding, body[1:])


@quick_init
@dataclass(frozen=True, slots=True)
class CertReqPayload(Payload):
    """Certificate Request (§3.7): `data` concatenates SHA-1 hashes of trust anchors' public keys."""

    TYPE: ClassVar[PayloadType] = PayloadType.CERTREQ

    encoding: CertEncoding
    data: bytes

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """The 20-octet hashes in `data`; a shorter rest is left out."""
        return tuple([self.data[at : at + _HASH_SIZE] for at in range(0, len(self.data) - _HASH_SIZE + 1, _HASH_SIZE)])

    def body(self) -> bytes:
        """Encoding, hashes."""
        return pack(_OCTET, self.encoding, what="CERTREQ") + self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: a whole number of hashes for the X.509 encodings (4, 12, 13)."""
        need(body, 1, offset, "a CERTREQ payload")
        encoding = _ENCODINGS[body[0]]
        if strict and encoding in _HASHED_AUTHORITIES and (len(body) - 1) % _HASH_SIZE:
            raise BadLength(
                Reason.DATA_LENGTH, offset + 1, f"{len(body) - 1} octets are no whole number of SHA-1 hashes"
            )
        return cls(encoding, body[1:])


@quick_init
@dataclass(frozen=True, slots=True)
class AuthPayload(Payload):
    """Authentication (§3.8); 24 reserved bits in `reserved2`."""

    TYPE: ClassVar[PayloadType] = PayloadType.AUTH

    method: AuthMethod
    data: bytes
    reserved2: int = 0

    def body(self) -> bytes:
        """Method, 24 reserved bits, data."""
        return pack(_WORD, _word(self.method, self.reserved2), what="AUTH") + self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """At least 4 octets."""
        need(body, 4, offset, "an AUTH payload")
        (word,) = _WORD.unpack_from(body)
        return cls(_AUTH_METHODS[word >> 24], body[4:], word & 0xFFFFFF)


@quick_init
@dataclass(frozen=True, slots=True)
class NoncePayload(Payload):
    """Nonce (§3.9)."""

    TYPE: ClassVar[PayloadType] = PayloadType.NONCE
    MIN_SIZE: ClassVar[int] = 16
    MAX_SIZE: ClassVar[int] = 256

    data: bytes

    def body(self) -> bytes:
        """The nonce."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: 16 to 256 octets."""
        if strict and not cls.MIN_SIZE <= len(body) <= cls.MAX_SIZE:
            raise BadLength(
                Reason.DATA_LENGTH, offset, f"nonce of {len(body)} octets, not {cls.MIN_SIZE} to {cls.MAX_SIZE}"
            )
        return cls(body)


@quick_init
@dataclass(frozen=True, slots=True)
class VendorPayload(Payload):
    """Vendor ID (§3.12)."""

    TYPE: ClassVar[PayloadType] = PayloadType.VENDOR

    data: bytes

    def body(self) -> bytes:
        """The vendor's constant."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Any octets."""
        return cls(body)


@quick_init
@dataclass(frozen=True, slots=True)
class EapPayload(Payload):
    """Extensible Authentication (§3.16): `data` is the whole EAP message."""

    TYPE: ClassVar[PayloadType] = PayloadType.EAP

    data: bytes

    @property
    def code(self) -> int | None:
        """1 Request, 2 Response, 3 Success, 4 Failure; None when there is no octet."""
        return self.data[0] if self.data else None

    @property
    def identifier(self) -> int | None:
        """The EAP Identifier; None when cut off."""
        return self.data[1] if len(self.data) > 1 else None

    @property
    def eap_type(self) -> int | None:
        """The EAP method type; None for Success and Failure."""
        return self.data[4] if len(self.data) > 4 else None

    def body(self) -> bytes:
        """The EAP message."""
        return self.data

    @classmethod
    def parse_body(cls, body: bytes, *, offset: int = 0, strict: bool = True) -> Self:
        """Strict: length field true, code 1 to 4, 4 octets for Success and Failure, a type in the others."""
        if strict:
            need(body, 4, offset, "an EAP message")
            length = int.from_bytes(body[2:4])
            if length != len(body):
                raise BadLength(
                    Reason.EAP_LENGTH, offset + 2, f"EAP length {length}, the payload holds {len(body)} octets"
                )
            if not 1 <= body[0] <= 4:
                raise BadValue(Reason.EAP_CODE, offset, f"EAP code {body[0]}")
            if (body[0] >= 3) != (len(body) == 4):
                raise BadLength(Reason.EAP_LENGTH, offset + 2, f"EAP code {body[0]} in {len(body)} octets")
        return cls(body)


def _word(octet: int, reserved: int) -> int:
    # Out-of-range parts must not spill into each other: -1 makes pack() refuse.
    return octet << 24 | reserved if 0 <= octet <= 0xFF and 0 <= reserved <= 0xFFFFFF else -1
