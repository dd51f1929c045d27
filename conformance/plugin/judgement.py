"""From what a test function raised to the verdict in the results."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

from conformance.plugin.case import Case, catalogue, is_suite_file
from conformance.tester.ike_sa_init import Refused
from conformance.tester.verdicts import Deviation, Inconclusive, NotApplicable

VERDICTS = ("pass", "fail", "inconclusive", "not_applicable", "error")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict of `VERDICTS`; deviation is MUST, STATEMENT or SHOULD with a fail; requirement is the broken one."""

    verdict: str
    reason: str = ""
    expected: tuple[str, ...] = ()
    observed: str = ""
    requirement: str | None = None
    deviation: str | None = None


def judge(case: Case, error: BaseException | None) -> Judgement:
    """The judgement over a test that ended with `error` (None: it returned)."""
    if error is None:
        return Judgement("pass")
    if isinstance(error, Deviation):
        return _failed(case, error.expected, error.observed, error.requirement)
    if isinstance(error, Inconclusive):
        return Judgement("inconclusive", str(error))
    if isinstance(error, NotApplicable):
        return Judgement("not_applicable", str(error))
    if isinstance(error, Refused):
        # The device's IKE_SA_INIT answer is of no use, and the test is about something after it.
        return Judgement("inconclusive", f"set-up failed: {error}")
    if isinstance(error, AssertionError) and _raised_in_suite(error):
        return _failed(case, (case.purpose,), _first_line(error), None)
    place = _place(error)
    return Judgement("error", f"{type(error).__name__}: {_first_line(error)}{place}")


def _failed(case: Case, expected: tuple[str, ...], observed: str, requirement: str | None) -> Judgement:
    broken = requirement or (case.ids[0] if case.ids else None)
    found = catalogue().get(broken) if broken else None
    if broken and found is None:
        return Judgement("error", f"the test names the unknown requirement {broken}", expected, observed)
    strength = found.strength if found else case.strength
    deviation = {"must": "MUST", "statement": "STATEMENT"}.get(strength, "SHOULD")
    text = found.text if found else ""
    section = f" ({found.rfc.upper().replace('RFC', 'RFC ')} section {found.section})" if found else ""
    reason = f"{text.rstrip('.')}{section}: expected {' or '.join(expected)}; observed {observed}" if text else observed
    return Judgement("fail", reason, expected, observed, broken, deviation)


def _raised_in_suite(error: BaseException) -> bool:
    """An assert of the test file itself judges the device; one anywhere else is a fault of the harness."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and is_suite_file(Path(frames[-1].filename))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
