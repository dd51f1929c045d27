"""The security policy database: an ordered list, first match decides (RFC 4301 section 4.4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .flow import Flow
from .selectors import SaSelectors


class Action(StrEnum):
    """What happens to a matching packet."""

    PROTECT = "protect"
    BYPASS = "bypass"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry. `connection` is, for PROTECT, the one whose SAs protect the traffic."""

    name: str
    action: Action
    selectors: SaSelectors
    connection: str = ""


class Spd:
    """Policies in order. What matches none is discarded (RFC 4301 section 5.2)."""

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        self.policies = tuple(policies)

    def lookup(self, flow: Flow) -> Policy | None:
        """The first policy for an outbound flow; for inbound cleartext pass `flow.reversed()`."""
        return next((policy for policy in self.policies if policy.selectors.permits(flow)), None)
