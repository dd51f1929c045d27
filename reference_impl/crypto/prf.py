"""Pseudorandom functions (transform type 2) and prf+ (RFC 7296, section 2.13)."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from reference_impl.crypto.aes_mac import aes_cmac, aes_xcbc_mac
from reference_impl.crypto.errors import CryptoError, UnsupportedAlgorithm
from reference_impl.wire.registries import Prf

MAX_PLUS_BLOCKS = 255


@dataclass(frozen=True, slots=True)
class PrfAlgorithm:
    """One PRF. Sizes are in octets.

    `key_size` is the preferred key size, which is the size of SK_d, SK_pi and SK_pr (RFC 7296, section 2.14).
    `seed_nonce_size` is how much of each nonce keys the PRF in SKEYSEED; None means the whole nonce.
    `hash` is that of an HMAC.
    """

    id: Prf
    name: str
    key_size: int
    output_size: int
    compute: Callable[[bytes, bytes], bytes]
    seed_nonce_size: int | None = None
    hash: hashes.HashAlgorithm | None = None

    def __call__(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data): `output_size` octets; a key of any length is allowed."""
        return self.compute(key, data)

    def plus(self, key: bytes, seed: bytes, size: int) -> bytes:
        """prf+(key, seed), the first `size` octets (RFC 7296, section 2.13).

        Raises CryptoError when more than 255 blocks would be needed, which the one-octet counter cannot number.
        """
        if size > MAX_PLUS_BLOCKS * self.output_size:
            raise CryptoError(f"prf+ with {self.name} yields at most {MAX_PLUS_BLOCKS * self.output_size} octets")
        if self.hash is not None:
            # over an HMAC, prf+ is HKDF-Expand to the letter (RFC 5869, section 2.3), which the library does at once
            return HKDFExpand(self.hash, size, seed).derive(key)
        blocks = bytearray()
        block = b""
        counter = 0
        while len(blocks) < size:
            counter += 1
            block = self.compute(key, block + seed + bytes([counter]))
            blocks += block
        return bytes(blocks[:size])


def _hmac(transform: Prf, name: str, algorithm: hashes.HashAlgorithm) -> PrfAlgorithm:
    size, digest = algorithm.digest_size, algorithm.name
    return PrfAlgorithm(transform, name, size, size, lambda key, data: hmac.digest(key, data, digest), hash=algorithm)


def _xcbc_prf(key: bytes, data: bytes) -> bytes:
    """AES-XCBC-PRF-128: short keys are zero padded, long keys are hashed (RFC 4434, section 2)."""
    if len(key) < 16:
        key = key.ljust(16, b"\0")
    elif len(key) > 16:
        key = aes_xcbc_mac(bytes(16), key)
    return aes_xcbc_mac(key, data)


def _cmac_prf(key: bytes, data: bytes) -> bytes:
    """AES-CMAC-PRF-128: any key that is not 16 octets is hashed (RFC 4615, section 3)."""
    if len(key) != 16:
        key = aes_cmac(bytes(16), key)
    return aes_cmac(key, data)


# RFC 7296, section 2.14 takes 64 bits of each nonce for the two AES PRFs, for backward compatibility.
PRFS: dict[Prf, PrfAlgorithm] = {
    algorithm.id: algorithm
    for algorithm in (
        _hmac(Prf.HMAC_MD5, "HMAC-MD5", hashes.MD5()),
        _hmac(Prf.HMAC_SHA1, "HMAC-SHA1", hashes.SHA1()),
        PrfAlgorithm(Prf.AES128_XCBC, "AES-XCBC-PRF-128", 16, 16, _xcbc_prf, seed_nonce_size=8),
        _hmac(Prf.HMAC_SHA2_256, "HMAC-SHA2-256", hashes.SHA256()),
        _hmac(Prf.HMAC_SHA2_384, "HMAC-SHA2-384", hashes.SHA384()),
        _hmac(Prf.HMAC_SHA2_512, "HMAC-SHA2-512", hashes.SHA512()),
        PrfAlgorithm(Prf.AES128_CMAC, "AES-CMAC-PRF-128", 16, 16, _cmac_prf, seed_nonce_size=8),
    )
}


def prf(transform: Prf) -> PrfAlgorithm:
    """The PRF with this transform ID. Raises UnsupportedAlgorithm."""
    try:
        return PRFS[transform]
    except KeyError:
        raise UnsupportedAlgorithm(f"PRF transform {int(transform)} is not supported") from None
