"""MODP Diffie-Hellman groups: the primes of RFC 2409 and RFC 3526, in Python integers.

`cryptography` has deprecated finite-field Diffie-Hellman, so the exponentiation is `pow`; it is not constant time.
"""

from functools import cache

from reference_impl.crypto.errors import InvalidPublicValue

GENERATOR = 2

# k in p = 2^N - 2^(N-64) - 1 + 2^64 * (floor(2^(N-130) * pi) + k): RFC 2409, 6.1 and 6.2; RFC 3526, 2 to 7.
_OFFSETS = {
    768: 149686,
    1024: 129093,
    1536: 741804,
    2048: 124476,
    3072: 1690314,
    4096: 240904,
    6144: 929484,
    8192: 4743158,
}


@cache
def prime(bits: int) -> int:
    """The prime of the MODP group of this size in bits."""
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((_pi(bits - 130) + _OFFSETS[bits]) << 64)


def _pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula."""
    guard = 64
    unit = 1 << (bits + guard)
    return (16 * _arctan_inverse(5, unit) - 4 * _arctan_inverse(239, unit)) >> guard


def _arctan_inverse(x: int, unit: int) -> int:
    total = term = unit // x
    divisor, sign = 3, -1
    while term:
        term //= x * x
        total += sign * (term // divisor)
        divisor, sign = divisor + 2, -sign
    return total


class ModpExchange:
    """One side of an exchange in a MODP group; values are big-endian, as long as the prime (RFC 7296, 3.4)."""

    __slots__ = ("_exponent", "_prime", "_public", "_size")

    def __init__(self, bits: int, private: bytes) -> None:
        self._prime = prime(bits)
        self._size = bits // 8
        self._exponent = int.from_bytes(private, "big")
        self._public = b""

    @property
    def public(self) -> bytes:
        """g^i, computed when it is asked for: a responder first looks at what the peer sent."""
        self._public = self._public or self._encode(GENERATOR)
        return self._public

    def _encode(self, base: int) -> bytes:
        return pow(base, self._exponent, self._prime).to_bytes(self._size, "big")

    def shared(self, peer: bytes) -> bytes:
        """g^ir. Raises InvalidPublicValue unless r has the prime's length and 1 < r < p-1 (RFC 6989, 2.1)."""
        if len(peer) != self._size:
            raise InvalidPublicValue(f"public value has {len(peer)} octets, the group's have {self._size}")
        value = int.from_bytes(peer, "big")
        if not 1 < value < self._prime - 1:
            raise InvalidPublicValue("public value r is not in the range 1 < r < p-1")
        return self._encode(value)
