"""AH and IPComp packets as tshark dissects them: it splits the headers and inflates DEFLATE; it checks no ICV of AH."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from reference_impl.crypto.integ import INTEGS, IntegAlgorithm
from reference_impl.ipsec.ah import AhTransform, MacIntegrity
from reference_impl.ipsec.ah_sa import OutboundAhSa
from reference_impl.ipsec.ipcomp import Algorithm, Compressor

TEXT = b"AH provides connectionless integrity and data origin authentication. " * 4
PACKETS = pytest.mark.parametrize(
    "packet",
    [
        bytes(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=51111, dport=52222) / TEXT),
        bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=51111, dport=52222) / TEXT),
    ],
    ids=["ipv4", "ipv6"],
)


def fields(folder: Path, packet: bytes, *names: str) -> list[str]:
    """The values of these fields of one packet; the last one is empty when tshark finds nothing malformed."""
    program = shutil.which("tshark")
    assert program, "this test needs tshark (package tshark)"
    capture = folder / "one.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    capture.write_bytes(head + struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
    wanted = [part for name in (*names, "_ws.malformed") for part in ("-e", name)]
    command = [program, "-n", "-r", str(capture), "-o", "udp.check_checksum:TRUE", "-T", "fields", *wanted]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    return text.rstrip("\n").split("\t")


@PACKETS
@pytest.mark.parametrize("algorithm", INTEGS.values(), ids=lambda each: each.name)
def test_ah_ends_where_tshark_says(packet: bytes, algorithm: IntegAlgorithm, tmp_path: Path) -> None:
    transform = AhTransform(0x12345678, MacIntegrity(algorithm, bytes(algorithm.key_size)))
    sealed = OutboundAhSa(transform).encapsulate(packet)
    spi, sequence, icv, port, status, malformed = fields(
        tmp_path, sealed, "ah.spi", "ah.sequence", "ah.icv", "udp.dstport", "udp.checksum.status"
    )
    assert (spi, sequence, port, malformed) == ("0x12345678", "1", "52222", "")
    assert status == "1"  # the UDP checksum is right
    assert len(icv) == 2 * (transform.size(packet[0] >> 4) - 12)


@PACKETS
def test_tshark_inflates(packet: bytes, tmp_path: Path) -> None:
    small = Compressor(Algorithm.DEFLATE, 0x1234).encapsulate(packet)
    cpi, next_header, port, data, malformed = fields(
        tmp_path, small, "ipcomp.cpi", "ipcomp.next_header", "udp.dstport", "data.data"
    )
    assert (cpi, next_header, port, malformed) == ("0x1234", "0x11", "52222", "")
    assert bytes.fromhex(data.split(",")[-1]) == TEXT
