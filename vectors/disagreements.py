"""Where another implementation is known to differ from a vector, and why: `disagreements.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vectors.model import Case

FILE = Path(__file__).parent / "disagreements.toml"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Cases of one set, by `flag` or by id, that the named adapters answer otherwise; `text` says who is right."""

    adapters: tuple[str, ...]
    set: str
    text: str
    reference: str
    flag: str = ""
    cases: tuple[str, ...] = ()

    def covers(self, adapter: str, set_name: str, case: Case) -> bool:
        """Whether this is one of its cases."""
        if adapter not in self.adapters or set_name != self.set:
            return False
        return case.id in self.cases or self.flag in case.flags


@cache
def known(path: Path = FILE) -> tuple[Disagreement, ...]:
    """All that are recorded."""
    return tuple(
        Disagreement(
            tuple(item["adapters"]),
            item["set"],
            item["text"],
            item["reference"],
            item.get("flag", ""),
            tuple(item.get("cases", ())),
        )
        for item in tomllib.loads(path.read_text(encoding="utf-8"))["disagreement"]
    )
