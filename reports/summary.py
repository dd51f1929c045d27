"""What the verdicts amount to: counts by document and level, and how far the catalogue is covered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reports.merge import Device, Entry
from reports.model import Deviation, Observable, Requirement, Test, Verdict
from reports.text import natural

STRENGTHS = {"MUST": "MUST / MUST NOT", "SHOULD": "SHOULD / SHOULD NOT", "MAY": "MAY", "STATEMENT": "Statement"}


class Outcome(StrEnum):
    """A verdict with the three kinds of failure apart, most pressing first."""

    MUST_FAIL = "must-fail"
    STATEMENT_FAIL = "statement-fail"
    SHOULD_FAIL = "should-fail"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"
    PASS = "pass"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Outcome.MUST_FAIL: "MUST failure",
    Outcome.STATEMENT_FAIL: "Statement failure",
    Outcome.SHOULD_FAIL: "SHOULD deviation",
    Outcome.ERROR: "Tester error",
    Outcome.INCONCLUSIVE: "Inconclusive",
    Outcome.NOT_APPLICABLE: "Not applicable",
    Outcome.PASS: "Pass",
}

FAILURES = {
    Deviation.MUST: Outcome.MUST_FAIL,
    Deviation.STATEMENT: Outcome.STATEMENT_FAIL,
    Deviation.SHOULD: Outcome.SHOULD_FAIL,
}

_OUTCOMES = {
    Verdict.PASS: Outcome.PASS,
    Verdict.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    Verdict.NOT_APPLICABLE: Outcome.NOT_APPLICABLE,
    Verdict.ERROR: Outcome.ERROR,
}


def outcome(test: Test) -> Outcome:
    """The outcome of `test`."""
    if test.verdict is Verdict.FAIL:
        return FAILURES[test.deviation or Deviation.MUST]
    return _OUTCOMES[test.verdict]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tests came to which outcome; `known` of the failures were on record before."""

    total: int
    by_outcome: dict[Outcome, int]
    known: dict[Outcome, int]

    def __getitem__(self, wanted: Outcome) -> int:
        return self.by_outcome[wanted]

    @property
    def judged(self) -> int:
        """Tests that say something about the DUT."""
        return self[Outcome.PASS] + sum(self[failure] for failure in FAILURES.values())


def tally(tests: Iterable[Test]) -> Tally:
    """Counts `tests`."""
    counts = dict.fromkeys(Outcome, 0)
    known = dict.fromkeys(FAILURES.values(), 0)
    for test in tests:
        found = outcome(test)
        counts[found] += 1
        if test.known_deviation and found in known:
            known[found] += 1
    return Tally(sum(counts.values()), counts, known)


def document(test: Test, requirements: dict[str, Requirement]) -> str:
    """The document that a test belongs to: that of its first requirement, else the first part of its id."""
    for name in test.requirements:
        if name in requirements:
            return requirements[name].rfc
    return test.id.split("/", 1)[0]


def section(test: Test) -> str:
    """The section in the test's id (`rfc7296/2.7/one-proposal`: 2.7), or nothing."""
    parts = test.id.split("/")
    return parts[1] if len(parts) > 2 else ""


@dataclass(frozen=True, slots=True)
class DocumentVerdicts:
    """One document's tests: all together, and by the strength of their level."""

    rfc: str
    all: Tally
    by_strength: tuple[tuple[str, Tally], ...]


def by_document(device: Device) -> tuple[DocumentVerdicts, ...]:
    """Verdicts of `device` by document and level, documents in natural order."""
    catalogue = {requirement.id: requirement for requirement in device.requirements}
    groups: dict[str, list[Test]] = {}
    for entry in device.entries:
        groups.setdefault(document(entry.test, catalogue), []).append(entry.test)
    return tuple(
        DocumentVerdicts(
            rfc,
            tally(tests),
            tuple(
                (strength, tally(chosen))
                for strength in STRENGTHS
                if (chosen := [test for test in tests if test.level.strength == strength])
            ),
        )
        for rfc, tests in sorted(groups.items(), key=lambda item: natural(item[0]))
    )


class Standing(StrEnum):
    """How a requirement stands after the run."""

    BROKEN = "broken"
    PASSED = "passed"
    UNJUDGED = "no verdict"
    UNTESTED = "untested"
    INTERNAL = "not observable"


@dataclass(frozen=True, slots=True)
class Covered:
    """A requirement, how it stands, the tests that cover it, and why it has no verdict."""

    requirement: Requirement
    standing: Standing
    entries: tuple[Entry, ...]
    why: str


@dataclass(frozen=True, slots=True)
class DocumentCoverage:
    """One document's part of the catalogue. `observable` of `total` statements can be seen by a peer."""

    rfc: str
    requirements: tuple[Covered, ...]

    def count(self, *standings: Standing) -> int:
        return sum(covered.standing in standings for covered in self.requirements)

    @property
    def total(self) -> int:
        return len(self.requirements)

    @property
    def by_strength(self) -> tuple[tuple[str, DocumentCoverage], ...]:
        """The part of each strength that the document has."""
        parts = (
            (strength, tuple(each for each in self.requirements if each.requirement.level.strength == strength))
            for strength in STRENGTHS
        )
        return tuple((strength, DocumentCoverage(self.rfc, part)) for strength, part in parts if part)

    @property
    def broken(self) -> int:
        return self.count(Standing.BROKEN)

    @property
    def unjudged(self) -> int:
        """Statements that have tests, none of which came to pass or fail."""
        return self.count(Standing.UNJUDGED)

    @property
    def untested(self) -> int:
        """Observable statements without a test."""
        return self.count(Standing.UNTESTED)

    @property
    def observable(self) -> int:
        return sum(covered.requirement.observable is not Observable.INTERNAL for covered in self.requirements)

    @property
    def tested(self) -> int:
        """Statements on which at least one test came to pass or fail."""
        return self.count(Standing.PASSED, Standing.BROKEN)

    @property
    def passed(self) -> int:
        return self.count(Standing.PASSED)

    @property
    def open(self) -> tuple[Covered, ...]:
        """The statements without a verdict: those that could have one first."""
        order = (Standing.UNJUDGED, Standing.UNTESTED, Standing.INTERNAL)
        return tuple(covered for wanted in order for covered in self.requirements if covered.standing is wanted)


def coverage(device: Device) -> tuple[DocumentCoverage, ...]:
    """How far the catalogue is covered, by document in natural order.

    A failed test judges the requirement that it names as broken, and no other of those that it covers.
    """
    covering: dict[str, list[Entry]] = {}
    for entry in device.entries:
        for name in dict.fromkeys((*entry.test.requirements, entry.test.requirement or "")):
            covering.setdefault(name, []).append(entry)
    documents: dict[str, list[Covered]] = {}
    for requirement in device.requirements:
        covered = _covered(requirement, tuple(covering.get(requirement.id, ())))
        documents.setdefault(requirement.rfc, []).append(covered)
    return tuple(
        DocumentCoverage(rfc, tuple(items))
        for rfc, items in sorted(documents.items(), key=lambda item: natural(item[0]))
    )


def _covered(requirement: Requirement, entries: tuple[Entry, ...]) -> Covered:
    tests = [entry.test for entry in entries]
    if any(test.verdict is Verdict.FAIL and broken(test) == requirement.id for test in tests):
        return Covered(requirement, Standing.BROKEN, entries, "")
    if any(test.verdict is Verdict.PASS for test in tests):
        return Covered(requirement, Standing.PASSED, entries, "")
    if tests:
        return Covered(requirement, Standing.UNJUDGED, entries, _why_unjudged(tests))
    if requirement.observable is Observable.INTERNAL:
        return Covered(requirement, Standing.INTERNAL, entries, requirement.why or "No peer can observe it.")
    why = requirement.why or {
        Observable.NEEDS_TRIGGER: "No test in this run; the device must be triggered to show it.",
        Observable.NEEDS_TIME: "No test in this run; it shows only after a long wait.",
    }.get(requirement.observable, "No test in this run.")
    return Covered(requirement, Standing.UNTESTED, entries, why)


def broken(test: Test) -> str | None:
    """The requirement that a failed test broke: the one that it names, else the first that it covers."""
    return test.requirement or (test.requirements[0] if test.requirements else None)


def _why_unjudged(tests: list[Test]) -> str:
    wording = {
        Verdict.FAIL: "its test failed at another requirement",
        Verdict.INCONCLUSIVE: "its test was inconclusive",
        Verdict.ERROR: "the tester failed in its test",
        Verdict.NOT_APPLICABLE: "the device does not claim what its test needs",
    }
    reasons = [words for verdict, words in wording.items() if any(test.verdict is verdict for test in tests)]
    why = "; ".join(reasons)
    return why[:1].upper() + why[1:] + "."
