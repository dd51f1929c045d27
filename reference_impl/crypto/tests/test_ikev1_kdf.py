"""IKEv1 key derivation: NIST's answers, and the parts they leave out against the RFC's formulas written out."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from reference_impl.crypto import ikev1_kdf
from reference_impl.crypto.ikev1_kdf import HASHES

NIST = Path(__file__).parents[3] / "vectors" / "data"
BY_NAME = {f"HMAC-{algorithm.name}": algorithm for algorithm in HASHES.values()}
SHA1, MD5 = HASHES[2], HASHES[1]


def _nist(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((NIST / f"nist-cavs-ikev1-{name}.json").read_text(encoding="utf-8"))[
        "cases"
    ]
    return cases


@pytest.mark.parametrize("name", ["psk", "sig"])
def test_nist(name: str) -> None:
    cases = _nist(name)
    assert len(cases) > 50
    for case in cases:
        values = {key: bytes.fromhex(value) for key, value in case["inputs"].items() if key != "prf"}
        algorithm = BY_NAME[case["inputs"]["prf"]]
        ni, nr, shared = values["ni"], values["nr"], values["shared"]
        if name == "psk":
            first = ikev1_kdf.skeyid_psk(algorithm, values["psk"], ni, nr)
        else:
            first = ikev1_kdf.skeyid_signature(algorithm, ni, nr, shared)
        keys = ikev1_kdf.skeyids(algorithm, first, shared, values["cky_i"], values["cky_r"])
        expected = case["expected"]
        assert [keys.skeyid.hex(), keys.d.hex(), keys.a.hex(), keys.e.hex()] == [
            expected[key] for key in ("skeyid", "skeyid_d", "skeyid_a", "skeyid_e")
        ]


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha1")


def test_a_key_that_fits_is_the_beginning_of_skeyid_e() -> None:
    skeyid_e = bytes(range(20))
    assert ikev1_kdf.encryption_key(SHA1, skeyid_e, 16) == skeyid_e[:16]
    assert ikev1_kdf.encryption_key(SHA1, skeyid_e, 20) == skeyid_e


def test_a_longer_key_is_fed_back_from_a_zero_octet() -> None:
    skeyid_e = bytes(range(20))
    first = _mac(skeyid_e, b"\0")
    assert ikev1_kdf.encryption_key(SHA1, skeyid_e, 32) == (first + _mac(skeyid_e, first))[:32]
    second = _mac(skeyid_e, first)
    assert ikev1_kdf.encryption_key(SHA1, skeyid_e, 56) == (first + second + _mac(skeyid_e, second))[:56]


def test_ivs_are_one_block_of_a_hash() -> None:
    assert ikev1_kdf.phase1_iv(MD5, b"initiator", b"responder", 8) == hashlib.md5(b"initiatorresponder").digest()[:8]
    last = bytes(range(16))
    assert ikev1_kdf.phase2_iv(SHA1, last, b"\1\2\3\4") == hashlib.sha1(last + b"\1\2\3\4").digest()[:16]


def test_hash_i_and_hash_r_mirror_each_other() -> None:
    end_i, end_r = (b"KEi", b"CKYi"), (b"KEr", b"CKYr")
    assert ikev1_kdf.phase1_hash(SHA1, b"k", end_i, end_r, b"SA", b"ID") == _mac(b"k", b"KEiKErCKYiCKYrSAID")
    assert ikev1_kdf.phase1_hash(SHA1, b"k", end_r, end_i, b"SA", b"ID") == _mac(b"k", b"KErKEiCKYrCKYiSAID")


def test_quick_mode_hashes() -> None:
    assert ikev1_kdf.hash_1(SHA1, b"k", b"MID!", b"payloads") == _mac(b"k", b"MID!payloads")
    assert ikev1_kdf.hash_2(SHA1, b"k", b"MID!", b"Ni", b"payloads") == _mac(b"k", b"MID!Nipayloads")
    assert ikev1_kdf.hash_3(SHA1, b"k", b"MID!", b"Ni", b"Nr") == _mac(b"k", b"\0MID!NiNr")


@pytest.mark.parametrize("shared", [b"", b"g(qm)^xy"])
def test_keymat_is_fed_back_with_its_seed(shared: bytes) -> None:
    seed = shared + b"\3SPI!NiNr"
    first = _mac(b"d", seed)
    second = _mac(b"d", first + seed)
    made = ikev1_kdf.keymat(SHA1, b"d", 3, b"SPI!", b"Ni", b"Nr", 45, shared)
    assert made == (first + second + _mac(b"d", second + seed))[:45]


def test_public_key_encryption_keys_skeyid_with_a_hash_of_the_nonces() -> None:
    made = ikev1_kdf.skeyid_encryption(SHA1, b"Ni", b"Nr", b"CKYi", b"CKYr")
    assert made == _mac(hashlib.sha1(b"NiNr").digest(), b"CKYiCKYr")


def test_nat_d() -> None:
    made = ikev1_kdf.nat_d(SHA1, b"CKYi", b"CKYr", bytes([10, 0, 0, 1]), 4500)
    assert made == hashlib.sha1(b"CKYiCKYr\x0a\x00\x00\x01\x11\x94").digest()


def test_secrets_stay_out_of_texts() -> None:
    assert "736563" not in repr(ikev1_kdf.Skeyids(b"sec", b"sec", b"sec", b"sec"))
    assert "sec" not in repr(ikev1_kdf.Skeyids(b"sec", b"sec", b"sec", b"sec"))
