"""SK and SKF payloads against RFC 7634 (appendix B), tshark, and the demands of RFC 7296, 5282 and 7383."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reference_impl.crypto.cipher import CIPHERS, CipherAlgorithm, cipher
from reference_impl.crypto.errors import CryptoError, IntegrityError
from reference_impl.crypto.integ import integ
from reference_impl.crypto.protection import Protection
from reference_impl.ikev2 import protect
from reference_impl.wire.errors import BadValue, EncodeError, Reason, WireError
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import Encr, ExchangeType, Integ, NotifyType, PayloadType
from reference_impl.wire.simple import NoncePayload, VendorPayload

SHA256 = integ(Integ.HMAC_SHA2_256_128)
SPI_I, SPI_R = bytes(range(0xC0, 0xC8)), bytes(range(0xD0, 0xD8))
EMPTY = Message(SPI_I, SPI_R, ExchangeType.INFORMATIONAL, Flags.INITIATOR, 3)
LONG = replace(EMPTY, payloads=(NoncePayload(bytes(range(100))), *(VendorPayload(b"v" * 300) for _ in range(5))))
IKE_CIPHERS = [algorithm for algorithm in CIPHERS.values() if algorithm.iv_size]
EVERY = pytest.mark.parametrize("algorithm", IKE_CIPHERS, ids=lambda algorithm: algorithm.name)


def protection(algorithm: CipherAlgorithm = IKE_CIPHERS[0]) -> Protection:
    mac = None if algorithm.aead else SHA256
    return Protection(algorithm, mac, bytes([*range(algorithm.key_size)]), bytes(mac.key_size if mac else 0))


GCM = protection(cipher(Encr.AES_GCM_16, 128))
CBC = protection(cipher(Encr.AES_CBC, 128))


def ivs(keys: Protection) -> Iterator[bytes]:
    while True:
        yield os.urandom(keys.iv_size)


def test_rfc7634_appendix_b() -> None:
    expected = bytes.fromhex(
        "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029"
        "1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2"
    )
    keys = Protection(cipher(Encr.CHACHA20_POLY1305, None), None, bytes([*range(0x80, 0xA4)]), b"")
    window = NotifyPayload(NotifyType.SET_WINDOW_SIZE, (10).to_bytes(4, "big"))
    # The example's Flags octet is zero, although a request of the original initiator would have I set.
    message = Message(SPI_I, SPI_R, ExchangeType.INFORMATIONAL, Flags(0), 9, (window,))
    assert protect.seal(message, keys, bytes(range(0x10, 0x18))) == expected
    assert protect.open_sk(expected, keys) == message


@EVERY
def test_round_trip(algorithm: CipherAlgorithm) -> None:
    keys = protection(algorithm)
    for message in (EMPTY, LONG):
        data = protect.seal(message, keys, os.urandom(keys.iv_size))
        assert protect.open_sk(data, keys) == message


@EVERY
def test_padding_is_the_minimum_unless_told(algorithm: CipherAlgorithm) -> None:
    keys = protection(algorithm)
    iv = bytes(keys.iv_size)
    for size in range(40):
        data = protect.seal_raw(EMPTY, PayloadType.VENDOR, bytes(size), keys, iv)
        opened = protect.open_raw(data, keys)
        assert opened.inner == bytes(size)
        assert len(opened.padding) == -(size + 1) % keys.block_size
    longer = len(opened.padding) + keys.block_size * (192 // keys.block_size)
    data = protect.seal_raw(EMPTY, PayloadType.VENDOR, bytes(size), keys, iv, pad=longer)
    opened = protect.open_raw(data, keys)
    assert (len(opened.padding), opened.inner) == (longer, bytes(size))


@EVERY
def test_every_octet_is_authenticated(algorithm: CipherAlgorithm) -> None:
    keys = protection(algorithm)
    data = protect.seal(EMPTY, keys, os.urandom(keys.iv_size), outer=(VendorPayload(b"clear"),))
    assert protect.open_sk(data, keys).payloads == (VendorPayload(b"clear"),)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x01
        with pytest.raises((IntegrityError, WireError)) as caught:
            protect.open_sk(bytes(changed), keys)
        assert not isinstance(caught.value, protect.InnerError)


def test_tester_may_seal_anything() -> None:
    data = protect.seal_raw(EMPTY, 200, b"\xff\xff\xff", GCM, bytes(8), critical=True, reserved=0x55)
    assert data[28:32] == bytes([200, 0x80 | 0x55, 0, 4 + 8 + 4 + 16])
    assert protect.open_raw(data, GCM).inner == b"\xff\xff\xff"
    with pytest.raises(protect.InnerError) as caught:
        protect.open_sk(data, GCM)
    assert caught.value.offset == 40
    padded = protect.seal_raw(EMPTY, 0, b"", GCM, bytes(8), padding=b"pad")
    assert protect.open_raw(padded, GCM).padding == b"pad"
    header = replace(EMPTY, message_id=7, length=4711)
    with pytest.raises(WireError):
        protect.open_sk(protect.seal(header, GCM, bytes(8)), GCM)
    assert protect.open_raw(protect.seal(header, GCM, bytes(8)), GCM, strict=False).outer.length == 4711


def test_pad_length_beyond_the_content() -> None:
    data = protect.seal_raw(EMPTY, 0, b"12", GCM, bytes(8), pad_length=3)
    with pytest.raises(protect.InnerError) as caught:
        protect.open_sk(data, GCM)
    assert caught.value.reason == Reason.PADDING
    assert protect.open_raw(protect.seal_raw(EMPTY, 0, b"12", GCM, bytes(8), pad_length=2), GCM).padding == b"12"


def test_what_cannot_be_sealed() -> None:
    with pytest.raises(CryptoError):
        protect.seal(EMPTY, CBC, bytes(16), pad=3)
    with pytest.raises(EncodeError):
        protect.seal(EMPTY, GCM, bytes(16))
    with pytest.raises(EncodeError):
        protect.seal(EMPTY, GCM, bytes(8), pad=256)


def test_what_cannot_be_opened() -> None:
    for keys in (GCM, CBC):
        data = protect.seal(EMPTY, keys, bytes(keys.iv_size))
        for size in range(32, len(data)):
            cut = bytearray(data[:size])
            cut[24:28] = size.to_bytes(4, "big")
            cut[30:32] = (size - 28).to_bytes(2, "big")
            with pytest.raises(IntegrityError):
                protect.open_sk(bytes(cut), keys)
    with pytest.raises(BadValue):
        protect.open_sk(LONG.to_bytes(), GCM)
    with pytest.raises(BadValue, match="SK is expected"):
        protect.open_sk(protect.seal_raw(EMPTY, 0, b"", GCM, bytes(8), fragment=(1, 1)), GCM)
    with pytest.raises(BadValue, match="SKF is expected"):
        protect.open_fragment(protect.seal(EMPTY, GCM, bytes(8)), GCM)


@EVERY
@pytest.mark.parametrize("mtu", [150, 576, 1280, 4000])
def test_fragments(algorithm: CipherAlgorithm, mtu: int) -> None:
    keys = protection(algorithm)
    data = protect.seal_fragments(LONG, keys, ivs(keys), mtu)
    fragments = [protect.open_fragment(one, keys) for one in data]
    assert all(len(one) <= mtu for one in data)
    # One more block would not have fitted into any but the last.
    assert all(len(one) + keys.block_size > mtu for one in data[:-1])
    assert [fragment.number for fragment in fragments] == [*range(1, len(data) + 1)]
    assert {fragment.total for fragment in fragments} == {len(data)}
    assert [fragment.first_payload for fragment in fragments] == [PayloadType.NONCE] + [0] * (len(data) - 1)
    assert protect.reassemble(reversed(fragments)) == LONG
    for one in data:
        header = Message.parse(one)
        assert (header.spi_i, header.message_id, header.flags) == (SPI_I, 3, Flags.INITIATOR)


def test_unprotected_payloads_go_into_the_first_fragment() -> None:
    clear = VendorPayload(b"c" * 100)
    data = protect.seal_fragments(LONG, GCM, ivs(GCM), 300, outer=(clear,))
    assert all(len(one) <= 300 for one in data)
    fragments = [protect.open_fragment(one, GCM) for one in data]
    assert [len(fragment.outer.payloads) for fragment in fragments] == [1] + [0] * (len(data) - 1)
    assert protect.reassemble(fragments).payloads == (clear, *LONG.payloads)


def test_fragments_that_cannot_be_made_or_joined() -> None:
    with pytest.raises(EncodeError):
        protect.seal_fragments(LONG, GCM, ivs(GCM), 28 + 8 + 8 + 16 + 1)
    data = protect.seal_fragments(LONG, GCM, ivs(GCM), 28 + 8 + 8 + 16 + 2)
    assert len(data) == len(protect.open_raw(protect.seal(LONG, GCM, bytes(8)), GCM).inner)
    fragments = [protect.open_fragment(one, GCM) for one in protect.seal_fragments(LONG, GCM, ivs(GCM), 576)]
    for wrong in ([], fragments[1:], fragments[:-1], [*fragments, fragments[0]]):
        with pytest.raises(ValueError, match="complete set"):
            protect.reassemble(wrong)


@pytest.mark.parametrize(("number", "total"), [(0, 1), (1, 0), (3, 2)])
def test_fragment_numbers_of_rfc7383_2_6(number: int, total: int) -> None:
    data = protect.seal_raw(EMPTY, 0, b"", GCM, bytes(8), fragment=(number, total))
    with pytest.raises(WireError) as caught:
        protect.open_fragment(data, GCM)
    assert caught.value.reason == Reason.FRAGMENT_NUMBER


TSHARK = [
    (Encr.AES_GCM_16, 128, None, "AES-GCM-128 with 16 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_GCM_16, 256, None, "AES-GCM-256 with 16 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_GCM_8, 128, None, "AES-GCM-128 with 8 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_GCM_12, 192, None, "AES-GCM-192 with 12 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_CCM_16, 128, None, "AES-CCM-128 with 16 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_CCM_8, 256, None, "AES-CCM-256 with 8 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_CCM_12, 192, None, "AES-CCM-192 with 12 octet ICV [RFC5282]", "NONE [RFC4306]"),
    (Encr.AES_CBC, 128, Integ.HMAC_SHA1_96, "AES-CBC-128 [RFC3602]", "HMAC_SHA1_96 [RFC2404]"),
    (Encr.AES_CBC, 256, Integ.HMAC_SHA2_256_128, "AES-CBC-256 [RFC3602]", "HMAC_SHA2_256_128 [RFC4868]"),
    (Encr.AES_CBC, 192, Integ.HMAC_SHA2_512_256, "AES-CBC-192 [RFC3602]", "HMAC_SHA2_512_256 [RFC4868]"),
    (Encr.AES_CTR, 192, Integ.HMAC_SHA2_256_128, "AES-CTR-192 [RFC5930]", "HMAC_SHA2_256_128 [RFC4868]"),
    (Encr.TRIPLE_DES, None, Integ.HMAC_SHA2_384_192, "3DES [RFC2451]", "HMAC_SHA2_384_192 [RFC4868]"),
]


@pytest.mark.parametrize(("encr", "bits", "mac", "encryption", "integrity"), TSHARK, ids=lambda value: str(value)[:12])
def test_tshark_decrypts_and_verifies(
    tmp_path: Path, encr: Encr, bits: int | None, mac: Integ | None, encryption: str, integrity: str
) -> None:
    program = shutil.which("tshark")
    assert program, "this test needs tshark (package tshark)"
    algorithm, mac_algorithm = cipher(encr, bits), None if mac is None else integ(mac)
    key, mac_key = os.urandom(algorithm.key_size), os.urandom(mac_algorithm.key_size if mac_algorithm else 0)
    keys = Protection(algorithm, mac_algorithm, key, mac_key)
    message = replace(EMPTY, payloads=(VendorPayload(b"found by tshark"), NoncePayload(b"n" * 20)))
    capture = tmp_path / "ike.pcap"
    write_capture(capture, protect.seal(message, keys, os.urandom(keys.iv_size)))
    fields = [SPI_I.hex(), SPI_R.hex(), key.hex(), key.hex(), f'"{encryption}"', mac_key.hex(), mac_key.hex()]
    table = f'uat:ikev2_decryption_table:{",".join(fields)},"{integrity}"'
    command = [program, "-n", "-r", str(capture), "-V", "-x", "-o", table]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert "[correct]" in next(row for row in run.stdout.splitlines() if "Integrity Checksum Data" in row)
    assert b"found by tshark".hex() in run.stdout
    assert (b"n" * 20).hex() in run.stdout


def write_capture(path: Path, ike: bytes) -> None:
    """One UDP datagram from port 500 to port 500 in a pcap file of raw IPv4."""
    udp = struct.pack("!HHHH", 500, 500, 8 + len(ike), 0) + ike
    packet = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(udp), 0, 64, 17, 0) + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + udp
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    path.write_bytes(head + struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
