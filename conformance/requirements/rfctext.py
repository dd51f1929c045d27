"""Reads a canonical RFC .txt: its sections, its RFC 2119 keywords, and where a quotation stands.

Lines and columns are 1-based and those of the file as published. Page footers, form feeds and page headers are
left out before anything is searched, so that a sentence or a "MUST" + "NOT" may run over a page break.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_FOOTER = re.compile(r"\[Page \d+\]\s*$")
_HEADING = re.compile(
    r"^(?:Appendix (?P<appendix>[A-Z])[.:]|(?P<number>\d+(?:\.\d+)*|[A-Z]\.?\d+(?:\.\d+)*)\.)\s+\S", re.ASCII
)
_KEYWORD = re.compile(
    r"(?<![A-Za-z0-9_-])"
    r"(MUST(?:\s+NOT)?|SHALL(?:\s+NOT)?|SHOULD(?:\s+NOT)?|REQUIRED|(?:NOT\s+)?RECOMMENDED|MAY|OPTIONAL)"
    r"(?![A-Za-z0-9_])"
)


@dataclass(frozen=True, slots=True)
class Keyword:
    """One occurrence of a requirement keyword: where its first word stands, and in which section ("" before 1)."""

    line: int
    column: int
    keyword: str
    section: str


class RfcText:
    """The text of one RFC."""

    def __init__(self, text: str) -> None:
        self.lines = text.replace("\r\n", "\n").split("\n")
        header = re.compile(r"^RFC \d+ .*\d{4}\s*$")
        parts: list[str] = []
        self._starts: list[int] = []
        self._numbers: list[int] = []
        size = 0
        for number, line in enumerate(self.lines, 1):
            if "\f" in line or _FOOTER.search(line) or header.match(line):
                continue
            self._starts.append(size)
            self._numbers.append(number)
            parts.append(line + "\n")
            size += len(line) + 1
        self.body = "".join(parts)

    @cached_property
    def sections(self) -> tuple[tuple[int, str], ...]:
        """(line, section number) of every heading: "2.23.1", "A" for an appendix, "C.1" or "A2.1" inside it."""
        found: list[tuple[int, str]] = []
        for number in self._numbers:
            match = _HEADING.match(self.lines[number - 1])
            if match:
                found.append((number, match["appendix"] or match["number"]))
        return tuple(found)

    def section_at(self, line: int) -> str:
        """The section that a line belongs to; "" before the first heading."""
        index = bisect_right(self.sections, line, key=lambda item: item[0]) - 1
        return self.sections[index][1] if index >= 0 else ""

    @cached_property
    def keywords(self) -> tuple[Keyword, ...]:
        """Every upper-case RFC 2119 keyword, in order."""
        found: list[Keyword] = []
        for match in _KEYWORD.finditer(self.body):
            line, column = self._place(match.start())
            found.append(Keyword(line, column, " ".join(match[1].split()), self.section_at(line)))
        return tuple(found)

    def find(self, quote: str) -> tuple[tuple[int, int], ...]:
        """(first, last) line of every place where the quotation stands, whitespace folded on both sides."""
        pattern = r"\s+".join(re.escape(word) for word in quote.split())
        if not pattern:
            return ()
        return tuple(
            (self._place(match.start())[0], self._place(match.end() - 1)[0])
            for match in re.finditer(pattern, self.body)
        )

    def _place(self, offset: int) -> tuple[int, int]:
        index = bisect_right(self._starts, offset) - 1
        return self._numbers[index], offset - self._starts[index] + 1
