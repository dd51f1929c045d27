"""One collection, many mutants: each is started in turn as the device, and its tests run against it.

`conformance.mutants.run` starts this in a few processes: to collect the suites takes longer than most mutants live.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.plugin import dut as duts
from conformance.plugin.run import CASE, Run

# On loopback an answer that has not come by then does not come; mutants are silent often.
TIMING = {"answer": 1.0, "retransmit": 0.6, "trigger": 1.5, "linger": 0.0}
LIMIT = 120.0


def run_all(session: pytest.Session, run: Run, job: Path) -> None:
    """Try the mutants of the job file: {"mutants": [names], "full": bool, "out": file for one line of JSON each}."""
    task: dict[str, Any] = json.loads(job.read_text(encoding="utf-8"))
    with Path(task["out"]).open("a", encoding="utf-8") as out:
        for name in task["mutants"]:
            out.write(json.dumps(_try(session, run, name, bool(task["full"]))) + "\n")
            out.flush()


def _try(session: pytest.Session, run: Run, name: str, full: bool) -> dict[str, Any]:
    started = time.monotonic()
    items = [item for item in session.items if CASE in item.stash and (full or name in item.stash[CASE].mutants)]
    outcomes: dict[str, str] = {}
    workdir = Path(tempfile.mkdtemp(prefix="ikeproof-mutant-"))
    error = ""
    try:
        device = duts.start("reference", workdir, name, timing=TIMING)
    except duts.DutError as refused:
        shutil.rmtree(workdir, ignore_errors=True)
        return {"mutant": name, "outcomes": {}, "error": str(refused), "seconds": time.monotonic() - started}
    run.begin_trial(device, outcomes)
    try:
        for item in items:
            session.shouldstop = False
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if run.died:
                break
            if time.monotonic() - started > LIMIT and not full:
                error = f"its tests took more than {LIMIT:.0f} s"
                break
    finally:
        session.shouldstop = False
        run.end_trial()
        shutil.rmtree(workdir, ignore_errors=True)
    return {"mutant": name, "outcomes": outcomes, "error": error, "seconds": time.monotonic() - started}
