"""`make mutants`: every mutant against the tests that name it; each must be caught, and each test must catch one.

Each mutant is a device of its own, a few at a time. `--full` runs every test against every mutant.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from conformance.mutants.registry import MutantError, load
from conformance.mutants.table import Trial, conclude, lines, merge, undecided
from conformance.tester import raw_esp

ROOT = Path(__file__).parents[2]
PARALLEL = 3
TIMEOUT = 180.0
USAGE = 2
COMMAND = [sys.executable, "-m", "pytest", "conformance", "-q", "-p", "no:sugar", "-p", "no:cacheprovider"]


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
    named, spared = collect()
    known = {name: mutant for name, mutant in known.items() if name not in spared}
    wanted = {name for names in named.values() for name in names}
    chosen = options.names or [name for name in known if options.full or name in wanted]
    started = time.monotonic()
    trials = run_all(chosen, options.parallel, options.full)
    doubtful = undecided(trials, named)
    if doubtful:
        print(f"once more, one at a time: {', '.join(doubtful)}", flush=True)
        merge(trials, run_all(doubtful, 1, options.full))
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


def collect() -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Test id to the mutants that it names, from the suites, and the mutants that only tests name which cannot be run.

    Raises SystemExit when the suites cannot be collected.
    """
    with tempfile.TemporaryDirectory(prefix="ikeproof-mutants-") as folder:
        listing = Path(folder) / "cases.json"
        done = _pytest(["--list", "--list-json", str(listing)], TIMEOUT)
        if not listing.is_file():
            print(done.stdout + done.stderr, file=sys.stderr)
            raise SystemExit(USAGE)
        cases = json.loads(listing.read_text(encoding="utf-8"))
    named = {item["id"]: tuple(item["mutants"]) for item in cases}
    spared: set[str] = set()
    if without := raw_esp.unavailable(socket.AF_INET):
        for test in [item["id"] for item in cases if "raw_esp" in item["needs"]]:
            print(f"left out: {test}: {without}")
            spared.update(named.pop(test))
    return named, spared - {name for names in named.values() for name in names}


def run_all(names: Sequence[str], parallel: int, full: bool) -> list[Trial]:
    """Try the mutants in `parallel` processes, telling how it goes."""
    trials: dict[str, Trial] = {}
    with tempfile.TemporaryDirectory(prefix="ikeproof-mutants-") as folder, contextlib.ExitStack() as running:
        outputs: list[Path] = []
        children: list[subprocess.Popen[bytes]] = []
        for number in range(parallel):
            share = list(names)[number::parallel]
            if not share:
                continue
            job, out = Path(folder) / f"job{number}.json", Path(folder) / f"out{number}.jsonl"
            job.write_text(json.dumps({"mutants": share, "full": full, "out": str(out)}), encoding="utf-8")
            log = running.enter_context((Path(folder) / f"log{number}").open("wb"))
            children.append(_start(["--mutant-job", str(job), "--tb=no"], log))
            running.callback(_end, children[-1])
            outputs.append(out)
        while True:
            ended = all(child.poll() is not None for child in children)
            for trial in _read(outputs):
                if trial.mutant not in trials:
                    trials[trial.mutant] = trial
                    state = trial.error or (f"caught by {len(trial.killed_by)}" if trial.killed_by else "SURVIVES")
                    print(f"{trial.mutant}: {state} ({trial.seconds:.1f} s)", flush=True)
            if ended:
                break
            time.sleep(0.2)
        missing = [name for name in names if name not in trials]
        for log_file in sorted(Path(folder).glob("log*")) if missing else ():
            print(log_file.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
    for name in missing:
        trials[name] = Trial(name, error="the process that should try it ended before")
    return [trials[name] for name in names]


def _read(outputs: Iterable[Path]) -> Iterator[Trial]:
    for path in outputs:
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else ():
            if line.endswith("\n"):
                found = json.loads(line)
                yield Trial(found["mutant"], found["outcomes"], found["error"], found["seconds"])


def _start(arguments: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, env=_environment(), stdout=log, stderr=log)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
    child.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTEST_ADDOPTS": ""}


def _pytest(arguments: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
