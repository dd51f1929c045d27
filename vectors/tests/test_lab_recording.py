"""Transcripts recorded anew with real peers are sound, and our end draws what it drew before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vectors.adapters.builtin import BUILTIN, adapter
from vectors.recording.exchange import ExchangeError
from vectors.recording.recipes import RECIPES
from vectors.recording.studio import Studio
from vectors.transcripts import altering, engine, model

pytestmark = pytest.mark.lab
NAMED = {recipe.name: recipe for recipe in RECIPES}


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with Studio() as made:
        yield made


@pytest.mark.parametrize(
    "name",
    ["ikev2-rekey-ike-peer-responder", "ikev2-fragments-cbc-initiator", "ikev2-psk-libreswan-initiator"],
)
def test_a_transcript_recorded_anew_is_sound_and_ours_in_what_we_draw(
    name: str, studio: Studio, tmp_path: Path
) -> None:
    made = model.load(studio.record(NAMED[name], tmp_path))
    before = model.load(model.TRANSCRIPTS / f"{name}.json")
    own = {"initiator": ("private_i", "Ni", "SPIi"), "responder": ("private_r", "Nr", "SPIr")}[NAMED[name].ours]
    assert [made.names[value] for value in own] == [before.names[value] for value in own]
    assert made.names["g_ir"] != before.names["g_ir"]
    assert made.confirmed == before.confirmed
    assert engine.replay(made)
    assert altering.unnoticed(made, [adapter(each) for each in BUILTIN]) == []


def test_an_exchange_that_goes_another_way_is_no_transcript(studio: Studio, tmp_path: Path) -> None:
    recipe = replace(NAMED["ikev2-psk-initiator"], options={"psk": b"another one"})
    with pytest.raises(ExchangeError, match="AUTHENTICATION_FAILED"):
        studio.record(recipe, tmp_path)
    recipe = replace(NAMED["ikev2-psk-initiator"], shows=("N(COOKIE)",))
    with pytest.raises(ExchangeError, match=r"no N\(COOKIE\) in IKE_SA_INIT request"):
        studio.record(recipe, tmp_path)
    assert not list(tmp_path.iterdir())
