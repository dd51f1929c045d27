"""JUnit, the matrix, and the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports import build
from reports.__main__ import main
from reports.tests.conftest import Save
from reports.tests.pages import Page
from reports.tests.sample import poison, results
from reports.tests.test_html import interop, other


def test_junit_counts_and_texts(save: Save, tmp_path: Path) -> None:
    build(save(results()), tmp_path / "out")
    root = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == [f"Example gateway 4.2 RFC {number}" for number in (4303, 7296, 7383)]
    for suite in root:
        for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == len(list(suite.iter(tag))), name
        assert [child.tag for child in suite if child.tag != "testcase"] == ["properties", "system-out", "system-err"]
    assert suites["Example gateway 4.2 RFC 7296"].get("timestamp") == "2026-11-20T14:03:12"
    (case,) = [case for case in root.iter("testcase") if case.get("name") == "nonce-15-octets"]
    assert case.get("classname") == "Example-gateway-4.2.rfc7296.3.9"
    (failure,) = case
    assert failure.get("type") == "MUST failure"
    assert failure.get("message") == "The device accepted a nonce that is shorter than allowed."
    assert "RFC 7296 section 3.9, MUST:" in (failure.text or "")
    assert "known deviation example-gateway/short-nonce" in (failure.text or "")


def test_junit_of_hostile_text_is_xml(save: Save, tmp_path: Path) -> None:
    build([save(poison(results()), "a.json"), save(poison(interop()), "b.json")], tmp_path / "out")
    root = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    assert len(list(root.iter("testcase"))) == 35


def test_matrix_compares_devices_and_shows_scenarios(save: Save, tmp_path: Path) -> None:
    changed = other()
    changed["tests"][0].update(verdict="inconclusive", reason="no route")
    del changed["tests"][1]
    build([save(results(), "a.json"), save(changed, "b.json"), save(interop(), "c.json")], tmp_path / "out")
    page = Page(tmp_path / "out" / "matrix.html")
    rows = [attributes["data-differs"] for attributes in page.named("tr") if "data-differs" in attributes]
    assert (rows.count("yes"), rows.count("no")) == (2, 29)
    assert "not run" in page.text
    assert "RC" in page.text  # the abbreviation of a scenario that gave none
    assert "index.html#Interop-lab/interop/establish/beta/alpha" in page.values("href")


def test_matrix_goes_away_when_there_is_nothing_to_compare(save: Save, tmp_path: Path) -> None:
    build([save(results(), "a.json"), save(other(), "b.json")], tmp_path / "out")
    assert (tmp_path / "out" / "matrix.html").is_file()
    build(save(results(), "a.json"), tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["index.html", "junit.xml"]


def test_same_results_same_pages(save: Save, tmp_path: Path) -> None:
    file = save(results())
    build(file, tmp_path / "one")
    build(file, tmp_path / "two")
    for name in ("index.html", "junit.xml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_command_writes_and_tells(save: Save, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reports", str(save(results())), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "index.html" in done.stdout


@pytest.mark.parametrize("content", ["", "{", '{"schema": "ikeproof-results/9"}', "[bold]"])
def test_command_refuses_without_a_trace(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.json"
    file.write_text(content, encoding="utf-8")
    assert main([str(file), "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"reports: {file}: $")
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_command_without_a_place_to_write(save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    assert main([str(save(results())), "-o", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err


def test_command_without_arguments_is_wrong_use() -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
