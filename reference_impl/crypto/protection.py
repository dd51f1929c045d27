"""One uniform way to seal and open data under a cipher and an integrity algorithm, for SK payloads and for ESP."""

import hmac
from typing import Self

from cryptography.exceptions import InvalidTag

from reference_impl.crypto.cipher import CipherAlgorithm
from reference_impl.crypto.errors import CryptoError, IntegrityError
from reference_impl.crypto.integ import IntegAlgorithm


class Protection:
    """One direction's keys. `Protection(...)` gives the subclass that fits the cipher.

    `iv_size`, `block_size` (what plaintext with padding is a multiple of), `icv_size` and `overhead` (IV and ICV)
    are in octets. `integ` is None, and `integ_key` empty, exactly for an AEAD cipher. Raises CryptoError when the
    parts do not fit together.
    """

    __slots__ = ("block_size", "cipher", "icv_size", "integ", "iv_size", "overhead")

    def __new__(cls, cipher: CipherAlgorithm, integ: IntegAlgorithm | None, enc_key: bytes, integ_key: bytes) -> Self:
        chosen = (AeadProtection if cipher.aead else EncryptThenMacProtection) if cls is Protection else cls
        return super().__new__(chosen)  # type: ignore[return-value]

    def __init__(self, cipher: CipherAlgorithm, integ: IntegAlgorithm | None, enc_key: bytes, integ_key: bytes) -> None:
        if len(enc_key) != cipher.key_size:
            raise CryptoError(f"{cipher.name} takes {cipher.key_size} octets of key, not {len(enc_key)}")
        if cipher.aead != (integ is None):
            raise CryptoError(f"{cipher.name} {'takes no' if cipher.aead else 'needs an'} integrity algorithm")
        expected = 0 if integ is None else integ.key_size
        if len(integ_key) != expected:
            raise CryptoError(f"the integrity key takes {expected} octets, not {len(integ_key)}")
        self.cipher = cipher
        self.integ = integ
        self.iv_size = cipher.iv_size
        self.block_size = cipher.block_size
        self.icv_size = cipher.icv_size if integ is None else integ.icv_size
        self.overhead = self.iv_size + self.icv_size

    def seal(self, iv: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """ciphertext‖ICV. `aad` are the authenticated octets before the IV. The caller never repeats an IV."""
        raise NotImplementedError

    def open(self, iv: bytes, ciphertext_icv: bytes, aad: bytes) -> bytes:
        """The plaintext, padding included. Raises IntegrityError."""
        raise NotImplementedError


class AeadProtection(Protection):
    """AES-GCM, AES-CCM, ChaCha20-Poly1305: the nonce is salt‖IV (RFC 5282, section 4; RFC 4106; RFC 7634)."""

    __slots__ = ("_decrypt", "_encrypt", "_salt")

    def __init__(self, cipher: CipherAlgorithm, integ: IntegAlgorithm | None, enc_key: bytes, integ_key: bytes) -> None:
        super().__init__(cipher, integ, enc_key, integ_key)
        assert cipher.make_aead is not None
        split = cipher.key_size - cipher.salt_size
        aead = cipher.make_aead(enc_key[:split])
        self._salt = enc_key[split:]
        self._encrypt = aead.encrypt
        self._decrypt = aead.decrypt

    def seal(self, iv: bytes, plaintext: bytes, aad: bytes) -> bytes:
        return self._encrypt(self._salt + iv, plaintext, aad)

    def open(self, iv: bytes, ciphertext_icv: bytes, aad: bytes) -> bytes:
        try:
            return self._decrypt(self._salt + iv, ciphertext_icv, aad)
        except InvalidTag:
            raise IntegrityError(f"{self.cipher.name} integrity check value does not match") from None


class EncryptThenMacProtection(Protection):
    """A cipher with a separate integrity algorithm: the MAC covers aad‖IV‖ciphertext."""

    __slots__ = ("_integ_key", "_mac", "_raw")

    def __init__(self, cipher: CipherAlgorithm, integ: IntegAlgorithm | None, enc_key: bytes, integ_key: bytes) -> None:
        super().__init__(cipher, integ, enc_key, integ_key)
        assert cipher.make_raw is not None
        assert integ is not None
        self._raw = cipher.make_raw(enc_key)
        self._mac = integ.mac
        self._integ_key = integ_key

    def seal(self, iv: bytes, plaintext: bytes, aad: bytes) -> bytes:
        if len(plaintext) % self.block_size:
            raise CryptoError(f"{self.cipher.name} takes whole blocks of {self.block_size} octets")
        ciphertext = self._raw.encrypt(iv, plaintext)
        return ciphertext + self._mac(self._integ_key, aad + iv + ciphertext)[: self.icv_size]

    def open(self, iv: bytes, ciphertext_icv: bytes, aad: bytes) -> bytes:
        end = len(ciphertext_icv) - self.icv_size
        if end < 0:
            raise IntegrityError(f"{len(ciphertext_icv)} octets cannot hold an ICV of {self.icv_size}")
        ciphertext = ciphertext_icv[:end]
        expected = self._mac(self._integ_key, aad + iv + ciphertext)[: self.icv_size]
        if not hmac.compare_digest(expected, ciphertext_icv[end:]):
            raise IntegrityError(f"{self.integ and self.integ.name} integrity check value does not match")
        if end % self.block_size:
            raise IntegrityError(f"{end} octets of ciphertext are not whole blocks of {self.block_size}")
        return self._raw.decrypt(iv, ciphertext)
