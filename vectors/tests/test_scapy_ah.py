"""Where scapy's AH is not RFC 4302's: each difference that its adapter names is shown on a packet."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH, zero_mutable_fields

from vectors.adapters.scapy_ah import differences
from vectors.model import DATA, Case, load

CASES = {case.id: case for case in load(DATA / "derived-ip-mutable.json").cases}


def scapys(packet: bytes) -> bytes | None:
    """The headers before AH as scapy counts them; None where it gives up."""
    parsed = (IP if packet[0] >> 4 == 4 else IPv6)(packet)
    left = any(layer.segleft for layer in parsed.iterpayloads() if hasattr(layer, "segleft"))
    try:
        counted = zero_mutable_fields(parsed, sending=left)  # type: ignore[no-untyped-call]
    except (AttributeError, TypeError):
        return None
    return bytes(counted)[: len(counted) - len(counted[AH])]


def is_rfcs(case: Case) -> bool:
    """Whether scapy answers as the case expects."""
    answer = scapys(bytes.fromhex(str(case.inputs["packet"])))
    return answer is None if case.result == "invalid" else answer == bytes.fromhex(str(case.expected["header"]))


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("ipv4-loose-route-at-source", "predicts no destination"),
        ("ipv4-strict-route-at-second", "predicts no destination"),
        ("ipv4-security-number-not-copied", "compares an option's number"),
        ("ipv4-more-fragments", "does not refuse a fragment"),
        ("ipv6-routing-3-left", "moves the addresses"),
        ("ipv6-routing-1-left", "moves the addresses"),
        ("ipv6-routing-type-2-under-way", "routing header of another type"),
        ("ipv6-atomic-fragment", "does not skip a Fragment Header"),
        ("ipv6-option-beyond-header", "does not refuse an option"),
    ],
)
def test_a_difference_is_one(name: str, difference: str) -> None:
    case = CASES[name]
    named = list(differences(bytes.fromhex(str(case.inputs["packet"]))))
    assert any(difference in text for text in named)
    assert not is_rfcs(case)


def test_where_none_is_named_scapy_is_right() -> None:
    checked = 0
    for case in CASES.values():
        packet = bytes.fromhex(str(case.inputs["packet"]))
        if case.result == "valid" and not list(differences(packet)):
            assert is_rfcs(case), case.id
            checked += 1
    assert checked > 40
