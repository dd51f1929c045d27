"""Every transcript passes with every adapter and with the engine, and one altered octet anywhere makes it fail."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from vectors.adapters.builtin import BUILTIN, adapter
from vectors.replay import Outcome, replay
from vectors.transcripts import altering, engine, model
from vectors.transcripts.model import Transcript

FILES = {path.stem: path for path in model.files()}


@cache
def _load(name: str) -> Transcript:
    return model.load(FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_no_failure_and_somebody_answers_every_case(name: str) -> None:
    sets = _load(name).sets
    answered: Counter[str] = Counter()
    for each in BUILTIN:
        for tally in replay(sets, adapter(each)):
            assert [one.detail for one in tally.replays if one.outcome is Outcome.FAIL] == []
            answered.update(one.case.id for one in tally.replays if one.outcome is Outcome.PASS)
    assert set(answered) == {case.id for vectors in sets for case in vectors.cases}


@pytest.mark.parametrize("name", FILES)
def test_the_reference_plays_its_end_again(name: str) -> None:
    assert engine.replay(_load(name)) == ("engine" in _load(name).raw)


@pytest.mark.parametrize("name", FILES)
def test_an_altered_octet_anywhere_fails(name: str) -> None:
    assert altering.unnoticed(_load(name), [adapter(each) for each in BUILTIN]) == []


def test_an_octet_that_nothing_depends_on_is_found() -> None:
    raw = dict(_load("ikev2-psk-initiator").raw)
    raw["values"] = [*raw["values"], {"name": "idle", "says": "nothing", "octets": "00"}]
    transcript = model.unfold(FILES["ikev2-psk-initiator"], raw)
    assert altering.unnoticed(transcript, [adapter("ikeproof")]) == [f"values.{len(raw['values']) - 1}.octets"]


def test_every_transcript_of_ikev2_that_is_live_is_played_by_the_engine() -> None:
    for name in FILES:
        raw = _load(name).raw
        assert "engine" in raw or raw["protocol"] == "ikev1" or raw["confirmed"]["how"] == "capture", name


def test_there_are_as_many_as_promised() -> None:
    assert len(FILES) >= 80
