"""Keys from real logs open real captures: tshark is the judge."""

from pathlib import Path

import pytest

from peers import keys, pcap, wireshark
from peers.errors import LabError

DATA = Path(__file__).parent / "data"


def opened(name: str) -> tuple[keys.KeyTable, list[wireshark.IkeMessage | wireshark.EspPacket]]:
    capture = DATA / f"strongswan-{name}.pcap"
    table = keys.match(capture, *keys.from_charon((DATA / f"strongswan-{name}.log").read_text()))
    return table, wireshark.read(capture, table)


@pytest.mark.parametrize("name", ["gcm", "cbc"])
def test_every_packet_is_opened_and_checked(name: str) -> None:
    table, records = opened(name)
    assert (len(table.ike), len(table.esp), table.missing) == (3, 4, ())
    messages = [record for record in records if isinstance(record, wireshark.IkeMessage)]
    packets = [record for record in records if isinstance(record, wireshark.EspPacket)]
    assert [message.exchange for message in messages[:4]] == [34, 34, 35, 35]
    assert all(message.decrypted and message.icv_good for message in messages if message.exchange != 34)
    assert len(packets) == 12
    assert all(packet.icv_good and packet.encapsulated and packet.next_header == 4 for packet in packets)
    assert {packet.inner for packet in packets} == {
        ("icmp", "10.1.0.1", "10.2.0.1"),
        ("icmp", "10.2.0.1", "10.1.0.1"),
    }
    assert not any(record.problems for record in records)


def test_payloads_inside_sk_are_listed_in_order() -> None:
    _, records = opened("gcm")
    request, response = (
        record for record in records if isinstance(record, wireshark.IkeMessage) and record.exchange == 35
    )
    assert request.types == [46, 35, 36, 39, 33, 44, 45, 41, 41, 41]
    assert response.types == [46, 36, 39, 33, 44, 45]
    assert request.of(35)[0].get("isakmp.id.type") == "2"
    assert request.from_initiator
    assert not request.response
    rekey = next(record for record in records if isinstance(record, wireshark.IkeMessage) and record.exchange == 36)
    assert rekey.notifies == [16393]
    assert rekey.spi_i == request.spi_i


def test_foreign_keys_open_nothing() -> None:
    table = keys.match(DATA / "strongswan-gcm.pcap", *keys.from_charon((DATA / "strongswan-cbc.log").read_text()))
    assert (table.ike, table.esp) == ((), ())
    assert len(table.missing) == 7


def test_tables_are_written_as_wireshark_reads_them(tmp_path: Path) -> None:
    table, _ = opened("cbc")
    paths = table.write(tmp_path)
    assert keys.from_wireshark("".join(path.read_text() for path in paths)) == keys.KeyTable(table.ike, table.esp)
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}


def test_kernel_state_gives_candidates() -> None:
    text = """src 172.17.0.2 dst 172.17.0.3
\tproto esp spi 0x11dcb237 reqid 16401 mode tunnel
\taead rfc4106(gcm(aes)) 0x7013367c4badc1f2e5f93750761d2cafbb09f565 128
src 172.17.0.3 dst 172.17.0.2
\tproto esp spi 0xce24b17c reqid 16401 mode tunnel
\tauth-trunc hmac(sha256) 0x00aa 128
\tenc cbc(aes) 0x11bb
"""
    assert keys.from_kernel(text) == [
        keys.EspCandidate(bytes.fromhex("7013367c4badc1f2e5f93750761d2cafbb09f565")),
        keys.EspCandidate(bytes.fromhex("11bb"), bytes.fromhex("00aa")),
    ]


@pytest.mark.parametrize("content", [b"", b"not a capture" * 10, b"\n\r\r\n" + bytes(60)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pcap").write_bytes(content)
    with pytest.raises(LabError, match=r"x\.pcap"):
        list(pcap.read(tmp_path / "x.pcap"))


def test_truncated_capture_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = (DATA / "strongswan-gcm.pcap").read_bytes()
    counts = []
    for size in (len(whole), len(whole) - 7, 900, 24):
        (tmp_path / "cut.pcap").write_bytes(whole[:size])
        counts.append(len(list(pcap.read(tmp_path / "cut.pcap"))))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 30
    assert counts[-1] == 0
