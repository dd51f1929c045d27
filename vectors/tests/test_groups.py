"""The MODP groups' primes are prime and safe, and those of RFC 5114 have the subgroup that they state."""

from __future__ import annotations

import pytest

from reference_impl.crypto import modp
from vectors.adapters import openssl_modp
from vectors.model import DATA, load

CASES = {case.id: case for case in load(DATA / "rfc3526-modp-groups.json").cases}


def probably_prime(number: int, rounds: int) -> bool:
    """Miller–Rabin with the first primes as bases."""
    bases = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29][:rounds]
    if number < 2 or any(number % base == 0 and number != base for base in bases):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def test_the_primality_test_knows_primes_from_composites() -> None:
    assert [n for n in range(60, 110) if probably_prime(n, 5)] == [61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109]
    assert not probably_prime(3215031751, 5)  # strong pseudoprime to the bases 2, 3, 5 and 7
    assert probably_prime(2**521 - 1, 5)
    assert not probably_prime(2**523 - 1, 5)


# One round for the largest: their exponentiations take a second each, and the numbers are no adversary's.
@pytest.mark.parametrize(
    ("bits", "rounds"), [(768, 8), (1024, 8), (1536, 8), (2048, 5), (3072, 3), (4096, 2), (6144, 1), (8192, 1)]
)
def test_a_modp_prime_is_safe_and_its_generator_generates(bits: int, rounds: int) -> None:
    prime = int(str(CASES[str(bits)].expected["prime"]), 16)
    assert prime.bit_length() == bits
    assert prime == openssl_modp.prime(bits)
    assert probably_prime(prime, rounds)
    assert probably_prime((prime - 1) // 2, rounds)
    assert prime % 8 == 7  # so that 2 is a square and generates the subgroup of order (p-1)/2 (RFC 2412, appendix E)


def test_the_references_primes_are_the_published_ones() -> None:
    for bits in modp._OFFSETS:
        assert modp.prime(bits) == int(str(CASES[str(bits)].expected["prime"]), 16)


@pytest.mark.parametrize("name", openssl_modp.SUBGROUPS)
def test_a_group_of_rfc_5114_has_its_subgroup(name: str) -> None:
    prime, generator, order = openssl_modp.SUBGROUPS[name]
    assert probably_prime(prime, 5)
    assert probably_prime(order, 10)
    assert (prime - 1) % order == 0
    assert generator != 1
    assert pow(generator, order, prime) == 1
