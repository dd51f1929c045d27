"""`[[policy]]` tables of the configuration: the security policy database (RFC 4301 section 4.4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from reference_impl.ipsec.selectors import SaSelectors
from reference_impl.ipsec.spd import Action, Policy
from reference_impl.wire.ts import TrafficSelector

from .connections import parse_selector
from .tables import Table

EVERYTHING = ("0.0.0.0/0", "::/0")


def read_policy(table: Table, connections: Sequence[str]) -> Policy:
    """One entry; `local` and `remote` that are left out mean every address."""
    action = Action(table.choice("action", list(Action)))
    connection = table.text("connection", "")
    if action is Action.PROTECT and connection not in connections:
        known = ", ".join(connections) or "none"
        problem = f"{connection!r} is not the name of one" if connection else "is missing"
        raise table.error("connection", f"{problem}: protect needs a [[connection]]; there are {known}")
    if action is not Action.PROTECT and connection:
        raise table.error("connection", f"has no meaning where the action is {action}")
    policy = Policy(
        table.text("name", connection or action.value),
        action,
        SaSelectors(_selectors(table, "local"), _selectors(table, "remote")),
        connection,
    )
    table.finish()
    return policy


def _selectors(table: Table, name: str) -> tuple[TrafficSelector, ...]:
    texts = table.texts(name, EVERYTHING, single=True)
    if not texts:
        raise table.error(name, "the list is empty")
    return tuple(table.convert(name, parse_selector, text) for text in texts)
