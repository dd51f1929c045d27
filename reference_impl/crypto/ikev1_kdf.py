"""Key derivation, hashes and initialization vectors of IKEv1 (RFC 2409, section 5 and appendix B)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ikev1Hash:
    """A negotiated hash function; with no PRF negotiated its HMAC is the prf (RFC 2409, section 4)."""

    number: int
    name: str
    digest: str
    size: int

    def __call__(self, data: bytes) -> bytes:
        """hash(data), `size` octets."""
        return hashlib.new(self.digest, data, usedforsecurity=False).digest()

    def prf(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data), `size` octets; a key of any length is allowed."""
        return hmac.digest(key, data, self.digest)

    def chain(self, key: bytes, seed: bytes, size: int, *, seed_every_block: bool) -> bytes:
        """K1 | K2 | …, the first `size` octets: K1 = prf(key, seed), Kn = prf(key, Kn-1 [| seed])."""
        block = stream = self.prf(key, seed)
        while len(stream) < size:
            block = self.prf(key, block + seed if seed_every_block else block)
            stream += block
        return stream[:size]


# RFC 2409, appendix A, and the IANA registry "Hash Algorithms" of IKEv1
HASHES = {
    algorithm.number: algorithm
    for algorithm in (
        Ikev1Hash(1, "MD5", "md5", 16),
        Ikev1Hash(2, "SHA1", "sha1", 20),
        Ikev1Hash(4, "SHA2-256", "sha256", 32),
        Ikev1Hash(5, "SHA2-384", "sha384", 48),
        Ikev1Hash(6, "SHA2-512", "sha512", 64),
    )
}


@dataclass(frozen=True, slots=True)
class Skeyids:
    """SKEYID and what is derived from it, each as long as the prf's output."""

    skeyid: bytes = field(repr=False)
    d: bytes = field(repr=False)
    a: bytes = field(repr=False)
    e: bytes = field(repr=False)


def skeyid_psk(algorithm: Ikev1Hash, psk: bytes, ni: bytes, nr: bytes) -> bytes:
    """SKEYID = prf(pre-shared-key, Ni_b | Nr_b)."""
    return algorithm.prf(psk, ni + nr)


def skeyid_signature(algorithm: Ikev1Hash, ni: bytes, nr: bytes, shared: bytes) -> bytes:
    """SKEYID = prf(Ni_b | Nr_b, g^xy)."""
    return algorithm.prf(ni + nr, shared)


def skeyid_encryption(algorithm: Ikev1Hash, ni: bytes, nr: bytes, cky_i: bytes, cky_r: bytes) -> bytes:
    """SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R), for both modes with public key encryption."""
    return algorithm.prf(algorithm(ni + nr), cky_i + cky_r)


def skeyids(algorithm: Ikev1Hash, skeyid: bytes, shared: bytes, cky_i: bytes, cky_r: bytes) -> Skeyids:
    """SKEYID_d, SKEYID_a and SKEYID_e, each over the one before it (section 5)."""
    tail = shared + cky_i + cky_r
    d = algorithm.prf(skeyid, tail + b"\x00")
    a = algorithm.prf(skeyid, d + tail + b"\x01")
    return Skeyids(skeyid, d, a, algorithm.prf(skeyid, a + tail + b"\x02"))


def encryption_key(algorithm: Ikev1Hash, skeyid_e: bytes, size: int) -> bytes:
    """The ISAKMP SA's cipher key: SKEYID_e, or Ka = K1 | K2 | … where that is too short (appendix B)."""
    if size <= len(skeyid_e):
        return skeyid_e[:size]
    return algorithm.chain(skeyid_e, b"\x00", size, seed_every_block=False)


def phase1_iv(algorithm: Ikev1Hash, gxi: bytes, gxr: bytes, block_size: int) -> bytes:
    """The IV of the first encrypted message: hash(g^xi | g^xr), its first block (appendix B)."""
    return algorithm(gxi + gxr)[:block_size]


def phase2_iv(algorithm: Ikev1Hash, last_block: bytes, message_id: bytes) -> bytes:
    """The IV of an exchange after phase 1: hash(last CBC block of phase 1 | M-ID), one block (appendix B)."""
    return algorithm(last_block + message_id)[: len(last_block)]


def phase1_hash(
    algorithm: Ikev1Hash,
    skeyid: bytes,
    own: tuple[bytes, bytes],
    peer: tuple[bytes, bytes],
    sai: bytes,
    identity: bytes,
) -> bytes:
    """HASH_I or HASH_R of the end whose (public value, cookie) are `own`; `sai` and `identity` without generic header.

    HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b); HASH_R with the values in the other order.
    """
    return algorithm.prf(skeyid, own[0] + peer[0] + own[1] + peer[1] + sai + identity)


def hash_1(algorithm: Ikev1Hash, skeyid_a: bytes, message_id: bytes, payloads: bytes) -> bytes:
    """HASH(1) = prf(SKEYID_a, M-ID | all payloads after HASH); informational and transaction exchanges have it too."""
    return algorithm.prf(skeyid_a, message_id + payloads)


def hash_2(algorithm: Ikev1Hash, skeyid_a: bytes, message_id: bytes, ni: bytes, payloads: bytes) -> bytes:
    """HASH(2) = prf(SKEYID_a, M-ID | Ni_b | all payloads after HASH)."""
    return algorithm.prf(skeyid_a, message_id + ni + payloads)


def hash_3(algorithm: Ikev1Hash, skeyid_a: bytes, message_id: bytes, ni: bytes, nr: bytes) -> bytes:
    """HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)."""
    return algorithm.prf(skeyid_a, b"\x00" + message_id + ni + nr)


def keymat(
    algorithm: Ikev1Hash,
    skeyid_d: bytes,
    protocol: int,
    spi: bytes,
    ni: bytes,
    nr: bytes,
    size: int,
    shared: bytes = b"",
) -> bytes:
    """KEYMAT of the SA with this SPI, its first `size` octets; `shared` is g(qm)^xy with PFS (section 5.5)."""
    seed = shared + bytes([protocol]) + spi + ni + nr
    return algorithm.chain(skeyid_d, seed, size, seed_every_block=True)


def nat_d(algorithm: Ikev1Hash, cky_i: bytes, cky_r: bytes, address: bytes, port: int) -> bytes:
    """HASH(CKY-I | CKY-R | IP | Port) of a NAT-D payload (RFC 3947, section 3.2)."""
    return algorithm(cky_i + cky_r + address + port.to_bytes(2, "big"))
