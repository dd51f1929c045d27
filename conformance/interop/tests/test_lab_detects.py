"""Every scenario fails when one end deviates: a mutant of the reference plays against strongSwan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.interop.bench import Bench
from conformance.interop.scenario import scenarios
from conformance.interop.site import ReferenceSide, Site
from conformance.interop.wire import Broken

pytestmark = pytest.mark.lab
PEER = "strongswan-6.0"
# scenario, mutant, whether the mutant is the initiator
DETECTED = [
    ("establish-psk", "keymat-responder-first", False),
    ("establish-rsa", "certificate-in-pem", False),
    ("establish-ecdsa", "certificate-in-pem", False),
    ("establish-ed25519", "identity-not-announced", False),
    ("fragments", "fragments-of-established-only", False),
    ("rekey-child-by-initiator", "delete-answered-empty", False),
    ("rekey-child-by-responder", "deletes-with-peers-spi", False),
    ("rekey-ike-by-initiator", "children-stay-with-old-ike", False),
    ("rekey-ike-by-responder", "own-rekey-keeps-numbering", False),
    ("liveness-by-initiator", "empty-informational-unanswered", False),
    ("liveness-by-responder", "liveness-with-payload", False),
    ("delete-child-by-initiator", "delete-answered-with-peers-spi", False),
    ("delete-child-by-responder", "deletes-with-peers-spi", False),
    ("delete-ike-by-initiator", "ike-delete-answered-with-delete", False),
    ("delete-ike-by-responder", "ike-closed-silently", False),
    ("mismatch-proposal", "accepts-any-proposal", False),
    ("mismatch-ke-group", "init-group-little-endian", False),
    ("mismatch-ke-group", "narrows-offer-after-invalid-ke", True),
    ("mismatch-psk", "accepts-any-psk", False),
    ("mismatch-identity", "initiator-ignores-auth-failed", True),
    ("mismatch-certificate", "accepts-untrusted-certificates", False),
    ("mismatch-responder-certificate", "accepts-untrusted-certificates", True),
    ("mismatch-child-proposal", "child-failure-fails-auth", False),
    ("mismatch-child-proposal", "initiator-fails-with-child", True),
    ("mismatch-selectors", "null-set-answered", False),
    ("nat", "one-nat-detection-only", False),
    ("nat-rebinding", "answers-to-first-address", False),
    ("nat-rebinding", "esp-stays-behind", False),
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def test_every_scenario_is_among_them() -> None:
    assert {name for name, _, _ in DETECTED} == set(scenarios())


@pytest.mark.parametrize(("name", "mutant", "initiates"), DETECTED, ids=[f"{item[0]}/{item[1]}" for item in DETECTED])
def test_scenario_detects(site: Site, tmp_path: Path, name: str, mutant: str, initiates: bool) -> None:
    scenario = scenarios()[name]
    peer = site.side(PEER, "inside" if scenario.topology == "nat" else "outside")
    reference = site.side("reference")
    assert isinstance(reference, ReferenceSide)
    reference.mutant = mutant
    ends = (reference, peer) if initiates else (peer, reference)
    bench = Bench(site, ends[0], ends[1], tmp_path / "scenario.pcap")
    with pytest.raises(Broken) as caught, bench.played():
        scenario.play(bench)
    assert caught.value.peer in ("reference", "")
