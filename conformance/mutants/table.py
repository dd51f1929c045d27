"""What the tests found out about the mutants: who killed whom, which test can fail, which mutant survives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Trial:
    """One mutant against its tests. outcomes: test id to verdict. error: why it could not be tried."""

    mutant: str
    outcomes: dict[str, str] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    @property
    def killed_by(self) -> list[str]:
        """The tests that failed."""
        return [test for test, verdict in self.outcomes.items() if verdict == "fail"]


@dataclass(slots=True)
class Verdict:
    """What is wrong: each entry is one line for the reader."""

    survivors: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not (self.survivors or self.unproved or self.broken)


def undecided(trials: Iterable[Trial], named: Mapping[str, Iterable[str]]) -> list[str]:
    """Mutants worth a second try, since a busy machine can be why they did not start or a test proved nothing."""
    done = {trial.mutant: trial for trial in trials}
    again = {name for name, trial in done.items() if trial.error or not trial.killed_by}
    for test, names in named.items():
        tried = [name for name in names if name in done]
        if not any(test in done[name].killed_by for name in tried):
            again.update(tried)
    return sorted(again)


def merge(trials: Iterable[Trial], later: Iterable[Trial]) -> None:
    """Put the outcomes of a second try in the place of the first ones."""
    second = {trial.mutant: trial for trial in later}
    for trial in trials:
        if trial.mutant in second:
            trial.error = second[trial.mutant].error
            trial.outcomes.update(second[trial.mutant].outcomes)
            trial.seconds += second[trial.mutant].seconds


def conclude(trials: Iterable[Trial], named: Mapping[str, Iterable[str]], known: Iterable[str]) -> Verdict:
    """`named`: test id to the mutants that it names. `known`: every registered mutant."""
    verdict = Verdict()
    done = {trial.mutant: trial for trial in trials}
    mutants = set(known)
    for name in sorted(mutants):
        trial = done.get(name)
        if trial is None:
            verdict.survivors.append(f"{name}: no test names it")
        elif trial.error:
            verdict.broken.append(f"{name}: {trial.error}")
        elif not trial.killed_by:
            tried = ", ".join(f"{test} ({outcome})" for test, outcome in trial.outcomes.items()) or "no test"
            verdict.survivors.append(f"{name}: not caught by {tried}")
    for test, names in sorted(named.items()):
        wanted = list(names)
        for name in wanted:
            if name not in mutants:
                verdict.broken.append(f"{test}: names the unknown mutant {name}")
        if not wanted:
            verdict.unproved.append(f"{test}: names no mutant")
        elif not any(test in done[name].killed_by for name in wanted if name in done):
            verdict.unproved.append(f"{test}: passes with each of its mutants ({', '.join(wanted)})")
    return verdict


def lines(trials: Iterable[Trial], named: Mapping[str, Iterable[str]]) -> list[str]:
    """The table test x mutant, one line per test: its mutants, each with the mark of what came out."""
    done = {trial.mutant: trial for trial in trials}
    rows = []
    for test, names in sorted(named.items()):
        cells = [f"{name} {_mark(done.get(name), test)}" for name in names]
        rows.append(f"{test:<58} {'  '.join(cells) or '(no mutant)'}")
    return rows


def _mark(trial: Trial | None, test: str) -> str:
    if trial is None:
        return "(unknown)"
    if trial.error:
        return "(not tried)"
    outcome = trial.outcomes.get(test, "not run")
    return "caught" if outcome == "fail" else f"({outcome})"
