"""A test case as the suite knows it: its id, what it covers, what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from conformance import requirements
from conformance.covers import ROLES
from conformance.profile import known_claims
from conformance.requirements.catalogue import Catalogue, matches
from conformance.requirements.model import Requirement, UnknownRequirement

ROOT = Path(__file__).parents[1]
SUITE_FILE = re.compile(r"^s(?P<section>[0-9A-Z]+(?:_[0-9]+)*)_(?P<topic>.+)\.py$")
_ORDER = {"must": 0, "should": 1, "may": 2, "statement": 3}


@dataclass(frozen=True, slots=True)
class Case:
    """One test case. `problem` says what is wrong with its marker; it then ends as an error of the suite."""

    id: str
    purpose: str
    requirements: tuple[Requirement, ...]
    needs: tuple[str, ...] = ()
    role: str = "responder"
    mutants: tuple[str, ...] = ()
    problem: str = ""
    ids: tuple[str, ...] = field(default=())

    @property
    def strength(self) -> str:
        """The strongest level among its requirements: must, should, may or statement."""
        return min((item.strength for item in self.requirements), key=_ORDER.__getitem__, default="must")

    @property
    def level(self) -> str:
        """The document's word for it."""
        for item in self.requirements:
            if item.strength == self.strength:
                return item.level
        return "MUST"

    @property
    def rfc(self) -> str:
        """The document that the id begins with."""
        return self.id.split("/", 1)[0]

    def selected(self, prefixes: Sequence[str], levels: Sequence[str], roles: Sequence[str]) -> bool:
        """Whether the case falls under the selection; empty sequences select everything.

        A prefix matches the test's id or a covered requirement: rfc7296, rfc7296:2.7, rfc7296/2.7/responder-picks-one.
        """
        identifiers = (self.id, *self.ids)
        return (
            (not prefixes or any(matches(item, prefix) for item in identifiers for prefix in prefixes))
            and (not levels or any(level_of(item) in levels for item in self.requirements))
            and (not roles or self.role in roles or self.role == "both")
        )


def level_of(requirement: Requirement) -> str:
    """must, should or may; a statement counts as must."""
    return "must" if requirement.strength == "statement" else requirement.strength


@cache
def catalogue() -> Catalogue:
    """The requirement catalogue of this checkout."""
    return requirements.load()


def is_suite_file(path: Path) -> bool:
    """Whether the file holds test cases of the suites."""
    return SUITE_FILE.match(path.name) is not None and ROOT in path.parents


def case_id(path: Path, function: str, parameter: str = "") -> str:
    """`<rfc>/<section>/<name>[/<parameter>]` from the file, the function's name and the parameter id."""
    match = SUITE_FILE.match(path.name)
    if match is None:
        raise ValueError(f"{path.name}: a suite file is called s<section>_<topic>.py")
    section = ".".join(part.lstrip("0") or "0" for part in match["section"].split("_"))
    name = function.removeprefix("test_").replace("_", "-")
    parts = [path.parent.name, section, name, *([parameter] if parameter else [])]
    return "/".join(parts)


def make_case(path: Path, function: Any, name: str, mark_args: Iterable[str] | None, options: dict[str, Any]) -> Case:
    """The case of a collected test function. `mark_args` None: it has no `covers` marker."""
    original, _, parameter = name.partition("[")
    identifier = case_id(path, original, parameter.rstrip("]"))
    purpose = " ".join((function.__doc__ or "").split("\n\n")[0].split())
    problems = [] if purpose else ["it has no docstring that says its purpose"]
    found: list[Requirement] = []
    ids = tuple(mark_args or ())
    if not ids:
        problems.append("it has no covers marker with a requirement id")
    for item in ids:
        try:
            found.append(catalogue()[item])
        except UnknownRequirement as error:
            problems.append(str(error))
    needs = tuple(options.get("needs", ()))
    claims = {*known_claims(), "certificates"}
    for need in needs:
        unknown = set(need.split("|")) - claims
        problems += [f"no claim is called {claim!r}" for claim in sorted(unknown)]
    role = str(options.get("role", "responder"))
    if role not in ROLES:
        problems.append(f"no role is called {role!r}")
    return Case(
        identifier,
        purpose,
        tuple(found),
        needs,
        role if role in ROLES else "responder",
        tuple(options.get("mutants", ())),
        "; ".join(problems),
        ids,
    )
