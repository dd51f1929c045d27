"""The observers of captures without a lab: from a transcript's messages and given secrets they make it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reference_impl.crypto.cipher import CIPHERS
from reference_impl.wire.registries import Encr
from vectors.recording import eap, eap_tls
from vectors.recording.eap_observer import Captured
from vectors.recording.ikev1_lab import Evidence
from vectors.recording.ikev1_observer import Observer
from vectors.recording.ikev1_pluto import dumps
from vectors.recording.ikev1_scenarios import PASSWORD, PSK, SCENARIOS
from vectors.recording.ikev1_state import Known, ObserverError, Seen
from vectors.recording.observer import Seen as SeenIkev2
from vectors.transcripts import model

FILES = {path.stem: path for path in model.files()}


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return address, int(port)


def _confirm(names: dict[str, bytes]) -> Callable[[str, bytes], None]:
    """The logs of this test: they have what the transcript has."""

    def confirm(what: str, octets: bytes) -> None:
        if not any(octets in value for value in names.values()):
            raise ObserverError(what)

    return confirm


def _known(names: dict[str, bytes]) -> Known:
    def quick(tail: bytes) -> list[bytes]:
        labels = [name.partition("-")[0] for name in names if name.startswith("QM") and name.endswith("-g_xy")]
        return [names[f"{label}-g_xy"] for label in labels if tail.endswith(names[f"{label}-Nr_b"])]

    keys = {side: names[f"private_key_{side}"] for side in "ir" if f"private_key_{side}" in names}
    shared = [value for name, value in names.items() if name.startswith("g_xy")]
    return Known(PSK, keys, lambda: shared, quick, _confirm(names))


def _observed(raw: dict[str, Any], known: Known) -> Observer:
    observer = Observer(known)
    for each in raw["messages"]:
        ends = _endpoint(each["source"]), _endpoint(each["destination"])
        observer.see(Seen(each["time"], *ends, bool(each.get("marker")), bytes.fromhex(each["bytes"])))
    observer.document.place_values()
    return observer


def test_every_scenario_has_a_file_and_every_file_a_scenario() -> None:
    assert {name for name in FILES if name.startswith("ikev1-")} == set(SCENARIOS)
    assert {name for name in FILES if name.startswith("ikev2-eap-")} == set(eap.SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_observer_makes_the_same_transcript_of_its_messages(name: str) -> None:
    transcript = model.load(FILES[name])
    document = _observed(transcript.raw, _known(transcript.names)).document
    assert document.values == transcript.raw["values"]
    assert document.messages == transcript.raw["messages"]
    assert document.cases == transcript.raw["cases"]


@pytest.mark.parametrize("name", eap.SCENARIOS)
def test_the_observer_of_eap_makes_the_same_transcript_of_its_messages(name: str) -> None:
    scenario, transcript = eap.SCENARIOS[name], model.load(FILES[name])
    names, raw = transcript.names, transcript.raw
    password = PASSWORD if scenario.accepted else PASSWORD[::-1]
    captured = Captured(lambda: [names["g_ir"]], _confirm(names), password, scenario.accepted)
    document = eap.observed(
        scenario,
        captured,
        [
            SeenIkev2(
                each["from"], each["time"], bytes.fromhex(each["bytes"]), bool(each.get("marker")), each["source"],
                each["destination"],
            )
            for each in raw["messages"]
        ],
    ).document  # fmt: skip
    assert document.values == raw["values"]
    assert document.messages == raw["messages"]
    assert document.cases == raw["cases"]


def _without(names: dict[str, bytes], *missing: str) -> dict[str, bytes]:
    return {name: value for name, value in names.items() if name not in missing}


def test_a_key_that_the_logs_do_not_have_is_an_error() -> None:
    transcript = model.load(FILES["ikev1-main-psk-aes128-sha1-modp2048"])
    with pytest.raises(ObserverError, match=r"no g.xy of the logs gives the logged SKEYID_e"):
        _observed(transcript.raw, _known(_without(transcript.names, "SKEYID_e", "Ka")))


def test_another_g_xy_is_an_error() -> None:
    transcript = model.load(FILES["ikev1-main-psk-aes128-sha1-modp2048"])
    with pytest.raises(ObserverError, match=r"no g.xy of the logs"):
        _observed(transcript.raw, _known({**transcript.names, "g_xy": bytes(256)}))


@pytest.mark.parametrize(
    ("number", "text"),
    [(5, "HASH_I is another one"), (7, "QM1-HASH1 is another one"), (8, "QM1-HASH2 is another one")],
)
def test_a_hash_that_does_not_fit_is_an_error(number: int, text: str) -> None:
    transcript = model.load(FILES["ikev1-quick-aes128-sha1-modp2048"])
    raw = {**transcript.raw, "messages": [dict(each) for each in transcript.raw["messages"]]}
    message = raw["messages"][number - 1]
    plaintext = bytearray.fromhex(message["plaintext"])
    plaintext[-20 if number == 5 else 4] ^= 1
    raw_cipher = CIPHERS[Encr.AES_CBC, 128].make_raw
    assert raw_cipher is not None
    body = raw_cipher(transcript.names["Ka"]).encrypt(bytes.fromhex(message["iv"]), bytes(plaintext))
    message["bytes"] = message["bytes"][:56] + body.hex()
    with pytest.raises(ObserverError, match=text):
        _observed(raw, _known(transcript.names))


CHARON = """1795243202 12[IKE] shared Diffie Hellman secret => 20 bytes @ 0x7f96ac047e00
1795243202 09[ENC] IV => 2 bytes @ 0x7f96ac047e01
1795243202 12[IKE]    0: A8 4E A4 6D F7 AE 15 79 59 1B 48 B9 8B C6 98 67  .N.m...yY.H....g
1795243202 09[ENC]    0: AA BB                                            ..
1795243202 12[IKE]   16: F2 C4 02 3B                                      ...;
"""


def test_evidence_needs_both_logs_unless_one_is_sparse() -> None:
    secret = bytes.fromhex("a84ea46df7ae1579591b48b98bc69867f2c4023b")
    both = Evidence.of(CHARON, CHARON)
    assert both.shared() == [secret]
    both.confirm("a part", secret[4:12])
    assert both.twice == {"a part"}
    one = Evidence.of(CHARON, "")
    assert one.shared() == []
    with pytest.raises(ObserverError, match="IV is not in the log of the responder"):
        one.confirm("IV", b"\xaa\xbb")
    sparse = Evidence((one.logs[0], []), (False, True))
    assert sparse.shared() == [secret]
    sparse.confirm("IV", b"\xaa\xbb")
    assert sparse.twice == set()
    with pytest.raises(ObserverError, match="of the initiator"):
        sparse.confirm("IV", b"\xaa\xbc")


def test_pluto_dumps() -> None:
    log = """Nov 21 07:13:50.212922: | NSS.ikev1_section_5_keymat() returns:
Nov 21 07:13:50.212944: |   03 b1 e1 e3  e9 35 cc f3  af b5 c2 8b  33 c2 23 7b   .....5......3.#{
Nov 21 07:13:50.212987: |   16 7d b1 d4                                          ab..
Nov 21 07:13:50.213010: | calling NSS.ikev1_section_5_keymat():
"""
    (dump,) = dumps(log)
    assert dump.name == "NSS.ikev1_section_5_keymat() returns"
    assert dump.octets.hex() == "03b1e1e3e935ccf3afb5c28b33c2237b167db1d4"


def test_tls_in_fragments() -> None:
    conversation = eap_tls.Conversation()
    hello = b"\x01\x00\x00\x22\x03\x03" + bytes(range(32))
    record = b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello
    conversation.add("i", b"\xc0" + len(record).to_bytes(4, "big") + record[:10])
    conversation.add("r", b"\x00")
    conversation.add("i", b"\x00" + record[10:] + b"\x14\x03\x03\x00\x01\x01" + b"\x16\x03\x03\x00\x04abcd")
    answer = b"\x02\x00\x00\x28\x03\x03" + bytes(32) + b"\x02ab\x00\x3c\x00"
    conversation.add("r", b"\x00\x16\x03\x03" + len(answer).to_bytes(2, "big") + answer)
    assert conversation.handshake("i") == {eap_tls.CLIENT_HELLO: hello[4:]}
    assert conversation.randoms() == (bytes(range(32)), bytes(32))
    assert conversation.suite() == 0x3C
