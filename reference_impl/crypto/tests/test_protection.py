"""Ciphers against RFC 3602, 3686 and 7634, and against scapy's ESP; then what every Protection must refuse."""

import os

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw

from reference_impl.crypto.cipher import CIPHERS, CipherAlgorithm, cipher
from reference_impl.crypto.errors import CryptoError, IntegrityError, UnsupportedAlgorithm
from reference_impl.crypto.integ import integ
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.tests.vectors import load
from reference_impl.wire.registries import Encr, Integ

SHA256 = integ(Integ.HMAC_SHA2_256_128)
ALL = pytest.mark.parametrize("algorithm", CIPHERS.values(), ids=lambda algorithm: algorithm.name)


def protect(algorithm: CipherAlgorithm) -> Protection:
    mac = None if algorithm.aead else SHA256
    return Protection(algorithm, mac, os.urandom(algorithm.key_size), os.urandom(mac.key_size if mac else 0))


@pytest.mark.parametrize("case", load("ciphers"), ids=lambda case: case["source"])
def test_raw_cipher_vector(case: dict[str, str]) -> None:
    key, iv, plaintext, ciphertext = (bytes.fromhex(case[name]) for name in ("key", "iv", "plaintext", "ciphertext"))
    salt = 4 if case["cipher"] == "AES_CTR" else 0
    protection = Protection(cipher(Encr[case["cipher"]], 8 * (len(key) - salt)), SHA256, key, bytes(32))
    sealed = protection.seal(iv, plaintext, b"before")
    assert sealed[:-16] == ciphertext
    assert sealed[-16:] == SHA256.sign(bytes(32), b"before" + iv + ciphertext)
    assert protection.open(iv, sealed, b"before") == plaintext


def test_chacha20_poly1305_esp_of_rfc7634_appendix_a() -> None:
    plaintext = bytes.fromhex(
        "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f10111213"
        "1415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204"
    )
    sealed = bytes.fromhex(
        "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f7"
        "2aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e0"
        "76aaa8266b7fb0f7b11b369907e1ad43"
    )
    protection = Protection(cipher(Encr.CHACHA20_POLY1305, None), None, bytes([*range(0x80, 0xA4)]), b"")
    iv, aad = bytes(range(0x10, 0x18)), bytes.fromhex("0102030400000005")
    assert protection.seal(iv, plaintext, aad) == sealed
    assert protection.open(iv, sealed, aad) == plaintext


SCAPY = [
    (Encr.AES_GCM_16, 128, "AES-GCM", None, "NULL"),
    (Encr.AES_GCM_16, 256, "AES-GCM", None, "NULL"),
    (Encr.AES_CCM_16, 256, "AES-CCM", None, "NULL"),
    (Encr.CHACHA20_POLY1305, None, "CHACHA20-POLY1305", None, "NULL"),
    (Encr.AES_CTR, 192, "AES-CTR", Integ.HMAC_SHA2_384_192, "SHA2-384-192"),
    (Encr.AES_CBC, 256, "AES-CBC", Integ.HMAC_SHA2_512_256, "SHA2-512-256"),
    (Encr.AES_CBC, 128, "AES-CBC", Integ.HMAC_SHA1_96, "HMAC-SHA1-96"),
    (Encr.AES_CBC, 128, "AES-CBC", Integ.AES_CMAC_96, "AES-CMAC-96"),
    (Encr.TRIPLE_DES, None, "3DES", Integ.HMAC_SHA2_256_128, "SHA2-256-128"),
    (Encr.NULL, None, "NULL", Integ.HMAC_SHA2_256_128, "SHA2-256-128"),
]


@pytest.mark.parametrize(("encr", "bits", "name", "mac", "mac_name"), SCAPY, ids=lambda value: str(value))
def test_opens_what_scapy_seals(encr: Encr, bits: int | None, name: str, mac: Integ | None, mac_name: str) -> None:
    algorithm = cipher(encr, bits)
    integrity = None if mac is None else integ(mac)
    key = bytes(range(1, algorithm.key_size + 1))
    integ_key = bytes(range(100, 100 + (integrity.key_size if integrity else 0)))
    association = SecurityAssociation(  # type: ignore[no-untyped-call]
        ESP, spi=0x1234, crypt_algo=name, crypt_key=key, auth_algo=mac_name, auth_key=integ_key
    )
    packet = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1000, dport=2000) / Raw(b"payload" * 10)
    sealed = association.encrypt(packet, seq_num=7)  # type: ignore[no-untyped-call]
    esp = bytes(sealed[ESP])
    protection = Protection(algorithm, integrity, key, integ_key)
    iv_end = 8 + protection.iv_size
    plaintext = protection.open(esp[8:iv_end], esp[iv_end:], esp[:8])
    assert plaintext.startswith(bytes(packet[UDP])[:6])
    assert b"payload" * 10 in plaintext
    assert protection.seal(esp[8:iv_end], plaintext, esp[:8]) == esp[iv_end:]


@ALL
def test_seal_and_open(algorithm: CipherAlgorithm) -> None:
    protection = protect(algorithm)
    iv, plaintext = os.urandom(protection.iv_size), os.urandom(4 * 16)
    sealed = protection.seal(iv, plaintext, b"aad")
    assert len(sealed) == len(plaintext) + protection.icv_size
    assert protection.overhead == protection.iv_size + protection.icv_size
    assert protection.open(iv, sealed, b"aad") == plaintext


@ALL
def test_any_change_is_noticed(algorithm: CipherAlgorithm) -> None:
    protection = protect(algorithm)
    iv, plaintext = os.urandom(protection.iv_size), os.urandom(32)
    sealed = protection.seal(iv, plaintext, b"aad")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x80
        with pytest.raises(IntegrityError):
            protection.open(iv, bytes(changed), b"aad")
    with pytest.raises(IntegrityError):
        protection.open(iv, sealed, b"axd")
    if iv:
        with pytest.raises(IntegrityError):
            protection.open(bytes([iv[0] ^ 1]) + iv[1:], sealed, b"aad")


@ALL
def test_too_short_is_an_integrity_error(algorithm: CipherAlgorithm) -> None:
    protection = protect(algorithm)
    for size in range(protection.icv_size + 1):
        with pytest.raises(IntegrityError):
            protection.open(bytes(protection.iv_size), bytes(size), b"aad")


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("size", [8, 12])
def test_short_gcm_tags_are_the_start_of_the_long_one(bits: int, size: int) -> None:
    key = os.urandom(bits // 8 + 4)
    whole = Protection(cipher(Encr.AES_GCM_16, bits), None, key, b"").seal(b"12345678", b"text", b"aad")
    short = Protection(cipher(Encr[f"AES_GCM_{size}"], bits), None, key, b"")
    assert short.seal(b"12345678", b"text", b"aad") == whole[: 4 + size]


def test_authentic_but_misaligned_ciphertext_is_refused() -> None:
    protection = Protection(cipher(Encr.AES_CBC, 128), SHA256, bytes(16), bytes(32))
    iv, ciphertext = bytes(16), bytes(17)
    icv = SHA256.sign(bytes(32), b"aad" + iv + ciphertext)
    with pytest.raises(IntegrityError, match="whole blocks"):
        protection.open(iv, ciphertext + icv, b"aad")
    with pytest.raises(CryptoError, match="whole blocks"):
        protection.seal(iv, bytes(17), b"aad")


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CryptoError):
        Protection(cipher(Encr.AES_CBC, 128), None, bytes(16), b"")
    with pytest.raises(CryptoError):
        Protection(cipher(Encr.AES_GCM_16, 128), SHA256, bytes(20), bytes(32))
    with pytest.raises(CryptoError):
        Protection(cipher(Encr.AES_GCM_16, 128), None, bytes(16), b"")
    with pytest.raises(CryptoError):
        Protection(cipher(Encr.AES_CBC, 128), SHA256, bytes(16), bytes(20))


@pytest.mark.parametrize(
    ("encr", "bits"),
    [
        (Encr.AES_CBC, None),
        (Encr.AES_CBC, 160),
        (Encr.AES_GCM_16, 512),
        (Encr.CHACHA20_POLY1305, 256),
        (Encr.TRIPLE_DES, 192),
        (Encr.DES, 64),
        (Encr.DES_IV64, None),
        (Encr.RC5, 128),
        (Encr(4711), 128),
    ],
)
def test_unknown_transform_or_key_length(encr: Encr, bits: int | None) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        cipher(encr, bits)
