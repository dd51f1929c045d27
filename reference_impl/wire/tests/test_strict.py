"""What strict parsing refuses: one malformed message per rule, with reason and offset; lenient keeps each."""

from __future__ import annotations

import pytest

from reference_impl.wire.encrypted import SkfPayload, SkPayload
from reference_impl.wire.errors import BadLength, Reason, Truncated, WireError
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.payload import PAYLOADS, parse_chain
from reference_impl.wire.raw import RawPayload, TrailingOctets, UnknownPayload
from reference_impl.wire.registries import ExchangeType, PayloadType, TsType
from reference_impl.wire.tests.samples import PAYLOADS as SAMPLES
from reference_impl.wire.tests.samples import message
from reference_impl.wire.ts import TsiPayload

# Body of one payload in hex, its type, the reason, the offset in the body.
BODIES: dict[str, tuple[int, str, Reason, int]] = {
    "sa without proposal": (33, "", Reason.COUNT, 0),
    "sa cut in proposal": (33, "00 00 00 08 01 01 00", Reason.TRUNCATED, 0),
    "proposal shorter than its header": (33, "00 00 0007 01 01 00 00", Reason.SUBSTRUCTURE_LENGTH, 2),
    "proposal past the payload": (33, "00 00 0011 01 01 00 01 00 00 0008 02 00 0005", Reason.SUBSTRUCTURE_LENGTH, 2),
    "SPI past the proposal": (33, "00 00 0008 01 03 04 00", Reason.SUBSTRUCTURE_LENGTH, 2),
    "last proposal says more": (33, "02 00 0010 01 01 00 01 00 00 0008 02 00 0005", Reason.LAST_SUBSTRUC, 0),
    "first proposal says last": (33, "00 00 0010 01 01 00 01 00 00 0008 02 00 0005" * 2, Reason.LAST_SUBSTRUC, 0),
    "proposal's Last Substruc 3": (33, "03 00 0010 01 01 00 01 00 00 0008 02 00 0005", Reason.LAST_SUBSTRUC, 0),
    "IKE SPI of 4": (33, "00 00 0014 01 01 04 01 aabbccdd 00 00 0008 02 00 0005", Reason.SPI_SIZE, 6),
    "ESP without SPI": (33, "00 00 0010 01 03 00 01 00 00 0008 02 00 0005", Reason.SPI_SIZE, 6),
    "AH SPI of 8": (33, "00 00 0018 01 02 08 01 aabbccddaabbccdd 00 00 0008 02 00 0005", Reason.SPI_SIZE, 6),
    "too few transforms": (33, "00 00 0010 01 01 00 02 00 00 0008 02 00 0005", Reason.COUNT, 7),
    "too many transforms": (33, "00 00 0010 01 01 00 00 00 00 0008 02 00 0005", Reason.COUNT, 7),
    "no transform": (33, "00 00 0008 01 01 00 00", Reason.COUNT, 7),
    "proposal number 0": (33, "00 00 0010 00 01 00 01 00 00 0008 02 00 0005", Reason.PROPOSAL_NUMBER, 0),
    "proposal numbers 1, 3": (
        33,
        "02 00 0010 01 01 00 01 00 00 0008 02 00 0005 00 00 0010 03 01 00 01 00 00 0008 02 00 0005",
        Reason.PROPOSAL_NUMBER,
        0,
    ),
    "transform cut": (33, "00 00 000c 01 01 00 01 00 00 0008", Reason.TRUNCATED, 8),
    "transform shorter than its header": (
        33,
        "00 00 0010 01 01 00 01 00 00 0007 02 00 0005",
        Reason.SUBSTRUCTURE_LENGTH,
        10,
    ),
    "transform past the proposal": (33, "00 00 0010 01 01 00 01 00 00 0009 02 00 0005", Reason.SUBSTRUCTURE_LENGTH, 10),
    "last transform says more": (33, "00 00 0010 01 01 00 01 03 00 0008 02 00 0005", Reason.LAST_SUBSTRUC, 8),
    "first transform says last": (
        33,
        "00 00 0018 01 01 00 02 00 00 0008 02 00 0005 00 00 0008 02 00 0005",
        Reason.LAST_SUBSTRUC,
        8,
    ),
    "attribute cut": (33, "00 00 0012 01 01 00 01 00 00 000a 01 00 000c 800e", Reason.TRUNCATED, 16),
    "attribute past the transform": (
        33,
        "00 00 0014 01 01 00 01 00 00 000c 01 00 000c 0063 0001",
        Reason.ATTRIBUTE_LENGTH,
        18,
    ),
    "Key Length as TLV": (
        33,
        "00 00 0016 01 01 00 01 00 00 000e 01 00 000c 000e 0002 0100",
        Reason.ATTRIBUTE_FORMAT,
        16,
    ),
    "empty Key Length as TLV": (
        33,
        "00 00 0014 01 01 00 01 00 00 000c 01 00 000c 000e 0000",
        Reason.ATTRIBUTE_FORMAT,
        16,
    ),
    "Key Length twice": (
        33,
        "00 00 0018 01 01 00 01 00 00 0010 01 00 000c 800e 0100 800e 0080",
        Reason.DUPLICATE_ATTRIBUTE,
        20,
    ),
    "KE cut": (34, "00 1f 00", Reason.PAYLOAD_LENGTH, 3),
    "ID cut": (35, "02 00", Reason.PAYLOAD_LENGTH, 2),
    "IPv4 identity of 5": (35, "01 000000 c000020100", Reason.DATA_LENGTH, 4),
    "IPv6 identity of 4": (36, "05 000000 c0000201", Reason.DATA_LENGTH, 4),
    "FQDN with NUL": (36, "02 000000 677700", Reason.DATA_VALUE, 6),
    "mail address with LF": (36, "03 000000 0a6777", Reason.DATA_VALUE, 4),
    "CERT without encoding": (37, "", Reason.PAYLOAD_LENGTH, 0),
    "hash and URL without hash": (37, "0c" + "00" * 19, Reason.DATA_LENGTH, 1),
    "CERTREQ without encoding": (38, "", Reason.PAYLOAD_LENGTH, 0),
    "CERTREQ with a broken hash": (38, "04" + "00" * 21, Reason.DATA_LENGTH, 1),
    "AUTH cut": (39, "020000", Reason.PAYLOAD_LENGTH, 3),
    "nonce of 15": (40, "00" * 15, Reason.DATA_LENGTH, 0),
    "nonce of 257": (40, "00" * 257, Reason.DATA_LENGTH, 0),
    "Notify cut": (41, "00 00 40", Reason.PAYLOAD_LENGTH, 3),
    "Notify SPI past the payload": (41, "03 04 4009 0000", Reason.SPI_SIZE, 1),
    "Notify ESP SPI of 8": (41, "03 08 4009 0000000000000000", Reason.SPI_SIZE, 1),
    "Notify IKE with SPI": (41, "01 08 4009 0000000000000000", Reason.SPI_SIZE, 1),
    "Notify SPI without protocol": (41, "00 04 4009 00000000", Reason.PROTOCOL, 0),
    "empty cookie": (41, "00 00 4006", Reason.DATA_LENGTH, 4),
    "cookie of 65": (41, "00 00 4006" + "00" * 65, Reason.DATA_LENGTH, 4),
    "window size of 2": (41, "00 00 4001 0001", Reason.DATA_LENGTH, 4),
    "NAT detection of 19": (41, "00 00 4004" + "00" * 19, Reason.DATA_LENGTH, 4),
    "INVALID_KE_PAYLOAD of 1": (41, "00 00 0011 13", Reason.DATA_LENGTH, 4),
    "Delete cut": (42, "01 00 00", Reason.PAYLOAD_LENGTH, 3),
    "Delete with fewer SPIs": (42, "03 04 0002 01020304", Reason.COUNT, 2),
    "Delete with octets left": (42, "03 04 0001 0102030405", Reason.COUNT, 2),
    "Delete IKE with SPI": (42, "01 08 0001 0102030405060708", Reason.SPI_SIZE, 1),
    "Delete IKE with count": (42, "01 00 0001", Reason.COUNT, 2),
    "Delete ESP with SPI of 8": (42, "03 08 0001 0102030405060708", Reason.SPI_SIZE, 1),
    "Delete of protocol 0": (42, "00 00 0000", Reason.PROTOCOL, 0),
    "TS cut": (44, "01 00", Reason.PAYLOAD_LENGTH, 2),
    "TS without selector": (44, "00 000000", Reason.COUNT, 0),
    "TS with fewer selectors": (44, "02 000000 07 00 0010 0000 ffff 0a000000 0a0000ff", Reason.COUNT, 0),
    "TS with more selectors": (44, "00 000000 07 00 0010 0000 ffff 0a000000 0a0000ff", Reason.COUNT, 0),
    "TS IPv4 of 40": (44, "01 000000 07 00 0028 0000 ffff" + "00" * 32, Reason.SELECTOR_LENGTH, 6),
    "TS IPv6 of 16": (45, "01 000000 08 00 0010 0000 ffff 0a000000 0a0000ff", Reason.SELECTOR_LENGTH, 6),
    "TS past the payload": (45, "01 000000 07 00 0010 0000 ffff 0a000000 0a0000", Reason.SELECTOR_LENGTH, 6),
    "TS of length 0": (45, "01 000000 63 00 0000", Reason.SELECTOR_LENGTH, 6),
    "TS header cut": (45, "01 000000 07 00 00", Reason.TRUNCATED, 4),
    "TS addresses swapped": (44, "01 000000 07 00 0010 0000 ffff 0a0000ff 0a000000", Reason.SELECTOR_RANGE, 12),
    "TS ports swapped": (44, "01 000000 07 06 0010 0002 0001 0a000000 0a0000ff", Reason.SELECTOR_RANGE, 8),
    "TS ports without protocol": (44, "01 000000 07 00 0010 0050 0050 0a000000 0a0000ff", Reason.SELECTOR_RANGE, 8),
    "CP cut": (47, "01 00", Reason.PAYLOAD_LENGTH, 2),
    "CP attribute cut": (47, "01 000000 0001 00", Reason.TRUNCATED, 4),
    "CP attribute past the payload": (47, "01 000000 0001 0004 0a0000", Reason.ATTRIBUTE_LENGTH, 6),
    "CP IPv4 address of 3": (47, "01 000000 0001 0003 0a0000", Reason.ATTRIBUTE_LENGTH, 6),
    "CP IPv6 address of 16": (47, "01 000000 0008 0010" + "00" * 16, Reason.ATTRIBUTE_LENGTH, 6),
    "CP odd SUPPORTED_ATTRIBUTES": (47, "02 000000 000e 0003 000100", Reason.ATTRIBUTE_LENGTH, 6),
    "EAP cut": (48, "01 00 00", Reason.PAYLOAD_LENGTH, 3),
    "EAP length": (48, "01 00 0006 01", Reason.EAP_LENGTH, 2),
    "EAP code 5": (48, "05 00 0004", Reason.EAP_CODE, 0),
    "EAP request without type": (48, "01 00 0004", Reason.EAP_LENGTH, 2),
    "EAP success with type": (48, "03 00 0005 01", Reason.EAP_LENGTH, 2),
    "SKF cut": (53, "0001", Reason.PAYLOAD_LENGTH, 2),
    "SKF fragment 0": (53, "0000 0001", Reason.FRAGMENT_NUMBER, 0),
    "SKF total 0": (53, "0001 0000", Reason.FRAGMENT_NUMBER, 0),
    "SKF fragment above total": (53, "0003 0002", Reason.FRAGMENT_NUMBER, 0),
}


@pytest.mark.parametrize("name", BODIES)
def test_malformed_payload(name: str) -> None:
    kind, text, reason, at = BODIES[name]
    body = bytes.fromhex(text)
    data = message(SAMPLES["nonce"], RawPayload(kind, body)).to_bytes()
    start = len(data) - len(body)
    with pytest.raises(WireError) as caught:
        Message.parse(data)
    assert (caught.value.reason, caught.value.offset - start) == (reason, at), caught.value
    lenient = Message.parse(data, strict=False)
    assert lenient.payloads[0] == SAMPLES["nonce"]
    assert lenient.to_bytes() == data


def test_every_payload_with_rules_has_a_malformed_case() -> None:
    assert {kind for kind, *_ in BODIES.values()} >= set(PAYLOADS) - {PayloadType.VENDOR, PayloadType.SK}


WHOLE = message(SAMPLES["nonce"], SAMPLES["vendor"]).to_bytes()


def changed(at: int, *octets: int) -> bytes:
    """The two-payload message (nonce at 28, vendor ID at 64) with other octets at one place."""
    return WHOLE[:at] + bytes(octets) + WHOLE[at + len(octets) :]


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"", Reason.TRUNCATED, 0),
        (WHOLE[:27], Reason.TRUNCATED, 27),
        (changed(27, len(WHOLE) - 1), Reason.HEADER_LENGTH, 24),
        (changed(27, len(WHOLE) + 1), Reason.HEADER_LENGTH, 24),
        (changed(24, 0xFF, 0xFF, 0xFF, 0xFF), Reason.HEADER_LENGTH, 24),
        (WHOLE + b"\0", Reason.HEADER_LENGTH, 24),
        (changed(17, 0x30), Reason.MAJOR_VERSION, 17),
        (changed(17, 0x10), Reason.MAJOR_VERSION, 17),
        (changed(16, 0), Reason.TRAILING_OCTETS, 28),
        (changed(28, 0), Reason.TRAILING_OCTETS, 64),
        (changed(64, 40), Reason.TRUNCATED, len(WHOLE)),
        (changed(30, 0, 3), Reason.PAYLOAD_LENGTH, 30),
        (changed(30, 0, 0), Reason.PAYLOAD_LENGTH, 30),
        (changed(30, 0xFF, 0xFF), Reason.PAYLOAD_LENGTH, 30),
        (changed(66, 0, 200), Reason.PAYLOAD_LENGTH, 66),
    ],
)
def test_malformed_header_and_chain(data: bytes, reason: Reason, offset: int) -> None:
    with pytest.raises(WireError) as caught:
        Message.parse(data)
    assert (caught.value.reason, caught.value.offset) == (reason, offset)


def test_encrypted_payload_must_be_last_and_not_nested() -> None:
    for encrypted in (SkPayload(b"content", 40), SkfPayload(1, 2, b"content", 40)):
        data = message(encrypted, SAMPLES["nonce"]).to_bytes()
        with pytest.raises(BadLength) as caught:
            Message.parse(data)
        assert (caught.value.reason, caught.value.offset) == (Reason.ENCRYPTED_NOT_LAST, 28)
        lenient = Message.parse(data, strict=False)
        assert lenient.payloads[0] == encrypted
        assert isinstance(lenient.payloads[1], TrailingOctets)
        with pytest.raises(WireError) as nested:
            parse_chain(encrypted.TYPE, data[28:], offset=28, inside_sk=True)
        assert nested.value.reason == Reason.ENCRYPTED_NESTED


def test_what_the_rfc_tells_receivers_to_ignore_is_accepted() -> None:
    accepted = [
        changed(17, 0x2F),  # minor version
        changed(19, 0xFF),  # reserved flag bits, V
        changed(29, 0xFF),  # critical bit of a known payload, reserved bits
        changed(18, 250),  # an exchange type without a name is for the layers above
    ]
    for data in accepted:
        assert Message.parse(data).to_bytes() == data
    assert Message.parse(accepted[1]).flags == Flags(0xFF)
    nonce = Message.parse(accepted[2]).payloads[0]
    assert (nonce.critical, nonce.reserved) == (True, 0x7F)
    assert Message.parse(accepted[3]).exchange == ExchangeType(250)


def test_unknown_payloads_transforms_and_selectors_are_kept() -> None:
    data = message(RawPayload(201, b"new payload", critical=True), SAMPLES["sa-ike"], SAMPLES["ts-opaque"]).to_bytes()
    parsed = Message.parse(data)
    first, _, third = parsed.payloads
    assert first == UnknownPayload(201, b"new payload", critical=True)
    assert isinstance(third, TsiPayload)
    assert third.selectors[0].ts_type == TsType.TS_SECLABEL
    assert third.selectors[0].networks() == ()
    assert parsed.to_bytes() == data


def test_lenient_keeps_an_undecodable_body_whole() -> None:
    data = message(RawPayload(33, b"\0\0\0\x09bad SA"), SAMPLES["nonce"]).to_bytes()
    parsed = Message.parse(data, strict=False)
    assert parsed.payloads == (UnknownPayload(33, b"\0\0\0\x09bad SA"), SAMPLES["nonce"])


def test_opaque_ports_are_a_sound_range() -> None:
    body = bytes.fromhex("01 000000 07 11 0010 ffff 0000 0a000000 0a0000ff")
    assert TsiPayload.parse_body(body).selectors[0].start_port == 0xFFFF


def test_error_says_what_where_and_why() -> None:
    with pytest.raises(Truncated) as caught:
        Message.parse(bytes(10))
    error = caught.value
    assert isinstance(error, ValueError)
    assert str(error) == "truncated at octet 10: 10 octets; the IKE header has 28"
