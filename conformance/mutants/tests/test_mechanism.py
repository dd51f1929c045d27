"""The mechanism of mutants: patching, registering, and judging the table."""

from __future__ import annotations

import types

import pytest

from conformance.mutants.registry import MutantError, Patch, apply, load, mutant
from conformance.mutants.table import Trial, conclude, lines, merge, undecided
from conformance.plugin.case import catalogue


def test_patch_replaces_and_wraps() -> None:
    owner = types.SimpleNamespace(value=1, double=lambda number: 2 * number)
    patch = Patch()
    assert patch(owner, "value", 2) == 1
    assert owner.value == 2
    patch.wrap(owner, "double", lambda original, number: original(number) + 1)
    assert owner.double(5) == 11
    with pytest.raises(MutantError, match="does not fit the implementation any more"):
        patch(owner, "gone", None)


def test_registering_is_checked() -> None:
    with pytest.raises(MutantError, match="no docstring"):
        mutant("nameless", breaks="rfc7296/2.1/messages-in-pairs")(lambda patch: None)
    with pytest.raises(MutantError, match="no mutant is called 'unheard-of'"):
        apply("unheard-of")


def test_every_mutant_breaks_a_requirement_of_the_catalogue() -> None:
    unknown = {item.name: item.breaks for item in load().values() if item.breaks not in catalogue()}
    assert unknown == {}


def test_the_table_is_judged() -> None:
    trials = [
        Trial("good", {"t/one": "fail", "t/two": "pass"}),
        Trial("weak", {"t/two": "pass", "t/three": "inconclusive"}),
        Trial("dead", error="it did not start"),
    ]
    named = {"t/one": ("good",), "t/two": ("good", "weak"), "t/three": ("weak", "none"), "t/four": ()}
    verdict = conclude(trials, named, ["good", "weak", "dead", "lonely"])
    assert [row.split(":")[0] for row in verdict.survivors] == ["lonely", "weak"]
    assert [row.split(":")[0] for row in verdict.unproved] == ["t/four", "t/three", "t/two"]
    assert verdict.broken == ["dead: it did not start", "t/three: names the unknown mutant none"]
    assert not verdict.good
    assert conclude(trials[:1], {"t/one": ("good",)}, ["good"]).good
    assert "good caught" in lines(trials, named)[1]


def test_what_proved_nothing_is_tried_again() -> None:
    trials = [
        Trial("kills", {"a": "fail"}),
        Trial("dozes", {"b": "inconclusive"}),
        Trial("stuck", error="it did not start"),
    ]
    named = {"a": ["kills"], "b": ["dozes"], "c": ["kills"]}
    assert undecided(trials, named) == ["dozes", "kills", "stuck"]
    merge(trials, [Trial("dozes", {"b": "fail"}), Trial("stuck", {"d": "fail"})])
    assert [trial.killed_by for trial in trials] == [["a"], ["b"], ["d"]]
    assert trials[2].error == ""
