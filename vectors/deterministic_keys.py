"""Private keys, loaded once; and such whose signatures do not change: ECDSA after RFC 6979, RSASSA-PSS with a salt.

They are private keys of `cryptography` in every other respect, so that the reference implementation signs with them as
with any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key

Rng = Callable[[int], bytes]


@lru_cache(maxsize=64)
def load_private_key(pkcs8: bytes) -> PrivateKeyTypes:
    """A key in PKCS #8, kept: OpenSSL takes 20 ms to check an RSA key. Raises ValueError."""
    return load_der_private_key(pkcs8, None)


def deterministic(key: PrivateKeyTypes, rng: Rng) -> PrivateKeyTypes:
    """The same key; `rng` gives the salts of RSASSA-PSS."""
    if isinstance(key, rsa.RSAPrivateKey):
        return cast(PrivateKeyTypes, _DETERMINISTIC_RSA(key, rng))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return cast(PrivateKeyTypes, _DETERMINISTIC_EC(key, rng))
    return key


def pss_encode(message: bytes, digest: str, salt: bytes, bits: int) -> bytes:
    """EMSA-PSS-ENCODE with MGF1 of the same hash (RFC 8017, section 9.1.1); `bits` is emBits."""
    size = (bits + 7) // 8
    hashed = hashlib.new(digest, bytes(8) + hashlib.new(digest, message).digest() + salt).digest()
    block = bytes(size - len(salt) - len(hashed) - 2) + b"\x01" + salt
    mask = b""
    while len(mask) < len(block):
        mask += hashlib.new(digest, hashed + (len(mask) // len(hashed)).to_bytes(4, "big")).digest()
    masked = bytearray(left ^ right for left, right in zip(block, mask, strict=False))
    masked[0] &= 0xFF >> (8 * size - bits)
    return bytes(masked) + hashed + b"\xbc"


class _Delegate:
    """Everything but `sign` is the key's own."""

    def __init__(self, key: Any, rng: Rng) -> None:
        self._key = key
        self._rng = rng

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self


class _Rsa(_Delegate):
    def sign(self, data: bytes, pad: Any, algorithm: hashes.HashAlgorithm) -> bytes:
        if not isinstance(pad, padding.PSS):
            return bytes(self._key.sign(data, pad, algorithm))
        assert isinstance(pad._salt_length, int)
        encoded = pss_encode(data, algorithm.name, self._rng(pad._salt_length), self._key.key_size - 1)
        numbers = self._key.private_numbers()
        signature = pow(int.from_bytes(encoded, "big"), numbers.d, numbers.public_numbers.n)
        return bytes(signature.to_bytes((self._key.key_size + 7) // 8, "big"))


class _Ec(_Delegate):
    def sign(self, data: bytes, algorithm: ec.ECDSA) -> bytes:
        return bytes(self._key.sign(data, ec.ECDSA(algorithm.algorithm, deterministic_signing=True)))


def _delegating(name: str) -> property:
    return property(lambda self: getattr(self._key, name))


def _complete(base: type, interface: type) -> Any:
    """`base` with the rest of the interface's abstract methods passed on to the key."""
    missing: frozenset[str] = interface.__abstractmethods__  # type: ignore[attr-defined]
    return type(base.__name__, (base, interface), {name: _delegating(name) for name in missing - set(dir(base))})


_DETERMINISTIC_RSA = _complete(_Rsa, rsa.RSAPrivateKey)
_DETERMINISTIC_EC = _complete(_Ec, ec.EllipticCurvePrivateKey)
