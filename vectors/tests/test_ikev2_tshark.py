"""A third reader of the IKEv2 transcripts: tshark checks, decrypts and dissects with the transcripts' keys."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from scapy.utils import wrpcap

from vectors.tests.test_ikev1_tshark import _packet as packet
from vectors.transcripts import model
from vectors.transcripts.model import Transcript

PROPOSAL, TRANSFORM, SK, SKF = 2, 3, 46, 53
MACS = {
    "HMAC-MD5-96": "HMAC_MD5_96 [RFC2403]",
    "HMAC-SHA1-96": "HMAC_SHA1_96 [RFC2404]",
    "HMAC-SHA2-256-128": "HMAC_SHA2_256_128 [RFC4868]",
    "HMAC-SHA2-384-192": "HMAC_SHA2_384_192 [RFC4868]",
    "HMAC-SHA2-512-256": "HMAC_SHA2_512_256 [RFC4868]",
    # tshark decrypts, but does not check these
    "AES-XCBC-96": "ANY 96-bits of Authentication [No Checking]",
    "AES-CMAC-96": "ANY 96-bits of Authentication [No Checking]",
}


def _cipher(inputs: dict[str, Any]) -> str | None:
    """Wireshark's name; None for what it does not have (Camellia, ChaCha20-Poly1305)."""
    name, bits = inputs["cipher"], inputs.get("key_bits")
    family, _, octets = name.rpartition("-")
    if family in ("AES-GCM", "AES-CCM"):
        return f"{family}-{bits} with {octets} octet ICV [RFC5282]"
    names = {
        "AES-CBC": f"AES-CBC-{bits} [RFC3602]",
        "AES-CTR": f"AES-CTR-{bits} [RFC5930]",
        "3DES-CBC": "3DES [RFC2451]",
    }
    return names.get(name)


def _keys(transcript: Transcript) -> list[str] | None:
    """The lines of Wireshark's table, one per IKE SA; None where it lacks a cipher."""
    lines = []
    for case in transcript.raw["cases"]:
        if case["operation"] not in ("ikev2-keys", "ikev2-rekey-keys"):
            continue
        inputs, expected = case["inputs"], case["expected"]
        cipher, mac = _cipher(inputs), MACS.get(inputs.get("integ"), "NONE [RFC4306]")
        if cipher is None:
            return None

        def octets(cells: dict[str, Any], name: str) -> str:
            return transcript.names[cells[name][1:]].hex() if name in cells else ""

        keys = [octets(expected, name) for name in ("sk_ei", "sk_er", "sk_ai", "sk_ar")]
        if "No Checking" in mac:
            keys[2:] = ["", ""]
        spis = [octets(inputs, name) for name in ("spi_i", "spi_r")]
        lines.append(",".join([*spis, *keys[:2], f'"{cipher}"', *keys[2:], f'"{mac}"']))
    return lines


def test_tshark_decrypts_every_message_to_the_same_payloads(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    assert tshark, "tshark is not installed: apt-get install tshark"
    packets, expected, options, protected = [], [], [], 0
    for path in model.files():
        if not path.stem.startswith("ikev2-"):
            continue
        transcript = model.load(path)
        lines = _keys(transcript)
        if lines is None:
            continue
        for line in lines:
            options += ["-o", f"uat:ikev2_decryption_table:{line}"]
        for message in transcript.raw["messages"]:
            packets.append(packet(message))
            types = [payload["type"] for payload in message.get("payloads", ())]
            kind = bytes.fromhex(message["bytes"])[16]
            protected += kind == SK
            expected.append((f"{path.stem}, message {message['number']}", None if kind == SKF else types))
    wrpcap(str(tmp_path / "ikev2.pcap"), packets)
    fields = ["-e", "isakmp.typepayload", "-e", "_ws.expert.message"]
    command = [tshark, "-r", str(tmp_path / "ikev2.pcap"), "-T", "fields", *fields, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-800:]
    lines = done.stdout.splitlines()
    assert len(lines) == len(expected)
    assert protected > 700
    for (name, due), line in zip(expected, lines, strict=True):
        payloads, _, expert = line.partition("\t")
        seen = [int(word) for word in payloads.split(",") if word]
        assert due is None or [kind for kind in seen if kind not in (PROPOSAL, TRANSFORM, SK)] == due, name
        assert "ncorrect" not in expert, f"{name}: {expert}"
        assert "alformed" not in expert, f"{name}: {expert}"
