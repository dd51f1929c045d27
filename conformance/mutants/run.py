"""`make mutants`: every mutant against the tests that name it; each must be caught, and each test must catch one.

Each mutant is a device of its own, two at a time. `--full` runs every test against every mutant.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conformance.mutants.registry import MutantError, load
from conformance.mutants.table import Trial, conclude, lines

ROOT = Path(__file__).parents[2]
PARALLEL = 2
TIMEOUT = 180.0
FULL_TIMEOUT = 900.0
USAGE = 2


def main() -> int:
    """0: every mutant is caught and every test proved; 1: not so; 2: wrong use."""
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants.run", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these mutants")
    parser.add_argument("--full", action="store_true", help="every test against every mutant")
    parser.add_argument("--parallel", type=int, default=PARALLEL, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table, too")
    options = parser.parse_args()
    try:
        known = load()
    except MutantError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return USAGE
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        print(f"mutants: no mutant is called {unknown[0]}", file=sys.stderr)
        return USAGE
    named = collect()
    wanted = {name for names in named.values() for name in names}
    chosen = options.names or [name for name in known if options.full or name in wanted]
    started = time.monotonic()
    trials = run_all(chosen, options.parallel, options.full)
    if options.names:
        named = {test: names for test, names in named.items() if set(names) & set(options.names)}
        named = {test: tuple(name for name in names if name in options.names) for test, names in named.items()}
        known = {name: known[name] for name in options.names}
    for line in lines(trials, named):
        print(line)
    verdict = conclude(trials, named, known)
    for title, rows in (
        ("mutants that survive", verdict.survivors),
        ("tests that no mutant fails", verdict.unproved),
        ("mutants that cannot be tried", verdict.broken),
    ):
        for row in rows:
            print(f"{title}: {row}")
    seconds = time.monotonic() - started
    print(
        f"{len(named)} tests, {len(known)} mutants: {len(verdict.survivors)} survive, "
        f"{len(verdict.unproved)} tests unproved, {len(verdict.broken)} broken, {seconds:.0f} s"
    )
    if options.json:
        table = {trial.mutant: {"outcomes": trial.outcomes, "error": trial.error} for trial in trials}
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    return 0 if verdict.good else 1


def collect() -> dict[str, tuple[str, ...]]:
    """Test id to the mutants that it names, from the suites. Raises SystemExit when they cannot be collected."""
    with tempfile.TemporaryDirectory(prefix="ikeproof-mutants-") as folder:
        listing = Path(folder) / "cases.json"
        done = _pytest(["--list", "--list-json", str(listing)], TIMEOUT)
        if not listing.is_file():
            print(done.stdout + done.stderr, file=sys.stderr)
            raise SystemExit(USAGE)
        return {item["id"]: tuple(item["mutants"]) for item in json.loads(listing.read_text(encoding="utf-8"))}


def run_all(names: Iterable[str], parallel: int, full: bool) -> list[Trial]:
    """Try the mutants, `parallel` at a time, telling how it goes."""
    trials: list[Trial] = []
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        for trial in pool.map(lambda name: trial_of(name, full), names):
            trials.append(trial)
            state = trial.error or (f"caught by {len(trial.killed_by)}" if trial.killed_by else "SURVIVES")
            print(f"{trial.mutant}: {state} ({trial.seconds:.1f} s)", flush=True)
    return trials


def trial_of(name: str, full: bool) -> Trial:
    """Start the mutant, run its tests against it."""
    started = time.monotonic()
    trial = Trial(name)
    with tempfile.TemporaryDirectory(prefix="ikeproof-mutants-") as folder:
        arguments = ["--dut", "reference", "--mutant", name, "--out", folder, "--no-sanity", "--no-report"]
        try:
            done = _pytest([*arguments, *(["--all-tests"] if full else [])], FULL_TIMEOUT if full else TIMEOUT)
        except subprocess.TimeoutExpired:
            trial.error = "the tests did not end in time"
            return trial
        results = Path(folder) / "results.json"
        if not results.is_file():
            trial.error = _last_line(done.stdout + done.stderr)
        else:
            tests = json.loads(results.read_text(encoding="utf-8"))["tests"]
            trial.outcomes = {test["id"]: test["verdict"] for test in tests}
    trial.seconds = time.monotonic() - started
    return trial


def _pytest(arguments: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "conformance", "-q", "-p", "no:sugar", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def _last_line(text: str) -> str:
    found = [line for line in text.splitlines() if line.strip()]
    return found[-1] if found else "no output"


if __name__ == "__main__":
    sys.exit(main())
