"""What several adapters make of the sets: the table, failures, and what is known to differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vectors.adapters import Adapter
from vectors.disagreements import Disagreement, known
from vectors.model import VectorSet
from vectors.replay import Outcome, Replay, Tally, replay

_OUTCOMES = ("passed", "FAILED", "differ", "unsupported")


@dataclass(slots=True)
class Comparison:
    """Of sets replayed against adapters; `counts` are by set and adapter."""

    sets: Sequence[VectorSet]
    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    differences: dict[Disagreement, int] = field(default_factory=dict)

    def add(self, adapter: Adapter, case_id: str | None = None) -> None:
        """Replay every set, or the cases with one id, against one more adapter."""
        for tally in replay(self.sets, adapter, case_id=case_id):
            self._add(adapter.name, tally)

    def _add(self, adapter: str, tally: Tally) -> None:
        name, differing = tally.vectors.name, 0
        for one in tally.replays:
            recorded = next((each for each in known() if each.covers(adapter, name, one.case)), None)
            if recorded is not None and one.outcome is Outcome.FAIL:
                differing += 1
                self.differences[recorded] = self.differences.get(recorded, 0) + 1
            elif recorded is not None:
                self._fail(adapter, one, "disagreements.toml says that it differs, and it does not")
            elif one.outcome is Outcome.FAIL:
                self._fail(adapter, one, one.detail)
        self.counts[name, adapter] = Counter(
            {
                "passed": tally.count(Outcome.PASS),
                "FAILED": tally.count(Outcome.FAIL) - differing,
                "differ": differing,
                "unsupported": tally.count(Outcome.UNSUPPORTED),
            }
        )

    def _fail(self, adapter: str, one: Replay, why: str) -> None:
        self.failures.append(f"{adapter}: {one.set_name} {one.case.id}: {why}")

    def unanswered(self) -> list[str]:
        """The sets of which no adapter answered a case."""
        answered = {name for (name, _), counts in self.counts.items() if counts["passed"]}
        return [vectors.name for vectors in self.sets if vectors.name not in answered]

    def rows(self, detail: bool = False, short: bool = False) -> Iterator[list[str]]:
        """The table's rows: line, number of cases, a cell for each adapter; the sums last where there are several.

        `short` leaves out how many cases an adapter does not support.
        """
        together = lines(self.sets, detail)
        if len(together) > 1:
            together["all"] = list(self.sets)
        for line, sets in together.items():
            sums = (sum((self.counts[each.name, name] for each in sets), Counter()) for name in self.adapters())
            yield [line, str(sum(len(each.cases) for each in sets)), *(cell(each, short) for each in sums)]

    def adapters(self) -> list[str]:
        """The names of the adapters, in order."""
        return list(dict.fromkeys(name for _, name in self.counts))


def cell(counts: Counter[str], short: bool = False) -> str:
    """How often each outcome came, but for those that never did."""
    outcomes = [what for what in _OUTCOMES if counts[what] and not (short and what == "unsupported")]
    return ", ".join(f"{counts[what]} {what}" for what in outcomes) or "-"


def lines(sets: Iterable[VectorSet], detail: bool) -> dict[str, list[VectorSet]]:
    """The sets by the line of a table that they are in: those of a transcript share one, or even its family's."""
    found: dict[str, list[VectorSet]] = {}
    for vectors in sets:
        shared = vectors.transcript if detail else f"transcripts: {vectors.family}"
        found.setdefault(shared if vectors.transcript else vectors.name, []).append(vectors)
    return found
