"""ML-KEM by FIPS 203 in plain integers: for ML-KEM-512, which `cryptography` lacks, and for encapsulation that repeats.

Not constant time. The classes have the methods of the ML-KEM keys of `cryptography`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

Q = 3329
_N = 256
_SEED = 32
Polynomial = list[int]


@dataclass(frozen=True, slots=True)
class Parameters:
    """A parameter set of FIPS 203, section 8."""

    name: str
    k: int
    eta1: int
    du: int
    dv: int
    eta2: int = 2

    @property
    def public_size(self) -> int:
        """Octets of an encapsulation key."""
        return 384 * self.k + 32

    @property
    def ciphertext_size(self) -> int:
        """Octets of a ciphertext."""
        return 32 * (self.du * self.k + self.dv)


ML_KEM_512 = Parameters("ML-KEM-512", 2, 3, 10, 4)
ML_KEM_768 = Parameters("ML-KEM-768", 3, 2, 10, 4)
ML_KEM_1024 = Parameters("ML-KEM-1024", 4, 2, 11, 5)


def _reversed7(number: int) -> int:
    return int(f"{number:07b}"[::-1], 2)


_ZETAS = [pow(17, _reversed7(i), Q) for i in range(128)]
_GAMMAS = [pow(17, 2 * _reversed7(i) + 1, Q) for i in range(128)]


def _ntt(f: Polynomial) -> Polynomial:
    """Algorithm 9."""
    f, step, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, _N, 2 * length):
            zeta, step = _ZETAS[step], step + 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % Q
                f[j], f[j + length] = (f[j] + t) % Q, (f[j] - t) % Q
        length //= 2
    return f


def _inverse_ntt(f: Polynomial) -> Polynomial:
    """Algorithm 10."""
    f, step, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, _N, 2 * length):
            zeta, step = _ZETAS[step], step - 1
            for j in range(start, start + length):
                f[j], f[j + length] = (f[j] + f[j + length]) % Q, zeta * (f[j + length] - f[j]) % Q
        length *= 2
    return [value * 3303 % Q for value in f]


def _multiply(f: Polynomial, g: Polynomial) -> Polynomial:
    """Algorithm 11, with the base case of algorithm 12."""
    product = [0] * _N
    for i, gamma in enumerate(_GAMMAS):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        product[2 * i] = (a0 * b0 + a1 * b1 * gamma) % Q
        product[2 * i + 1] = (a0 * b1 + a1 * b0) % Q
    return product


def _add(f: Polynomial, g: Polynomial) -> Polynomial:
    return [(a + b) % Q for a, b in zip(f, g, strict=True)]


def _dot(row: list[Polynomial], column: list[Polynomial]) -> Polynomial:
    total = [0] * _N
    for f, g in zip(row, column, strict=True):
        total = _add(total, _multiply(f, g))
    return total


def _encode(f: Polynomial, bits: int) -> bytes:
    """ByteEncode, algorithm 5."""
    return sum(value << bits * place for place, value in enumerate(f)).to_bytes(32 * bits, "little")


def _decode(data: bytes, bits: int) -> Polynomial:
    """ByteDecode, algorithm 6, without the reduction for 12 bits."""
    number, mask = int.from_bytes(data, "little"), (1 << bits) - 1
    return [number >> bits * place & mask for place in range(_N)]


def _compress(f: Polynomial, bits: int) -> Polynomial:
    return [((value << bits) + Q // 2) // Q & (1 << bits) - 1 for value in f]


def _decompress(f: Polynomial, bits: int) -> Polynomial:
    return [(value * Q + (1 << bits - 1)) >> bits for value in f]


@lru_cache(maxsize=64)
def _uniform(seed: bytes) -> Polynomial:
    """SampleNTT, algorithm 7. `seed` is public, so keeping the latest results tells nothing."""
    size = 840
    while True:
        stream = hashlib.shake_128(seed).digest(size)
        values = []
        for start in range(0, size, 3):
            low, middle, high = stream[start : start + 3]
            values += [value for value in (low + 256 * (middle % 16), middle // 16 + 16 * high) if value < Q]
        if len(values) >= _N:
            return values[:_N]
        size *= 2


def _binomial(seed: bytes, number: int, eta: int) -> Polynomial:
    """PRF and SamplePolyCBD, algorithm 8."""
    bits = int.from_bytes(hashlib.shake_256(seed + bytes((number,))).digest(64 * eta), "little")
    mask = (1 << eta) - 1
    return [
        ((bits >> 2 * eta * i & mask).bit_count() - (bits >> 2 * eta * i + eta & mask).bit_count()) % Q
        for i in range(_N)
    ]


def _matrix(parameters: Parameters, rho: bytes) -> list[list[Polynomial]]:
    indices = range(parameters.k)
    return [[_uniform(rho + bytes((j, i))) for j in indices] for i in indices]


def _g(data: bytes) -> tuple[bytes, bytes]:
    digest = hashlib.sha3_512(data).digest()
    return digest[:32], digest[32:]


def _encrypt(parameters: Parameters, public: bytes, message: bytes, randomness: bytes) -> bytes:
    """K-PKE.Encrypt, algorithm 14."""
    k, du = parameters.k, parameters.du
    t = [_decode(public[384 * i : 384 * (i + 1)], 12) for i in range(k)]
    matrix = _matrix(parameters, public[384 * k :])
    y = [_ntt(_binomial(randomness, i, parameters.eta1)) for i in range(k)]
    first = b"".join(
        _encode(
            _compress(
                _add(
                    _inverse_ntt(_dot([row[i] for row in matrix], y)),
                    _binomial(randomness, k + i, parameters.eta2),
                ),
                du,
            ),
            du,
        )
        for i in range(k)
    )
    noise = _binomial(randomness, 2 * k, parameters.eta2)
    v = _add(_add(_inverse_ntt(_dot(t, y)), noise), _decompress(_decode(message, 1), 1))
    return first + _encode(_compress(v, parameters.dv), parameters.dv)


def encapsulate(parameters: Parameters, public: bytes, message: bytes) -> tuple[bytes, bytes]:
    """(shared secret, ciphertext) of 32 octets of randomness (algorithm 17).

    Raises ValueError for an encapsulation key of a wrong length, or with a coefficient of q or more (section 7.2).
    """
    if len(public) != parameters.public_size:
        raise ValueError(f"an encapsulation key has {parameters.public_size} octets, not {len(public)}")
    if any(value >= Q for i in range(parameters.k) for value in _decode(public[384 * i : 384 * (i + 1)], 12)):
        raise ValueError("a coefficient of the encapsulation key is not reduced")
    if len(message) != _SEED:
        raise ValueError(f"encapsulation takes {_SEED} octets of randomness, not {len(message)}")
    shared, randomness = _g(message + hashlib.sha3_256(public).digest())
    return shared, _encrypt(parameters, public, message, randomness)


class PublicKey:
    """An encapsulation key."""

    __slots__ = ("_parameters", "_public")

    def __init__(self, parameters: Parameters, public: bytes) -> None:
        self._parameters, self._public = parameters, public

    def public_bytes_raw(self) -> bytes:
        """The octets of a KE payload."""
        return self._public

    def encapsulate(self) -> tuple[bytes, bytes]:
        """(shared secret, ciphertext) with the system's randomness. Raises ValueError."""
        return encapsulate(self._parameters, self._public, os.urandom(_SEED))


class PrivateKey:
    """A decapsulation key, made from the seeds d and z (algorithms 16 and 13)."""

    __slots__ = ("_parameters", "_public", "_s", "_z")

    def __init__(self, parameters: Parameters, seed: bytes) -> None:
        if len(seed) != 2 * _SEED:
            raise ValueError(f"the seed has {2 * _SEED} octets, not {len(seed)}")
        self._parameters, self._z = parameters, seed[_SEED:]
        k = parameters.k
        rho, sigma = _g(seed[:_SEED] + bytes((k,)))
        s = [_ntt(_binomial(sigma, i, parameters.eta1)) for i in range(k)]
        e = [_ntt(_binomial(sigma, k + i, parameters.eta1)) for i in range(k)]
        t = [_add(_dot(row, s), noise) for row, noise in zip(_matrix(parameters, rho), e, strict=True)]
        self._s = s
        self._public = b"".join(_encode(f, 12) for f in t) + rho

    def public_key(self) -> PublicKey:
        """The encapsulation key."""
        return PublicKey(self._parameters, self._public)

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The shared secret, or what implicit rejection gives in its place (algorithm 18). Raises ValueError."""
        parameters = self._parameters
        if len(ciphertext) != parameters.ciphertext_size:
            raise ValueError(f"a ciphertext has {parameters.ciphertext_size} octets, not {len(ciphertext)}")
        size = 32 * parameters.du
        u = [
            _ntt(_decompress(_decode(ciphertext[size * i : size * (i + 1)], parameters.du), parameters.du))
            for i in range(parameters.k)
        ]
        v = _decompress(_decode(ciphertext[size * parameters.k :], parameters.dv), parameters.dv)
        w = [(a - b) % Q for a, b in zip(v, _inverse_ntt(_dot(self._s, u)), strict=True)]
        message = _encode(_compress(w, 1), 1)
        shared, randomness = _g(message + hashlib.sha3_256(self._public).digest())
        if _encrypt(parameters, self._public, message, randomness) == ciphertext:
            return shared
        return hashlib.shake_256(self._z + ciphertext).digest(32)


class MLKEM512PublicKey(PublicKey):
    """As `cryptography` would have it."""

    @classmethod
    def from_public_bytes(cls, data: bytes) -> Self:
        return cls(ML_KEM_512, data)


class MLKEM512PrivateKey(PrivateKey):
    """As `cryptography` would have it."""

    @classmethod
    def from_seed_bytes(cls, data: bytes) -> Self:
        return cls(ML_KEM_512, data)
