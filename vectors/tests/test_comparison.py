"""Known disagreements: named and no failure, and a failure once they are gone; adapters that cannot be started."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from vectors import cli, comparison
from vectors.adapters.builtin import BUILTIN, FOREIGN, adapter
from vectors.adapters.foreign import containers
from vectors.comparison import Comparison
from vectors.disagreements import Disagreement, known
from vectors.model import DATA, VectorSet, load

SET = load(DATA / "rfc4493-aes-cmac.json")


def _compare(monkeypatch: pytest.MonkeyPatch, vectors: VectorSet, *recorded: Disagreement) -> Comparison:
    monkeypatch.setattr(comparison, "known", lambda: recorded)
    made = Comparison([vectors])
    made.add(adapter("openssl"))
    return made


def _altered(index: int) -> VectorSet:
    """The set with one wrong expected value."""
    cases = [*SET.cases]
    cases[index] = replace(cases[index], expected={"mac": "00" * 16}, flags=("Odd",))
    return replace(SET, cases=tuple(cases))


def test_a_recorded_difference_is_named_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    by_id = Disagreement(("openssl",), SET.name, "why", "where", cases=(SET.cases[1].id,))
    by_flag = Disagreement(("openssl",), SET.name, "why", "where", flag="Odd")
    for recorded in (by_id, by_flag):
        made = _compare(monkeypatch, _altered(1), recorded)
        assert made.failures == []
        assert made.differences == {recorded: 1}
        assert list(made.rows()) == [[SET.name, "4", "3 passed, 1 differ"]]


@pytest.mark.parametrize(
    "recorded",
    [
        Disagreement(("ikeproof",), SET.name, "why", "where", flag="Odd"),
        Disagreement(("openssl",), "other", "why", "where", flag="Odd"),
        Disagreement(("openssl",), SET.name, "why", "where", flag="Even"),
    ],
)
def test_a_difference_that_is_not_recorded_fails(monkeypatch: pytest.MonkeyPatch, recorded: Disagreement) -> None:
    made = _compare(monkeypatch, _altered(0), recorded)
    assert len(made.failures) == 1
    assert made.failures[0].startswith(f"openssl: {SET.name} {SET.cases[0].id}: mac: expected 0000")
    assert made.differences == {}


def test_a_recorded_difference_that_is_gone_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _compare(monkeypatch, SET, Disagreement(("openssl",), SET.name, "why", "where", cases=(SET.cases[2].id,)))
    (failure,) = made.failures
    assert failure.endswith("disagreements.toml says that it differs, and it does not")


def test_every_record_names_adapters_and_cases_that_exist() -> None:
    for each in known():
        assert set(each.adapters) <= {*BUILTIN, *FOREIGN}
        vectors = load(DATA / f"{each.set}.json")
        assert bool(each.flag) != bool(each.cases)
        assert not each.flag or each.flag in vectors.notes
        assert set(each.cases) <= {case.id for case in vectors.cases}
        assert each.text
        assert each.reference


NO_ENGINE = "no Docker engine answers at DOCKER_HOST=unix:///no/such/socket. Start it or unset DOCKER_HOST"


@pytest.fixture
def no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    monkeypatch.setattr(containers, "_lab", containers._lab.__wrapped__)  # also where tests before this one had a lab


@pytest.mark.usefixtures("no_lab")
@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 2)])
def test_without_a_lab_one_line_says_what_did_not_run(monkeypatch: pytest.MonkeyPatch, ci: str, code: int) -> None:
    monkeypatch.setenv("CI", ci)
    result = CliRunner().invoke(cli.main, ["replay", "--set", SET.name, "--all-adapters"])
    assert result.exit_code == code
    assert f"NOT RUN: {', '.join(FOREIGN)}: {NO_ENGINE}\n" in result.output
    assert "1 sets, 4 cases, 0 failures" in result.output
    assert ("in CI every adapter must run" in result.output) == bool(ci)


@pytest.mark.usefixtures("no_lab")
@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_adapter_that_was_asked_for_must_run(name: str) -> None:
    result = CliRunner().invoke(cli.main, ["replay", "--set", SET.name, "--adapter", name])
    assert result.exit_code == 2
    assert f"{name}: {NO_ENGINE}" in result.output


def test_a_column_for_each_adapter_and_the_sums() -> None:
    arguments = ["--set", "rfc4434", "--set", "rfc4615", "--adapter", "ikeproof", "--adapter", "openssl"]
    result = CliRunner().invoke(cli.main, ["replay", *arguments])
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["set", "cases", "ikeproof", "openssl", "source"]
    assert ["all", "6", "6", "passed", "6", "passed"] in lines
