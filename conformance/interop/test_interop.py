"""Every selected scenario with every selected pair: `pytest conformance/interop --pairs … --scenario …`."""

from __future__ import annotations

import pytest

from conformance.interop.bench import Bench
from conformance.interop.pairs import Encounter


# the first scenario of a pair may build images: that time is the fixture's
@pytest.mark.timeout(60, func_only=True)
def test_scenario(encounter: Encounter, bench: Bench) -> None:
    """The scenario's play; its verdict is made of what it raises."""
    with bench.played():
        encounter.scenario.play(bench)
