"""Known deviations of a peer: recorded beside its driver, shown in every report, and gone when they are gone.

`peers/NAME/deviations.toml` holds `[[deviation]]` tables: id, requirement, tests (ids, `*` allowed), versions
(beginnings of the version; empty: all), text, evidence, reference.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parents[2] / "peers"
_TEXTS = ("id", "requirement", "text", "evidence", "reference")
_LISTS = ("tests", "versions")


class DeviationsError(ValueError):
    """A deviations file that cannot be used; names file, entry and reason."""


@dataclass(frozen=True, slots=True)
class KnownDeviation:
    """One entry of the file."""

    id: str
    requirement: str
    tests: tuple[str, ...]
    versions: tuple[str, ...]
    text: str
    evidence: str = ""
    reference: str = ""

    def concerns(self, test: str) -> bool:
        """Whether it explains a failure of this test."""
        return any(fits(test, pattern) for pattern in self.tests)

    def as_result(self) -> dict[str, str]:
        """As in results.json."""
        return {"id": self.id, "text": self.text, "reference": self.reference}


def fits(test: str, pattern: str) -> bool:
    """Whether a pattern of the file's `tests` means this test."""
    return fnmatchcase(test, pattern)


def load(peer: str, version: str, directory: Path = PEERS, *, every: bool = False) -> tuple[KnownDeviation, ...]:
    """What is on record for this version of the peer (`every`: for any); empty when there is no file.

    Raises DeviationsError.
    """
    file = directory / peer / "deviations.toml"
    if not peer or not file.is_file():
        return ()
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DeviationsError(f"{file}: {error}") from None
    entries = [_entry(file, number, item) for number, item in enumerate(data.get("deviation", []), 1)]
    return tuple(item for item in entries if every or not item.versions or version.startswith(item.versions))


def _entry(file: Path, number: int, item: Mapping[str, Any]) -> KnownDeviation:
    name = item.get("id", f"entry {number}")
    unknown = sorted(set(item) - {*_TEXTS, *_LISTS})
    if unknown:
        raise DeviationsError(f"{file}: {name}: unknown key {unknown[0]}")
    for key in ("id", "requirement", "tests", "text"):
        if not item.get(key):
            raise DeviationsError(f"{file}: {name}: {key} is missing")
    for key in _TEXTS:
        if not isinstance(item.get(key, ""), str):
            raise DeviationsError(f"{file}: {name}: {key} must be a text")
    for key in _LISTS:
        value = item.get(key, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise DeviationsError(f"{file}: {name}: {key} must be a list of texts")
    return KnownDeviation(
        item["id"],
        item["requirement"],
        tuple(item["tests"]),
        tuple(item.get("versions", ())),
        item["text"],
        item.get("evidence", ""),
        item.get("reference", ""),
    )


def explaining(known: Iterable[KnownDeviation], test: str, requirement: str | None) -> KnownDeviation | None:
    """The entry that explains the failure of a test: the same test and the same broken requirement."""
    return next((item for item in known if item.concerns(test) and item.requirement == requirement), None)


def no_longer_seen(known: Iterable[KnownDeviation], tests: Iterable[Mapping[str, Any]]) -> list[KnownDeviation]:
    """Entries that explain no failure, though at least one of their tests was carried out."""
    done = [test for test in tests if test["verdict"] in ("pass", "fail")]
    seen = {test["known_deviation"]["id"] for test in done if test["known_deviation"]}
    return [item for item in known if item.id not in seen and any(item.concerns(test["id"]) for test in done)]
