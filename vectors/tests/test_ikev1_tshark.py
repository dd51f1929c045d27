"""A third reader of the IKEv1 transcripts: tshark follows the IVs itself and decrypts with the transcripts' keys."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from vectors.transcripts import model

PROPOSAL, TRANSFORM = 2, 3
NON_ESP_MARKER = bytes(4)


def _packet(message: dict[str, Any]) -> Packet:
    (source, sport), (destination, dport) = (message[end].rsplit(":", 1) for end in ("source", "destination"))
    data = (NON_ESP_MARKER if message.get("marker") else b"") + bytes.fromhex(message["bytes"])
    udp = UDP(sport=int(sport), dport=int(dport)) / Raw(data)
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=source, dst=destination) / udp


def test_tshark_decrypts_every_message_to_the_same_payloads(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    assert tshark, "tshark is not installed: apt-get install tshark"
    packets, expected, keys = [], [], []
    for path in model.files():
        # tshark has no Camellia for IKEv1
        if not path.stem.startswith("ikev1-") or "camellia" in path.stem:
            continue
        transcript = model.load(path)
        for name, key in transcript.names.items():
            if name.startswith("Ka"):
                cookie = transcript.names["CKY-I" + name.removeprefix("Ka")]
                keys += ["-o", f"uat:ikev1_decryption_table:{cookie.hex()},{key.hex()}"]
        for message in transcript.raw["messages"]:
            packets.append(_packet(message))
            expected.append((path.stem, message["number"], [payload["type"] for payload in message["payloads"]]))
    wrpcap(str(tmp_path / "ikev1.pcap"), packets)
    command = [tshark, "-r", str(tmp_path / "ikev1.pcap"), "-T", "fields", "-e", "isakmp.typepayload", *keys]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    lines = done.stdout.splitlines()
    assert len(lines) == len(expected) > 600
    for (name, number, types), line in zip(expected, lines, strict=True):
        seen = [int(word) for word in line.split(",") if word]
        assert [kind for kind in seen if kind not in (PROPOSAL, TRANSFORM)] == types, f"{name}, message {number}"
