"""Timing of two things in turns in one run, so that a busy machine slows both and the ratio stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One measured ratio. With `at_least`, the target is a lower bound, else an upper bound."""

    name: str
    ratio: float
    target: float
    at_least: bool = False
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.within(1.0)

    def within(self, tolerance: float) -> bool:
        if self.at_least:
            return self.ratio * tolerance >= self.target
        return self.ratio <= self.target * tolerance

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "ok    " if self.ok else "MISSED"
        return f"{verdict} {self.name}: {self.ratio:.2f} × (target {sign} {self.target:g} ×) {self.detail}".rstrip()


def per_call(function: Callable[[], object], seconds: float) -> float:
    """Seconds per call, over calls that take about `seconds` together."""
    count, elapsed = 1, 0.0
    while True:
        start = time.perf_counter()
        for _ in range(count):
            function()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return elapsed / count
        count = max(count * 2, int(count * seconds / max(elapsed, 1e-9)))


def ratio(
    subject: Callable[[], object], yardstick: Callable[[], object], *, rounds: int = 7, seconds: float = 0.05
) -> tuple[float, float, float]:
    """(subject/yardstick, subject seconds, yardstick seconds): best of `rounds`, the two measured in turns."""
    subjects, yardsticks = [], []
    for _ in range(rounds):
        yardsticks.append(per_call(yardstick, seconds))
        subjects.append(per_call(subject, seconds))
    return min(subjects) / min(yardsticks), min(subjects), min(yardsticks)
