"""IKEv1 and EAP transcripts recorded anew between foreign peers are sound, and as before where nothing is random."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.lab import Lab
from vectors.adapters.builtin import BUILTIN, adapter
from vectors.recording import eap, ikev1, layout
from vectors.recording.ikev1_scenarios import SCENARIOS
from vectors.transcripts import altering, model

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def pairs(lab: Lab) -> ikev1.Pairs:
    return ikev1.Pairs(lab, lab.fixed_network("ikev1"), nat=True)


@pytest.fixture(scope="module")
def eap_pairs(lab: Lab) -> eap.Pairs:
    return eap.Pairs(lab, lab.fixed_network("eap"))


def _check(path: Path) -> None:
    made, before = model.load(path), model.load(model.TRANSCRIPTS / path.name)
    assert altering.unnoticed(made, [adapter(each) for each in BUILTIN]) == []
    assert [each["summary"] for each in made.raw["messages"]] == [each["summary"] for each in before.raw["messages"]]
    assert [each["name"] for each in made.raw["values"]] == [each["name"] for each in before.raw["values"]]
    assert [each["id"] for each in made.raw["cases"]] == [each["id"] for each in before.raw["cases"]]
    assert made.confirmed == before.confirmed


@pytest.mark.parametrize(
    "name", ["ikev1-natt", "ikev1-main-rsa-aes256-sha256-ecp256", "ikev1-rekey-quick-pfs", "ikev1-libreswan-transport"]
)
def test_ikev1(name: str, pairs: ikev1.Pairs, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.json"
    path.write_text(layout.text(ikev1.record(SCENARIOS[name], pairs, tmp_path)), encoding="utf-8")
    _check(path)


@pytest.mark.parametrize("name", ["ikev2-eap-mschapv2-aead", "ikev2-eap-tls"])
def test_eap(name: str, eap_pairs: eap.Pairs, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.json"
    path.write_text(layout.text(eap.record(eap.SCENARIOS[name], eap_pairs, tmp_path)), encoding="utf-8")
    _check(path)
