"""Selection of pairs and scenarios."""

from __future__ import annotations

import pytest

from conformance.interop.pairs import CI, PairError, encounters
from conformance.interop.scenario import scenario, scenarios
from peers import NAMES


def test_all_is_every_ordered_pair_with_every_scenario() -> None:
    cells = encounters("all")
    assert len(cells) == len(NAMES) * (len(NAMES) - 1) * len(scenarios())
    assert len({cell.id for cell in cells}) == len(cells)
    assert not [cell.id for cell in cells if cell.initiator == cell.responder]


def test_ci_plays_both_directions_and_only_known_scenarios() -> None:
    cells = {cell.id for cell in encounters("ci")}
    assert {"interop/nat/strongswan-6.0/libreswan-5.2", "interop/nat/libreswan-5.2/strongswan-6.0"} <= cells
    assert "interop/establish-psk/strongswan-5.9/strongswan-6.0" in cells
    assert "interop/nat/strongswan-5.9/strongswan-6.0" not in cells
    assert {name for _, _, own in CI for name in own} <= set(scenarios())


def test_one_pair_with_chosen_scenarios() -> None:
    cells = encounters("reference:libreswan-5.2", ["nat", "establish-rsa"])
    assert [cell.id for cell in cells] == [
        "interop/establish-rsa/reference/libreswan-5.2",
        "interop/nat/reference/libreswan-5.2",
    ]


@pytest.mark.parametrize(
    ("pairs", "names", "said"),
    [
        ("strongswan-6.0", [], "INITIATOR:RESPONDER"),
        ("strongswan-6.0:openbsd", [], "openbsd"),
        ("reference:reference", [], "reference:reference"),
        ("ci", ["rekey"], "rekey-child-by-initiator"),
    ],
)
def test_other_selections_say_what_there_is(pairs: str, names: list[str], said: str) -> None:
    with pytest.raises(PairError, match=said):
        encounters(pairs, names)


def test_every_scenario_covers_requirements_of_the_catalogue() -> None:
    for item in scenarios().values():
        case = item.case()
        assert case.requirements
        assert len(item.abbreviation) <= 3
        assert item.title.endswith(".")


def test_a_name_or_an_abbreviation_is_taken_once() -> None:
    def play(_: object) -> None:
        """It does nothing."""

    scenarios()
    for name, short in (("nat", "ZZ"), ("another", "N")):
        with pytest.raises(ValueError, match="taken"):
            scenario(name, short, "rfc7296/2.23/nat-moves-to-4500")(play)
