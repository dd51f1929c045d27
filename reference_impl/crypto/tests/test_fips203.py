"""ML-KEM in plain integers, against kyber-py and, where it has the parameter set, OpenSSL."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024  # type: ignore[import-untyped]

from reference_impl.crypto import fips203
from reference_impl.crypto.fips203 import Parameters, PrivateKey, encapsulate

SETS = pytest.mark.parametrize(
    ("parameters", "other"),
    [(fips203.ML_KEM_512, ML_KEM_512), (fips203.ML_KEM_768, ML_KEM_768), (fips203.ML_KEM_1024, ML_KEM_1024)],
    ids=lambda value: getattr(value, "name", ""),
)
SEED = hashlib.shake_128(b"seed").digest(64)
MESSAGE = hashlib.shake_128(b"message").digest(32)


@SETS
def test_kyber_py_gives_the_same(parameters: Parameters, other: type) -> None:
    key = PrivateKey(parameters, SEED)
    public, private = other.key_derive(SEED)  # type: ignore[attr-defined]
    assert key.public_key().public_bytes_raw() == public
    assert len(public) == parameters.public_size
    shared, ciphertext = encapsulate(parameters, public, MESSAGE)
    assert (shared, ciphertext) == other._encaps_internal(public, MESSAGE)  # type: ignore[attr-defined]
    assert len(ciphertext) == parameters.ciphertext_size
    assert key.decapsulate(ciphertext) == shared
    for place in (0, len(ciphertext) // 2, len(ciphertext) - 1):
        altered = bytearray(ciphertext)
        altered[place] ^= 1
        rejected = key.decapsulate(bytes(altered))
        assert rejected == other.decaps(private, bytes(altered))  # type: ignore[attr-defined]
        assert rejected != shared


def test_openssl_gives_the_same() -> None:
    for parameters, kind in (
        (fips203.ML_KEM_768, mlkem.MLKEM768PrivateKey),
        (fips203.ML_KEM_1024, mlkem.MLKEM1024PrivateKey),
    ):
        theirs, ours = kind.from_seed_bytes(SEED), PrivateKey(parameters, SEED)
        assert theirs.public_key().public_bytes_raw() == ours.public_key().public_bytes_raw()
        shared, ciphertext = theirs.public_key().encapsulate()
        assert ours.decapsulate(ciphertext) == shared
        shared, ciphertext = ours.public_key().encapsulate()
        assert theirs.decapsulate(ciphertext) == shared


@SETS
def test_what_section_7_refuses(parameters: Parameters, other: object) -> None:
    public = PrivateKey(parameters, SEED).public_key().public_bytes_raw()
    for wrong in (b"", public[:-1], public + b"\0", b"\xff" * len(public), b"\x01\x0d" + public[2:]):
        with pytest.raises(ValueError, match="encapsulation key"):
            encapsulate(parameters, wrong, MESSAGE)
    with pytest.raises(ValueError, match="randomness"):
        encapsulate(parameters, public, MESSAGE[:-1])
    with pytest.raises(ValueError, match="ciphertext"):
        PrivateKey(parameters, SEED).decapsulate(bytes(parameters.ciphertext_size - 1))
    with pytest.raises(ValueError, match="seed"):
        PrivateKey(parameters, SEED[:-1])
