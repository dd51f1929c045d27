"""`matrix.html`: tests against devices, and interop scenarios between implementations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.merge import Device, Entry
from reports.model import Scenario
from reports.page import environment, inline, policy
from reports.summary import Outcome, document, outcome
from reports.text import natural

# A second sign beside the colour, where a cell has room for one.
SYMBOLS = {
    Outcome.PASS: "✓",
    Outcome.MUST_FAIL: "✗",
    Outcome.STATEMENT_FAIL: "◆",
    Outcome.SHOULD_FAIL: "△",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_APPLICABLE: "–",
    Outcome.ERROR: "!",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One test over all devices; a cell is None where the device has no verdict for it."""

    id: str
    purpose: str
    level: str
    cells: tuple[Entry | None, ...]

    @property
    def differs(self) -> bool:
        """Whether the devices do not all have the same outcome."""
        return len({outcome(cell.test) if cell else None for cell in self.cells}) > 1


@dataclass(frozen=True, slots=True)
class Grid:
    """The scenarios of one interop lab. `cells` by (initiator, responder), each in the order of `scenarios`."""

    device: Device
    scenarios: tuple[Scenario, ...]
    names: tuple[str, ...]
    versions: dict[str, str]
    cells: dict[tuple[str, str], tuple[Entry, ...]]

    def abbreviation(self, entry: Entry) -> str:
        wanted = entry.test.pairing.scenario if entry.test.pairing else ""
        return next((each.abbreviation for each in self.scenarios if each.id == wanted), wanted)


def wanted(devices: Sequence[Device]) -> bool:
    """Whether there is anything to compare."""
    return len(devices) > 1 or any(entry.test.pairing for device in devices for entry in device.entries)


def render(devices: Sequence[Device]) -> str:
    """The page as text; its links lead into `index.html` beside it."""
    style, script = inline("style.css"), inline("matrix.js")
    compared = [device for device in devices if any(not entry.test.pairing for entry in device.entries)]
    rows = _rows(compared)
    return (
        environment()
        .get_template("matrix.html.j2")
        .render(
            style=style.source,
            script=script.source,
            policy=policy(style, script),
            symbols=SYMBOLS,
            devices=compared,
            groups=rows,
            count=sum(len(group) for _, group in rows),
            grids=[grid for device in devices if (grid := _grid(device))],
        )
    )


def _rows(devices: Sequence[Device]) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    documents: dict[str, str] = {}
    found: dict[str, dict[str, Entry]] = {}
    for device in devices:
        catalogue = {requirement.id: requirement for requirement in device.requirements}
        for entry in device.entries:
            if not entry.test.pairing:
                found.setdefault(entry.test.id, {})[device.slug] = entry
                documents.setdefault(entry.test.id, document(entry.test, catalogue))
    groups: dict[str, list[Row]] = {}
    for name in sorted(found, key=natural):
        cells = tuple(found[name].get(device.slug) for device in devices)
        test = next(iter(found[name].values())).test
        groups.setdefault(documents[name], []).append(Row(name, test.purpose, test.level.value, cells))
    return tuple((rfc, tuple(rows)) for rfc, rows in sorted(groups.items(), key=lambda item: natural(item[0])))


def _grid(device: Device) -> Grid | None:
    cells: dict[tuple[str, str], list[Entry]] = {}
    named = {scenario.id: scenario for scenario in device.scenarios}
    versions = {each.name: each.version for each in device.implementations}
    for entry in device.entries:
        pairing = entry.test.pairing
        if pairing:
            cells.setdefault((pairing.initiator, pairing.responder), []).append(entry)
            named.setdefault(pairing.scenario, Scenario(pairing.scenario, entry.test.purpose, ""))
            versions.setdefault(pairing.initiator, "")
            versions.setdefault(pairing.responder, "")
    if not cells:
        return None
    order = {name: place for place, name in enumerate(named)}
    return Grid(
        device=device,
        scenarios=tuple(_abbreviated(list(named.values()))),
        names=tuple(versions),
        versions=versions,
        cells={
            pair: tuple(sorted(entries, key=lambda entry: order[_scenario(entry)])) for pair, entries in cells.items()
        },
    )


def _scenario(entry: Entry) -> str:
    return entry.test.pairing.scenario if entry.test.pairing else ""


def _abbreviated(scenarios: list[Scenario]) -> list[Scenario]:
    """Every scenario with an abbreviation of its own: the given one, else initials, else a number."""
    taken: set[str] = set()
    out = []
    for scenario in scenarios:
        initials = "".join(word[0] for word in scenario.id.replace("_", "-").split("-") if word).upper()[:3]
        choices = [scenario.abbreviation, initials, *map(str, range(1, len(scenarios) + 1))]
        chosen = next(choice for choice in choices if choice and choice not in taken)
        taken.add(chosen)
        out.append(Scenario(scenario.id, scenario.title, chosen))
    return out
