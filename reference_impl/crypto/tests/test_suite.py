"""Suites and their keywords."""

import pytest

from reference_impl.crypto.cipher import CIPHERS
from reference_impl.crypto.errors import UnsupportedAlgorithm
from reference_impl.crypto.integ import INTEGS
from reference_impl.crypto.ke import METHODS
from reference_impl.crypto.prf import PRFS
from reference_impl.crypto.suite import (
    ENCR_KEYWORDS,
    GROUP_KEYWORDS,
    INTEG_KEYWORDS,
    PRF_KEYWORDS,
    EspSuite,
    IkeSuite,
    parse_esp,
    parse_ike,
)
from reference_impl.wire.registries import Encr, Group, Integ, Prf


@pytest.mark.parametrize(
    ("text", "suite"),
    [
        (
            "aes256gcm16-prfsha384-ecp384",
            IkeSuite(Encr.AES_GCM_16, 256, Integ.NONE, Prf.HMAC_SHA2_384, Group.ECP_384),
        ),
        (
            "aes128-sha256-modp2048",
            IkeSuite(Encr.AES_CBC, 128, Integ.HMAC_SHA2_256_128, Prf.HMAC_SHA2_256, Group.MODP_2048),
        ),
        (
            "aes128-sha256-prfsha1-modp1024",
            IkeSuite(Encr.AES_CBC, 128, Integ.HMAC_SHA2_256_128, Prf.HMAC_SHA1, Group.MODP_1024),
        ),
        (
            "chacha20poly1305-prfsha256-curve25519",
            IkeSuite(Encr.CHACHA20_POLY1305, None, Integ.NONE, Prf.HMAC_SHA2_256, Group.CURVE25519),
        ),
        ("aes192-aesxcbc-ecp224bp", IkeSuite(Encr.AES_CBC, 192, Integ.AES_XCBC_96, Prf.AES128_XCBC, Group(27))),
        ("3des-aescmac-modp1536", IkeSuite(Encr.TRIPLE_DES, None, Integ.AES_CMAC_96, Prf.AES128_CMAC, Group(5))),
    ],
)
def test_ike(text: str, suite: IkeSuite) -> None:
    assert parse_ike(text) == suite
    assert str(suite) == text


@pytest.mark.parametrize(
    ("text", "suite"),
    [
        ("aes256gcm16", EspSuite(Encr.AES_GCM_16, 256)),
        ("aes128-sha1", EspSuite(Encr.AES_CBC, 128, Integ.HMAC_SHA1_96)),
        (
            "aes128-sha256-modp2048-esn",
            EspSuite(Encr.AES_CBC, 128, Integ.HMAC_SHA2_256_128, True, Group.MODP_2048),
        ),
        ("null-sha256", EspSuite(Encr.NULL, None, Integ.HMAC_SHA2_256_128)),
        ("aes128gmac", EspSuite(Encr.NULL_AUTH_AES_GMAC, 128)),
    ],
)
def test_esp(text: str, suite: EspSuite) -> None:
    assert parse_esp(text) == suite
    assert str(suite) == text


def test_other_spellings() -> None:
    assert parse_ike(" AES-SHA2_256-X25519 ") == parse_ike("aes128-sha256-curve25519")
    assert parse_esp("aes256gcm128-noesn") == parse_esp("aes256gcm16")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("aes256gcm16-ecp384", "PRF"),
        ("aes128-modp2048", "integrity"),
        ("aes128-sha256", "key exchange"),
        ("aes256gcm16-sha256-prfsha256-ecp256", "combined-mode"),
        ("null-sha256-modp2048", "NULL"),
        ("aes128-sha256-modp2048-esn", "'esn'"),
        ("aes128-sha256-modp2048-modp3072", "'modp3072'"),
        ("aes512-sha256-modp2048", "encryption"),
        ("", "encryption"),
    ],
)
def test_refused_ike(text: str, word: str) -> None:
    with pytest.raises(UnsupportedAlgorithm, match=word):
        parse_ike(text)


@pytest.mark.parametrize(
    "text", ["aes128", "aes128-sha256-esn-noesn", "aes128gcm16-prfsha256", "sha256", "aes128--sha1"]
)
def test_refused_esp(text: str) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        parse_esp(text)


def test_every_algorithm_has_a_keyword() -> None:
    assert set(ENCR_KEYWORDS.values()) == set(CIPHERS)
    assert set(INTEG_KEYWORDS.values()) == set(INTEGS)
    assert set(PRF_KEYWORDS.values()) == set(PRFS)
    assert set(GROUP_KEYWORDS.values()) == set(METHODS)
