"""The tester against the reference gateway in another process."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.tester import misbehaviour as bad
from conformance.tester.capture import write_capture
from conformance.tester.expect import Accepted, Empty, Notify, Silence
from conformance.tester.recorded import transcript
from conformance.tester.tester import REFUSED_KE, Tester, refused_offer
from conformance.tester.verdicts import Deviation, NotEstablished
from reference_impl.wire.registries import ExchangeType, Group, NotifyType


def test_establish_and_traffic(live: Tester) -> None:
    sa = live.establish()
    assert sa.established
    sa.child.expect_ping()
    assert sa.liveness().payloads == ()


def test_port_500_without_nat(live: Tester) -> None:
    sa = live.establish(nat=False)
    assert sa.remote == live.ike_address
    assert not sa.init or not sa.init.behind_nat
    sa.liveness()


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes128-sha256"])
def test_child_suites(live: Tester, suite: str) -> None:
    child = live.establish(child=suite).child
    assert str(child.suite) == suite
    child.expect_ping()


def test_invalid_ke_is_obeyed(live: Tester) -> None:
    init = live.ike_sa_init(
        proposals=["aes128gcm16-prfsha256-curve25519", "aes128-sha256-modp2048"], group=Group.MODP_2048
    )
    assert len(init.rounds) == 2
    assert init.accepted


def test_refusals_are_outcomes(live: Tester) -> None:
    init = live.ike_sa_init(proposals=refused_offer(), ke=REFUSED_KE)
    live.expects(init.reply, {Notify(NotifyType.NO_PROPOSAL_CHOSEN), Silence()})
    with pytest.raises(Deviation) as caught:
        live.expects(init.reply, {Accepted(), Empty()})
    assert caught.value.expected == ("an empty response", "the request is accepted")
    assert "NO_PROPOSAL_CHOSEN" in caught.value.observed


def test_establish_distinguishes_setup_from_judged(live: Tester) -> None:
    with pytest.raises(NotEstablished):
        live.establish(judged=False, edit_auth=bad.corrupt_auth())
    with pytest.raises(Deviation):
        live.establish(edit_auth="corrupt-auth")


def test_rekeys_and_deletes(live: Tester) -> None:
    sa = live.establish()
    first = sa.child
    second = sa.rekey_child()
    assert first.closed
    second.expect_ping()
    third = sa.create_child()
    assert len(sa.children) == 2
    sa.delete_child(third)
    new = sa.rekey_ike()
    assert sa.closed
    assert new.children == [second]
    second.expect_ping()
    new.delete_ike()
    assert new.exchange_or_silence is not None


def test_fence_tells_silence_from_an_answer(live: Tester) -> None:
    sa = live.establish()
    sa.expect_silence(sa.draft(edit="corrupt-icv"))
    before = sa.next_id
    assert sa.exchange_or_silence(edit=bad.corrupt_icv()) is None
    assert sa.next_id == before + 2
    reply = sa.exchange_or_silence(edit=bad.unknown_critical_payload())
    assert reply is not None
    assert reply.notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD) is not None
    with pytest.raises(Deviation, match="no answer"):
        sa.expect_silence(sa.draft(edit=bad.unknown_critical_payload()))
    assert sa.liveness().payloads == ()


def test_a_valid_request_is_seen_as_an_answer(live: Tester) -> None:
    """An empty INFORMATIONAL looks like its fence: it is told from it by coming twice."""
    sa = live.establish()
    with pytest.raises(Deviation, match="no answer"):
        sa.expect_silence(sa.draft())


def test_unprotected_fence(live: Tester) -> None:
    garbage = b"\x17" * 40
    live.expect_silence(garbage)
    with pytest.raises(Deviation):
        live.expect_silence(live.ike_sa_init(spi_i=b"\1" * 8).request)


def test_dropped_esp(live: Tester) -> None:
    child = live.establish().child
    child.expect_dropped(lambda: child.send_ping(icv_flip=True))
    child.expect_dropped(child.send_dummy)
    packet, echo = child.echo_packet()
    sealed = child.send_esp(packet)
    assert child.await_echo(echo)
    child.expect_dropped(lambda: child.send_sealed(sealed))
    with pytest.raises(Deviation, match="discarded"):
        child.expect_dropped(lambda: child.send_ping())


def test_fragments(live: Tester) -> None:
    sa = live.establish(fragment=100)
    draft = sa.draft(edit=bad.vendor_id(b"v" * 300))
    pieces = sa.fragments(draft, 120)
    assert len(pieces) == 3
    for data in reversed(pieces):
        sa.send_raw(data)
    received = live.wait(lambda item: item.sa is sa and item.is_response and item.message_id == draft.message_id)
    assert received is not None


def test_retransmission_is_answered_alike(live: Tester) -> None:
    sa = live.establish()
    sent = sa.send_request(ExchangeType.INFORMATIONAL)
    assert sa.await_reply(sent) is not None
    first = sa.last
    answers = sa.answers_to(lambda: sa.send_raw(sent.datagrams[0]))
    assert first is not None
    assert [item.octets for item in answers] == [first.octets]


def test_a_recorded_transcript_reads_back(live: Tester) -> None:
    """What was sent and received, decrypted, comes back from the form of results.json."""
    sa = live.establish()
    sa.child.expect_ping()
    sa.expect_silence(sa.draft(edit="corrupt-icv"))
    back = transcript({"transcript": json.loads(json.dumps(live.transcript.as_result()))})
    messages = [(entry.outgoing, entry.message) for entry in live.transcript.entries if entry.message is not None]
    assert [(entry.outgoing, entry.message) for entry in back.entries if entry.message is not None] == messages
    assert [entry.data for entry in back.entries] == [entry.data for entry in live.transcript.entries]


def test_tshark_decrypts_the_capture(live: Tester, tmp_path: Path) -> None:
    """Wireshark, with the key tables, finds every integrity check right: an oracle that is not ours."""
    tshark = shutil.which("tshark")
    assert tshark is not None, "tshark is needed: apt-get install tshark"
    sa = live.establish(child="aes128-sha256")
    sa.child.expect_ping()
    sa.rekey_ike().liveness()
    profile = live.profile
    ports = {(profile.address, profile.ike_port): 500, (profile.address, profile.natt_port): 4500}
    file = tmp_path / "test.pcap"
    write_capture(file, live.transcript.entries, live.epoch, ports)
    options = ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]
    for table, rows in (("ikev2_decryption_table", live.keys.ike), ("esp_sa", live.keys.esp)):
        for row in rows:
            options += ["-o", f"uat:{table}:{row}"]
    done = subprocess.run([tshark, "-r", str(file), "-V", *options], capture_output=True, text=True, check=True)
    sealed = [entry for entry in live.transcript.entries if entry.decrypted]
    checked = re.findall(r"(?:Integrity Checksum Data|ICV).*\[correct\]", done.stdout)
    assert len(checked) == len(sealed)
    assert "Malformed" not in done.stdout
    assert "Echo (ping) reply" in done.stdout
