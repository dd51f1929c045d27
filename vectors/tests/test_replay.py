"""Every set passes against every built-in adapter, and an altered octet in any set makes the run fail."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from vectors.adapters import Adapter, Input, Refused
from vectors.adapters.builtin import BUILTIN, adapter
from vectors.cli import main
from vectors.model import Case, Value, VectorSet, files, load
from vectors.operations import OPERATIONS
from vectors.readme import README, with_table
from vectors.replay import Outcome, replay, replay_case
from vectors.transcripts import model as transcripts

SETS = {path.stem: load(path) for path in files()}
ADAPTERS = [word for name in BUILTIN for word in ("--adapter", name)]


@pytest.mark.parametrize("name", SETS)
def test_no_failure_and_two_that_share_no_code_answer_each_case(name: str) -> None:
    answered: Counter[str] = Counter()
    for each in BUILTIN:
        (tally,) = replay([SETS[name]], adapter(each))
        assert [one for one in tally.replays if one.outcome is Outcome.FAIL] == []
        answered.update(one.case.id for one in tally.replays if one.outcome is Outcome.PASS)
    assert {case.id for case in SETS[name].cases if answered[case.id] < 2} == set()


def _altered(value: Value, quarter: int = 2, mask: int = 0x01) -> Value:
    """One octet of it, after so many quarters, has other bits; a number is the next, an empty string gains an octet.

    Inputs are altered where every bit counts: not in DES parity, X25519's clamped bits, the z of an ML-KEM seed.
    """
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    place = len(value) * quarter // 8 * 2
    return f"{value[:place]}{int(value[place : place + 2], 16) ^ mask:02x}{value[place + 2 :]}" if value else "00"


def _fails(vectors: VectorSet, case: Case) -> bool:
    return any(replay_case(vectors, case, adapter(each)).outcome is Outcome.FAIL for each in BUILTIN)


@pytest.mark.parametrize("name", SETS)
def test_an_altered_octet_in_any_expected_value_fails(name: str) -> None:
    vectors = SETS[name]
    valid = [case for case in vectors.cases if case.result == "valid"]
    assert valid, "a set needs a valid case: else an implementation that refuses everything passes"
    for case in valid:
        for output, value in case.expected.items():
            altered = replace(case, expected={**case.expected, output: _altered(value)})
            assert _fails(vectors, altered), f"{case.id}: {output}"


@pytest.mark.parametrize("name", SETS)
def test_an_altered_octet_in_an_input_of_a_valid_case_fails(name: str) -> None:
    vectors = SETS[name]
    case = next(case for case in vectors.cases if case.result == "valid")
    octets = [
        key
        for key, value in case.inputs.items()
        if isinstance(value, str) and value and vectors.operation.inputs[key].value == "octets"
    ]
    for key in octets:
        altered = replace(case, inputs={**case.inputs, key: _altered(case.inputs[key], quarter=1, mask=0x10)})
        assert _fails(vectors, altered), key
    assert octets or vectors.operation.name == "group"


@pytest.mark.parametrize(
    "name", [name for name, each in SETS.items() if any(c.result == "invalid" for c in each.cases)]
)
def test_an_implementation_that_accepts_or_refuses_everything_fails(name: str) -> None:
    class Careless:
        name = "careless"

        def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
            return {}

        def close(self) -> None:
            pass

    class Anxious(Careless):
        def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
            raise Refused("never")

    bad: list[Adapter] = [Careless(), Anxious()]
    for implementation in bad:
        (tally,) = replay([SETS[name]], implementation)
        assert tally.count(Outcome.FAIL) > 0


def test_the_command_exits_1_and_names_the_case(tmp_path: Path) -> None:
    raw = json.loads(next(path for path in files() if path.stem == "rfc4493-aes-cmac").read_text(encoding="utf-8"))
    raw["cases"][0]["expected"]["mac"] = _altered(raw["cases"][0]["expected"]["mac"])
    (tmp_path / "rfc4493-aes-cmac.json").write_text(json.dumps(raw), encoding="utf-8")
    result = CliRunner().invoke(main, ["replay", "--data", str(tmp_path), *ADAPTERS])
    assert result.exit_code == 1
    assert "openssl: rfc4493-aes-cmac 1: mac: expected" in result.output


def test_every_operation_has_a_set() -> None:
    used = {vectors.operation.name for vectors in SETS.values()}
    used |= {vectors.operation.name for path in transcripts.files() for vectors in transcripts.load(path).sets}
    assert used == set(OPERATIONS)


def test_the_table_in_the_readme_is_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text, SETS.values()), "run `python -m vectors readme`"
    assert CliRunner().invoke(main, ["readme", "--check"]).exit_code == 0
