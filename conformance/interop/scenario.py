"""What a scenario is, and the list of all of them in the order of the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from conformance.plugin.case import Case, catalogue

if TYPE_CHECKING:
    from conformance.interop.bench import Bench

Topology = Literal["direct", "nat"]
Play = Callable[["Bench"], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario: `play` drives both ends and judges the capture; `nat` puts the initiator behind the NAT box.

    requirements: what it covers, the main one first. A failure without a requirement of its own breaks that one.
    """

    id: str
    abbreviation: str
    title: str
    requirements: tuple[str, ...]
    play: Play
    topology: Topology = "direct"

    @property
    def test_id(self) -> str:
        """The id in results."""
        return f"interop/{self.id}"

    def case(self) -> Case:
        """The scenario as a test case. Raises UnknownRequirement."""
        found = tuple(catalogue()[item] for item in self.requirements)
        return Case(self.test_id, self.title, found, role="both", ids=self.requirements)


_scenarios: dict[str, Scenario] = {}


def scenario(name: str, abbreviation: str, *requirements: str, topology: Topology = "direct") -> Callable[[Play], Play]:
    """Register the decorated function, whose docstring is the scenario's sentence.

    Raises ValueError when name or abbreviation is taken, or when there is no sentence or no requirement.
    """

    def register(play: Play) -> Play:
        title = " ".join((play.__doc__ or "").split())
        if not title or not requirements:
            raise ValueError(f"scenario {name}: it needs a docstring and a requirement")
        if name in _scenarios or abbreviation in {item.abbreviation for item in _scenarios.values()}:
            raise ValueError(f"scenario {name} ({abbreviation}): the name or the abbreviation is taken")
        _scenarios[name] = Scenario(name, abbreviation, title, requirements, play, topology)
        return play

    return register


def scenarios() -> dict[str, Scenario]:
    """Every scenario by name, in the order of the grid."""
    for module in ("establish", "rekey", "ends", "mismatch", "nat"):
        import_module(f"conformance.interop.scenarios.{module}")
    return dict(_scenarios)
