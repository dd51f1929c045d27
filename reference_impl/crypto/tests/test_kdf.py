"""Key derivation against NIST's answers (CAVP, IKEv2), and the parts that those do not touch."""

from dataclasses import astuple

import pytest

from reference_impl.crypto import kdf
from reference_impl.crypto.cipher import cipher
from reference_impl.crypto.integ import integ
from reference_impl.crypto.prf import prf
from reference_impl.crypto.tests.vectors import load
from reference_impl.wire.registries import Encr, Integ, Prf

CASES = load("kdf")["cases"]
CBC = cipher(Encr.AES_CBC, 128)
GCM = cipher(Encr.AES_GCM_16, 256)
SHA1 = integ(Integ.HMAC_SHA1_96)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['prf']}-{len(case['shared']) * 4}-{case['count']}")
def test_nist(case: dict[str, str]) -> None:
    function = prf(Prf[case["prf"]])
    ni, nr, shared, new, spi_i, spi_r = (
        bytes.fromhex(case[name]) for name in ("ni", "nr", "shared", "shared_new", "spi_i", "spi_r")
    )
    seed = kdf.skeyseed(function, ni, nr, shared)
    assert seed.hex() == case["skeyseed"]
    size = len(case["dkm"]) // 2
    assert function.plus(seed, ni + nr + spi_i + spi_r, size).hex() == case["dkm"]
    keys = kdf.ike_keys(function, seed, ni, nr, spi_i, spi_r, CBC, SHA1)
    assert b"".join(astuple(keys))[:size].hex() == case["dkm"][: 2 * len(b"".join(astuple(keys)))]
    for expected, secret in ((case["child"], b""), (case["child_ke"], new)):
        child = kdf.child_keys(function, keys.sk_d, ni, nr, CBC, SHA1, secret)
        assert expected.startswith(b"".join(astuple(child)).hex())
    assert kdf.rekey_skeyseed(function, keys.sk_d, new, ni, nr).hex() == case["rekey"]


@pytest.mark.parametrize("transform", [Prf.AES128_XCBC, Prf.AES128_CMAC])
def test_fixed_key_prfs_take_64_bits_of_each_nonce_for_skeyseed_only(transform: Prf) -> None:
    """RFC 7296, section 2.14: "all the bits are used for input to the prf+ function"."""
    function = prf(transform)
    ni, nr = bytes(range(16, 48)), bytes(range(48, 80))
    seed = kdf.skeyseed(function, ni, nr, b"shared")
    assert seed == function(ni[:8] + nr[:8], b"shared")
    keys = kdf.ike_keys(function, seed, ni, nr, b"i" * 8, b"r" * 8, CBC, SHA1)
    assert keys.sk_d == function(seed, ni + nr + b"i" * 8 + b"r" * 8 + b"\x01")
    assert kdf.rekey_skeyseed(function, keys.sk_d, b"new", ni, nr) == function(keys.sk_d, b"new" + ni + nr)


def test_ike_keys_of_an_aead_cipher_have_salts_and_no_integrity_keys() -> None:
    function = prf(Prf.HMAC_SHA2_384)
    keys = kdf.ike_keys(function, b"s" * 48, b"i" * 32, b"r" * 32, b"I" * 8, b"R" * 8, GCM, None)
    assert [len(key) for key in astuple(keys)] == [48, 0, 0, 36, 36, 48, 48]


def test_child_keys_order() -> None:
    """RFC 7296, section 2.17: initiator to responder first; the encryption key before the integrity key."""
    function = prf(Prf.HMAC_SHA2_256)
    material = function.plus(b"d" * 32, b"nonces", 72)
    child = kdf.child_keys(function, b"d" * 32, b"non", b"ces", CBC, SHA1)
    assert astuple(child) == (material[:16], material[16:36], material[36:52], material[52:72])


def test_keys_are_not_shown() -> None:
    child = kdf.child_keys(prf(Prf.HMAC_SHA1), b"d" * 20, b"n" * 16, b"m" * 16, CBC, SHA1)
    assert child.encr_i.hex() not in repr(child)
    assert repr(child.encr_i) not in repr(child)
