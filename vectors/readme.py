"""The table of sets in vectors/README.md, made from the files, so that it cannot differ from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vectors.model import VectorSet

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- sets: begin -->", "<!-- sets: end -->"


def table(sets: Iterable[VectorSet]) -> str:
    """Markdown, one row per set."""
    rows = ["| set | operation | cases | source | licence | proves |", "| --- | --- | --- | --- | --- | --- |"]
    total = count = 0
    for vectors in sets:
        count, total = count + 1, total + len(vectors.cases)
        results = {case.result for case in vectors.cases}
        negative = sum(case.result == "invalid" for case in vectors.cases)
        cases = f"{len(vectors.cases)}, {negative} invalid" if "invalid" in results else str(len(vectors.cases))
        source = f"{vectors.document}, {vectors.section}" + (" (derived)" if vectors.derived else "")
        cells = (f"`{vectors.name}`", vectors.operation.name, cases, source, vectors.licence, vectors.proves)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*rows, "", f"{count} sets, {total} cases."])


def with_table(text: str, sets: Iterable[VectorSet]) -> str:
    """The README's text with the table replaced. Raises ValueError without the two markers."""
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        raise ValueError(f"{README}: the markers {BEGIN} and {END} are not there")
    return f"{before}{BEGIN}\n{table(sets)}\n{END}{after}"
