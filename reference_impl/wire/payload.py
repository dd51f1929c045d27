"""The payload registry and chains of payloads (RFC 7296 §3.2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .base import GENERIC_SIZE, MAX_PAYLOAD, Payload
from .config import ConfigPayload
from .encrypted import SkfPayload, SkPayload
from .errors import BadLength, BadValue, EncodeError, Reason, Truncated, WireError
from .notify import DeletePayload, NotifyPayload
from .raw import RawPayload, TrailingOctets, UnknownPayload
from .registries import PayloadType
from .sa import SaPayload
from .simple import (
    AuthPayload,
    CertPayload,
    CertReqPayload,
    EapPayload,
    IdiPayload,
    IdrPayload,
    KePayload,
    NoncePayload,
    VendorPayload,
)
from .ts import TsiPayload, TsrPayload

_GENERIC = struct.Struct("!BBH")
_TYPES = PayloadType.lookup()

PAYLOADS: Mapping[int, type[Payload]] = {
    PayloadType.SA: SaPayload,
    PayloadType.KE: KePayload,
    PayloadType.IDI: IdiPayload,
    PayloadType.IDR: IdrPayload,
    PayloadType.CERT: CertPayload,
    PayloadType.CERTREQ: CertReqPayload,
    PayloadType.AUTH: AuthPayload,
    PayloadType.NONCE: NoncePayload,
    PayloadType.NOTIFY: NotifyPayload,
    PayloadType.DELETE: DeletePayload,
    PayloadType.VENDOR: VendorPayload,
    PayloadType.TSI: TsiPayload,
    PayloadType.TSR: TsrPayload,
    PayloadType.SK: SkPayload,
    PayloadType.CP: ConfigPayload,
    PayloadType.EAP: EapPayload,
    PayloadType.SKF: SkfPayload,
}
_ENCRYPTED = frozenset({int(PayloadType.SK), int(PayloadType.SKF)})
# Those that may say themselves what their generic header holds; NONE stands for raw payloads.
_OWN_NEXT = frozenset({PayloadType.SK, PayloadType.SKF, PayloadType.NONE})


def parse_chain(
    first: int, data: bytes, *, offset: int = 0, strict: bool = True, inside_sk: bool = False
) -> tuple[Payload, ...]:
    """The payloads in `data`, the first of type `first`; linear in the octets.

    `offset` is where `data` starts in the message. `inside_sk` says that `data` is the decrypted content of SK or
    SKF payloads, where strict refuses another one. Strict raises WireError on anything malformed. Lenient never
    raises: a body that does not decode becomes UnknownPayload, a false length RawPayload, octets outside any payload
    TrailingOctets; encode_chain gives the same octets again.
    """
    payloads: list[Payload] = []
    position, end = 0, len(data)
    kind = first
    codecs = PAYLOADS.get
    while kind:
        left = end - position
        if left < GENERIC_SIZE:
            if strict:
                raise Truncated(
                    Reason.TRUNCATED,
                    offset + position,
                    f"{left} octets left for the announced payload of type {kind}",
                )
            payloads.append(TrailingOctets(kind, data[position:]))
            return tuple(payloads)
        following, flags, length = _GENERIC.unpack_from(data, position)
        start = position + GENERIC_SIZE
        if length < GENERIC_SIZE or length > left:
            if strict:
                raise BadLength(
                    Reason.PAYLOAD_LENGTH,
                    offset + position + 2,
                    f"payload of type {kind} has length {length}, {left} octets left",
                )
            rest = RawPayload(kind, data[start:], length, following)
            payloads.append(_with_flags(rest, flags))
            return tuple(payloads)
        after = position + length
        body = data[start:after]
        codec = codecs(kind)
        if codec is None:
            payload: Payload = UnknownPayload(_TYPES[kind], body)
        elif kind in _ENCRYPTED:
            if strict:
                _check_encrypted(kind, after == end, inside_sk, offset + position)
            payload = _parse_encrypted(kind, body, following, offset + start, strict)
            following = 0
        elif strict:
            payload = codec.parse_body(body, offset=offset + start)
        else:
            payload = _parse_leniently(codec, kind, body, offset + start)
        payloads.append(_with_flags(payload, flags) if flags else payload)
        position = after
        kind = following
    if position < end:
        if strict:
            raise BadLength(
                Reason.TRAILING_OCTETS, offset + position, f"{end - position} octets after the last payload"
            )
        payloads.append(TrailingOctets(PayloadType.NONE, data[position:]))
    return tuple(payloads)


def _parse_leniently(codec: type[Payload], kind: int, body: bytes, offset: int) -> Payload:
    try:
        return codec.parse_body(body, offset=offset, strict=False)
    except WireError:
        return UnknownPayload(_TYPES[kind], body)


def _parse_encrypted(kind: int, body: bytes, inner: int, offset: int, strict: bool) -> Payload:
    codec = SkPayload if kind == PayloadType.SK else SkfPayload
    try:
        payload = codec.parse_body(body, offset=offset, strict=strict)
    except WireError:
        if strict:
            raise
        # An SKF cut short still ends the chain, so its Next Payload field has to be kept with it.
        return RawPayload(kind, body, None, inner)
    return payload.announcing(inner)


def encode_chain(payloads: Sequence[Payload], trailing_next: int = 0) -> tuple[int, bytes]:
    """The type of the first payload and the octets; `trailing_next` is the Next Payload field of the last one.

    EncodeError when a value does not fit its field.
    """
    parts: list[bytes] = []
    following = trailing_next
    for payload in reversed(payloads):
        body = payload.body()
        parts.append(body)
        if not isinstance(payload, TrailingOctets):
            parts.append(_generic_header(payload, following, GENERIC_SIZE + len(body)))
        following = payload.TYPE or payload.type_id
    parts.reverse()
    return following, b"".join(parts)


def _generic_header(payload: Payload, following: int, length: int) -> bytes:
    if payload.TYPE in _OWN_NEXT:
        if isinstance(payload, RawPayload):
            following = following if payload.next_payload is None else payload.next_payload
            length = length if payload.length is None else payload.length
        elif isinstance(payload, SkPayload | SkfPayload):
            following = payload.inner
    reserved = payload.reserved
    if not 0 <= reserved <= 0x7F:
        raise EncodeError(f"reserved bits {reserved:#x} of a generic header do not fit 7 bits")
    try:
        return _GENERIC.pack(following, 0x80 | reserved if payload.critical else reserved, length)
    except struct.error:
        pass
    if not 0 <= length <= MAX_PAYLOAD:
        raise EncodeError(f"payload of {length} octets; the length field holds {MAX_PAYLOAD} at most")
    raise EncodeError(f"next payload {following} does not fit 8 bits")


def _with_flags(payload: Payload, flags: int) -> Payload:
    return replace(payload, critical=flags & 0x80 != 0, reserved=flags & 0x7F) if flags else payload


def _check_encrypted(kind: int, last: bool, inside_sk: bool, offset: int) -> None:
    """RFC 7296 §3.1: an Encrypted payload is the last one and contains no other."""
    if inside_sk:
        raise BadValue(Reason.ENCRYPTED_NESTED, offset, f"payload of type {kind} inside an encrypted payload")
    if not last:
        raise BadLength(Reason.ENCRYPTED_NOT_LAST, offset, f"octets after the payload of type {kind}")
