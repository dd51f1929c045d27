"""PRFs and integrity algorithms against RFC 2202, 4231, 4868, 3566, 4434, 4493, 4494 and 4615."""

import pytest

from reference_impl.crypto.errors import CryptoError, IntegrityError, UnsupportedAlgorithm
from reference_impl.crypto.integ import INTEGS, integ
from reference_impl.crypto.prf import PRFS, prf
from reference_impl.crypto.tests.vectors import load
from reference_impl.wire.registries import Integ, Prf

CASES = load("macs")


def ids(case: dict[str, str]) -> str:
    return f"{case['algorithm']} {case['source']}"


@pytest.mark.parametrize("case", [case for case in CASES if case["algorithm"] in Prf.__members__], ids=ids)
def test_prf_vector(case: dict[str, str]) -> None:
    function = prf(Prf[case["algorithm"]])
    assert function(bytes.fromhex(case["key"]), bytes.fromhex(case["data"])).hex() == case["output"]


@pytest.mark.parametrize("case", [case for case in CASES if case["algorithm"] in Integ.__members__], ids=ids)
def test_integ_vector(case: dict[str, str]) -> None:
    algorithm = integ(Integ[case["algorithm"]])
    key, data, icv = (bytes.fromhex(case[name]) for name in ("key", "data", "output"))
    assert algorithm.sign(key, data) == icv
    algorithm.verify(key, data, icv)
    for wrong in (icv[:-1], icv + b"\0", b"", bytes([icv[0] ^ 1]) + icv[1:]):
        with pytest.raises(IntegrityError):
            algorithm.verify(key, data, wrong)


def test_every_algorithm_has_a_vector() -> None:
    tested = {case["algorithm"] for case in CASES}
    # RFC 2403 and 2404 define these two by truncation; RFC 2202, test case 5 gives their values.
    assert {algorithm.name for algorithm in (*PRFS, *INTEGS)} - tested == {"HMAC_SHA1_96", "HMAC_MD5_96"}


def test_hmac_sha1_96_and_hmac_md5_96() -> None:
    icv = integ(Integ.HMAC_SHA1_96).sign(b"\x0c" * 20, b"Test With Truncation")
    assert icv.hex() == "4c1a03424b55e07fe7f27be1"
    icv = integ(Integ.HMAC_MD5_96).sign(b"\x0c" * 16, b"Test With Truncation")
    assert icv.hex() == "56461ef2342edc00f9bab995"


@pytest.mark.parametrize("algorithm", INTEGS.values(), ids=lambda algorithm: algorithm.name)
def test_integ_sizes(algorithm: object) -> None:
    assert len(algorithm.sign(bytes(algorithm.key_size), b"x")) == algorithm.icv_size  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", PRFS.values(), ids=lambda function: function.name)
def test_prf_plus_is_the_chain_of_rfc7296_2_13(function: object) -> None:
    key, seed = b"k" * 16, b"seed"
    first = function(key, seed + b"\x01")  # type: ignore[operator]
    second = function(key, first + seed + b"\x02")  # type: ignore[operator]
    third = function(key, second + seed + b"\x03")  # type: ignore[operator]
    size = 2 * len(first) + 1
    assert function.plus(key, seed, size) == (first + second + third)[:size]  # type: ignore[attr-defined]


def test_prf_plus_stops_at_255_blocks() -> None:
    function = prf(Prf.HMAC_SHA1)
    assert len(function.plus(b"k", b"s", 255 * 20)) == 255 * 20
    with pytest.raises(CryptoError):
        function.plus(b"k", b"s", 255 * 20 + 1)


def test_unknown_transforms() -> None:
    with pytest.raises(UnsupportedAlgorithm):
        prf(Prf.HMAC_TIGER)
    with pytest.raises(UnsupportedAlgorithm):
        prf(Prf(4711))
    with pytest.raises(UnsupportedAlgorithm):
        integ(Integ.NONE)
