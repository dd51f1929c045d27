"""Camellia-CTR against RFC 5528; the CCM around Camellia against OpenSSL's around AES."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from reference_impl.crypto import camellia
from reference_impl.crypto.camellia import CamelliaCcm, CamelliaCtr


def test_rfc_5528_section_4_1_test_vector_2() -> None:
    key = bytes.fromhex("7e24067817fae0d743d6ce1f32539163006cb6db")
    sealed = CamelliaCtr(key).encrypt(bytes.fromhex("c0543b59da48d90b"), bytes(range(32)))
    assert sealed.hex() == "dbf3c78dc08396d4da7c907765bbcb442b8e8e0f31f0dca72c7417e35360e048"
    assert CamelliaCtr(key).decrypt(bytes.fromhex("c0543b59da48d90b"), sealed) == bytes(range(32))


@pytest.mark.parametrize("tag_size", [8, 12, 16])
@pytest.mark.parametrize("nonce_size", [7, 11, 13])
@pytest.mark.parametrize("aad_size", [0, 1, 8, 14, 15, 0xFEFF, 0xFF00])
def test_the_ccm_construction_is_openssls(
    aad_size: int, nonce_size: int, tag_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camellia, "Camellia", algorithms.AES)
    key, nonce, aad = bytes(range(16)), bytes(range(nonce_size)), b"a" * aad_size
    ours, theirs = CamelliaCcm(key, tag_size), AESCCM(key, tag_size)
    for size in (0, 1, 15, 16, 17, 64):
        data = bytes(range(size))
        sealed = ours.encrypt(nonce, data, aad)
        assert sealed == theirs.encrypt(nonce, data, aad)
        assert ours.decrypt(nonce, sealed, aad) == data


def test_ccm_refuses() -> None:
    ccm = CamelliaCcm(bytes(16), 16)
    sealed = ccm.encrypt(bytes(11), b"data", b"aad")
    for wrong in (sealed[:-1], sealed[:15], b"", bytes((sealed[0] ^ 1,)) + sealed[1:]):
        with pytest.raises(InvalidTag):
            ccm.decrypt(bytes(11), wrong, b"aad")
    with pytest.raises(InvalidTag):
        ccm.decrypt(bytes(11), sealed, b"aae")
    for size in (6, 14):
        with pytest.raises(ValueError, match="nonce"):
            ccm.encrypt(bytes(size), b"", b"")
