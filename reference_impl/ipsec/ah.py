"""The AH packet format and its integrity algorithms (RFC 4302 section 2, RFC 4543 section 4, RFC 2085).

Pure functions of keys and octets, like `esp.py`: no sequence counter, no window, no policy. `ah_sa.py` adds those.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reference_impl.crypto.errors import CryptoError, IntegrityError
from reference_impl.crypto.integ import IntegAlgorithm, integ
from reference_impl.wire.registries import Integ

from . import transport
from .discards import Discard, Discarded
from .flow import AUTHENTICATION, malformed, total_length
from .mutable import covered, without_atomic_fragment

FIXED_SIZE = 12  # next header, length, reserved, SPI, sequence number
_GMAC_IV, _GMAC_TAG, _GMAC_SALT = 8, 16, 4
_pack_fixed = struct.Struct(">BBHI").pack


class AhIntegrity(Protocol):
    """An integrity algorithm under one key. Sizes in octets: of the IV that it sends before the ICV, and of the ICV."""

    iv_size: int
    icv_size: int

    def icv(self, data: bytes, iv: bytes) -> bytes:
        """The ICV of a packet that counts as `data`."""


class MacIntegrity:
    """A MAC, truncated: HMAC (RFC 2403, 2404, 4868), AES-XCBC (RFC 3566), AES-CMAC (RFC 4494)."""

    __slots__ = ("_algorithm", "_key", "icv_size", "iv_size")

    def __init__(self, algorithm: IntegAlgorithm, key: bytes) -> None:
        if len(key) != algorithm.key_size:
            raise CryptoError(f"{algorithm.name} takes {algorithm.key_size} octets of key, not {len(key)}")
        self._algorithm, self._key = algorithm, key
        self.iv_size, self.icv_size = 0, algorithm.icv_size

    def icv(self, data: bytes, iv: bytes) -> bytes:
        return self._algorithm.sign(self._key, data)


class GmacIntegrity:
    """AUTH_AES_GMAC (RFC 4543 section 4): the keying material ends in the salt. The IV is covered as it is sent."""

    __slots__ = ("_gcm", "_salt", "icv_size", "iv_size")

    def __init__(self, key: bytes) -> None:
        if len(key) not in (20, 28, 36):
            raise CryptoError(f"AES-GMAC takes 20, 28 or 36 octets of key and salt, not {len(key)}")
        self._gcm, self._salt = AESGCM(key[:-_GMAC_SALT]), key[-_GMAC_SALT:]
        self.iv_size, self.icv_size = _GMAC_IV, _GMAC_TAG

    def icv(self, data: bytes, iv: bytes) -> bytes:
        return self._gcm.encrypt(self._salt + iv, b"", data)


class ReplayMd5Integrity:
    """HMAC-MD5 untruncated, as RFC 2085 has it; the key has any length but zero (section 1.2)."""

    __slots__ = ("_key", "icv_size", "iv_size")

    def __init__(self, key: bytes) -> None:
        if not key:
            raise CryptoError("a key of no octets authenticates nothing (RFC 2085 section 1.2)")
        self._key = key
        self.iv_size, self.icv_size = 0, 16

    def icv(self, data: bytes, iv: bytes) -> bytes:
        return hmac.digest(self._key, data, "md5")


_GMAC_KEYS = {Integ.AES_128_GMAC: 20, Integ.AES_192_GMAC: 28, Integ.AES_256_GMAC: 36}


def integrity(transform: Integ, key: bytes) -> AhIntegrity:
    """The algorithm of a negotiated integrity transform. Raises UnsupportedAlgorithm; CryptoError for a key size."""
    if transform not in _GMAC_KEYS:
        return MacIntegrity(integ(transform), key)
    if len(key) != _GMAC_KEYS[transform]:
        raise CryptoError(f"{transform.name} takes {_GMAC_KEYS[transform]} octets of key and salt, not {len(key)}")
    return GmacIntegrity(key)


@dataclass(frozen=True, slots=True)
class Opened:
    """What stands around a verified AH: the IP header with the extensions before AH, and what AH protects."""

    header: bytes
    next_header: int
    payload: bytes


class AhTransform:
    """Seals and opens packets of one SPI under one key.

    `esn`: the high half of the sequence number is covered and not sent (RFC 4302 section 2.5.1). `sends_high`: it is
    sent, as the 64-bit Replay Prevention field of RFC 2085 is.
    """

    __slots__ = ("_before", "_fixed_size", "_least", "esn", "integrity", "sends_high", "spi")

    def __init__(self, spi: int, integrity: AhIntegrity, *, esn: bool = False, sends_high: bool = False) -> None:
        if esn and sends_high:
            raise ValueError("the high half of the sequence number is either sent or not")
        self.spi, self.integrity, self.esn, self.sends_high = spi, integrity, esn, sends_high
        self._fixed_size = FIXED_SIZE + (4 if sends_high else 0)
        self._before = self._fixed_size + integrity.iv_size  # octets of AH before the ICV
        self._least = self._before + integrity.icv_size

    def size(self, version: int) -> int:
        """Octets of the header for this IP version: least padding to 32 or 64 bits (RFC 4302 section 3.3.3.2.1)."""
        return self._least + -self._least % (8 if version == 6 else 4)

    def seal(
        self,
        sequence: int,
        header: bytes,
        next_header: int,
        payload: bytes,
        *,
        iv: bytes | None = None,
        padding: bytes | None = None,
    ) -> bytes:
        """An IP packet: `header` (with the extensions that precede AH; its lengths and checksum are set), AH, payload.

        `padding` of the ICV field is zeros unless given. Raises Discarded for a header that AH cannot follow.
        """
        size = self.size(header[0] >> 4)
        padding = bytes(size - self._least) if padding is None else padding
        if len(padding) != size - self._least:
            raise ValueError(f"{len(padding)} octets of ICV padding, {size - self._least} are needed and no more")
        if iv is None:
            iv = sequence.to_bytes(8) if self.integrity.iv_size else b""
        start = _pack_fixed(next_header, size // 4 - 2, 0, self.spi)
        start += (sequence.to_bytes(8) if self.sends_high else (sequence & 0xFFFFFFFF).to_bytes(4)) + iv
        if len(header) + size + len(payload) > (0xFFFF + 40 if header[0] >> 4 == 6 else 0xFFFF):
            raise Discarded(Discard.TOO_BIG, "with AH it is more than an IP packet can be", spi=self.spi)
        blank = start + bytes(self.integrity.icv_size) + padding + payload
        packet = transport.outer_packet(header, blank, AUTHENTICATION)
        icv = self.integrity.icv(covered(packet).octets + self._unsent(sequence), iv)
        return packet[: len(header)] + start + icv + padding + payload

    def open(self, packet: bytes, sequence: int) -> Opened:
        """Check a whole IP packet. `sequence` is the full number.

        Raises IntegrityError, and Discarded for what is no packet with an AH of this SA's length (section 2.2).
        """
        packet = without_atomic_fragment(packet[: total_length(packet)])
        counted = covered(packet)
        octets, start = counted.octets, counted.offset
        if len(octets) < start + self._fixed_size:
            raise malformed(f"AH at octet {start} does not end in the packet")
        size = (octets[start + 1] + 2) * 4
        if size != self.size(octets[0] >> 4):
            raise Discarded(Discard.AH_LENGTH, f"{size} octets, this SA has {self.size(octets[0] >> 4)}", spi=self.spi)
        if len(octets) < start + size:
            raise malformed(f"AH of {size} octets at octet {start} does not end in the packet")
        begin, end = start + self._before, start + self._least
        iv = octets[start + self._fixed_size : begin]
        counts = octets[:begin] + bytes(end - begin) + octets[end:] + self._unsent(sequence)
        if not hmac.compare_digest(self.integrity.icv(counts, iv), octets[begin:end]):
            raise IntegrityError("AH integrity check value does not match")
        return Opened(packet[:start], octets[start], octets[start + size :])

    def _unsent(self, sequence: int) -> bytes:
        return (sequence >> 32).to_bytes(4) if self.esn else b""
