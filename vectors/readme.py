"""The tables in vectors/README.md, made from the files, so that they cannot differ from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vectors.disagreements import known
from vectors.model import VectorSet
from vectors.operations import OPERATIONS, Kind

README = Path(__file__).parent / "README.md"


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


def differences() -> str:
    """Markdown, one row per disagreement."""
    rows = ["| adapter | set | cases | what, and who is right | where |", "| --- | --- | --- | --- | --- |"]
    for each in known():
        cases = f"with `{each.flag}`" if each.flag else ", ".join(each.cases)
        adapters = ", ".join(f"`{name}`" for name in each.adapters)
        rows.append(f"| {adapters} | `{each.set}` | {cases} | {each.text} | {each.reference} |")
    return "\n".join(rows)


def operations() -> str:
    """Markdown, one row per operation."""
    rows = ["| operation | what it does | inputs | outputs |", "| --- | --- | --- | --- |"]
    for each in OPERATIONS.values():
        inputs = [f"*{text}*" if name in each.optional else text for name, text in _named(each.inputs)]
        outputs = [text for _, text in _named(each.outputs)]
        rows.append(f"| `{each.name}` | {each.sentence} | {', '.join(inputs)} | {', '.join(outputs)} |")
    return "\n".join(rows)


def _named(kinds: dict[str, Kind]) -> list[tuple[str, str]]:
    letters = {Kind.OCTETS: "", Kind.NUMBER: " N", Kind.NAME: " A", Kind.FLAG: " F"}
    return [(name, f"{name}{letters[kind]}") for name, kind in kinds.items()]


def with_table(text: str, sets: Iterable[VectorSet]) -> str:
    """The README's text with the tables replaced. Raises ValueError without their markers."""
    for name, content in (("sets", table(sets)), ("differences", differences()), ("operations", operations())):
        text = _between(text, name, content)
    return text


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{README}: the markers {begin} and {end} are not there")
    return f"{before}{begin}\n{content}\n{end}{after}"
