"""Proves that a catalogue leaves no keyword of its document out, and quotes it word for word.

Two sources can be audited against: the keyword index committed beside the catalogue (`rfc7296.keywords.json`),
which needs no RFC text, and the RFC's canonical .txt, which also proves the index, the quotes and the sections.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from conformance.requirements.catalogue import read_file
from conformance.requirements.model import Document, Requirement, RequirementError
from conformance.requirements.rfctext import Keyword, RfcText

INDEX_FORMAT = "ikeproof-keywords/1"
_PERMISSIVE = frozenset({"MAY", "OPTIONAL"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: `line` of the RFC (0 if none), the entry or keyword, and the reason."""

    line: int
    subject: str
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.subject}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Index:
    """The keywords of one RFC text, and the SHA-256 of the text they come from."""

    document: str
    sha256: str
    keywords: tuple[Keyword, ...]


def index_path(catalogue: Path) -> Path:
    """Where the keyword index of a catalogue file is."""
    return catalogue.with_name(f"{catalogue.stem}.keywords.json")


def make_index(document: str, data: bytes) -> Index:
    """The index of an RFC text given as the bytes of its canonical .txt."""
    return Index(document, hashlib.sha256(data).hexdigest(), RfcText(decode(data)).keywords)


def decode(data: bytes) -> str:
    """RFC texts are UTF-8, with or without byte order mark, or (older ones) Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def dump_index(index: Index) -> str:
    """The index as JSON: one `[line, column, keyword, section]` per row."""
    rows = ",\n".join("  " + json.dumps(list(astuple(keyword))) for keyword in index.keywords)
    return (
        f'{{"format": "{INDEX_FORMAT}", "document": "{index.document}", "sha256": "{index.sha256}",\n'
        f'"keywords": [\n{rows}\n]}}\n'
    )


def load_index(file: Path) -> Index:
    """Reads an index; RequirementError if it is missing or not one."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["format"] != INDEX_FORMAT:
            raise RequirementError(file.name, "", f"format is {data['format']!r}, not {INDEX_FORMAT!r}")
        keywords = tuple(
            Keyword(int(line), int(column), str(keyword), str(section))
            for line, column, keyword, section in data["keywords"]
        )
        return Index(str(data["document"]), str(data["sha256"]), keywords)
    except OSError as error:
        raise RequirementError(file.name, "", f"cannot be read: {error.strerror}") from error
    except RequirementError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise RequirementError(file.name, "", f"is not a keyword index: {error}") from error


def check_coverage(
    document: Document, requirements: Iterable[Requirement], keywords: Iterable[Keyword]
) -> list[Finding]:
    """Keywords that no entry covers, and entries or ignored lines that stand on no such keyword.

    A keyword is covered by an entry of the same level on its line, each occurrence by one of its own (MAY and
    OPTIONAL: by any entry there, since they often stand inside a stronger demand), or by an [[ignored]] table.
    """
    found: list[Finding] = []
    by_line: dict[int, list[Keyword]] = defaultdict(list)
    for keyword in keywords:
        by_line[keyword.line].append(keyword)
    levels: dict[int, Counter[str]] = defaultdict(Counter)
    for entry in requirements:
        for line in entry.lines:
            levels[line][entry.level] += 1
        found += _check_entry(entry, by_line)
    ignored: set[tuple[int, str | None]] = set()
    for table in document.ignored:
        for line in table.lines:
            ignored.add((line, table.keyword))
            if not any(table.keyword in (None, keyword.keyword) for keyword in by_line.get(line, ())):
                found.append(Finding(line, "[[ignored]]", f"there is no {table.keyword or 'keyword'} on this line"))
    for line, occurrences in by_line.items():
        for name, count in Counter(keyword.keyword for keyword in occurrences).items():
            if (line, None) in ignored or (line, name) in ignored:
                continue
            if levels[line][name] >= count or (name in _PERMISSIVE and levels[line]):
                continue
            section, have = occurrences[0].section, levels[line][name] or "no"
            times = "" if count == 1 else f" ({count} times)"
            found.append(Finding(line, name + times, f"in section {section} is covered by {have} entry"))
    return sorted(found, key=lambda finding: (finding.line, finding.subject))


def _check_entry(entry: Requirement, by_line: dict[int, list[Keyword]]) -> list[Finding]:
    """The level and the section of an entry against the keywords on its lines."""
    if entry.level == "STATEMENT":
        return []
    here = [keyword for line in entry.lines for keyword in by_line.get(line, ())]
    if not any(keyword.keyword == entry.level for keyword in here):
        return [Finding(entry.lines[0], entry.id, f"there is no {entry.level} on its lines")]
    wrong = {keyword.section for keyword in here} - {entry.section}
    return [Finding(entry.lines[0], entry.id, f"its lines are in section {wrong.pop()}")] if wrong else []


def check_text(requirements: Iterable[Requirement], text: RfcText) -> list[Finding]:
    """Quotes that are not in the text, or not in the entry's section, and STATEMENT lines off the quote."""
    found: list[Finding] = []
    sections = {section for _, section in text.sections}
    for entry in requirements:
        if entry.section not in sections:
            found.append(Finding(entry.lines[0], entry.id, f"the document has no section {entry.section}"))
            continue
        places = [place for place in text.find(entry.quote) if text.section_at(place[0]) == entry.section]
        if not places:
            found.append(Finding(entry.lines[0], entry.id, "the quote is not in that section"))
        elif not any(first <= line <= last for first, last in places for line in entry.lines):
            found.append(Finding(entry.lines[0], entry.id, f"the quote is at line {places[0][0]}"))
    return found


def audit(catalogue: Path, rfc: Path | None = None) -> list[Finding]:
    """Audits one catalogue file against its index and, if given, the RFC's text."""
    document, requirements = read_file(catalogue)
    index = load_index(index_path(catalogue))
    found = check_coverage(document, requirements, index.keywords)
    if index.document != document.id:
        found.append(Finding(0, index_path(catalogue).name, f"is the index of {index.document}"))
    if rfc is not None:
        data = rfc.read_bytes()
        fresh = make_index(document.id, data)
        if fresh.sha256 != index.sha256:
            found.append(Finding(0, rfc.name, "is not the text that the index was made from (SHA-256)"))
        if fresh.keywords != index.keywords:
            found.append(Finding(0, index_path(catalogue).name, "does not have the keywords of this text"))
        found += check_text(requirements, RfcText(decode(data)))
    return found
