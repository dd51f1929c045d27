"""The ESP packet format and its cryptographic transforms (RFC 4303 section 2, RFC 4106 section 5).

Pure functions of keys and octets: no sequence counter, no window, no policy. `sa.py` adds those.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import Protocol

from cryptography.exceptions import InvalidTag

from reference_impl.crypto.errors import IntegrityError
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.suite import EspSuite
from reference_impl.wire.esp import ESP_HEADER_SIZE, PADDING
from reference_impl.wire.registries import Encr

HEADER_SIZE = ESP_HEADER_SIZE
NEXT_IPV4 = 4
NEXT_IPV6 = 41
NEXT_NONE = 59

_TRAILERS: dict[tuple[int, int], tuple[bytes, ...]] = {}

_pack_header = struct.Struct(">II").pack
_pack_header_iv = struct.Struct(">IIQ").pack
_pack_esn_aad = struct.Struct(">IQ").pack
_pack_high = struct.Struct(">I").pack


def trailer(pad_length: int, next_header: int) -> bytes:
    """Padding 1, 2, 3 … , Pad Length and Next Header (RFC 4303 section 2.4); `pad_length` 0 to 255."""
    return PADDING[:pad_length] + bytes((pad_length, next_header))


def trailers(alignment: int, next_header: int) -> tuple[bytes, ...]:
    """The shortest trailer for a payload of n octets at index n modulo `alignment` (octets)."""
    key = alignment, next_header
    if key not in _TRAILERS:
        _TRAILERS[key] = tuple(trailer(-(n + 2) % alignment, next_header) for n in range(alignment))
    return _TRAILERS[key]


class EspTransform(Protocol):
    """Seals and opens ESP packets of one SPI under one key. Sizes in octets.

    `alignment` is what payload with trailer is a multiple of; `minimum` the shortest packet that can be opened.
    """

    spi: int
    esn: bool
    iv_size: int
    icv_size: int
    alignment: int
    minimum: int

    def seal(self, sequence: int, plaintext: bytes, iv: bytes | None = None) -> bytes:
        """An ESP packet, SPI to ICV. `plaintext` includes the trailer; an `iv` that is given is used as it is."""

    def open(self, packet: bytes, sequence: int) -> bytes:
        """The plaintext with its trailer. `sequence` is the full number. Raises IntegrityError."""


class _Sizes:
    __slots__ = ("alignment", "esn", "icv_size", "iv_size", "minimum", "spi")

    def __init__(self, spi: int, esn: bool, protection: Protection) -> None:
        self.spi = spi
        self.esn = esn
        self.iv_size = protection.iv_size
        self.icv_size = protection.icv_size
        # the trailer ends on a 4-octet boundary whatever the cipher needs (RFC 4303 section 2.4)
        self.alignment = max(4, protection.block_size)
        self.minimum = HEADER_SIZE + protection.iv_size + self.alignment + protection.icv_size


class CombinedTransform(_Sizes):
    """An AEAD cipher: the ICV covers SPI and sequence number as associated data (RFC 4106 section 5).

    The nonce is salt, then the explicit IV, which is the 64-bit sequence number and so never repeats under a key.
    """

    __slots__ = ("_decrypt", "_encrypt", "_salt")

    def __init__(self, spi: int, esn: bool, protection: Protection, enc_key: bytes) -> None:
        super().__init__(spi, esn, protection)
        algorithm = protection.cipher
        assert algorithm.make_aead is not None
        split = algorithm.key_size - algorithm.salt_size
        # the AEAD itself and not protection.seal: one call less per packet
        aead = algorithm.make_aead(enc_key[:split])
        self._salt = enc_key[split:]
        self._encrypt = aead.encrypt
        self._decrypt = aead.decrypt

    def seal(self, sequence: int, plaintext: bytes, iv: bytes | None = None) -> bytes:
        spi = self.spi
        header = _pack_header_iv(spi, sequence & 0xFFFFFFFF, sequence)
        if iv is not None:
            header = header[:8] + iv
        associated = _pack_esn_aad(spi, sequence) if self.esn else header[:8]
        return header + self._encrypt(self._salt + header[8:], plaintext, associated)

    def open(self, packet: bytes, sequence: int) -> bytes:
        associated = _pack_esn_aad(self.spi, sequence) if self.esn else packet[:8]
        try:
            return self._decrypt(self._salt + packet[8:16], packet[16:], associated)
        except InvalidTag:
            raise IntegrityError("ESP integrity check value does not match") from None


class ImplicitIvTransform(_Sizes):
    """An AEAD cipher whose IV is the 64-bit sequence number and is not sent (RFC 8750 section 4).

    Without extended sequence numbers the high half is zero.
    """

    __slots__ = ("_aead", "_salt")

    def __init__(self, spi: int, esn: bool, protection: Protection, enc_key: bytes) -> None:
        super().__init__(spi, esn, protection)
        self.minimum -= self.iv_size
        self.iv_size = 0
        algorithm = protection.cipher
        assert algorithm.make_aead is not None
        split = algorithm.key_size - algorithm.salt_size
        self._aead = algorithm.make_aead(enc_key[:split])
        self._salt = enc_key[split:]

    def seal(self, sequence: int, plaintext: bytes, iv: bytes | None = None) -> bytes:
        if iv:
            raise ValueError("an implicit IV is the sequence number and no other")
        header, nonce, associated = self._framing(sequence)
        return header + self._aead.encrypt(nonce, plaintext, associated)

    def open(self, packet: bytes, sequence: int) -> bytes:
        _, nonce, associated = self._framing(sequence)
        try:
            return self._aead.decrypt(nonce, packet[HEADER_SIZE:], associated)
        except InvalidTag:
            raise IntegrityError("ESP integrity check value does not match") from None

    def _framing(self, sequence: int) -> tuple[bytes, bytes, bytes]:
        """Header, nonce and associated data."""
        header = _pack_header(self.spi, sequence & 0xFFFFFFFF)
        full = sequence if self.esn else sequence & 0xFFFFFFFF
        return header, self._salt + full.to_bytes(8, "big"), _pack_esn_aad(self.spi, full) if self.esn else header


class SeparateTransform(_Sizes):
    """A cipher, then a MAC over the packet and, unsent, the high half of an extended sequence number.

    RFC 4303 section 3.3.2.1. The IV of a CBC cipher is random, that of a counter mode the sequence number.
    """

    __slots__ = ("_cipher", "_counter_iv", "_key", "_mac")

    def __init__(self, spi: int, esn: bool, protection: Protection, enc_key: bytes, integ_key: bytes) -> None:
        super().__init__(spi, esn, protection)
        algorithm, integ = protection.cipher, protection.integ
        assert algorithm.make_raw is not None
        assert integ is not None
        self._cipher = algorithm.make_raw(enc_key)
        self._counter_iv = algorithm.id in (Encr.AES_CTR, Encr.CAMELLIA_CTR)
        self._mac = integ.mac
        self._key = integ_key

    def seal(self, sequence: int, plaintext: bytes, iv: bytes | None = None) -> bytes:
        if iv is None:
            iv = sequence.to_bytes(8, "big") if self._counter_iv else os.urandom(self.iv_size)
        body = _pack_header(self.spi, sequence & 0xFFFFFFFF) + iv + self._cipher.encrypt(iv, plaintext)
        return body + self._icv(body, sequence)

    def open(self, packet: bytes, sequence: int) -> bytes:
        body = packet[: -self.icv_size]
        if not hmac.compare_digest(self._icv(body, sequence), packet[-self.icv_size :]):
            raise IntegrityError("ESP integrity check value does not match")
        start = HEADER_SIZE + self.iv_size
        if (len(body) - start) % self.alignment:
            raise IntegrityError(f"{len(body) - start} octets of ciphertext are not whole blocks")
        return self._cipher.decrypt(body[HEADER_SIZE:start], body[start:])

    def _icv(self, body: bytes, sequence: int) -> bytes:
        covered = body + _pack_high(sequence >> 32) if self.esn else body
        return self._mac(self._key, covered)[: self.icv_size]


def transform(spi: bytes | int, suite: EspSuite, enc_key: bytes, integ_key: bytes = b"", *, esn: bool) -> EspTransform:
    """The transform of a negotiated suite. Raises UnsupportedAlgorithm, or CryptoError for keys of a wrong size."""
    number = spi if isinstance(spi, int) else int.from_bytes(spi, "big")
    protection = Protection(suite.cipher_algorithm(), suite.integ_algorithm(), enc_key, integ_key)
    if protection.cipher.implicit_iv:
        return ImplicitIvTransform(number, esn, protection, enc_key)
    if protection.cipher.aead:
        return CombinedTransform(number, esn, protection, enc_key)
    return SeparateTransform(number, esn, protection, enc_key, integ_key)
