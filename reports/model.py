"""What a results file says, as frozen values (form: `schema/results.schema.json`; reader: `loader`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Verdict(StrEnum):
    """ISO 9646 verdicts, with `error` for a failure of the tester itself."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


class Level(StrEnum):
    """Requirement levels in the words of RFC 2119; STATEMENT is a normative fact without such a word."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHALL = "SHALL"
    SHALL_NOT = "SHALL NOT"
    REQUIRED = "REQUIRED"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    RECOMMENDED = "RECOMMENDED"
    NOT_RECOMMENDED = "NOT RECOMMENDED"
    MAY = "MAY"
    OPTIONAL = "OPTIONAL"
    STATEMENT = "STATEMENT"

    @property
    def strength(self) -> str:
        """MUST, SHOULD, MAY or STATEMENT: the level without its NOT and without synonyms."""
        return _STRENGTH[self]


_STRENGTH = {
    Level.MUST: "MUST",
    Level.MUST_NOT: "MUST",
    Level.SHALL: "MUST",
    Level.SHALL_NOT: "MUST",
    Level.REQUIRED: "MUST",
    Level.SHOULD: "SHOULD",
    Level.SHOULD_NOT: "SHOULD",
    Level.RECOMMENDED: "SHOULD",
    Level.NOT_RECOMMENDED: "SHOULD",
    Level.MAY: "MAY",
    Level.OPTIONAL: "MAY",
    Level.STATEMENT: "STATEMENT",
}


class Deviation(StrEnum):
    """How much a failed test weighs: by the level of the requirement that was broken."""

    MUST = "MUST"
    STATEMENT = "STATEMENT"
    SHOULD = "SHOULD"


class Observable(StrEnum):
    """Whether a peer can see that a requirement is kept."""

    BLACK_BOX = "black-box"
    NEEDS_TRIGGER = "needs-trigger"
    NEEDS_TIME = "needs-time"
    INTERNAL = "internal"


class Direction(StrEnum):
    TO_DUT = "to_dut"
    FROM_DUT = "from_dut"


@dataclass(frozen=True, slots=True)
class Node:
    """One field or payload of a decoded message."""

    name: str
    value: str | None
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One datagram. `time` in seconds since the test began; `octets` is the UDP payload in hexadecimal."""

    time: float
    direction: Direction
    src: str
    dst: str
    summary: str
    octets: str
    decrypted: bool
    tree: tuple[Node, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One normative statement: `text` in our words, `quote` in the document's."""

    id: str
    rfc: str
    section: str
    level: Level
    binds: str
    text: str
    quote: str
    observable: Observable
    why: str


@dataclass(frozen=True, slots=True)
class KnownDeviation:
    """A deviation of this DUT that was on record before the run."""

    id: str
    text: str
    reference: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Interop: which implementation started and which answered, in which scenario."""

    scenario: str
    initiator: str
    responder: str


@dataclass(frozen=True, slots=True)
class Test:
    """One verdict and its evidence. `duration` in seconds; `capture`, `keys` relative to the results file."""

    id: str
    purpose: str
    requirements: tuple[str, ...]
    level: Level
    role: str
    needs: tuple[str, ...]
    verdict: Verdict
    deviation: Deviation | None
    reason: str
    expected: tuple[str, ...]
    observed: str
    requirement: str | None
    known_deviation: KnownDeviation | None
    mutants: tuple[str, ...]
    duration: float
    transcript: tuple[Message, ...]
    capture: str | None
    keys: tuple[str, ...]
    pairing: Pairing | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a test unique within one DUT: id, initiator, responder."""
        return (self.id, *((self.pairing.initiator, self.pairing.responder) if self.pairing else ("", "")))


@dataclass(frozen=True, slots=True)
class Scenario:
    """An interop scenario; `abbreviation` may be empty."""

    id: str
    title: str
    abbreviation: str


@dataclass(frozen=True, slots=True)
class Implementation:
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Run:
    """How, when and against what; times are aware and in UTC, `profile` is without secrets."""

    kind: str
    tool_version: str
    dut: str
    dut_version: str
    profile: dict[str, Json]
    started: datetime
    ended: datetime
    partial: bool
    reason: str
    planned: int | None
    command: str

    @property
    def length(self) -> float:
        """Seconds from start to end."""
        return max(0.0, (self.ended - self.started).total_seconds())


@dataclass(frozen=True, slots=True)
class Results:
    """One results file; `source` is where it was read from."""

    source: Path
    run: Run
    requirements: tuple[Requirement, ...]
    scenarios: tuple[Scenario, ...]
    implementations: tuple[Implementation, ...]
    tests: tuple[Test, ...]
