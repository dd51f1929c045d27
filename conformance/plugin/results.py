"""Results: one line of JSON per test while the run goes on, put together into results.json at its end.

What was written survives a crash: `assemble` makes a results file of whatever lines there are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.plugin.case import Case, catalogue
from conformance.plugin.judgement import Judgement
from conformance.tester.capture import write_capture
from conformance.tester.tester import Tester

SCHEMA = "ikeproof-results/1"
PARTS = ".parts"
EARLIER = ".earlier"
RESULTS = "results.json"
CAPTURES = "captures"
HEADER = "run.json"


class ForeignFolder(Exception):
    """The output directory holds what this project has not written; the text says what to do."""


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Store:
    """The output directory of a run."""

    out: Path

    @property
    def parts(self) -> Path:
        """Where the lines are collected."""
        return self.out / PARTS

    def begin(self, header: Mapping[str, Any]) -> None:
        """Put the evidence of an earlier run aside and write what is known at the start.

        Raises ForeignFolder when the directory has captures, but not of a run.
        """
        if (self.out / CAPTURES).exists() and not any((self.out / name).exists() for name in (RESULTS, PARTS, EARLIER)):
            raise ForeignFolder(
                f"{self.out / CAPTURES} is there and not from a run: choose another directory with --out"
            )
        for name in (PARTS, EARLIER):
            shutil.rmtree(self.out / name, ignore_errors=True)
        self.parts.mkdir(parents=True)
        for name in (RESULTS, CAPTURES):
            if (self.out / name).exists():
                (self.out / EARLIER).mkdir(exist_ok=True)
                (self.out / name).rename(self.out / EARLIER / name)
        (self.parts / HEADER).write_text(json.dumps(header), encoding="utf-8")

    def abandon(self) -> None:
        """Nothing was run: the evidence of the earlier run is good still."""
        shutil.rmtree(self.parts, ignore_errors=True)
        for name in (RESULTS, CAPTURES):
            if (self.out / EARLIER / name).exists():
                (self.out / EARLIER / name).rename(self.out / name)
        shutil.rmtree(self.out / EARLIER, ignore_errors=True)

    def complain(self, text: str) -> None:
        """A worker tells the controller what is wrong with the selection."""
        (self.parts / "complaint").write_text(text, encoding="utf-8")

    def complaint(self) -> str:
        """What a worker found wrong, or nothing."""
        file = self.parts / "complaint"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def plan(self, identifiers: Iterable[str]) -> None:
        """Write which tests are going to run. Every worker knows the same ones."""
        temporary = self.parts / f"plan.{os.getpid()}"
        temporary.write_text(json.dumps(list(identifiers)), encoding="utf-8")
        temporary.replace(self.parts / "plan.json")

    def mark_died(self, identifier: str) -> None:
        """The device died during this test, for good."""
        (self.parts / "died").write_text(identifier, encoding="utf-8")

    def died(self) -> str:
        """The test during which the device died for good, or nothing."""
        file = self.parts / "died"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def append(self, record: Mapping[str, Any], worker: str) -> None:
        """One test is done; the line is on its way to the disk when this returns."""
        with (self.parts / f"results-{worker}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def evidence(self, identifier: str, tester: Tester) -> tuple[str | None, list[str]]:
        """Write the capture and the key tables of a test; their paths relative to the output directory."""
        if not tester.transcript.entries:
            return None, []
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", identifier)
        folder = self.out / "captures"
        folder.mkdir(exist_ok=True)
        profile = tester.profile
        ports = {(profile.address, profile.ike_port): 500, (profile.address, profile.natt_port): 4500}
        write_capture(folder / f"{name}.pcap", tester.transcript.entries, tester.epoch, ports)
        keys: list[str] = []
        tables = (("ikev2_decryption_table", tester.keys.ike), ("esp_sa", tester.keys.esp))
        for table, lines in tables:
            if lines:
                (folder / f"{name}.keys").mkdir(exist_ok=True)
                (folder / f"{name}.keys" / table).write_text("\n".join(lines) + "\n", encoding="ascii")
                keys.append(f"captures/{name}.keys/{table}")
        return f"captures/{name}.pcap", keys

    def assemble(
        self, *, reason: str = "", sanity: Mapping[str, Any] | None = None, extra: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Put results.json together from the lines; `reason` says why the run is partial, `extra`: further members."""
        header = json.loads((self.parts / HEADER).read_text(encoding="utf-8"))
        plan_file = self.parts / "plan.json"
        plan: list[str] = json.loads(plan_file.read_text(encoding="utf-8")) if plan_file.exists() else []
        records = self._records()
        order = {identifier: position for position, identifier in enumerate(plan)}
        tests = sorted(records.values(), key=lambda item: (order.get(key_of(item), len(order)), key_of(item)))
        missing = [identifier for identifier in plan if identifier not in records]
        if missing and not reason:
            reason = f"{len(missing)} selected tests have no result, the first is {missing[0]}"
        run = {**header, "ended": now(), "partial": bool(reason), "reason": reason, "planned": len(plan)}
        if sanity is not None:
            run["x-sanity"] = dict(sanity)
        requirements = requirement_list(tests)
        results = {"schema": SCHEMA, "run": run, "requirements": requirements, **(extra or {}), "tests": tests}
        temporary = self.out / "results.json.new"
        temporary.write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
        temporary.replace(self.out / "results.json")
        return results

    def finish(self) -> None:
        """The lines are no longer needed, nor is the earlier run."""
        for name in (PARTS, EARLIER):
            shutil.rmtree(self.out / name, ignore_errors=True)

    def _records(self) -> dict[str, dict[str, Any]]:
        records: dict[str, dict[str, Any]] = {}
        for file in sorted(self.parts.glob("results-*.jsonl")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    record = json.loads(line)
                    records[key_of(record)] = record
                except (ValueError, TypeError, KeyError):
                    continue  # the last line of a process that was killed
        return records


def key_of(record: Mapping[str, Any]) -> str:
    """The id of a test; with the pair of implementations in an interop run."""
    return "/".join([record["id"], *(record[end] for end in ("initiator", "responder") if end in record)])


def requirement_list(tests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The catalogue of every document that a test belongs to or covers."""
    documents = {item.split("/", 1)[0] for test in tests for item in (test["id"], *test["requirements"])}
    return [
        {
            "id": item.id,
            "rfc": item.rfc,
            "section": item.section,
            "level": item.level,
            "binds": item.binds,
            "text": item.text,
            "quote": item.quote,
            "observable": item.observable,
            "why": item.why,
        }
        for item in catalogue()
        if item.rfc in documents
    ]


def record(
    case: Case,
    judgement: Judgement,
    *,
    duration: float,
    tester: Tester | None,
    store: Store | None,
    known: Mapping[str, str] | None,
) -> dict[str, Any]:
    """The entry of one test in results.json; writes its evidence when there is a store."""
    capture: str | None = None
    keys: list[str] = []
    if tester is not None and store is not None:
        capture, keys = store.evidence(case.id, tester)
    return {
        "id": case.id,
        "purpose": case.purpose,
        "requirements": list(case.ids),
        "level": case.level,
        "role": case.role,
        "needs": list(case.needs),
        "verdict": judgement.verdict,
        "deviation": judgement.deviation,
        "reason": judgement.reason,
        "expected": list(judgement.expected),
        "observed": judgement.observed,
        "requirement": judgement.requirement,
        "known_deviation": dict(known) if known else None,
        "mutants": list(case.mutants),
        "duration": round(duration, 6),
        "transcript": tester.transcript.as_result() if tester is not None else [],
        "capture": capture,
        "keys": keys,
    }
