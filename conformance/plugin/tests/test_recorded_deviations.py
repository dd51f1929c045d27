"""The recorded deviations of the peers fit the suite: a pattern without a test would explain nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.plugin import deviations
from conformance.plugin.case import catalogue

FILES = sorted(deviations.PEERS.glob("*/deviations.toml"))
MEMBERS = ("text", "evidence", "reference")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Every test case of the suites with the requirements that it covers."""
    out: Path = tmp_path_factory.mktemp("list") / "cases.json"
    command = [sys.executable, "-m", "pytest", "conformance", "--list", "-q", "--list-json", str(out)]
    subprocess.run(command, check=True, cwd=deviations.PEERS.parent, stdout=subprocess.DEVNULL, timeout=120)
    return {item["id"]: item["requirements"] for item in json.loads(out.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_entries_fit_the_suite(file: Path, cases: dict[str, list[str]]) -> None:
    entries = deviations.load(file.parent.name, "", file.parent.parent, every=True)
    assert entries
    assert len({entry.id for entry in entries}) == len(entries)
    problems = []
    for entry in entries:
        if catalogue().get(entry.requirement) is None:
            problems.append(f"{entry.id}: no requirement {entry.requirement}")
        problems += [f"{entry.id}: {name} is empty" for name in MEMBERS if not getattr(entry, name)]
        for pattern in entry.tests:
            if not pattern.startswith("interop/") and not any(deviations.fits(name, pattern) for name in cases):
                problems.append(f"{entry.id}: no test {pattern}")
    assert not problems, "\n".join(problems)
