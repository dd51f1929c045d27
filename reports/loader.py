"""Reads a results file. It may come from any machine and quotes a device: nothing in it goes unchecked.

Members that the schema does not name are ignored: a newer writer of the same schema version can be read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from reports.errors import ResultsError
from reports.model import (
    Deviation,
    Direction,
    Implementation,
    KnownDeviation,
    Level,
    Message,
    Node,
    Observable,
    Pairing,
    Requirement,
    Results,
    Run,
    Scenario,
    Test,
    Verdict,
)
from reports.text import clean, one_line

SCHEMA = "ikeproof-results/1"
MAX_DEPTH = 64
MAX_FILE = 1 << 30

_TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|\+00:00)"
)
_PATH = re.compile(r"(?!/)(?!\.\.(/|\Z))(?!.*/\.\.(/|\Z))[^\\:\x00-\x1f]+", re.DOTALL)
_HEX = re.compile(r"([0-9a-f]{2})*")
_E = TypeVar("_E", Verdict, Level, Deviation, Observable, Direction)


def load(file: Path) -> Results:
    """The results in `file`.

    Raises:
        ResultsError: the file cannot be read, is not JSON, is cut off, or does not keep to the schema.
    """
    return _results(_Place(_parse(file), file, "$"))


def _parse(file: Path) -> object:
    try:
        octets = file.stat().st_size
        if octets > MAX_FILE:
            raise ResultsError(file, "$", f"{octets:,} bytes; files over {MAX_FILE:,} bytes are not read")
        text = file.read_bytes().decode()
    except OSError as error:
        raise ResultsError(file, "$", error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise ResultsError(file, "$", f"not UTF-8 at byte {error.start}") from None
    try:
        value: object = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        if not text.strip():
            reason = "the file is empty"
        elif error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            reason = f"the JSON text ends too early ({place}): the file was not written to its end"
        else:
            reason = f"not JSON: {error.msg} ({place})"
        raise ResultsError(file, "$", reason) from None
    except RecursionError:
        raise ResultsError(file, "$", "nested too deeply") from None
    except ValueError as error:
        raise ResultsError(file, "$", f"not JSON: {error}") from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


class _Place:
    """A value and where it stands; every reading method checks and names the place when the check fails."""

    __slots__ = ("file", "path", "value")

    def __init__(self, value: Any, file: Path, path: str) -> None:
        self.value = value
        self.file = file
        self.path = path

    def fail(self, reason: str) -> NoReturn:
        raise ResultsError(self.file, self.path, reason)

    def expected(self, what: str) -> NoReturn:
        shown = one_line(clean(json.dumps(self.value, ensure_ascii=False), 60), 60)
        self.fail(f"expected {what}, found {shown}")

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            self.expected("an object")
        return self.value

    def has(self, name: str) -> bool:
        return name in self.object()

    def __getitem__(self, name: str) -> _Place:
        members = self.object()
        if name not in members:
            self.fail(f"the member {name!r} is missing")
        return _Place(members[name], self.file, f"{self.path}.{name}")

    def __iter__(self) -> Iterator[_Place]:
        if not isinstance(self.value, list):
            self.expected("an array")
        for index, item in enumerate(self.value):
            yield _Place(item, self.file, f"{self.path}[{index}]")

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.expected("a string")
        return clean(self.value)

    def name(self) -> str:
        if self.value == "":
            self.fail("must not be empty")
        return self.text()

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self)

    def names(self) -> tuple[str, ...]:
        return tuple(item.name() for item in self)

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.expected("true or false")
        return self.value

    def number(self) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.expected("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not 0 <= number < math.inf:
            self.expected("a number of at least 0")
        return number

    def count(self) -> int:
        number = self.number()
        if number != int(number):
            self.expected("a whole number")
        return int(number)

    def one_of(self, kind: type[_E]) -> _E:
        if isinstance(self.value, str) and self.value in set(kind):
            return kind(self.value)
        self.expected("one of " + ", ".join(kind))

    def choice(self, *allowed: str) -> str:
        if not isinstance(self.value, str) or self.value not in allowed:
            self.expected("one of " + ", ".join(allowed))
        return self.value

    def time(self) -> datetime:
        if not isinstance(self.value, str) or not _TIME.fullmatch(self.value):
            self.expected("a UTC time such as 2026-11-21T03:02:52Z")
        try:
            return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", self.value)).astimezone(UTC)
        except ValueError as error:
            self.fail(f"not a time: {error}")

    def relative_path(self) -> str:
        if not isinstance(self.value, str):
            self.expected("a string")
        if len(self.value) > 1024 or not _PATH.fullmatch(self.value) or clean(self.value) != self.value:
            self.fail("expected a path relative to the results file, without '..', ':' or '\\'")
        return self.value


def _results(root: _Place) -> Results:
    version = root["schema"]
    if version.value != SCHEMA:
        version.expected(f"{SCHEMA!r}, the only version that this release reads")
    requirements = tuple(_requirement(item) for item in root["requirements"])
    tests = tuple(_test(item) for item in root["tests"])
    _unique(root["requirements"], [(requirement.id,) for requirement in requirements])
    _unique(root["tests"], [test.key for test in tests])
    return Results(
        source=root.file,
        run=_run(root["run"]),
        requirements=requirements,
        scenarios=tuple(_scenario(item) for item in root["scenarios"]) if root.has("scenarios") else (),
        implementations=(
            tuple(Implementation(item["name"].name(), item["version"].text()) for item in root["implementations"])
            if root.has("implementations")
            else ()
        ),
        tests=tests,
    )


def _unique(place: _Place, keys: list[tuple[str, ...]]) -> None:
    first: dict[tuple[str, ...], int] = {}
    for index, key in enumerate(keys):
        if key in first:
            shown = " ".join(part for part in key if part)
            item = _Place(None, place.file, f"{place.path}[{index}]")
            item.fail(f"{one_line(shown, 120)!r} is already {place.path}[{first[key]}]")
        first[key] = index


def _run(place: _Place) -> Run:
    dut = place["dut"]
    profile = dut["profile"].object()
    return Run(
        kind=place["kind"].choice("conformance", "interop") if place.has("kind") else "conformance",
        tool_version=place["tool_version"].text(),
        dut=dut["name"].name(),
        dut_version=dut["version"].text(),
        profile=profile,
        started=place["started"].time(),
        ended=place["ended"].time(),
        partial=place["partial"].flag(),
        reason=place["reason"].text(),
        planned=place["planned"].count() if place.has("planned") else None,
        command=place["command"].text(),
    )


def _requirement(place: _Place) -> Requirement:
    return Requirement(
        id=place["id"].name(),
        rfc=place["rfc"].name(),
        section=place["section"].text(),
        level=place["level"].one_of(Level),
        binds=place["binds"].text(),
        text=place["text"].text(),
        quote=place["quote"].text(),
        observable=place["observable"].one_of(Observable),
        why=place["why"].text(),
    )


def _scenario(place: _Place) -> Scenario:
    abbreviation = place["abbreviation"].name() if place.has("abbreviation") else ""
    if len(abbreviation) > 3:
        place["abbreviation"].expected("one to three characters")
    return Scenario(place["id"].name(), place["title"].text(), abbreviation)


def _test(place: _Place) -> Test:
    verdict = place["verdict"].one_of(Verdict)
    deviation = None if place["deviation"].value is None else place["deviation"].one_of(Deviation)
    if (verdict is Verdict.FAIL) != (deviation is not None):
        place["deviation"].expected(
            "MUST, STATEMENT or SHOULD" if verdict is Verdict.FAIL else f"null with verdict {verdict}"
        )
    known = place["known_deviation"]
    return Test(
        id=place["id"].name(),
        purpose=place["purpose"].text(),
        requirements=place["requirements"].names(),
        level=place["level"].one_of(Level),
        role=place["role"].choice("initiator", "responder", "both"),
        needs=place["needs"].texts(),
        verdict=verdict,
        deviation=deviation,
        reason=place["reason"].text(),
        expected=place["expected"].texts(),
        observed=place["observed"].text(),
        requirement=None if place["requirement"].value is None else place["requirement"].text(),
        known_deviation=None if known.value is None else _known(known),
        mutants=place["mutants"].texts(),
        duration=place["duration"].number(),
        transcript=tuple(_message(item) for item in place["transcript"]),
        capture=None if place["capture"].value is None else place["capture"].relative_path(),
        keys=tuple(item.relative_path() for item in place["keys"]),
        pairing=_pairing(place),
    )


def _known(place: _Place) -> KnownDeviation:
    return KnownDeviation(place["id"].name(), place["text"].text(), place["reference"].text())


def _pairing(place: _Place) -> Pairing | None:
    if not any(place.has(name) for name in ("scenario", "initiator", "responder")):
        return None
    return Pairing(place["scenario"].name(), place["initiator"].name(), place["responder"].name())


def _message(place: _Place) -> Message:
    octets = place["bytes"]
    if not isinstance(octets.value, str) or not _HEX.fullmatch(octets.value):
        octets.expected("lower-case hexadecimal, two digits per octet")
    return Message(
        time=place["time"].number(),
        direction=place["direction"].one_of(Direction),
        src=place["src"].text(),
        dst=place["dst"].text(),
        summary=place["summary"].text(),
        octets=octets.value,
        decrypted=place["decrypted"].flag(),
        tree=tuple(_node(item, 1) for item in place["tree"]),
        note=place["note"].text(),
    )


def _node(place: _Place, depth: int) -> Node:
    if depth > MAX_DEPTH:
        place.fail(f"a decoded message is at most {MAX_DEPTH} levels deep")
    value = place.object().get("value")
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    elif value is not None and not isinstance(value, str):
        place["value"].expected("a string, a number, true, false or null")
    return Node(
        name=place["name"].text(),
        value=None if value is None else clean(value),
        children=tuple(_node(item, depth + 1) for item in place["children"]) if place.has("children") else (),
    )
