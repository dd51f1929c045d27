"""Several results files as one report: shards of a DUT become one, different DUTs stay apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from reports.model import Implementation, Requirement, Results, Run, Scenario, Test
from reports.text import natural


@dataclass(frozen=True, slots=True)
class Entry:
    """A test in the report: where its verdict came from and under which anchor it stands in the page."""

    test: Test
    source: Path
    anchor: str


@dataclass(frozen=True, slots=True)
class Device:
    """One DUT with everything that its results files say. `repeated` counts tests found in several files."""

    name: str
    version: str
    slug: str
    kind: str
    runs: tuple[Run, ...]
    requirements: tuple[Requirement, ...]
    scenarios: tuple[Scenario, ...]
    implementations: tuple[Implementation, ...]
    entries: tuple[Entry, ...]
    repeated: int

    @property
    def title(self) -> str:
        """Name and version, the version only where the name does not say it already."""
        return self.name if not self.version or self.version in self.name else f"{self.name} {self.version}"

    @property
    def partial(self) -> bool:
        return any(run.partial for run in self.runs)

    @property
    def missing(self) -> int | None:
        """How many planned tests have no verdict; None when a partial run does not say what was planned."""
        if any(run.planned is None for run in self.runs):
            return None
        return max(0, sum(run.planned or 0 for run in self.runs) - len(self.entries) - self.repeated)


def merge(files: Iterable[Results]) -> tuple[Device, ...]:
    """One device per DUT name and version, in the order of the files.

    A test that is in several files of one DUT counts once, with the verdict of the run that started last.
    """
    groups: dict[tuple[str, str], list[Results]] = {}
    for results in files:
        groups.setdefault((results.run.dut, results.run.dut_version), []).append(results)
    several = len(groups) > 1
    slugs: set[str] = set()
    anchors: set[str] = set()
    return tuple(_device(group, several, slugs, anchors) for group in groups.values())


def _device(files: list[Results], several: bool, slugs: set[str], anchors: set[str]) -> Device:
    files = sorted(files, key=lambda results: results.run.started)
    last = files[-1].run
    slug = _unused(re.sub(r"[^A-Za-z0-9.-]+", "-", f"{last.dut} {last.dut_version}").strip("-")[:80] or "dut", slugs)
    tests: dict[tuple[str, str, str], tuple[Test, Path]] = {}
    requirements: dict[str, Requirement] = {}
    scenarios: dict[str, Scenario] = {}
    implementations: dict[str, Implementation] = {}
    count = 0
    for results in files:
        count += len(results.tests)
        tests.update((test.key, (test, results.source)) for test in results.tests)
        requirements.update((requirement.id, requirement) for requirement in results.requirements)
        scenarios.update((scenario.id, scenario) for scenario in results.scenarios)
        implementations.update((each.name, each) for each in results.implementations)
    ordered = sorted(tests.values(), key=lambda item: [natural(part) for part in item[0].key])
    return Device(
        name=last.dut,
        version=last.dut_version,
        slug=slug,
        kind="interop" if any(results.run.kind == "interop" for results in files) else "conformance",
        runs=tuple(results.run for results in files),
        requirements=tuple(sorted(requirements.values(), key=lambda each: natural(each.id))),
        scenarios=tuple(scenarios.values()),
        implementations=tuple(implementations.values()),
        entries=tuple(
            Entry(test, source, _unused(_anchor(test, slug if several else ""), anchors)) for test, source in ordered
        ),
        repeated=count - len(tests),
    )


def _anchor(test: Test, slug: str) -> str:
    name = "/".join(part for part in (slug, *test.key) if part)
    anchor = quote(name, safe="/.-_~")[:400]
    # A slash keeps test anchors apart from those of the page's own sections.
    return anchor if "/" in anchor else f"test/{anchor}"


def _unused(name: str, taken: set[str]) -> str:
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name}~{number}", number + 1
    taken.add(unused)
    return unused
