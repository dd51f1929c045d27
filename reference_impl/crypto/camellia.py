"""Camellia in the two modes that `cryptography` has not: CTR and CCM (RFC 5528, RFC 5529)."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia
from cryptography.hazmat.primitives.ciphers import Cipher, modes

_BLOCK = 16


def _counted(cipher: Cipher[modes.ECB], start: int, data: bytes) -> bytes:
    """Counter mode from the 128-bit block `start` on."""
    blocks = -(-len(data) // _BLOCK)
    counters = b"".join((start + number).to_bytes(_BLOCK) for number in range(blocks))
    stream = int.from_bytes(cipher.encryptor().update(counters)[: len(data)])
    return (stream ^ int.from_bytes(data)).to_bytes(len(data))


class CamelliaCtr:
    """The counter block is nonce‖IV‖1, the keying material ends in the nonce (RFC 5529, section 3)."""

    __slots__ = ("_cipher", "_nonce")

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(Camellia(key[:-4]), modes.ECB())
        self._nonce = key[-4:]

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        return _counted(self._cipher, int.from_bytes(self._nonce + iv + b"\0\0\0\1"), data)

    decrypt = encrypt


class CamelliaCcm:
    """CCM (RFC 3610, section 2) over Camellia, with a tag of `tag_size` octets and a nonce of 7 to 13."""

    __slots__ = ("_algorithm", "_cipher", "_tag_size")

    def __init__(self, key: bytes, tag_size: int) -> None:
        self._algorithm = Camellia(key)
        self._cipher = Cipher(self._algorithm, modes.ECB())
        self._tag_size = tag_size

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        return _counted(self._cipher, self._counter(nonce) + 1, data) + self._tag(nonce, data, associated_data or b"")

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        end = len(data) - self._tag_size
        if end < 0:
            raise InvalidTag
        plaintext = _counted(self._cipher, self._counter(nonce) + 1, data[:end])
        if not hmac.compare_digest(self._tag(nonce, plaintext, associated_data or b""), data[end:]):
            raise InvalidTag
        return plaintext

    def _counter(self, nonce: bytes) -> int:
        return int.from_bytes(bytes((14 - len(nonce),)) + nonce) << 8 * (15 - len(nonce))

    def _tag(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        if not 7 <= len(nonce) <= 13:
            raise ValueError(f"CCM takes a nonce of 7 to 13 octets, not {len(nonce)}")
        size = 15 - len(nonce)
        flags = (64 if aad else 0) | (self._tag_size - 2) // 2 << 3 | size - 1
        blocks = bytes((flags,)) + nonce + len(plaintext).to_bytes(size)
        if aad:
            length = len(aad).to_bytes(2) if len(aad) < 0xFF00 else b"\xff\xfe" + len(aad).to_bytes(4)
            blocks += _padded(length + aad)
        blocks += _padded(plaintext)
        chained = Cipher(self._algorithm, modes.CBC(bytes(_BLOCK))).encryptor().update(blocks)
        return _counted(self._cipher, self._counter(nonce), chained[-_BLOCK:])[: self._tag_size]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)
