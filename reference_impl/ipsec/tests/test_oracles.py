"""Whole ESP packets against published ones, scapy (both directions) and tshark."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation

from reference_impl.crypto.suite import EspSuite, parse_esp
from reference_impl.ipsec import esp, transport
from reference_impl.ipsec.sa import EspMode, InboundSa, OutboundSa
from reference_impl.ipsec.tunnel import Outer, tunnel_packet
from reference_impl.wire.ip import build_icmp_echo, build_udp
from reference_impl.wire.registries import Encr, Integ

SPI = 0x1234ABCD
LOCAL, REMOTE = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
PING4 = build_icmp_echo("10.1.0.1", "10.2.0.1", 1, 2, b"x" * 57)
PING6 = build_icmp_echo("2001:db8:1::1", "2001:db8:2::1", 1, 2, b"x" * 60)

# RFC 3602 section 4, cases 5 to 8: key, SPI, sequence, IV, mode, packet, ESP packet without ICV
RFC3602 = [
    (
        "90d382b410eeba7ad938c46cec1a82bf", 0x4321, 1, EspMode.TRANSPORT,
        "4500005408f200004001f9fec0a87b03c0a87b64"
        "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
        "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637",
        "0000432100000001e96e8c08ab465763fd098d45dd3ff893"
        "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
        "a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
        "a269add047ad2d5913ac19b7cfbad4a6",
    ),
    (
        "90d382b410eeba7ad938c46cec1a82bf", 0x4321, 8, EspMode.TRANSPORT,
        "4500003008fe00004001fa16c0a87b03c0a87b64"
        "0800b5e8a80a0500a69c083d0b660e00777777777777777777777777",
        "000043210000000869d08df7d203329db093fc4924e5bd80"
        "f51995881ec4e0c4488987ce742e8109689bb379d2d750c0d915dca346a89f75",
    ),
    (
        "0123456789abcdef0123456789abcdef", 0x8765, 2, EspMode.TUNNEL,
        "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d"
        "02a2040008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
        "2425262728292a2b2c2d2e2f3031323334353637",
        "0000876500000002f4e765244f6407adf13dc1380f673f37"
        "773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a93013c1b0ea1a0cf70f8"
        "e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5"
        "c177f132ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d",
    ),
    (
        "0123456789abcdef0123456789abcdef", 0x8765, 5, EspMode.TUNNEL,
        "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083d"
        "a3de0300" + "ff" * 32,
        "000087650000000585d47224b5f3dd5d2101d4ea8dffab22"
        "15b92683819596a8047232cc00f7048fe45318e11f8a0f62ede3c3fc61203bb5"
        "0f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3"
        "d2726d9b5ef6affc6d17a0decbb13892",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "spi", "sequence", "mode", "packet", "expected"), RFC3602)
def test_rfc_3602_packets(key: str, spi: int, sequence: int, mode: EspMode, packet: str, expected: str) -> None:
    transform = esp.transform(spi, parse_esp("aes128-sha1"), bytes.fromhex(key), bytes(20), esn=False)
    wanted, clear = bytes.fromhex(expected), bytes.fromhex(packet)
    payload, next_header = (clear, 4) if mode is EspMode.TUNNEL else (clear[20:], clear[9])
    plaintext = payload + esp.trailers(16, next_header)[len(payload) % 16]
    sealed = transform.seal(sequence, plaintext, iv=wanted[8:24])
    assert sealed[:-12] == wanted
    outer = Outer(clear[12:16], clear[16:20])
    opened = InboundSa(transform, mode).decapsulate(sealed, outer)
    assert opened[20:] == clear[20:]


def test_rfc_7634_packet() -> None:
    """Appendix A: a tunnel-mode packet under ChaCha20-Poly1305."""
    keymat = bytes(range(0x80, 0xA4))
    clear = bytes.fromhex(
        "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
        "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
        "2425262728292a2b2c2d2e2f3031323334353637"
    )
    packet = bytes.fromhex(
        "4500008c234500004032de5bcb007199cb007105010203040000000510111213"
        "1415161724039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef"
        "407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2fac"
        "c638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa826"
        "6b7fb0f7b11b369907e1ad43"
    )
    transform = esp.transform(0x01020304, parse_esp("chacha20poly1305"), keymat, esn=False)
    sealed = transform.seal(5, clear + esp.trailers(4, 4)[len(clear) % 4], iv=bytes(range(0x10, 0x18)))
    outer = tunnel_packet(sealed, clear, packet[12:16], packet[16:20], identification=0x2345)
    assert outer == packet
    assert InboundSa(transform).decapsulate(packet[20:]) == clear


SCAPY_SUITES = [
    ("aes128gcm16", "AES-GCM", "NULL"),
    ("aes256gcm16", "AES-GCM", "NULL"),
    ("aes128ccm16", "AES-CCM", "NULL"),
    ("chacha20poly1305", "CHACHA20-POLY1305", "NULL"),
    ("aes128-sha1", "AES-CBC", "HMAC-SHA1-96"),
    ("aes256-sha256", "AES-CBC", "SHA2-256-128"),
    ("aes256-sha384", "AES-CBC", "SHA2-384-192"),
    ("aes128-sha512", "AES-CBC", "SHA2-512-256"),
    ("aes128ctr-sha256", "AES-CTR", "SHA2-256-128"),
    ("aes128-aescmac", "AES-CBC", "AES-CMAC-96"),
    ("null-sha256", "NULL", "SHA2-256-128"),
    ("3des-sha1", "3DES", "HMAC-SHA1-96"),
]


def keys(suite: EspSuite) -> tuple[bytes, bytes]:
    integ = suite.integ_algorithm()
    enc_key = bytes(range(1, 1 + suite.cipher_algorithm().key_size))
    return enc_key, bytes(range(100, 100 + integ.key_size)) if integ else b""


def scapy_sa(suite: EspSuite, encryption: str, authentication: str, **options: Any) -> SecurityAssociation:
    enc_key, integ_key = keys(suite)
    return SecurityAssociation(  # type: ignore[no-untyped-call]
        ESP,
        spi=SPI,
        crypt_algo=encryption,
        crypt_key=enc_key or None,
        auth_algo=authentication,
        auth_key=integ_key or None,
        **options,
    )


@pytest.mark.parametrize("esn", [None, 0, 3])
@pytest.mark.parametrize(("name", "encryption", "authentication"), SCAPY_SUITES)
def test_tunnel_mode_with_scapy(name: str, encryption: str, authentication: str, esn: int | None) -> None:
    suite = parse_esp(name)
    options = {} if esn is None else {"esn_en": True, "esn": esn}
    theirs = scapy_sa(suite, encryption, authentication, tunnel_header=IP(src="192.0.2.1", dst="192.0.2.2"), **options)
    transform = esp.transform(SPI, suite, *keys(suite), esn=esn is not None)
    outbound, inbound = OutboundSa(transform), InboundSa(transform)
    outbound.sequence = (esn or 0) << 32
    inbound.window.top = (esn or 0) << 32
    sealed = outbound.encapsulate(PING4)
    assert bytes(theirs.decrypt(IP(tunnel_packet(sealed, PING4, LOCAL, REMOTE)))) == PING4  # type: ignore[no-untyped-call]
    packet = bytes(theirs.encrypt(IP(PING4)))  # type: ignore[no-untyped-call]
    assert inbound.decapsulate(packet[20:]) == PING4


@pytest.mark.parametrize(("name", "encryption", "authentication"), SCAPY_SUITES[:6])
def test_transport_mode_with_scapy(name: str, encryption: str, authentication: str) -> None:
    suite = parse_esp(name)
    theirs = scapy_sa(suite, encryption, authentication)
    transform = esp.transform(SPI, suite, *keys(suite), esn=False)
    outbound, inbound = OutboundSa(transform, EspMode.TRANSPORT), InboundSa(transform, EspMode.TRANSPORT)
    query = build_udp("192.0.2.1", "192.0.2.2", 4000, 53, b"query")
    header, _, _ = transport.split(query)
    outside = transport.outer_packet(header, outbound.encapsulate(query))
    assert bytes(theirs.decrypt(IP(outside))) == query  # type: ignore[no-untyped-call]
    packet = bytes(theirs.encrypt(IP(query)))  # type: ignore[no-untyped-call]
    assert inbound.decapsulate(packet[20:], Outer(LOCAL, REMOTE)) == query


def test_ipv6_in_ipv6_and_udp_encapsulation_with_scapy() -> None:
    suite = parse_esp("aes128gcm16")
    six = scapy_sa(suite, "AES-GCM", "NULL", tunnel_header=IPv6(src="2001:db8::1", dst="2001:db8::2"))
    transform = esp.transform(SPI, suite, *keys(suite), esn=False)
    ends = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
    sealed = tunnel_packet(OutboundSa(transform).encapsulate(PING6), PING6, *ends)
    assert bytes(six.decrypt(IPv6(sealed))) == PING6  # type: ignore[no-untyped-call]
    assert InboundSa(transform).decapsulate(bytes(six.encrypt(IPv6(PING6)))[40:]) == PING6  # type: ignore[no-untyped-call]
    nat = scapy_sa(
        suite,
        "AES-GCM",
        "NULL",
        tunnel_header=IP(src="192.0.2.1", dst="192.0.2.2"),
        nat_t_header=UDP(sport=4500, dport=4500),
    )
    encapsulated = nat.encrypt(IP(PING4))  # type: ignore[no-untyped-call]
    assert InboundSa(transform).decapsulate(bytes(encapsulated[UDP].payload)) == PING4


TSHARK_SUITES = [
    ("aes128gcm16", "AES-GCM with 16 octet ICV [RFC4106]", "NULL"),
    ("aes256-sha256", "AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]"),
    ("aes128-sha1", "AES-CBC [RFC3602]", "HMAC-SHA-1-96 [RFC2404]"),
]


@pytest.mark.parametrize(("name", "encryption", "authentication"), TSHARK_SUITES)
def test_tshark_decrypts_and_finds_the_icv_right(
    tmp_path: Path, name: str, encryption: str, authentication: str
) -> None:
    program = shutil.which("tshark")
    assert program, "this test needs tshark (package tshark)"
    suite = parse_esp(name)
    enc_key, integ_key = keys(suite)
    outbound = OutboundSa(esp.transform(SPI, suite, enc_key, integ_key, esn=False))
    packet = tunnel_packet(outbound.encapsulate(PING4), PING4, LOCAL, REMOTE)
    capture = tmp_path / "esp.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    capture.write_bytes(head + struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
    secret = f'"0x{integ_key.hex()}"' if integ_key else '""'
    line = (
        f'"IPv4","192.0.2.1","192.0.2.2","0x{SPI:08x}","{encryption}","0x{enc_key.hex()}","{authentication}",{secret}'
    )
    options = [
        f"uat:esp_sa:{line}", "esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE",
        "ip.check_checksum:TRUE",
    ]  # fmt: skip
    command = [program, "-n", "-r", str(capture), "-V", *(part for option in options for part in ("-o", option))]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "[correct]" in next(row for row in text.splitlines() if "ESP ICV" in row or "Integrity" in row)
    assert "Src: 10.1.0.1, Dst: 10.2.0.1" in text
    assert "Type: 8 (Echo (ping) request)" in text
    assert "Checksum Status: Good" in text


def test_suites_cover_separate_and_combined_algorithms() -> None:
    suites = [parse_esp(name) for name, _, _ in SCAPY_SUITES]
    assert {Encr.AES_GCM_16, Encr.AES_CCM_16, Encr.AES_CBC, Encr.AES_CTR, Encr.NULL} <= {s.encr for s in suites}
    assert {Integ.NONE, Integ.HMAC_SHA2_256_128, Integ.AES_CMAC_96} <= {s.integ for s in suites}
