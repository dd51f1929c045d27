"""The data of a requirement catalogue: what one normative statement is, and what was left out on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEVELS: tuple[str, ...] = (
    "MUST",
    "MUST NOT",
    "SHALL",
    "SHALL NOT",
    "REQUIRED",
    "SHOULD",
    "SHOULD NOT",
    "RECOMMENDED",
    "NOT RECOMMENDED",
    "MAY",
    "OPTIONAL",
    "STATEMENT",
)
"""Levels as the document writes them; STATEMENT is a normative fact without a keyword."""

BINDS: tuple[str, ...] = ("initiator", "responder", "sender", "receiver", "both")
OBSERVABLE: tuple[str, ...] = ("black-box", "needs-trigger", "needs-time", "internal")
QUOTE_LIMIT = 300

ID_PATTERN = re.compile(r"^[a-z][a-z0-9-]*/[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*/[a-z0-9]+(?:-[a-z0-9]+)*$")

_STRENGTH = {
    "MUST": "must",
    "MUST NOT": "must",
    "SHALL": "must",
    "SHALL NOT": "must",
    "REQUIRED": "must",
    "SHOULD": "should",
    "SHOULD NOT": "should",
    "RECOMMENDED": "should",
    "NOT RECOMMENDED": "should",
    "MAY": "may",
    "OPTIONAL": "may",
    "STATEMENT": "statement",
}
_ADVICE = re.compile(r"\bshould\b")


class RequirementError(ValueError):
    """A catalogue cannot be used; names the file, the entry and the reason."""

    def __init__(self, source: str, entry: str, reason: str) -> None:
        super().__init__(f"{source}: {entry}: {reason}" if entry else f"{source}: {reason}")
        self.source = source
        self.entry = entry
        self.reason = reason


class UnknownRequirement(KeyError):
    """No requirement has this id or matches this selection."""

    def __init__(self, selection: str, near: tuple[str, ...] = ()) -> None:
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"no requirement matches {selection!r}{hint}")
        self.selection = selection
        self.near = near

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand of a document.

    `id` is `<document>/<section>/<slug>`; `rfc` is the document ("rfc7296"), `section` its section number or
    appendix ("2.1", "C.1"); `level` is the document's keyword (LEVELS); `binds` says whom (BINDS); `text` is the
    demand in our words, `quote` the document's own, whitespace folded; `lines` are the 1-based lines of the
    canonical text that hold the keywords covered (for a STATEMENT, the line where the quote begins);
    `observable` says how a tester can see it (OBSERVABLE); `why` explains what a peer cannot see.
    """

    id: str
    rfc: str
    section: str
    level: str
    binds: str
    text: str
    quote: str
    lines: tuple[int, ...]
    observable: str
    why: str

    @property
    def strength(self) -> str:
        """ "must", "should", "may" or "statement": what breaking it means, whatever the keyword's spelling.

        A statement with "should" in small letters is advice: it weighs no more than a SHOULD.
        """
        advice = self.level == "STATEMENT" and _ADVICE.search(self.quote)
        return "should" if advice else _STRENGTH[self.level]

    @property
    def slug(self) -> str:
        """The last part of the id."""
        return self.id.rsplit("/", 1)[1]


@dataclass(frozen=True, slots=True)
class Ignored:
    """Keywords that state no demand on an implementation, and why. Without `keyword`, all those on `lines`."""

    lines: tuple[int, ...]
    reason: str
    keyword: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A source document of requirements: id ("rfc7296"), title, where its canonical text is."""

    id: str
    title: str
    url: str
    ignored: tuple[Ignored, ...]
