"""Who meets whom: `--pairs all`, `ci`, or a list such as `strongswan-6.0:libreswan-5.2`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from conformance.interop.scenario import Scenario, scenarios
from peers import NAMES

# Two branches of one code base: what is between them are the authentication methods, rekeying and the NAT.
_BRANCHES = (
    "establish-psk",
    "establish-rsa",
    "establish-ecdsa",
    "establish-ed25519",
    "rekey-child-by-initiator",
    "rekey-ike-by-responder",
    "mismatch-ke-group",
    "nat-rebinding",
)
CI: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("strongswan-6.0", "libreswan-5.2", ()),
    ("strongswan-5.9", "strongswan-6.0", _BRANCHES),
    ("reference", "strongswan-6.0", ()),
    ("reference", "libreswan-5.2", ()),
)


class PairError(ValueError):
    """A selection that names no pair or no scenario."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """One cell of the grid: a scenario between an initiator and a responder."""

    scenario: Scenario
    initiator: str
    responder: str

    @property
    def id(self) -> str:
        """`interop/SCENARIO/INITIATOR/RESPONDER`."""
        return f"{self.scenario.test_id}/{self.initiator}/{self.responder}"


def encounters(pairs: str, names: Sequence[str] = ()) -> list[Encounter]:
    """The cells that are selected, pair by pair. `names`: the scenarios (empty: those of the pair).

    Raises PairError.
    """
    known = scenarios()
    if unknown := [name for name in names if name not in known]:
        raise PairError(f"no scenario is called {unknown[0]}; there are {', '.join(known)}")
    found: list[Encounter] = []
    for initiator, responder, own in _pairs(pairs):
        chosen = [item for item in known.values() if (not own or item.id in own) and (not names or item.id in names)]
        found += [Encounter(item, initiator, responder) for item in chosen]
    if not found:
        raise PairError(f"none of the scenarios {', '.join(names)} is played by the pairs {pairs}")
    return list({item.id: item for item in found}.values())


def _pairs(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Initiator, responder, and their scenarios (empty: all)."""
    if text == "all":
        return [(one, other, ()) for one, other in permutations(NAMES, 2)]
    if text == "ci":
        return [pair for one, other, own in CI for pair in ((one, other, own), (other, one, own))]
    pairs: list[tuple[str, str, tuple[str, ...]]] = []
    for part in text.split(","):
        one, colon, other = part.strip().partition(":")
        if not colon or one not in NAMES or other not in NAMES or one == other:
            raise PairError(
                f"{part.strip()!r} is no pair: write INITIATOR:RESPONDER with two of {', '.join(NAMES)}, or ci, or all"
            )
        pairs.append((one, other, ()))
    return pairs
