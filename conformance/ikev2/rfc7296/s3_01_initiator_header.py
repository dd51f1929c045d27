"""RFC 7296 sections 3.1 and 3.2: the headers of the requests that the device sends as initiator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.tester import Received, Tester, covers
from reference_impl.wire.header import HEADER_SIZE, Flags, Header
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType

NEEDS = ("initiator",)
EXCHANGES = {"init": ExchangeType.IKE_SA_INIT, "auth": ExchangeType.IKE_AUTH}
BOTH = pytest.mark.parametrize("exchange", EXCHANGES)


def received(tester: Tester, exchange: str) -> Received:
    """The device's request of this exchange."""
    peer = tester.await_initiation()
    if exchange == "init":
        return peer.received
    peer.answer_init()
    peer.receive_auth()
    assert peer.auth_received is not None
    return peer.auth_received


def header(tester: Tester, exchange: str) -> Header:
    """Its IKE header."""
    return Header.parse(received(tester, exchange).octets)


@BOTH
@covers(
    "rfc7296/3.1/initiator-flag-set",
    "rfc7296/3.1/response-flag-clear-in-requests",
    "rfc7296/3.1/version-flag-cleared",
    "rfc7296/3.1/x-flags-cleared",
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-without-i-flag", "version-flag-set"],
)
def test_initiator_request_flags(tester: Tester, exchange: str) -> None:
    """The requests of the initial exchanges have the Initiator flag, and no other."""
    flags = int(header(tester, exchange).flags)
    tester.check(bool(flags & Flags.INITIATOR), "the Initiator flag", f"flags {flags:#04x}")
    for bit, requirement in (
        (Flags.RESPONSE, "rfc7296/3.1/response-flag-clear-in-requests"),
        (Flags.VERSION, "rfc7296/3.1/version-flag-cleared"),
        (0xC7, "rfc7296/3.1/x-flags-cleared"),
    ):
        tester.check(not flags & bit, "the Initiator flag only", f"flags {flags:#04x}", requirement)


@BOTH
@covers(
    "rfc7296/3.1/major-version-two",
    "rfc7296/3.1/minor-version-zero",
    "rfc7296/3.1/exchange-types",
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-of-version-2-1"],
)
def test_initiator_request_version(tester: Tester, exchange: str) -> None:
    """The requests of the initial exchanges are of version 2.0."""
    found = header(tester, exchange)
    tester.check(found.major == 2, "major version 2", f"{found.major}")
    tester.check(found.minor == 0, "minor version 0", f"{found.minor}", "rfc7296/3.1/minor-version-zero")
    tester.check(found.exchange == EXCHANGES[exchange], exchange, found.exchange.name, "rfc7296/3.1/exchange-types")


@BOTH
@covers(
    "rfc7296/3.1/length-covers-message",
    "rfc7296/3.1/initiator-spi-nonzero",
    "rfc7296/3.1/first-responder-spi-zero",
    "rfc7296/2.2/init-message-id-zero",
    "rfc7296/2.2/first-auth-message-id-one",
    needs=NEEDS,
    role="initiator",
    mutants=["length-without-header", "initiator-numbers-auth-zero"],
)
def test_initiator_request_fields(tester: Tester, exchange: str) -> None:
    """SPIs, Message ID (0 and 1) and Length of the initial requests are what they have to be."""
    item = received(tester, exchange)
    found, size = Header.parse(item.octets), len(item.octets)
    tester.check(found.length == size, f"Length {size}", f"Length {found.length}")
    tester.check(any(found.spi_i), "an initiator SPI", "zero", "rfc7296/3.1/initiator-spi-nonzero")
    if exchange == "init":
        spi = found.spi_r.hex()
        tester.check(not any(found.spi_r), "a responder SPI of zero", spi, "rfc7296/3.1/first-responder-spi-zero")
    wanted = list(EXCHANGES).index(exchange)
    rule = "rfc7296/2.2/first-auth-message-id-one" if wanted else "rfc7296/2.2/init-message-id-zero"
    tester.check(found.message_id == wanted, f"Message ID {wanted}", f"{found.message_id}", rule)


@covers(
    "rfc7296/3.2/reserved-sent-zero",
    "rfc7296/3.2/critical-zero-for-defined",
    "rfc7296/2.5/reserved-sent-zero",
    needs=NEEDS,
    role="initiator",
    mutants=["reserved-bits-set", "marks-payloads-critical"],
)
@BOTH
def test_initiator_generic_headers(tester: Tester, exchange: str) -> None:
    """The critical and reserved bits of all payloads are zero, also those inside of the Encrypted payload."""
    item = received(tester, exchange)
    assert item.message is not None
    for name, flags in payload_flags(item.message, item.octets):
        seen = f"{name} with {flags:#04x}"
        tester.check(not flags & 0x7F, "reserved bits of zero", seen)
        tester.check(not flags & 0x80, "no critical bit", seen, "rfc7296/3.2/critical-zero-for-defined")


def payload_flags(message: Message, octets: bytes) -> Iterator[tuple[str, int]]:
    """Name, and critical and reserved bits, of each payload."""
    yield "the first payload", octets[HEADER_SIZE + 1]
    for payload in message.payloads:
        if payload.type_id < 128:
            yield f"payload {payload.type_id}", payload.reserved | (0x80 if payload.critical else 0)
