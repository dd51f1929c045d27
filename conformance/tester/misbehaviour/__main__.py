"""Writes the table of misbehaviours into docs/writing-tests.md; with --check, only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from conformance.tester.misbehaviour.vocabulary import VOCABULARY, signature

MARK = "<!-- made by python -m conformance.tester.misbehaviour -->"
PAGE = Path(__file__).parents[3] / "docs" / "writing-tests.md"


def markdown() -> str:
    """The table, one row per misbehaviour."""
    rows = ["| misbehaviour | part | what it does |", "|---|---|---|"]
    for item in VOCABULARY.values():
        rows.append(f"| `{item.name}{signature(item)}` | {item.layer} | {' '.join(item.doc.split())} |")
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """`text` with the table after its mark replaced."""
    return text[: text.index(MARK) + len(MARK)] + "\n\n" + markdown()


def main() -> int:
    """0, or 1 when --check finds the page out of date."""
    old = PAGE.read_text(encoding="utf-8")
    new = page(old)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
