"""Key exchange against RFC 2409, 3526, 5903, 6954, 7748 and 8031, kyber-py, and the recipient tests of RFC 6989."""

import contextlib
import time

import pytest
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024  # type: ignore[import-untyped]

from reference_impl.crypto import brainpool224, ke, modp
from reference_impl.crypto.errors import CryptoError, InvalidPublicValue, UnsupportedAlgorithm
from reference_impl.crypto.tests.vectors import load
from reference_impl.wire.registries import Group

VECTORS = load("groups")
MODP = {768: 1, 1024: 2, 1536: 5, 2048: 14, 3072: 15, 4096: 16, 6144: 17, 8192: 18}
EVERY = pytest.mark.parametrize("group", ke.METHODS, ids=lambda group: group.name)
CURVES = [
    Group.ECP_192,
    Group.ECP_224,
    Group.ECP_256,
    Group.ECP_384,
    Group.ECP_521,
    Group.BRAINPOOL_P224R1,
    Group.BRAINPOOL_P256R1,
    Group.BRAINPOOL_P384R1,
    Group.BRAINPOOL_P512R1,
]
FIELDS = {
    Group.ECP_192: 2**192 - 2**64 - 1,
    Group.ECP_224: 2**224 - 2**96 + 1,
    Group.ECP_256: 2**256 - 2**224 + 2**192 + 2**96 - 1,
    Group.ECP_384: 2**384 - 2**128 - 2**96 + 2**32 - 1,
    Group.ECP_521: 2**521 - 1,
    Group.BRAINPOOL_P224R1: brainpool224.P,
}


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: f"{case['group']} {case['source']}")
def test_vector(case: dict[str, str]) -> None:
    group = Group[case["group"]]
    private_i, public_i, private_r, public_r, shared = (
        bytes.fromhex(case[name]) for name in ("private_i", "public_i", "private_r", "public_r", "shared")
    )
    ours = ke.key_exchange(group, private=private_i)
    assert ours.public == public_i
    assert ours.shared(public_r) == shared
    assert ke.respond(group, public_i, private=private_r) == (public_r, shared)


@pytest.mark.parametrize("case", load("primes"), ids=lambda case: str(case["bits"]))
def test_modp_prime(case: dict[str, str]) -> None:
    assert f"{modp.prime(int(case['bits'])):x}" == case["prime"]


@EVERY
def test_both_sides_agree(group: Group) -> None:
    ours = ke.key_exchange(group)
    public, shared = ke.respond(group, ours.public)
    assert ours.shared(public) == shared
    assert len(ours.public) == ke.public_size(group)
    assert len(public) == ke.public_size(group, response=True)


@EVERY
def test_wrong_length(group: Group) -> None:
    ours = ke.key_exchange(group)
    public, _ = ke.respond(group, ours.public)
    for wrong in (b"", public[:-1], public + b"\0", b"\0" + public):
        with pytest.raises(InvalidPublicValue):
            ours.shared(wrong)


@EVERY
def test_private_value_comes_from_rng_alone(group: Group) -> None:
    def rng(size: int) -> bytes:
        return bytes(range(7, 7 + size))

    assert ke.key_exchange(group, rng=rng).public == ke.key_exchange(group, rng=rng).public
    assert ke.key_exchange(group, rng=rng).public != ke.key_exchange(group).public


@pytest.mark.parametrize("bits", MODP)
def test_modp_range(bits: int) -> None:
    """RFC 6989, section 2.1: 1 < r < p-1."""
    prime, size = modp.prime(bits), bits // 8
    ours = ke.key_exchange(Group(MODP[bits]), private=b"\x05")
    for value in (0, 1, prime - 1, prime, prime + 1, 2**bits - 1):
        with pytest.raises(InvalidPublicValue):
            ours.shared(value.to_bytes(size, "big"))
    assert ours.shared((2).to_bytes(size, "big")) == (32).to_bytes(size, "big")
    assert ours.shared((prime - 2).to_bytes(size, "big")) == (prime - 32).to_bytes(size, "big")


@pytest.mark.parametrize("group", CURVES, ids=lambda group: group.name)
def test_points_off_the_curve(group: Group) -> None:
    ours = ke.key_exchange(group)
    good, _ = ke.respond(group, ours.public)
    half = len(good) // 2
    flipped = bytes([*good[:-1], good[-1] ^ 1])
    for wrong in (flipped, bytes(len(good)), good[half:] + good[:half], b"\xff" * len(good), good[:half] * 2):
        with pytest.raises(InvalidPublicValue):
            ours.shared(wrong)


@pytest.mark.parametrize("group", FIELDS, ids=lambda group: group.name)
def test_coordinates_that_are_not_reduced(group: Group) -> None:
    """x + p is the same field element, but FieldElement-to-OctetString (RFC 5903, section 7) never yields it."""
    ours = ke.key_exchange(group)
    size = ke.public_size(group) // 2
    for scalar in range(1, 400):
        public = ke.key_exchange(group, private=scalar.to_bytes(size, "big")).public
        x = int.from_bytes(public[:size], "big") + FIELDS[group]
        if x.bit_length() <= 8 * size:
            with pytest.raises(InvalidPublicValue):
                ours.shared(x.to_bytes(size, "big") + public[size:])
            return
    # No small multiple has such an x: p is too near to the power of two. Any x >= p must do.
    with pytest.raises(InvalidPublicValue):
        ours.shared(FIELDS[group].to_bytes(size, "big") + public[size:])


@pytest.mark.parametrize("low", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_x25519_all_zero_result(low: int) -> None:
    with pytest.raises(InvalidPublicValue, match="all zero"):
        ke.key_exchange(Group.CURVE25519).shared(low.to_bytes(32, "little"))


@pytest.mark.parametrize("low", [0, 1, 2**448 - 2**224 - 2, 2**448 - 2**224 - 1])
def test_x448_all_zero_result(low: int) -> None:
    with pytest.raises(InvalidPublicValue, match="all zero"):
        ke.key_exchange(Group.CURVE448).shared(low.to_bytes(56, "little"))


def test_x25519_accepts_what_rfc8031_says_must_be_accepted() -> None:
    """RFC 8031, section 3.2: mask the most significant bit, accept non-canonical values."""
    ours = ke.key_exchange(Group.CURVE25519)
    peer = ke.key_exchange(Group.CURVE25519).public
    assert ours.shared(peer[:-1] + bytes([peer[-1] | 0x80])) == ours.shared(peer)
    nine_again = (9 + 2**255 - 19).to_bytes(32, "little")
    assert ours.shared(nine_again) == ours.public


def test_brainpool_p224_parameters() -> None:
    assert brainpool224.on_curve(*brainpool224.GENERATOR)
    assert brainpool224.multiply(brainpool224.ORDER, brainpool224.GENERATOR) is None
    minus = brainpool224.multiply(brainpool224.ORDER - 1, brainpool224.GENERATOR)
    assert minus == (brainpool224.GENERATOR[0], brainpool224.P - brainpool224.GENERATOR[1])


@pytest.mark.parametrize("group", CURVES, ids=lambda group: group.name)
def test_impossible_private_value(group: Group) -> None:
    for private in (b"\0", b"\xff" * 80):
        with pytest.raises(CryptoError):
            ke.key_exchange(group, private=private)


@pytest.mark.parametrize(
    ("group", "other"),
    [(Group.ML_KEM_512, ML_KEM_512), (Group.ML_KEM_768, ML_KEM_768), (Group.ML_KEM_1024, ML_KEM_1024)],
    ids=["512", "768", "1024"],
)
def test_ml_kem_against_kyber_py(group: Group, other: object) -> None:
    seed = bytes(range(64))
    ours = ke.key_exchange(group, private=seed)
    encapsulation_key, decapsulation_key = other._keygen_internal(seed[:32], seed[32:])  # type: ignore[attr-defined]
    assert ours.public == encapsulation_key
    secret, ciphertext = other.encaps(ours.public)  # type: ignore[attr-defined]
    assert ours.shared(ciphertext) == secret
    ciphertext, secret = ke.respond(group, encapsulation_key)
    assert other.decaps(decapsulation_key, ciphertext) == secret  # type: ignore[attr-defined]


def test_ml_kem_encapsulation_key_check() -> None:
    """FIPS 203, section 7.2: coefficients of q or more are refused."""
    with pytest.raises(InvalidPublicValue):
        ke.respond(Group.ML_KEM_768, b"\xff" * 1184)


def test_unsupported_group() -> None:
    for group in (Group.NONE, Group.GOST3410_2012_256, Group(4711)):
        with pytest.raises(UnsupportedAlgorithm):
            ke.key_exchange(group)
        with pytest.raises(UnsupportedAlgorithm):
            ke.public_size(group)


def test_a_refused_value_costs_a_responder_no_exponentiation() -> None:
    """Who floods with bad values must not keep it busy: a hundred of them take less than one exchange."""

    def seconds(peer: bytes, count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            with contextlib.suppress(InvalidPublicValue):
                ke.respond(Group.MODP_8192, peer)
        return time.perf_counter() - start

    good = ke.key_exchange(Group.MODP_8192).public
    assert seconds(good[1:], 100) < seconds(good, 1)
    assert seconds(bytes(1024), 100) < seconds(good, 1)
