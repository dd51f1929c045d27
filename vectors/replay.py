"""Replaying vector sets against an adapter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from vectors.adapters import Adapter, Input, Refused, Unsupported
from vectors.model import Case, Value, VectorSet
from vectors.operations import Kind


class Outcome(StrEnum):
    """What one replay showed."""

    PASS = "pass"
    FAIL = "fail"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Replay:
    """One case against one adapter; `detail` says what differed or what is unsupported."""

    set_name: str
    case: Case
    outcome: Outcome
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """The outcomes of one set."""

    vectors: VectorSet
    replays: list[Replay] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(replay.outcome is outcome for replay in self.replays)


def decode(values: dict[str, Value], kinds: dict[str, Kind]) -> dict[str, Input]:
    """JSON values as an adapter takes them: hexadecimal as bytes."""
    return {
        name: bytes.fromhex(value) if kinds[name] is Kind.OCTETS and isinstance(value, str) else value
        for name, value in values.items()
    }


def replay_case(vectors: VectorSet, case: Case, adapter: Adapter) -> Replay:
    """Ask once and compare with what the case expects."""
    operation = vectors.operation

    def outcome(result: Outcome, detail: str = "") -> Replay:
        return Replay(vectors.name, case, result, detail)

    try:
        outputs = adapter.answer(operation.name, decode(case.inputs, operation.inputs))
    except Unsupported as error:
        return outcome(Outcome.UNSUPPORTED, str(error))
    except Refused as error:
        if case.result == "valid":
            return outcome(Outcome.FAIL, f"refused a valid case: {error}")
        return outcome(Outcome.PASS, f"refused: {error}")
    if case.result == "invalid":
        return outcome(Outcome.FAIL, f"accepted an invalid case, output {_text(outputs)}")
    expected = decode(case.expected, operation.outputs)
    wrong = [name for name, value in expected.items() if outputs.get(name) != value]
    if wrong:
        name = wrong[0]
        return outcome(Outcome.FAIL, f"{name}: expected {_text(expected[name])}, got {_text(outputs.get(name))}")
    return outcome(Outcome.PASS)


def _text(value: object, limit: int = 160) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def replay(sets: Iterable[VectorSet], adapter: Adapter, *, case_id: str | None = None) -> Iterator[Tally]:
    """Every case of every set, or those with one id."""
    for vectors in sets:
        cases = (case for case in vectors.cases if case_id is None or case.id == case_id)
        yield Tally(vectors, [replay_case(vectors, case, adapter) for case in cases])
