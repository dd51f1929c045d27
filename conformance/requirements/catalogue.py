"""Loads the requirement catalogues (one TOML file per document) and finds requirements in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from conformance.requirements.model import (
    BINDS,
    ID_PATTERN,
    LEVELS,
    OBSERVABLE,
    QUOTE_LIMIT,
    Document,
    Ignored,
    Requirement,
    RequirementError,
    UnknownRequirement,
)

DIRECTORY = Path(__file__).parent
_TEXT_KEYS = ("id", "level", "binds", "text", "quote", "observable")
_ENTRY_KEYS = frozenset((*_TEXT_KEYS, "lines", "why"))
_CHOICES = (("level", LEVELS), ("binds", BINDS), ("observable", OBSERVABLE))


class Catalogue:
    """All requirements, in the order of their documents. Iterable; `in` and `[]` go by id."""

    def __init__(self, documents: Iterable[Document], requirements: Iterable[Requirement]) -> None:
        self.documents: Mapping[str, Document] = {document.id: document for document in documents}
        self._by_id: dict[str, Requirement] = {item.id: item for item in requirements}

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_id

    def __getitem__(self, identifier: str) -> Requirement:
        """The requirement with this id; UnknownRequirement (a KeyError) names the nearest ids."""
        try:
            return self._by_id[identifier]
        except KeyError:
            raise UnknownRequirement(identifier, self._near(identifier)) from None

    def get(self, identifier: str) -> Requirement | None:
        """The requirement with this id, or None."""
        return self._by_id.get(identifier)

    def rfc(self, document: str) -> tuple[Requirement, ...]:
        """All requirements of one document ("rfc7296")."""
        return tuple(item for item in self if item.rfc == document)

    def select(self, *selections: str) -> tuple[Requirement, ...]:
        """Requirements that match any selection, in catalogue order.

        A selection is a document, a document and section (with its subsections), or an id or the beginning of one
        up to a dash: `rfc7296`, `rfc7296:2.7`, `rfc7296/2`, `rfc7296/2.7/responder-picks-one`.
        One that matches nothing raises UnknownRequirement.
        """
        chosen: set[str] = set()
        for selection in selections:
            matching = {item.id for item in self if matches(item.id, selection)}
            if not matching:
                raise UnknownRequirement(selection, self._near(selection.replace(":", "/", 1)))
            chosen |= matching
        return tuple(item for item in self if item.id in chosen)

    def _near(self, identifier: str) -> tuple[str, ...]:
        return tuple(get_close_matches(identifier, self._by_id, n=3, cutoff=0.6))


def matches(identifier: str, selection: str) -> bool:
    """Whether an id `<document>/<section>/<slug>` falls under a selection (see Catalogue.select)."""
    wanted = selection.strip().replace(":", "/", 1).rstrip("/").split("/")
    have = identifier.split("/")
    if not wanted[0] or len(wanted) > len(have) or wanted[0] != have[0]:
        return False
    if len(wanted) > 1 and wanted[1] != have[1] and not (len(wanted) == 2 and have[1].startswith(wanted[1] + ".")):
        return False
    return len(wanted) < 3 or wanted[2] == have[2] or have[2].startswith(wanted[2].rstrip("-") + "-")


def load(directory: Path | None = None) -> Catalogue:
    """Every `*.toml` catalogue of a directory (default: the ones of this package), read once per process.

    Raises RequirementError naming file, entry and reason.
    """
    return _load((directory or DIRECTORY).resolve())


@lru_cache(maxsize=8)
def _load(directory: Path) -> Catalogue:
    files = sorted(directory.glob("*.toml"), key=lambda file: (file.stem != "rfc7296", file.stem))
    if not files:
        raise RequirementError(str(directory), "", "holds no requirement catalogue (*.toml)")
    documents: list[Document] = []
    requirements: dict[str, Requirement] = {}
    for file in files:
        document, entries = read_file(file)
        documents.append(document)
        for entry in entries:
            if entry.id in requirements:
                raise RequirementError(file.name, entry.id, "this id is already used in another file")
            requirements[entry.id] = entry
    return Catalogue(documents, requirements.values())


def read_file(file: Path) -> tuple[Document, tuple[Requirement, ...]]:
    """One catalogue file. RequirementError names the file, the entry and the reason."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequirementError(file.name, "", f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequirementError(file.name, "", f"is not TOML: {error}") from error
    return parse(data, file.name)


def parse(data: Mapping[str, object], source: str) -> tuple[Document, tuple[Requirement, ...]]:
    """The decoded TOML of one catalogue; `source` names it in errors."""
    unknown = sorted(set(data) - {"document", "requirement", "ignored"})
    if unknown:
        raise RequirementError(source, "", f"unknown table {unknown[0]!r}")
    head = data.get("document")
    if not isinstance(head, dict) or set(head) != {"id", "title", "url"}:
        raise RequirementError(source, "[document]", "needs exactly id, title and url")
    if not all(isinstance(value, str) and value for value in head.values()):
        raise RequirementError(source, "[document]", "id, title and url are non-empty strings")
    ignored = tuple(_ignored(raw, source, n) for n, raw in enumerate(_tables(data, "ignored", source), 1))
    document = Document(head["id"], head["title"], head["url"], ignored)
    requirements: dict[str, Requirement] = {}
    for number, raw in enumerate(_tables(data, "requirement", source), 1):
        entry = _requirement(raw, source, number, document.id)
        if entry.id in requirements:
            raise RequirementError(source, entry.id, "duplicate id")
        requirements[entry.id] = entry
    return document, tuple(requirements.values())


def _tables(data: Mapping[str, object], name: str, source: str) -> list[dict[str, object]]:
    tables = data.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RequirementError(source, f"[[{name}]]", "is not an array of tables")
    return tables


def _lines(raw: object, source: str, entry: str) -> tuple[int, ...]:
    if not isinstance(raw, list) or not raw or not all(type(line) is int and line > 0 for line in raw):
        raise RequirementError(source, entry, "lines is a non-empty list of line numbers")
    if raw != sorted(set(raw)):
        raise RequirementError(source, entry, "lines are not in rising order")
    return tuple(raw)


def _ignored(raw: dict[str, object], source: str, number: int) -> Ignored:
    entry = f"[[ignored]] number {number}"
    if unknown := sorted(set(raw) - {"lines", "reason", "keyword"}):
        raise RequirementError(source, entry, f"unknown key {unknown[0]!r}")
    reason, keyword = raw.get("reason"), raw.get("keyword")
    if not isinstance(reason, str) or not reason.strip():
        raise RequirementError(source, entry, "reason is missing")
    if keyword is not None and (not isinstance(keyword, str) or keyword not in LEVELS):
        raise RequirementError(source, entry, f"unknown keyword {keyword!r}")
    return Ignored(_lines(raw.get("lines"), source, entry), reason, keyword)


def _requirement(raw: dict[str, object], source: str, number: int, document: str) -> Requirement:
    identifier = raw.get("id")
    entry = identifier if isinstance(identifier, str) else f"[[requirement]] number {number}"
    if unknown := raw.keys() - _ENTRY_KEYS:
        raise RequirementError(source, entry, f"unknown key {min(unknown)!r}")
    values: dict[str, str] = {}
    for key in _TEXT_KEYS:
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip():
            raise RequirementError(source, entry, f"{key} is missing or not a text")
        values[key] = value
    for key, choices in _CHOICES:
        if values[key] not in choices:
            raise RequirementError(source, entry, f"unknown {key} {values[key]!r}; one of {', '.join(choices)}")
    if not ID_PATTERN.match(values["id"]) or not values["id"].startswith(document + "/"):
        raise RequirementError(source, entry, f"the id is not of the form {document}/<section>/<slug>")
    why = raw.get("why", "")
    if not isinstance(why, str):
        raise RequirementError(source, entry, "why is not a text")
    if values["observable"] == "internal" and not why.strip():
        raise RequirementError(source, entry, "why is missing: an internal requirement says why no peer can see it")
    quote = values["quote"]
    if len(quote) > QUOTE_LIMIT or quote != " ".join(quote.split()):
        raise RequirementError(source, entry, f"quote is over {QUOTE_LIMIT} characters or has unfolded whitespace")
    return Requirement(
        id=values["id"],
        rfc=document,
        section=values["id"].split("/")[1],
        level=values["level"],
        binds=values["binds"],
        text=values["text"],
        quote=quote,
        lines=_lines(raw.get("lines"), source, entry),
        observable=values["observable"],
        why=why,
    )
