"""Vector files as frozen data: loading, and everything that can be wrong with a file said by file, place and reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from vectors.operations import OPERATIONS, Kind, Operation, algorithm_of

DATA = Path(__file__).parent / "data"
SCHEMA = Path(__file__).parent / "schema" / "vectors.schema.json"

Value = str | int | bool


class VectorError(ValueError):
    """A vector file that cannot be used: the message names file, place and reason."""

    def __init__(self, file: Path, place: str, reason: str) -> None:
        super().__init__(f"{file}: {place}: {reason}")
        self.file, self.place, self.reason = file, place, reason


@dataclass(frozen=True, slots=True)
class Case:
    """One vector. `result` is valid, invalid or acceptable."""

    id: str
    inputs: dict[str, Value]
    expected: dict[str, Value]
    result: str
    comment: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorSet:
    """One file's vectors and where they come from."""

    name: str
    operation: Operation
    document: str
    section: str
    licence: str
    derived: str
    proves: str
    notes: dict[str, str]
    cases: tuple[Case, ...]
    transcript: str = ""  # the transcript that the set is a part of
    family: str = ""  # and the family of that

    @property
    def algorithms(self) -> list[str]:
        return sorted({algorithm_of(self.operation, dict(case.inputs)) for case in self.cases})


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def read_json(path: Path) -> Any:
    """A file's JSON. Raises VectorError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VectorError(path, "file", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise VectorError(path, f"octet {error.start}", "not UTF-8") from error
    except json.JSONDecodeError as error:
        raise VectorError(path, f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise VectorError(path, "file", "nested too deeply") from error


def load(path: Path) -> VectorSet:
    """Read and check one file. Raises VectorError."""
    raw = read_json(path)
    for problem in _validator().iter_errors(raw):
        raise VectorError(path, problem.json_path, problem.message[:200])
    if raw["set"] != path.stem:
        raise VectorError(path, "$.set", f"is {raw['set']!r}, the file is called {path.stem!r}")
    operation = OPERATIONS.get(raw["operation"])
    if operation is None:
        raise VectorError(path, "$.operation", f"unknown operation {raw['operation']!r}")
    cases = tuple(_cases(path, raw, operation))
    source = raw["source"]
    return VectorSet(
        raw["set"], operation, source["document"], source["section"], source["licence"], source.get("derived", ""),
        raw["proves"], raw["notes"], cases,
    )  # fmt: skip


def _cases(path: Path, raw: dict[str, Any], operation: Operation) -> Iterator[Case]:
    seen: set[str] = set()
    used: set[str] = set()
    for index, item in enumerate(raw["cases"]):
        place = f"$.cases[{index}] (id {item['id']})"
        if item["id"] in seen:
            raise VectorError(path, place, "the id occurs twice")
        seen.add(item["id"])
        unexplained = set(item.get("flags", ())) - set(raw["notes"])
        if unexplained:
            raise VectorError(path, place, f"flag without a note: {', '.join(sorted(unexplained))}")
        used |= set(item.get("flags", ()))
        check_values(path, f"{place}.inputs", item["inputs"], operation.inputs, operation.optional)
        algorithm = algorithm_of(operation, item["inputs"])
        if algorithm not in operation.algorithms:
            raise VectorError(path, f"{place}.inputs", f"unknown algorithm {algorithm!r} for {operation.name}")
        outputs = frozenset(operation.outputs)
        check_values(path, f"{place}.expected", item["expected"], operation.outputs, outputs)
        if item["result"] == "valid" and not item["expected"]:
            raise VectorError(path, f"{place}.expected", "a valid case expects nothing")
        yield Case(
            item["id"], item["inputs"], item["expected"], item["result"],
            item.get("comment", ""), tuple(item.get("flags", ())),
        )  # fmt: skip
    unused = set(raw["notes"]) - used
    if unused:
        raise VectorError(path, "$.notes", f"no case carries the flag {', '.join(sorted(unused))}")


def check_values(
    path: Path, place: str, values: dict[str, Value], kinds: dict[str, Kind], optional: frozenset[str]
) -> None:
    """Names and kinds of a case's values. Raises VectorError."""
    missing = set(kinds) - set(values) - optional
    if missing:
        raise VectorError(path, place, f"missing: {', '.join(sorted(missing))}")
    for name, value in values.items():
        kind = kinds.get(name)
        if kind is None:
            raise VectorError(path, f"{place}.{name}", "unknown name")
        problem = _problem(kind, value)
        if problem:
            raise VectorError(path, f"{place}.{name}", problem)


def _problem(kind: Kind, value: Value) -> str | None:
    if kind is Kind.FLAG:
        return None if isinstance(value, bool) else "must be true or false"
    if kind is Kind.NUMBER:
        return None if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"
    if not isinstance(value, str):
        return "must be a string"
    if kind is Kind.NAME:
        return None
    if len(value) % 2:
        return f"odd number of hexadecimal digits ({len(value)})"
    bad = next((char for char in value if char not in "0123456789abcdef"), None)
    return f"not lower-case hexadecimal: {bad!r}" if bad is not None else None


def files(folder: Path = DATA) -> list[Path]:
    """The vector files of a folder, by name."""
    return sorted(folder.glob("*.json"))
