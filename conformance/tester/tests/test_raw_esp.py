"""ESP without UDP: what a raw socket gives, and what a capture shows."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from conformance.tester import raw_esp
from conformance.tester.capture import ip, write_capture
from conformance.tester.link import Link
from conformance.tester.transcript import Transcript

ESP = bytes.fromhex("11223344 00000001") + bytes(range(32))


@pytest.mark.parametrize(
    ("family", "src", "dst", "layer"),
    [
        (socket.AF_INET, "192.0.2.1", "192.0.2.2", IP),
        (socket.AF_INET6, "2001:db8::1", "2001:db8::2", IPv6),
    ],
)
def test_packets(family: int, src: str, dst: str, layer: type) -> None:
    """scapy reads the packet of a capture; what a raw socket gives of it is the ESP packet (IPv6: without header)."""
    packet = ip(src, dst, raw_esp.PROTOCOL, ESP)
    read = layer(packet)
    assert (read.src, read.dst, getattr(read, "proto", getattr(read, "nh", None))) == (src, dst, 50)
    assert bytes(read.payload) == ESP
    assert raw_esp.payload(family, packet if family == socket.AF_INET else ESP) == ESP


def test_capture_has_protocol_50(tmp_path: Path) -> None:
    transcript = Transcript()
    transcript.add(True, ("192.0.2.1", raw_esp.NO_PORT), ("192.0.2.2", raw_esp.NO_PORT), ESP)
    write_capture(tmp_path / "x.pcap", transcript.entries, 0.0, {})
    packet = (tmp_path / "x.pcap").read_bytes()[24 + 16 :]
    assert packet[9] == 50
    assert struct.unpack_from("!H", packet, 2)[0] == len(packet) == 20 + len(ESP)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_only_our_own_packets(address: str) -> None:
    """A link takes the ESP packets with its SPIs, and leaves those of other tests."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
    if raw_esp.unavailable(family):
        with pytest.raises(PermissionError):
            socket.socket(family, socket.SOCK_RAW, raw_esp.PROTOCOL)
        return
    link = Link(address, address, Transcript())
    port = link.open_esp()
    assert port is not None
    assert port is link.open_esp()
    link.spis.add(ESP[:4])
    try:
        for first in (b"\x01", b"\x11"):
            link.send(port, (address, raw_esp.NO_PORT), first + ESP[1:])
        received = link.receive(time.monotonic() + 1)
        assert received is not None
        assert (received.data, received.source) == (ESP, (address, raw_esp.NO_PORT))
        assert link.receive(0.0) is None
    finally:
        link.close()
