"""The parts of the plugin that need no device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.plugin import baseline, deviations, summary
from conformance.plugin.case import ROOT, Case, case_id, catalogue, make_case
from conformance.plugin.judgement import judge
from conformance.plugin.results import Store, record
from conformance.tester.ike_sa_init import Refused
from conformance.tester.verdicts import Deviation, Inconclusive, NotApplicable

MUST = "rfc7296/2.7/responder-picks-one"
SUITE = ROOT / "ikev2" / "rfc7296" / "s2_07_proposals.py"


def should() -> str:
    return next(item.id for item in catalogue() if item.strength == "should")


def case(*ids: str, identifier: str = "rfc7296/2.7/one") -> Case:
    return Case(identifier, "It does it.", tuple(catalogue()[item] for item in ids), ids=ids)


def result(identifier: str, verdict: str, **fields: Any) -> dict[str, Any]:
    base = {"id": identifier, "verdict": verdict, "deviation": None, "requirement": None, "known_deviation": None}
    return {**base, "requirements": [], **fields}


@pytest.mark.parametrize(
    ("file", "name", "parameter", "expected"),
    [
        ("rfc7296/s2_07_proposals.py", "test_one_proposal", "", "rfc7296/2.7/one-proposal"),
        ("rfc7296/s3_10_1_notify_types.py", "test_a", "aes", "rfc7296/3.10.1/a/aes"),
        ("rfc4303/s3_4_3_replay.py", "test_b_c", "", "rfc4303/3.4.3/b-c"),
    ],
)
def test_ids(file: str, name: str, parameter: str, expected: str) -> None:
    assert case_id(Path(file), name, parameter) == expected


def test_a_marker_is_checked() -> None:
    def function() -> None:
        pass

    made = make_case(SUITE, function, "test_x", ["rfc7296/2.7/respnder-picks-one"], {"needs": ("telepathy",)})
    assert "no docstring" in made.problem
    assert "did you mean" in made.problem
    assert "no claim is called 'telepathy'" in made.problem
    assert "no covers marker" in make_case(SUITE, function, "test_x", None, {}).problem


def test_selection() -> None:
    one = case(MUST)
    assert one.selected([], [], [])
    assert one.selected(["rfc7296:2.7"], ["must"], ["responder"])
    assert one.selected(["rfc7296/2.7/responder-picks-one"], [], [])
    assert not one.selected(["rfc7296:2.71"], [], [])
    assert not one.selected([], ["should"], [])
    assert not one.selected([], [], ["initiator"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "$: the file is empty"),
        ("[]", "$: expected an object"),
        ("[" * 100_000, "$: nested too deeply"),
        ('{"schema": "ikeproof-results/2"}', "the only version that this release reads"),
        ('{"schema": "ikeproof-results/1"', "the file was not written to its end"),
    ],
)
def test_a_baseline_that_is_none(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "accepted.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(baseline.BaselineError) as error:
        baseline.load(file)
    assert str(error.value).startswith(f"{file}: ")
    assert said in str(error.value)
    assert "--baseline takes" in str(error.value)


def test_verdicts() -> None:
    assert judge(case(MUST), None).verdict == "pass"
    failed = judge(case(MUST), Deviation({"a"}, "b"))
    assert (failed.verdict, failed.deviation, failed.requirement) == ("fail", "MUST", MUST)
    assert "RFC 7296 section 2.7" in failed.reason
    other = judge(case(MUST), Deviation("a", "b", should()))
    assert (other.deviation, other.requirement) == ("SHOULD", should())
    assert judge(case(MUST), Inconclusive("no route")).verdict == "inconclusive"
    assert judge(case(MUST), NotApplicable("x")).verdict == "not_applicable"
    assert judge(case(MUST), Refused("no SA payload")).reason == "set-up failed: no SA payload"
    assert judge(case(MUST), Refused("no SA payload")).verdict == "inconclusive"
    assert judge(case(MUST), Deviation("a", "b", "rfc7296/9/none")).verdict == "error"
    error = judge(case(MUST), ZeroDivisionError("x"))
    assert (error.verdict, error.deviation) == ("error", None)


def test_an_assert_judges_the_device_in_a_suite_only() -> None:
    def raised(filename: str) -> BaseException:
        code = compile("def f():\n    assert False, 'two proposals'\nf()", filename, "exec")
        try:
            exec(code, {})
        except AssertionError as error:
            return error
        raise RuntimeError("the assert did not fail")

    judged = judge(case(MUST), raised(str(SUITE)))
    assert (judged.verdict, judged.observed) == ("fail", "two proposals")
    assert judge(case(MUST), raised(str(ROOT / "tester" / "sa.py"))).verdict == "error"


def test_known_deviations(tmp_path: Path) -> None:
    (tmp_path / "swan").mkdir()
    file = tmp_path / "swan" / "deviations.toml"
    file.write_text(
        f'[[deviation]]\nid = "swan-1"\nrequirement = "{MUST}"\ntests = ["rfc7296/2.7/*"]\nversions = ["5.9"]\n'
        'text = "Does it."\nreference = "https://example.org/1"\n'
    )
    assert deviations.load("swan", "6.0.1", tmp_path) == ()
    assert deviations.load("nobody", "1", tmp_path) == ()
    known = deviations.load("swan", "5.9.8", tmp_path)
    assert deviations.explaining(known, "rfc7296/2.7/one", MUST) is known[0]
    assert deviations.explaining(known, "rfc7296/2.7/one", should()) is None
    assert deviations.explaining(known, "rfc7296/2.8/one", MUST) is None
    passed = [result("rfc7296/2.7/one", "pass")]
    assert deviations.no_longer_seen(known, passed) == [known[0]]
    assert deviations.no_longer_seen(known, [result("rfc7296/2.7/one", "inconclusive")]) == []
    seen = [*passed, result("rfc7296/2.7/two", "fail", known_deviation=known[0].as_result())]
    assert deviations.no_longer_seen(known, seen) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[deviation]]\nid = "a"', "a: requirement is missing"),
        ('[[deviation]]\nid = "a"\nsince = 1', "unknown key since"),
        ("[[deviation", "deviations.toml"),
        ('[[deviation]]\nid = "a"\nrequirement = "b"\ntext = "c"\ntests = "d"', "tests must be a list"),
    ],
)
def test_bad_deviations_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "swan").mkdir()
    (tmp_path / "swan" / "deviations.toml").write_text(text)
    with pytest.raises(deviations.DeviationsError, match=message):
        deviations.load("swan", "1", tmp_path)


def test_baseline(tmp_path: Path) -> None:
    old = {"tests": [result("a", "pass"), result("b", "fail", deviation="MUST", requirement="r"), result("c", "pass")]}
    new = {"tests": [result("a", "pass"), result("b", "pass"), result("d", "error")]}
    accepted = baseline.outcomes(old)
    assert baseline.differences(accepted, accepted, partial=False) == []
    lines = baseline.differences(accepted, baseline.outcomes(new), partial=False)
    assert lines == ["b: fail (MUST, r) -> pass", "c: pass -> not run", "d: not there -> error"]
    assert len(baseline.differences(accepted, baseline.outcomes(new), partial=True)) == 2
    store = Store(tmp_path)
    dut = {"name": "x", "version": "", "profile": {}}
    store.begin({"tool_version": "1", "dut": dut, "started": "2026-11-21T07:00:00Z", "command": ""})
    store.append(record(case(MUST), judge(case(MUST), None), duration=0, tester=None, store=store, known=None), "main")
    store.assemble()
    assert baseline.load(tmp_path / "results.json") == {"rfc7296/2.7/one": "pass"}
    with pytest.raises(baseline.BaselineError, match="No such file"):
        baseline.load(tmp_path / "none.json")


def test_a_crash_loses_no_result(tmp_path: Path) -> None:
    """What was written before a crash, a torn last line included, becomes a partial results file."""
    store = Store(tmp_path)
    header = {"tool_version": "1", "dut": {"name": "x", "version": "", "profile": {}}, "started": "", "command": ""}
    store.begin(header)
    store.plan(["rfc7296/2.7/one", "rfc7296/2.7/two"])
    entry = record(case(MUST), judge(case(MUST), None), duration=0.1, tester=None, store=store, known=None)
    store.append(entry, "gw0")
    with (store.parts / "results-gw1.jsonl").open("a") as file:
        file.write('{"id": "rfc7296/2.7/tw')
    results = store.assemble()
    assert [test["id"] for test in results["tests"]] == ["rfc7296/2.7/one"]
    assert results["run"]["partial"]
    assert "rfc7296/2.7/two" in results["run"]["reason"]
    assert json.loads((tmp_path / "results.json").read_text()) == results


def test_summary() -> None:
    tests = [
        result("rfc7296/2.7/a", "pass", requirements=[MUST]),
        result("rfc7296/2.7/b", "fail", deviation="MUST"),
        result("rfc7296/2.7/c", "fail", deviation="SHOULD"),
        result("rfc7296/2.7/d", "fail", deviation="MUST", known_deviation={"id": "k"}),
        result("rfc4303/2/e", "not_applicable"),
    ]
    counts = summary.by_rfc(tests)
    assert counts["rfc7296"] == {"pass": 1, "MUST": 1, "SHOULD": 1, "known": 1}
    assert counts["rfc4303"] == {"n/a": 1}
    assert summary.headline(tests).startswith("5 test cases: 1 passed, 1 broke a MUST")
    assert summary.table(tests, catalogue())[2].rstrip().split()[-4:-3] == ["1"]
