"""The questions to a capture, on a recorded one of two strongSwans: tunnel, ping, rekeys, deletion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.interop.transcript import transcript
from conformance.interop.wire import REKEY_SA, Broken, CaptureError, Spis, Wire, deletes, notify, notify_spi, spi
from peers import keys
from peers.keys import KeyTable
from peers.wireshark import CREATE_CHILD_SA, IKE_AUTH, INFORMATIONAL, EspPacket

DATA = Path(__file__).parents[3] / "peers" / "tests" / "data"
CAPTURE = DATA / "strongswan-gcm.pcap"


def table() -> KeyTable:
    return keys.match(CAPTURE, *keys.from_charon((DATA / "strongswan-gcm.log").read_text()))


def ends() -> dict[str, str]:
    from peers import wireshark

    first = wireshark.messages(CAPTURE)[0]
    return {first.source: "one", first.destination: "other"}


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire.read(CAPTURE, table(), ends())


def test_exchanges_pair_requests_with_responses(wire: Wire) -> None:
    wire.check_opened()
    (auth,) = wire.exchanges(IKE_AUTH)
    assert (auth.sender, auth.answerer) == ("one", "other")
    assert auth.response is not None
    assert auth.response.frame == auth.request.frame + 1
    rekey = wire.exchanges(CREATE_CHILD_SA, having=lambda item: notify(item.request, REKEY_SA) is not None)[0]
    old = {spi(auth.request), spi(auth.response)}
    payload = notify(rekey.request, REKEY_SA)
    assert payload is not None
    assert notify_spi(payload) in old
    deletion = wire.the(INFORMATIONAL, rekey.sender, "", "", having=lambda item: bool(deletes(item.request, "3")))
    assert set(deletes(deletion.request, "3") or ()) | set(deletes(deletion.answered(), "3") or ()) == old


def test_a_missing_exchange_breaks_its_sender(wire: Wire) -> None:
    with pytest.raises(Broken) as caught:
        wire.the(IKE_AUTH, "other", "for once", "rfc7296/1/every-request-answered")
    assert caught.value.peer == "other"
    assert caught.value.requirement == "rfc7296/1/every-request-answered"


def test_traffic_is_what_was_decrypted(wire: Wire) -> None:
    (auth,) = wire.exchanges(IKE_AUTH)
    assert auth.response is not None
    spis = Spis(spi(auth.request), spi(auth.response))
    first = next(item for item in wire.esp if item.inner)
    assert first.inner is not None
    hosts = first.inner[1:] if wire.sent_by(first) == "one" else (first.inner[2], first.inner[1])
    before = replace(wire, records=tuple(item for item in wire.records if item.frame < first.frame + 3))
    before.traffic(spis, hosts, count=1)
    wire.no_cleartext([hosts[0], hosts[1]])
    with pytest.raises(Broken, match="0 packets"):
        before.traffic(Spis(spis.responder, spis.initiator), hosts, count=1)
    with pytest.raises(Broken, match="echo packets"):
        before.traffic(spis, (hosts[1], hosts[0]), count=1)
    with pytest.raises(Broken, match="no ESP packet"):
        wire.no_esp()
    broken = tuple(replace(item, icv_good=False) if isinstance(item, EspPacket) else item for item in before.records)
    with pytest.raises(Broken, match="wrong one"):
        replace(wire, records=broken).no_errors()


def test_cleartext_is_seen(wire: Wire) -> None:
    with pytest.raises(Broken, match="in the clear"):
        wire.no_cleartext([next(iter(ends()))])


def test_without_keys_nothing_is_judged() -> None:
    with pytest.raises(CaptureError, match="no keys"):
        Wire.read(CAPTURE, KeyTable((), ()), ends()).check_opened()


def test_transcript_has_octets_and_words(wire: Wire) -> None:
    lines = transcript(wire, next(address for address, name in ends().items() if name == "other"))
    assert lines[0]["summary"].startswith("IKE_SA_INIT request: SA KE Nonce N(NAT_DETECTION_SOURCE_IP)")
    assert (lines[0]["direction"], lines[1]["direction"]) == ("to_dut", "from_dut")
    assert lines[0]["bytes"][:16] == wire.ike[0].spi_i
    assert all(line["decrypted"] for line in lines if line["summary"].startswith("IKE_AUTH"))
