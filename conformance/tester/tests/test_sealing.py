"""SK and SKF payloads against the reference's own implementation, which was written apart."""

from __future__ import annotations

import os

import pytest

from conformance.tester.draft import Draft
from conformance.tester.sealing import (
    CannotOpen,
    Opened,
    OpenedFragment,
    encode,
    encode_fragments,
    open_message,
    reassemble,
)
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.suite import parse_ike
from reference_impl.ikev2 import protect
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType
from reference_impl.wire.simple import NoncePayload, VendorPayload

SUITES = [
    "aes128gcm16-prfsha256-ecp256",
    "aes256-sha512-ecp256",
    "chacha20poly1305-prfsha256-ecp256",
    "aes128ctr-sha256-ecp256",
]


def protection(suite: str) -> Protection:
    parsed = parse_ike(suite)
    cipher, integ = parsed.cipher_algorithm(), parsed.integ_algorithm()
    return Protection(cipher, integ, os.urandom(cipher.key_size), os.urandom(integ.key_size if integ else 0))


def draft(key: Protection) -> Draft:
    payloads = [NoncePayload(os.urandom(32)), VendorPayload(b"v" * 200)]
    return Draft(b"i" * 8, b"r" * 8, ExchangeType.INFORMATIONAL, Flags.INITIATOR, 5, list(payloads), protection=key)


@pytest.mark.parametrize("suite", SUITES)
def test_the_reference_opens_ours(suite: str) -> None:
    key = protection(suite)
    made = draft(key)
    assert protect.open_sk(encode(made), key).payloads == tuple(made.payloads)


@pytest.mark.parametrize("suite", SUITES)
def test_we_open_ours_and_fragments(suite: str) -> None:
    key = protection(suite)
    made = draft(key)
    data = encode(made)
    opened = open_message(data, Message.parse(data), key)
    assert isinstance(opened, Opened)
    assert opened.message.payloads == tuple(made.payloads)
    pieces = []
    for number, piece in enumerate(encode_fragments(made, 64), 1):
        one = open_message(piece, Message.parse(piece), key)
        assert isinstance(one, OpenedFragment)
        assert one.number == number
        assert (one.first != 0) == (number == 1)
        pieces.append(one)
    assert reassemble(pieces).message.payloads == tuple(made.payloads)


def test_faults_under_a_valid_icv() -> None:
    key = protection(SUITES[1])
    made = draft(key)
    made.payloads.pop()
    made.pad_length = 255
    data = encode(made)
    with pytest.raises(CannotOpen, match="Pad Length"):
        open_message(data, Message.parse(data), key)
    made.pad_length = None
    made.content_edits.append(lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    data = encode(made)
    with pytest.raises(CannotOpen, match="does not match"):
        open_message(data, Message.parse(data), key)
