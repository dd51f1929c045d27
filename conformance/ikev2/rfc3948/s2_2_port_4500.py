"""RFC 3948 section 2.2: telling IKE from ESP on port 4500, and from what is neither."""

from __future__ import annotations

import os

import pytest

from conformance.tester import NoError, Tester, covers

NEITHER = {
    "empty": b"",
    "1-octet": b"\0",
    "2-octets": b"\xff\xff",
    "3-octets": b"\0\0\0",
    "marker-alone": bytes(4),
    "marker-and-half-header": bytes(4) + b"\x11" * 14,
    "5-octets": b"\1\2\3\4\5",
    "zeros": bytes(64),
}


@pytest.mark.parametrize("datagram", NEITHER)
@covers(
    "rfc3948/2.2/marker-is-four-zeros",
    needs=("natt",),
    mutants=["dies-of-short-datagrams", "answers-garbage-on-4500"],
)
def test_neither(tester: Tester, datagram: str) -> None:
    """A datagram on port 4500 that is neither IKE nor ESP nor keepalive is not answered, and the device goes on."""
    tester.expect_silence(lambda: tester.send_datagram(NEITHER[datagram], summary=datagram), natt=True)


@covers("rfc3948/2.2/marker-is-four-zeros", needs=("natt",), mutants=["answers-esp-without-sa"])
def test_esp_before_sa(tester: Tester) -> None:
    """What has no marker is ESP: of an SPI that nobody has it gets no IKE response."""
    packet = b"\x7f" + os.urandom(79)
    answers = [item for item in tester.answers_to(lambda: tester.send_datagram(packet), natt=True) if item.is_response]
    tester.check(not answers, "no response", ", ".join(item.text() for item in answers))


@covers(
    "rfc3948/2.2/marker-is-four-zeros", "rfc7296/2.23/marker-on-4500", needs=("natt",), mutants=["esp-first-on-4500"]
)
def test_ike_beside_esp(tester: Tester) -> None:
    """IKE with the marker and ESP without it are told apart on one port, in turns."""
    sa = tester.establish(nat=True)
    for _ in range(3):
        tester.send_datagram(sa.child.spi_out + os.urandom(60), port=sa.port, note="ESP that is not authentic")
        tester.expects(sa.liveness(), NoError())
