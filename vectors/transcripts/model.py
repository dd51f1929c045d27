"""Transcript files as frozen data. What is wrong with a file is said by file, place and reason (VectorError)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from vectors.model import DATA, Case, Value, VectorError, VectorSet, check_values, read_json
from vectors.operations import OPERATIONS, Kind, Operation, algorithm_of
from vectors.transcripts.expressions import ExpressionError, evaluate

TRANSCRIPTS = DATA / "transcripts"
SCHEMA = Path(__file__).parent.parent / "schema" / "transcripts.schema.json"
PARTS = ("bytes", "iv", "plaintext", "icv")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The foreign implementation and what it confirms."""

    by: str
    role: str
    how: str
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """One file. `names` has the octets of everything that an expression can refer to."""

    name: str
    protocol: str
    family: str
    proves: str
    document: str
    licence: str
    confirmed: Confirmation
    messages: int
    sets: tuple[VectorSet, ...]
    names: dict[str, bytes] = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

    @property
    def cases(self) -> int:
        """How many cases it unfolds to."""
        return sum(len(each.cases) for each in self.sets)


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator(_inlined(schema, schema["$defs"]))


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with definitions in place of references to them: the library takes long to look those up."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _inlined(value, definitions) for key, value in schema.items() if key not in ("$ref", "$defs")}
    if "$ref" not in schema:
        return parts
    return _inlined(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions) | parts


def files(folder: Path = TRANSCRIPTS) -> list[Path]:
    """The transcript files of a folder, by name."""
    return sorted(folder.glob("*.json"))


def with_raw(transcript: Transcript, raw: dict[str, Any], names: dict[str, bytes]) -> Transcript:
    """The same transcript with other JSON and what its names stand for; its cases are not unfolded again."""
    return replace(transcript, raw=raw, names=names)


def is_transcript(path: Path) -> bool:
    """Whether a file is to be read as a transcript: those stand in a folder of that name."""
    return path.suffix == ".json" and path.resolve().parent.name == TRANSCRIPTS.name


def load(path: Path) -> Transcript:
    """Read, check and unfold one file. Raises VectorError."""
    return unfold(path, read_json(path))


def unfold(path: Path, raw: Any) -> Transcript:
    """The transcript of a file's JSON. Raises VectorError."""
    for problem in _validator().iter_errors(raw):
        raise VectorError(path, problem.json_path, problem.message[:200])
    if raw["transcript"] != path.stem:
        raise VectorError(path, "$.transcript", f"is {raw['transcript']!r}, the file is called {path.stem!r}")
    if not raw["transcript"].startswith(raw["protocol"]):
        raise VectorError(path, "$.transcript", f"does not begin with {raw['protocol']}")
    names = collect(path, raw)
    check_places(path, raw, names)
    source = raw["source"]
    return Transcript(
        raw["transcript"], raw["protocol"], raw["family"], raw["proves"], source["document"], source["licence"],
        Confirmation(**raw["confirmed"]), len(raw["messages"]), tuple(_sets(path, raw, names)), names, raw,
    )  # fmt: skip


def collect(path: Path, raw: dict[str, Any]) -> dict[str, bytes]:
    """The octets behind every name. Raises VectorError."""
    names: dict[str, bytes] = {}
    for index, value in enumerate(raw["values"]):
        if value["name"] in names:
            raise VectorError(path, f"$.values[{index}].name", f"{value['name']!r} occurs twice")
        names[value["name"]] = bytes.fromhex(value["octets"])
    for index, message in enumerate(raw["messages"]):
        if message["number"] != index + 1:
            raise VectorError(path, f"$.messages[{index}].number", f"is {message['number']}, not {index + 1}")
        for part in PARTS:
            if part in message:
                names[f"message-{index + 1}.{part}"] = bytes.fromhex(message[part])
    for index, message in enumerate(raw["messages"]):
        if "payloads" in message:
            names[f"message-{index + 1}.payloads"] = b"".join(_payloads(path, index, message, names))
    return names


def _payloads(path: Path, index: int, message: dict[str, Any], names: dict[str, bytes]) -> Iterator[bytes]:
    for number, payload in enumerate(message["payloads"]):
        body = _octets(path, f"$.messages[{index}].payloads[{number}].body", payload["body"], names)
        if len(body) > 0xFFFF:
            raise VectorError(path, f"$.messages[{index}].payloads[{number}].body", f"{len(body)} octets")
        yield bytes([payload["type"]]) + len(body).to_bytes(2, "big") + body


def check_places(path: Path, raw: dict[str, Any], names: dict[str, bytes]) -> None:
    """Each value stands where it says. Raises VectorError."""
    for index, value in enumerate(raw["values"]):
        for number, text in enumerate(value.get("at", ())):
            place = f"$.values[{index}].at[{number}]"
            if _octets(path, place, text, names) != names[value["name"]]:
                raise VectorError(path, place, f"{text} is not {value['name']}")
    for end in ("initiator", "responder"):
        for number, text in enumerate(raw["ends"][end].get("random", ())):
            _octets(path, f"$.ends.{end}.random[{number}]", text, names)


def _octets(path: Path, place: str, text: str, names: dict[str, bytes]) -> bytes:
    try:
        return evaluate(text, names)
    except ExpressionError as error:
        raise VectorError(path, place, str(error)) from error


def _sets(path: Path, raw: dict[str, Any], names: dict[str, bytes]) -> Iterator[VectorSet]:
    seen: set[str] = set()
    unfolded: list[tuple[Operation, Case]] = []
    for index, item in enumerate(raw["cases"]):
        place = f"$.cases[{index}] (id {item['id']})"
        if item["id"] in seen:
            raise VectorError(path, place, "the id occurs twice")
        seen.add(item["id"])
        unfolded.append(unfold_case(path, place, item, names))
    order = {name: number for number, name in enumerate(OPERATIONS)}
    unfolded.sort(key=lambda pair: order[pair[0].name])
    for operation, group in groupby(unfolded, key=lambda pair: pair[0]):
        yield VectorSet(
            f"{raw['transcript']}/{operation.name}", operation, "ikeproof", raw["source"]["document"],
            raw["source"]["licence"], raw["confirmed"]["text"], raw["proves"], {}, tuple(case for _, case in group),
            raw["transcript"], f"{raw['protocol']} {raw['family']}",
        )  # fmt: skip


def unfold_case(path: Path, place: str, item: dict[str, Any], names: dict[str, bytes]) -> tuple[Operation, Case]:
    """One case with its references filled in. Raises VectorError."""
    operation = OPERATIONS.get(item["operation"])
    if operation is None:
        raise VectorError(path, f"{place}.operation", f"unknown operation {item['operation']!r}")
    inputs = _filled(path, f"{place}.inputs", item["inputs"], operation.inputs, names)
    expected = _filled(path, f"{place}.expected", item["expected"], operation.outputs, names)
    check_values(path, f"{place}.inputs", inputs, operation.inputs, operation.optional)
    check_values(path, f"{place}.expected", expected, operation.outputs, frozenset(operation.outputs))
    algorithm = algorithm_of(operation, dict(inputs))
    if algorithm not in operation.algorithms:
        raise VectorError(path, f"{place}.inputs", f"unknown algorithm {algorithm!r} for {operation.name}")
    result = item.get("result", "valid")
    if result == "valid" and not expected:
        raise VectorError(path, f"{place}.expected", "a valid case expects nothing")
    return operation, Case(item["id"], inputs, expected, result, item.get("comment", ""))


def _filled(
    path: Path, place: str, cells: dict[str, Value], kinds: dict[str, Kind], names: dict[str, bytes]
) -> dict[str, Value]:
    return {
        name: _octets(path, f"{place}.{name}", cell, names).hex()
        if isinstance(cell, str) and kinds.get(name) is Kind.OCTETS
        else cell
        for name, cell in cells.items()
    }
