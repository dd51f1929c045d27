"""Encryption algorithms (transform type 1): sizes, and how raw encryption is made from a key."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from reference_impl.crypto.camellia import CamelliaCcm, CamelliaCtr
from reference_impl.crypto.errors import UnsupportedAlgorithm
from reference_impl.wire.registries import Encr


class Aead(Protocol):
    """An AEAD under one key; the nonce is salt‖IV, the tag ends the ciphertext. `decrypt` raises InvalidTag."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class RawCipher(Protocol):
    """A cipher without integrity under one key; data is a whole number of blocks."""

    def encrypt(self, iv: bytes, data: bytes) -> bytes: ...
    def decrypt(self, iv: bytes, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class CipherAlgorithm:
    """One cipher at one key length. Sizes in octets.

    `key_size` is the keying material it takes from KEYMAT, salt or nonce included, which comes after the key.
    `block_size` is what the plaintext, padding included, must be a multiple of. Exactly one of `make_aead` and
    `make_raw` is set. `implicit_iv`: the IV of ESP is the sequence number and is not sent (RFC 8750).
    """

    id: Encr
    name: str
    key_bits: int | None
    key_size: int
    salt_size: int
    iv_size: int
    block_size: int
    icv_size: int = 0
    make_aead: Callable[[bytes], Aead] | None = None
    make_raw: Callable[[bytes], RawCipher] | None = None
    implicit_iv: bool = False

    @property
    def aead(self) -> bool:
        """Whether the cipher protects integrity itself, so that no integrity algorithm goes with it."""
        return self.make_aead is not None


class _TruncatedGcm:
    """AES-GCM with an 8- or 12-octet tag (RFC 4106, section 6), which the one-shot AESGCM class does not offer."""

    __slots__ = ("_key", "_seal", "_tag")

    def __init__(self, key: bytes, tag_size: int) -> None:
        self._seal = AESGCM(key).encrypt
        self._key = algorithms.AES(key)
        self._tag = tag_size

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        return self._seal(nonce, data, associated_data)[: len(data) + self._tag]

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        tag = data[-self._tag :]
        if len(tag) < self._tag:
            raise InvalidTag
        context = Cipher(self._key, modes.GCM(nonce, tag, min_tag_length=self._tag)).decryptor()
        context.authenticate_additional_data(associated_data or b"")
        return context.update(data[: -self._tag]) + context.finalize()


class _Gmac:
    """ENCR_NULL_AUTH_AES_GMAC (RFC 4543): the data stays clear and is authenticated with the IV before it."""

    __slots__ = ("_gcm",)

    def __init__(self, key: bytes) -> None:
        self._gcm = AESGCM(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        return data + self._gcm.encrypt(nonce, b"", (associated_data or b"") + nonce[4:] + data)

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        clear, tag = data[:-16], data[-16:]
        self._gcm.decrypt(nonce, tag, (associated_data or b"") + nonce[4:] + clear)
        return clear


class _Cbc:
    __slots__ = ("_algorithm",)

    def __init__(self, algorithm: BlockCipherAlgorithm) -> None:
        self._algorithm = algorithm

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        return Cipher(self._algorithm, modes.CBC(iv)).encryptor().update(data)

    def decrypt(self, iv: bytes, data: bytes) -> bytes:
        return Cipher(self._algorithm, modes.CBC(iv)).decryptor().update(data)


class _Ctr:
    """AES-CTR: the counter block is nonce‖IV‖1 (RFC 3686, section 4)."""

    __slots__ = ("_algorithm", "_nonce")

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.AES(key[:-4])
        self._nonce = key[-4:]

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        return Cipher(self._algorithm, modes.CTR(self._nonce + iv + b"\0\0\0\1")).encryptor().update(data)

    decrypt = encrypt


class _Null:
    __slots__ = ()

    def __init__(self, key: bytes) -> None:
        pass

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        return data

    decrypt = encrypt


AES_BITS = (128, 192, 256)


def _gcm(transform: Encr, tag: int) -> CipherAlgorithm:
    make: Callable[[bytes], Aead] = AESGCM if tag == 16 else lambda key: _TruncatedGcm(key, tag)
    return CipherAlgorithm(transform, f"AES-GCM-{tag}", None, 0, 4, 8, 1, tag, make_aead=make)


def _camellia_ccm(transform: Encr, tag: int) -> CipherAlgorithm:
    name = f"CAMELLIA-CCM-{tag}"
    return CipherAlgorithm(transform, name, None, 0, 3, 8, 1, tag, make_aead=lambda key: CamelliaCcm(key, tag))


def _implicit(transform: Encr, explicit: CipherAlgorithm) -> CipherAlgorithm:
    return replace(explicit, id=transform, name=f"{explicit.name}-IIV", implicit_iv=True)


def _ccm(transform: Encr, tag: int) -> CipherAlgorithm:
    return CipherAlgorithm(transform, f"AES-CCM-{tag}", None, 0, 3, 8, 1, tag, make_aead=lambda key: AESCCM(key, tag))


_CHACHA20 = CipherAlgorithm(
    Encr.CHACHA20_POLY1305, "CHACHA20-POLY1305", None, 36, 4, 8, 1, 16, make_aead=ChaCha20Poly1305
)

# Each entry: the algorithm with no key length yet, and the key lengths in bits that a Key Length attribute may give.
# An entry whose lengths are (None,) has a fixed key, whose size stands in `key_size`.
_FAMILIES: tuple[tuple[CipherAlgorithm, tuple[int | None, ...]], ...] = (
    (
        CipherAlgorithm(Encr.TRIPLE_DES, "3DES-CBC", None, 24, 0, 8, 8, make_raw=lambda key: _Cbc(TripleDES(key))),
        (None,),
    ),
    (CipherAlgorithm(Encr.NULL, "NULL", None, 0, 0, 0, 1, make_raw=_Null), (None,)),
    (
        CipherAlgorithm(Encr.AES_CBC, "AES-CBC", None, 0, 0, 16, 16, make_raw=lambda key: _Cbc(algorithms.AES(key))),
        AES_BITS,
    ),
    (CipherAlgorithm(Encr.AES_CTR, "AES-CTR", None, 0, 4, 8, 1, make_raw=_Ctr), AES_BITS),
    (_ccm(Encr.AES_CCM_8, 8), AES_BITS),
    (_ccm(Encr.AES_CCM_12, 12), AES_BITS),
    (_ccm(Encr.AES_CCM_16, 16), AES_BITS),
    (_gcm(Encr.AES_GCM_8, 8), AES_BITS),
    (_gcm(Encr.AES_GCM_12, 12), AES_BITS),
    (_gcm(Encr.AES_GCM_16, 16), AES_BITS),
    (
        CipherAlgorithm(Encr.NULL_AUTH_AES_GMAC, "AES-GMAC", None, 0, 4, 8, 1, 16, make_aead=_Gmac),
        AES_BITS,
    ),
    (
        CipherAlgorithm(
            Encr.CAMELLIA_CBC, "CAMELLIA-CBC", None, 0, 0, 16, 16, make_raw=lambda key: _Cbc(Camellia(key))
        ),
        AES_BITS,
    ),
    (_CHACHA20, (None,)),
    (CipherAlgorithm(Encr.CAMELLIA_CTR, "CAMELLIA-CTR", None, 0, 4, 8, 1, make_raw=CamelliaCtr), AES_BITS),
    (_camellia_ccm(Encr.CAMELLIA_CCM_8, 8), AES_BITS),
    (_camellia_ccm(Encr.CAMELLIA_CCM_12, 12), AES_BITS),
    (_camellia_ccm(Encr.CAMELLIA_CCM_16, 16), AES_BITS),
    (_implicit(Encr.AES_CCM_8_IIV, _ccm(Encr.AES_CCM_8, 8)), AES_BITS),
    (_implicit(Encr.AES_GCM_16_IIV, _gcm(Encr.AES_GCM_16, 16)), AES_BITS),
    (_implicit(Encr.CHACHA20_POLY1305_IIV, _CHACHA20), (None,)),
    # three equal keys make 3DES the single DES (RFC 2405), whose use RFC 8221 forbids
    (
        CipherAlgorithm(Encr.DES, "DES-CBC", None, 8, 0, 8, 8, make_raw=lambda key: _Cbc(TripleDES(key * 3))),
        (None,),
    ),
)

CIPHERS: dict[tuple[Encr, int | None], CipherAlgorithm] = {
    (family.id, bits): family
    if bits is None
    else replace(family, key_bits=bits, key_size=bits // 8 + family.salt_size, name=f"{family.name}-{bits}")
    for family, lengths in _FAMILIES
    for bits in lengths
}


def cipher(transform: Encr, key_bits: int | None) -> CipherAlgorithm:
    """The cipher with this transform ID and Key Length attribute in bits (None: the attribute is absent).

    Raises UnsupportedAlgorithm for an unknown transform, a key length it does not have, a key length attribute on
    a cipher of fixed key length, and for a missing one on a cipher of variable key length (RFC 7296, 3.3.5).
    """
    try:
        return CIPHERS[transform, key_bits]
    except KeyError:
        length = "without key length" if key_bits is None else f"with a key of {key_bits} bits"
        raise UnsupportedAlgorithm(f"encryption transform {int(transform)} {length} is not supported") from None
