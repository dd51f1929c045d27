"""What one run of the suites knows, in the controller and in each worker."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from conformance.plugin import baseline, deviations, options, summary
from conformance.plugin.case import Case, catalogue
from conformance.plugin.deviations import KnownDeviation
from conformance.plugin.dut import Dut
from conformance.plugin.judgement import Judgement
from conformance.plugin.results import Store
from conformance.profile import Profile
from conformance.tester.tester import Tester
from conformance.tester.trigger import Trigger
from conformance.tester.verdicts import DutDied, Inconclusive

DETAILS = 40

_BROKEN = {"MUST": "MUST broken", "STATEMENT": "statement broken", "SHOULD": "SHOULD not followed"}


@dataclass(slots=True)
class Run:
    """The state of a run. `died`: the test during which the device died. `accepted`: outcomes of the baseline.

    outcomes: in a trial of a mutant, test id to verdict. complaint: why nothing could be run.
    """

    worker: str
    workers: int = 1
    dut: Dut | None = None
    store: Store | None = None
    workdir: Path | None = None
    known: tuple[KnownDeviation, ...] = ()
    accepted: dict[str, str] | None = None
    sanity: dict[str, dict[str, Any]] = field(default_factory=dict)
    died: str = ""
    complaint: str = ""
    results: dict[str, Any] | None = None
    changes: list[str] = field(default_factory=list)
    gone: list[KnownDeviation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reported: bool = False
    outcomes: dict[str, str] | None = None
    _trigger: Trigger | None = None
    _count: int = 0

    @property
    def profile(self) -> Profile:
        """The device's profile. Raises RuntimeError before the device is known."""
        if self.dut is None:
            raise RuntimeError("the run has no device")
        return self.dut.profile

    def next_number(self) -> int:
        """A number that no other test of the run has."""
        index = int(self.worker[2:]) if self.worker.startswith("gw") else 0
        self._count += 1
        return (self._count - 1) * self.workers + index + 1

    def trigger(self) -> Trigger:
        """What makes the device act, attached once per process."""
        if self._trigger is None:
            if self.dut is None:
                raise RuntimeError("the run has no device")
            self._trigger = self.dut.trigger(exclusive=self.worker == "main")
        return self._trigger

    def begin_trial(self, device: Dut, outcomes: dict[str, str]) -> None:
        """Another device for the next tests (a mutant); their verdicts go into `outcomes`, nothing is written."""
        self.dut, self.outcomes, self.died, self._trigger = device, outcomes, "", None

    def end_trial(self) -> None:
        """Stop the device of the trial."""
        if self.dut is not None:
            self.dut.stop()
        self.dut, self._trigger = None, None

    def revive(self) -> bool:
        """Whether the device answers again after a reset through its driver."""
        try:
            self.trigger().reset()
            probe = Tester(self.profile)
            try:
                probe.fence()
            finally:
                probe.link.close()
        except (DutDied, Inconclusive):
            return False
        return True

    def tool_version(self) -> str:
        """The version of ikeproof."""
        try:
            return version("ikeproof")
        except PackageNotFoundError:
            return "unknown"

    def conclude(self, config: pytest.Config, status: int) -> int:
        """The exit code: pytest's, corrected by baseline, deviations that are gone, and the last sanity exchange."""
        if self.results is None:
            return status
        tests, partial = self.results["tests"], bool(self.results["run"]["partial"])
        narrowed = partial or options.selects(config)
        # The records are of the plain peer: a variant, such as one over IPv6, need not show all of it.
        if not narrowed and "+" not in self.profile.name:
            self.gone = deviations.no_longer_seen(self.known, tests)
        if status == pytest.ExitCode.TESTS_FAILED and not any(self._fails(test, config) for test in tests):
            status = int(pytest.ExitCode.OK)
        if self.accepted is not None and status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self.changes = baseline.differences(self.accepted, baseline.outcomes(self.results), partial=narrowed)
            return int(bool(self.changes))
        if status == pytest.ExitCode.OK and (self.gone or not self.sanity.get("last", {"ok": True})["ok"]):
            return int(pytest.ExitCode.TESTS_FAILED)
        if status == pytest.ExitCode.OK and partial:
            return int(pytest.ExitCode.TESTS_FAILED)
        return status

    def _fails(self, test: Mapping[str, Any], config: pytest.Config) -> bool:
        kind = summary.column(test)
        return kind in ("MUST", "STATEMENT", "error") or (
            kind in ("SHOULD", "inconclusive") and bool(config.option.strict)
        )

    def report(self) -> None:
        """Make the HTML and JUnit reports beside results.json."""
        if self.store is None or self.results is None:
            return
        import reports

        try:
            reports.build(self.store.out / "results.json", self.store.out)
            self.reported = True
        except (reports.ResultsError, OSError) as error:
            self.notes.append(f"the reports could not be made: {error}")

    def summary(self) -> list[str]:
        """The lines at the end of the run."""
        if self.results is None or self.store is None:
            return []
        tests = self.results["tests"]
        lines = [*summary.table(tests, catalogue()), "", summary.headline(tests)]
        if tests:
            lines.append(f"{sum(test['duration'] for test in tests) / len(tests):.3f} s per test case on average")
        for test in [item for item in tests if item["verdict"] == "fail"][:DETAILS]:
            known = test["known_deviation"]
            kind = f"known deviation {known['id']}" if known else _BROKEN[test["deviation"]]
            lines += [f"{test['id']}: {kind}", f"    {test['reason']}"]
        for test in [item for item in tests if item["verdict"] in ("inconclusive", "error")][:DETAILS]:
            lines += [f"{test['id']}: {test['verdict']}", f"    {test['reason']}"]
        lines += [f"known deviation no longer seen: {item.id} ({item.text})" for item in self.gone]
        if self.accepted is not None:
            lines.append(f"against the baseline: {len(self.changes)} differences")
            lines += [f"    {change}" for change in self.changes]
        last = self.sanity.get("last")
        if last is not None and not last["ok"]:
            lines.append(f"the last sanity exchange failed: {last['detail']}")
        if self.results["run"]["partial"]:
            lines.append(f"PARTIAL: {self.results['run']['reason']}")
        lines += self.notes
        made = "index.html" if self.reported else "results.json"
        lines.append(f"results and reports: {self.store.out / made}")
        return lines

    def close(self) -> None:
        """Stop the device and forget its working directory."""
        if self.dut is not None:
            self.dut.stop()
        if self.workdir is not None:
            shutil.rmtree(self.workdir, ignore_errors=True)
            self.workdir = None


RUN: pytest.StashKey[Run] = pytest.StashKey()
CASE: pytest.StashKey[Case] = pytest.StashKey()
TESTER: pytest.StashKey[Tester] = pytest.StashKey()
JUDGEMENT: pytest.StashKey[Judgement | None] = pytest.StashKey()
