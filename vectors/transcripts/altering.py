"""Every hexadecimal string and number of a transcript, and what notices when one octet of it changes.

The test of transcripts uses it, and whoever writes one can: `unnoticed` names the strings that nothing depends on.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectors.adapters import Adapter
from vectors.model import VectorError, VectorSet
from vectors.operations import OPERATIONS, Kind
from vectors.replay import Outcome, replay_case
from vectors.transcripts import engine, model
from vectors.transcripts.expressions import SEPARATOR, references
from vectors.transcripts.model import Transcript

# Slow operations last: mostly another one notices before.
_SLOW = ("public", "shared", "ikev2-sign")
MASK = 0x10
# The next number can mean the same: HASH(2) without a nonce is HASH(1), and no IV is longer than the hash it is from.
_EQUIVALENT = {("ikev1-hash", "number"), ("ikev1-phase1-iv", "size"), ("ikev1-phase2-iv", "size")}
_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True)
class Place:
    """One string or number: the keys that lead to it in the JSON, the terms before it where it is in an expression."""

    path: tuple[str | int, ...]
    term: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


def places(raw: dict[str, Any]) -> Iterator[Place]:
    """Every hexadecimal string with at least one octet, and the numbers that an implementation is given or gives."""
    for index in range(len(raw["values"])):
        yield Place(("values", index, "octets"))
    for index, message in enumerate(raw["messages"]):
        for part in model.PARTS:
            if message.get(part):
                yield Place(("messages", index, part))
        for number, payload in enumerate(message.get("payloads", ())):
            yield Place(("messages", index, "payloads", number, "type"))
            yield from _terms(payload["body"], ("messages", index, "payloads", number, "body"))
    for index, case in enumerate(raw["cases"]):
        operation = OPERATIONS[case["operation"]]
        for part, kinds in (("inputs", operation.inputs), ("expected", operation.outputs)):
            for name, cell in case[part].items():
                if kinds[name] is Kind.OCTETS:
                    yield from _terms(cell, ("cases", index, part, name))
                elif kinds[name] in (Kind.NUMBER, Kind.FLAG) and (operation.name, name) not in _EQUIVALENT:
                    yield Place(("cases", index, part, name))
    for end, entry in raw["ends"].items():
        for number, text in enumerate(entry.get("random", ())):
            yield from _terms(text, ("ends", end, "random", number))
        for name, text in entry.get("credentials", {}).items():
            yield from _terms(text, ("ends", end, "credentials", name))


def _terms(text: str, path: tuple[str | int, ...]) -> Iterator[Place]:
    for number, term in enumerate(text.split(SEPARATOR)):
        if _HEXADECIMAL.fullmatch(term):
            yield Place(path, number)


def altered(raw: dict[str, Any], place: Place) -> dict[str, Any]:
    """The JSON with other bits in the octet in the middle of one string, or the next number.

    What does not change is not copied.
    """
    result = copy.copy(raw)
    holder: Any = result
    for key in place.path[:-1]:
        holder[key] = copy.copy(holder[key])
        holder = holder[key]
    key = place.path[-1]
    if not isinstance(holder[key], str):
        holder[key] = not holder[key] if isinstance(holder[key], bool) else holder[key] + 1
        return result
    terms = holder[key].split(SEPARATOR)
    digits = terms[place.term]
    middle = len(digits) // 4 * 2
    terms[place.term] = f"{digits[:middle]}{int(digits[middle : middle + 2], 16) ^ MASK:02x}{digits[middle + 2 :]}"
    holder[key] = SEPARATOR.join(terms)
    return result


def is_noticed(transcript: Transcript, raw: dict[str, Any], place: Place, adapters: Sequence[Adapter]) -> bool:
    """Whether the transcript with an altered string fails: when it is read, in one of its cases, or with the engine."""
    path = Path(f"{transcript.name}.json")
    try:
        names = model.collect(path, raw)
        model.check_places(path, raw, names)
    except VectorError:
        return True
    changed = {name for name, octets in names.items() if octets != transcript.names[name]}
    for index, item in _affected(raw, changed, place):
        try:
            operation, case = model.unfold_case(path, f"$.cases[{index}]", item, names)
        except VectorError:
            return True
        alone = VectorSet("altered", operation, "", "", "", "", "", {}, (case,))
        outcomes = [replay_case(alone, case, adapter).outcome for adapter in adapters]
        if Outcome.FAIL in outcomes or Outcome.PASS not in outcomes:
            return True
    if "engine" not in raw:
        return False
    try:
        engine.replay(model.with_raw(transcript, raw, names))
    except (engine.EngineDifference, ValueError):
        return True
    return False


def _affected(raw: dict[str, Any], changed: set[str], place: Place) -> list[tuple[int, dict[str, Any]]]:
    """The cases that refer to a changed name, or have the string itself, quick ones first."""
    found = [
        (index, item)
        for index, item in enumerate(raw["cases"])
        if place.path[:2] == ("cases", index) or _mentions(item) & changed
    ]
    return sorted(found, key=lambda pair: pair[1]["operation"] in _SLOW)


def _mentions(item: dict[str, Any]) -> set[str]:
    texts = (*item["inputs"].values(), *item["expected"].values())
    return {name for text in texts if isinstance(text, str) and "@" in text for name in references(text)}


def unnoticed(transcript: Transcript, adapters: Sequence[Adapter]) -> list[str]:
    """The strings of which an octet can change without any failure."""
    raw = transcript.raw
    return [str(place) for place in places(raw) if not is_noticed(transcript, altered(raw, place), place, adapters)]
