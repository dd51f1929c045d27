"""`index.html`: the conformance report, one file that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from reports import evidence
from reports.merge import Device, Entry
from reports.model import Json, Requirement
from reports.page import File, beside, environment, inline, policy
from reports.summary import (
    FAILURES,
    DocumentCoverage,
    DocumentVerdicts,
    Outcome,
    Tally,
    broken,
    by_document,
    coverage,
    document,
    outcome,
    section,
    tally,
)
from reports.text import clean, natural

_MAX_PROFILE_LINES = 400
_SECRET = frozenset({"value", "psk", "secret", "password", "passphrase"})


@dataclass(frozen=True, slots=True)
class Case:
    """One test as the page shows it. `evidence` is its key among the packed transcripts, if it has messages."""

    entry: Entry
    outcome: Outcome
    rfc: str
    section: str
    requirements: tuple[Requirement, ...]
    unlisted: tuple[str, ...]
    capture: File | None
    keys: tuple[File, ...]
    evidence: str | None
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the reader must know: a requirement that tests found broken in one way, or why tests have no verdict.

    requirement: the broken one; None when no catalogue has it, or nothing is broken.
    """

    reason: str
    cases: tuple[Case, ...]
    deviation: bool
    requirement: Requirement | None = None


@dataclass(frozen=True, slots=True)
class View:
    """One device as the page shows it; `groups` is document → section → cases."""

    device: Device
    tally: Tally
    tone: Outcome
    headline: str
    sentence: str
    documents: tuple[DocumentVerdicts, ...]
    coverage: tuple[DocumentCoverage, ...]
    findings: tuple[tuple[str, int, tuple[Finding, ...]], ...]
    groups: tuple[tuple[str, tuple[tuple[str, tuple[Case, ...]], ...]], ...]
    profile: tuple[tuple[str, str], ...]


def render(devices: Sequence[Device], out: Path, matrix: bool) -> str:
    """The page as text. It will stand in the directory `out`, with `matrix.html` beside it or not."""
    packed: dict[str, str] = {}
    views = [_view(device, out, packed) for device in devices]
    style, script = inline("style.css"), inline("report.js")
    cases = [case for view in views for _, sections in view.groups for _, items in sections for case in items]
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            views=views,
            style=style.source,
            script=script.source,
            policy=policy(style, script),
            evidence=Markup(evidence.script_json(packed)),
            has_evidence=bool(packed),
            rfcs=sorted({case.rfc for case in cases}, key=natural),
            roles=sorted({case.entry.test.role for case in cases}),
            matrix=matrix,
        )
    )


def _view(device: Device, out: Path, packed: dict[str, str]) -> View:
    catalogue = {requirement.id: requirement for requirement in device.requirements}
    cases = tuple(_case(entry, catalogue, out, packed) for entry in device.entries)
    counts = tally(entry.test for entry in device.entries)
    tone, headline = _headline(counts)
    groups: dict[str, dict[str, list[Case]]] = {}
    for case in cases:
        groups.setdefault(case.rfc, {}).setdefault(case.section, []).append(case)
    return View(
        device=device,
        tally=counts,
        tone=tone,
        headline=headline,
        sentence=_sentence(counts),
        documents=by_document(device),
        coverage=coverage(device),
        findings=tuple(_findings(cases)),
        groups=tuple(
            (rfc, tuple((name, tuple(items)) for name, items in sorted(sections.items(), key=_by_name)))
            for rfc, sections in sorted(groups.items(), key=_by_name)
        ),
        profile=tuple(_flat(device.runs[-1].profile)),
    )


def _findings(cases: Sequence[Case]) -> Iterator[tuple[str, int, tuple[Finding, ...]]]:
    """Title, number of tests, findings: by requirement and known deviation; tests without a verdict by their reason."""
    for wanted in FAILURES.values():
        title = f"{wanted.label}s"
        chosen = sorted(
            (case for case in cases if case.outcome is wanted),
            key=lambda case: case.entry.test.known_deviation is not None,
        )
        if chosen:
            yield title, len(chosen), tuple(_deviations(chosen))
    for title, wanted in (("Tester errors", Outcome.ERROR), ("Inconclusive", Outcome.INCONCLUSIVE)):
        by_reason: dict[str, list[Case]] = {}
        for case in cases:
            if case.outcome is wanted:
                by_reason.setdefault(_reason(case), []).append(case)
        if by_reason:
            grouped = (Finding(reason, tuple(items), deviation=False) for reason, items in by_reason.items())
            yield title, sum(map(len, by_reason.values())), tuple(grouped)


def _deviations(cases: Sequence[Case]) -> Iterator[Finding]:
    """Failed tests of one broken requirement and one explanation together, in the order of the first of each."""
    grouped: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        test = case.entry.test
        known = test.known_deviation.id if test.known_deviation else ""
        grouped.setdefault((_requirement(case) or f"reason: {_reason(case)}", known), []).append(case)
    for (name, _), items in grouped.items():
        found = next((item for item in items[0].requirements if item.id == name), None)
        yield Finding(found.text if found else _reason(items[0]), tuple(items), deviation=True, requirement=found)


def _requirement(case: Case) -> str | None:
    """The broken requirement, when it and what was expected and observed say more than the reason does."""
    test = case.entry.test
    name = broken(test)
    fit = bool(test.expected and test.observed) and any(item.id == name and item.text for item in case.requirements)
    return name if fit else None


def _reason(case: Case) -> str:
    test = case.entry.test
    return test.reason or test.observed or test.purpose or test.id


def _by_name(item: tuple[str, object]) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    return natural(item[0])


def _case(entry: Entry, catalogue: dict[str, Requirement], out: Path, packed: dict[str, str]) -> Case:
    test = entry.test
    names = dict.fromkeys((*([test.requirement] if test.requirement else []), *test.requirements))
    if test.transcript:
        packed[entry.anchor] = evidence.pack(test.transcript)
    return Case(
        entry=entry,
        outcome=outcome(test),
        rfc=document(test, catalogue),
        section=section(test),
        requirements=tuple(catalogue[name] for name in names if name in catalogue),
        unlisted=tuple(name for name in names if name not in catalogue),
        capture=beside(entry.source, test.capture, out) if test.capture else None,
        keys=tuple(beside(entry.source, name, out) for name in test.keys),
        evidence=entry.anchor if test.transcript else None,
        left=test.pairing.initiator if test.pairing else "Tester",
        right=test.pairing.responder if test.pairing else "Device",
    )


def _headline(counts: Tally) -> tuple[Outcome, str]:
    found = [failure for failure in FAILURES.values() if counts[failure]]
    if found:
        said = ", ".join(_count(counts[failure], failure.label) for failure in found)
        return found[0], said if found[0] is Outcome.MUST_FAIL else f"No MUST failure, {said}"
    if counts[Outcome.PASS]:
        return Outcome.PASS, "No deviation found"
    return Outcome.INCONCLUSIVE, "No verdict on the device"


def _sentence(counts: Tally) -> str:
    """What the headline rests on."""
    if not counts.total:
        return "No test has a verdict."
    failed = counts.judged - counts[Outcome.PASS]
    sentence = f"{counts.judged} of {_count(counts.total, 'test')} came to a verdict on the device"
    sentence += f"; {counts[Outcome.PASS]} of them passed."
    return f"{sentence} {_record(sum(counts.known.values()), failed)}" if failed else sentence


def _record(known: int, failed: int) -> str:
    if failed == 1:
        return "The deviation was known before." if known else "The deviation was not known before."
    if known in (0, failed):
        return f"{'All' if known else 'None'} of the {failed} deviations {'were' if known else 'was'} known before."
    return f"{known} of the {failed} deviations {'was' if known == 1 else 'were'} known before."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _flat(profile: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """The profile as lines of dotted name and value; what looks like a secret is hidden once more."""
    stack: list[tuple[str, Json]] = [(name, value) for name, value in reversed(profile.items())]
    lines = 0
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict) and value:
            stack.extend((f"{name}.{key}", inner) for key, inner in reversed(value.items()))
            continue
        lines += 1
        if lines > _MAX_PROFILE_LINES:
            yield "…", "more of the profile is in the results file"
            return
        hidden = isinstance(value, str) and name.rsplit(".", 1)[-1].lower() in _SECRET
        shown = "(hidden)" if hidden else _plain(value)
        yield clean(name, 200), clean(shown, 400)


def _plain(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(item if isinstance(item, str) else _scalar(item) for item in value[:50])
    return value if isinstance(value, str) else _scalar(value)


def _scalar(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
