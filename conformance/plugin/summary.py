"""The verdict summary at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from conformance.requirements.catalogue import Catalogue

COLUMNS = ("pass", "MUST", "STATEMENT", "SHOULD", "known", "inconclusive", "n/a", "error")
HEADINGS = ("pass", "MUST fail", "statement", "SHOULD dev.", "known dev.", "inconclusive", "n/a", "error")


def column(test: Mapping[str, Any]) -> str:
    """The column that a test counts in."""
    verdict = str(test["verdict"])
    if verdict != "fail":
        return "n/a" if verdict == "not_applicable" else verdict
    return "known" if test["known_deviation"] else str(test["deviation"])


def by_rfc(tests: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Counts per document, in the order of the ids."""
    counts: dict[str, Counter[str]] = {}
    for test in tests:
        counts.setdefault(test["id"].split("/", 1)[0], Counter())[column(test)] += 1
    return dict(sorted(counts.items()))


def table(tests: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> list[str]:
    """The lines of the summary table, with the catalogue's coverage."""
    counts = by_rfc(tests)
    covered = {item for test in tests if test["verdict"] in ("pass", "fail") for item in test["requirements"]}
    lines = ["document    " + "".join(f"{word:>14}" for word in HEADINGS) + "   requirements judged"]
    for document, count in counts.items():
        entries = catalogue.rfc(document)
        judged = sum(item.id in covered for item in entries)
        testable = sum(item.observable != "internal" for item in entries)
        cells = "".join(f"{count[name] or '-':>14}" for name in COLUMNS)
        lines.append(f"{document:<12}{cells}   {judged} of {testable} observable")
    return lines


def headline(tests: Sequence[Mapping[str, Any]]) -> str:
    """One sentence."""
    total = Counter(column(test) for test in tests)
    words = {
        "pass": "passed",
        "MUST": "broke a MUST",
        "STATEMENT": "broke a statement of the protocol",
        "SHOULD": "deviated from a SHOULD",
        "known": "are known deviations",
        "inconclusive": "were inconclusive",
        "n/a": "are not applicable",
        "error": "ended in an error of the suite",
    }
    said = [f"{total[name]} {text}" for name, text in words.items() if total[name]]
    return f"{len(tests)} test cases: " + ", ".join(said)
