"""The marker that ties a test case to requirements, to the mutants that prove it, and to the claims it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

ROLES = ("responder", "initiator", "both")

F = TypeVar("F", bound=Callable[..., Any])


def covers(
    *requirements: str, mutants: Sequence[str] = (), needs: Sequence[str] = (), role: str = "responder"
) -> Callable[[F], F]:
    """Mark a test case.

    requirements: ids of the catalogue, the main one first. mutants: names of the deviant DUTs that must fail it.
    needs: claims of the device's profile without which it is not applicable ("a|b": either). role: the device's role;
    tests of the initiator role run one at a time, because they share the ports that the device initiates to.
    Ids, names and claims are checked when the test is collected.
    """
    mark = pytest.mark.covers(*requirements, mutants=tuple(mutants), needs=tuple(needs), role=role)

    def decorate(function: F) -> F:
        marked: F = mark(function)
        return marked

    return decorate
