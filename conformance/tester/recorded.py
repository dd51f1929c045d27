"""Transcripts read back from results.json, so that a recorded run can be judged again without the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.tester.received import lenient
from conformance.tester.transcript import Entry, Transcript
from reference_impl.wire.udp import NON_ESP_MARKER


def transcript(test: Mapping[str, Any]) -> Transcript:
    """The transcript of one entry of `tests` in results.json, messages decoded (and decrypted) as they were."""
    entries = []
    for item in test["transcript"]:
        data = bytes.fromhex(item["bytes"])
        octets = bytes.fromhex(item["x-clear"]) if "x-clear" in item else data.removeprefix(NON_ESP_MARKER)
        is_ike = any(node["name"] == "IKE message" for node in item["tree"])
        entries.append(
            Entry(
                item["time"],
                item["direction"] == "to_dut",
                _address(item["src"]),
                _address(item["dst"]),
                data,
                lenient(octets) if is_ike else None,
                item["decrypted"],
                item["summary"],
                item["note"],
            )
        )
    return Transcript(0.0, entries)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
