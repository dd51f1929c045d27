"""Decoded trees: names, text, and nothing unsafe."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from reference_impl.wire.describe import Node, address, describe, describe_payload, flags_text, label, summary, text
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.raw import RawPayload, TrailingOctets, UnknownPayload
from reference_impl.wire.registries import Encr, ExchangeType, IdType, NotifyType, PayloadType
from reference_impl.wire.simple import IdiPayload
from reference_impl.wire.tests.samples import PAYLOADS, every_message, message


def flat(tree: Node) -> Iterator[tuple[str, str]]:
    yield tree["name"], tree["value"]
    for child in tree["children"]:
        yield from flat(child)


def lines(name: str) -> list[tuple[str, str]]:
    return list(flat(describe_payload(PAYLOADS[name])))


@pytest.mark.parametrize("name", every_message())
def test_trees_are_plain_printable_json(name: str) -> None:
    tree = describe(every_message()[name])
    assert json.loads(json.dumps(tree)) == tree
    for key, value in flat(tree):
        assert key
        assert (key + value).isascii()
        assert (key + value).isprintable()


def test_summary_names_exchange_direction_and_payloads() -> None:
    built = every_message()["ike-sa-init"]
    assert summary(built) == (
        "IKE_SA_INIT request 1: SA KE Nonce N(NAT_DETECTION_SOURCE_IP) N(INVALID_KE_PAYLOAD) V CERTREQ"
    )
    empty = Message(bytes(8), bytes(8), ExchangeType(250), Flags.RESPONSE, 7)
    assert summary(empty) == "exchange-250 response 7"
    odd = message(UnknownPayload(200, b""), RawPayload(33, b""), TrailingOctets(0, b"xy"), PAYLOADS["skf"])
    assert summary(odd) == "IKE_AUTH request 1: payload-200 <SA> <2 octets> SKF(1/3)".replace(
        "payload-200", "<payload-200>"
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sa-ike", ("ENCR", "AES_CBC (12), 256 bits")),
        ("sa-ike", ("ENCR", "999")),
        ("sa-ike", ("Proposal", "#1 IKE (1), 4 transforms")),
        ("sa-esp", ("SPI", "cafebabe")),
        ("sa-tlv", ("Attribute 99 TLV", "3 octets: 010203")),
        ("ke", ("Group", "CURVE25519 (31)")),
        ("idi-ipv4", ("Identity", "192.0.2.1")),
        ("idr-fqdn", ("Identity", "gw.example")),
        ("idr-ipv6", ("Identity", "2001:db8::1")),
        ("idi-key-id", ("Identity", "\\x00\\x01<script>")),
        ("certreq", ("Authority", bytes(range(20)).hex())),
        ("auth", ("Method", "SHARED_KEY_MIC (2)")),
        ("notify", ("Type", "NAT_DETECTION_SOURCE_IP (16388)")),
        ("notify-error", ("Group", "ECP_256 (19)")),
        ("notify-spi", ("SPI", "01020304")),
        ("delete-esp", ("SPI", "05060708")),
        ("vendor", ("Text", "ikeproof vendor")),
        ("tsi", ("Selector", "10.1.0.0-10.1.0.255 any protocol (0) ports 0-65535")),
        ("tsr", ("Selector", "10.2.0.1-10.2.0.9 UDP (17) ports 100-200")),
        ("ts-opaque", ("Selector", "TS_SECLABEL (10) 6c6162656c")),
        ("cp", ("INTERNAL_IP4_SUBNET (13)", "10.0.0.0/255.0.0.0")),
        ("cp", ("INTERNAL_IP6_ADDRESS (8)", "::1/64")),
        ("cp", ("INTERNAL_IP4_DNS (3)", "empty")),
        ("eap", ("Code", "Request")),
        ("unknown", ("Critical", "set")),
        ("sk", ("First inner payload", "IDI (35)")),
        ("skf", ("Total", "3")),
    ],
)
def test_fields_are_named_from_the_registries(name: str, line: tuple[str, str]) -> None:
    assert line in lines(name)


def test_header_flags_and_false_fields_are_shown() -> None:
    built = Message(bytes(8), bytes(8), ExchangeType.IKE_AUTH, Flags(0xA8), 1, length=9, next_payload=33)
    shown = dict(flat(describe(built)))
    assert shown["Flags"] == "0xa8: INITIATOR, RESPONSE, 0x80"
    assert shown["Length"] == "9 (false)"
    assert shown["Next payload"] == "SA (33) (false)"
    assert flags_text(0) == "0x00"


def test_labels_text_and_addresses() -> None:
    assert label(Encr.NULL) == "NULL (11)"
    assert label(NotifyType(9999)) == "9999"
    assert label(PayloadType(33)) == "SA (33)"
    assert text(b"a\\b\r\n\x1b[0m\xff\"'") == "a\\x5cb\\x0d\\x0a\\x1b[0m\\xff\"'"
    assert address(b"\1\2\3") == "010203"
    hostile = IdiPayload(IdType.ID_FQDN, "gw\u202e\x1b".encode())
    assert all(value.isprintable() for _, value in flat(describe_payload(hostile)))
