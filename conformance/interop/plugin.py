"""pytest's part of the interop scenarios: selection, one site per run, verdicts, results."""

from __future__ import annotations

import fcntl
import os
import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from conformance.interop.bench import Bench
from conformance.interop.pairs import Encounter, PairError, encounters
from conformance.interop.scenario import scenarios
from conformance.interop.site import Site
from conformance.interop.transcript import transcript
from conformance.interop.wire import Broken
from conformance.plugin import deviations, options, summary
from conformance.plugin.deviations import KnownDeviation
from conformance.plugin.hooks import reported
from conformance.plugin.judgement import Judgement, judge
from conformance.plugin.results import Store, now, record
from peers.errors import LabError, NotSupported

HERE = Path(__file__).parent
MODULE = HERE / "test_interop.py"
DEFAULT_OUT = Path("reports/out/interop")


@dataclass(slots=True)
class Run:
    """One run. `planned`: the selected cells. `absent`: why there is no lab. `versions`: of what has been started."""

    out: Path
    planned: list[Encounter] = field(default_factory=list)
    absent: str = ""
    site: Site | None = None
    store: Store | None = None
    versions: dict[str, str] = field(default_factory=dict)
    known: dict[str, tuple[KnownDeviation, ...]] = field(default_factory=dict)
    results: dict[str, Any] | None = None
    gone: list[KnownDeviation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lock: IO[str] | None = None


RUN: pytest.StashKey[Run] = pytest.StashKey()
ENCOUNTER: pytest.StashKey[Encounter] = pytest.StashKey()
BENCH: pytest.StashKey[Bench] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup("ikeproof-interop", "scenarios between two implementations (pytest conformance/interop)")
    group.addoption("--pairs", metavar="ci|all|A:B,…", help="who meets whom: INITIATOR:RESPONDER (default: ci)")
    group.addoption(
        "--scenario", action="append", default=[], metavar="NAME", help="only this scenario, e.g. nat (repeatable)"
    )


def _wanted(config: pytest.Config) -> bool:
    """Whether the scenarios are meant: they need a lab, so plain `pytest` leaves them out."""
    if config.option.pairs or config.option.scenario:
        return True
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return False
    named = [(config.invocation_params.dir / arg.split("::", 1)[0]).resolve() for arg in config.args]
    return HERE in named or MODULE in named


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the scenarios out unless they are meant."""
    return True if collection_path == MODULE and not _wanted(config) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each cell of the grid."""
    if "encounter" not in metafunc.fixturenames:
        return
    config = metafunc.config
    try:
        cells = encounters(config.option.pairs or "ci", config.option.scenario)
    except PairError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize("encounter", cells, ids=[cell.id for cell in cells])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write down what is planned."""
    cells = []
    for item in session.items:
        cell = getattr(item, "callspec", None) and item.callspec.params.get("encounter")  # type: ignore[attr-defined]
        if isinstance(cell, Encounter):
            item.stash[ENCOUNTER] = cell
            cells.append(cell)
    if cells and hasattr(session.config, "workerinput"):
        raise pytest.UsageError("the interop scenarios share one set of peers: leave -n out")
    if cells and not session.config.option.collectonly:
        out = session.config.option.out or session.config.rootpath / DEFAULT_OUT
        session.config.stash[RUN] = Run(out.absolute(), cells)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The run's network. Without a lab: an end in CI, elsewhere skipped tests and a line that says so."""
    run = request.config.stash[RUN]
    _lock(run)
    try:
        run.site = Site(request.config.option.mutant or "")
    except LabError as error:
        run.absent = str(error)
        text = f"interop: NOT RUN: {len(run.planned)} scenarios between implementations need the lab: {error}"
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.exit(f"ikeproof: {text}", returncode=2)
        run.notes.append(text)
        pytest.skip(text)
    run.store = Store(run.out)
    run.store.begin(
        {
            "kind": "interop",
            "tool_version": _version(),
            "dut": {"name": "Interop lab", "version": "", "profile": {"pairs": request.config.option.pairs or "ci"}},
            "started": now(),
            "command": options.command(),
        }
    )
    run.store.plan(cell.id for cell in run.planned)
    (run.out / "captures").mkdir()
    yield run.site
    run.site.close()


def _lock(run: Run) -> None:
    """Two runs in one directory would mix their results."""
    try:
        run.out.mkdir(parents=True, exist_ok=True)
        run.lock = (run.out / ".lock").open("w")
        fcntl.flock(run.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        why = "another run is writing there" if isinstance(error, BlockingIOError) else error.strerror
        pytest.exit(f"ikeproof: {run.out} cannot be used: {why}; choose another directory with --out", returncode=2)


def _version() -> str:
    from importlib.metadata import version

    return version("ikeproof")


@pytest.fixture
def bench(request: pytest.FixtureRequest, encounter: Encounter, site: Site) -> Bench:
    """Both implementations of this cell, started if they were not yet."""
    run = request.config.stash[RUN]
    one = site.side(encounter.initiator, "inside" if encounter.scenario.topology == "nat" else "outside")
    other = site.side(encounter.responder)
    for side in (one, other):
        if side.name not in run.versions:
            run.versions[side.name] = side.version
            try:
                run.known[side.name] = deviations.load(side.name.partition("-")[0], side.version)
            except deviations.DeviationsError as error:
                pytest.exit(f"ikeproof: {error}", returncode=2)
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", encounter.id.removeprefix("interop/"))
    made = Bench(site, one, other, run.out / "captures" / f"{name}.pcap")
    request.node.stash[BENCH] = made
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The verdict of a scenario, its evidence, and pytest's outcome of it."""
    report = yield
    cell, run = item.stash.get(ENCOUNTER, None), item.config.stash.get(RUN, None)
    if cell is None or run is None or run.store is None or report.when == "teardown":
        return report
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, KeyboardInterrupt | pytest.exit.Exception) or (error is None and report.when == "setup"):
        return report
    case = cell.scenario.case()
    judgement = _not_applicable(error) if isinstance(error, NotSupported) else judge(case, error)
    known = _explaining(run, cell, judgement, error)
    entry = record(
        case, judgement, duration=call.duration, tester=None, store=None, known=known.as_result() if known else None
    )
    made = item.stash.get(BENCH, None)
    entry |= {"scenario": cell.scenario.id, "initiator": cell.initiator, "responder": cell.responder}
    entry |= _evidence(run.out, made) if made is not None and report.when == "call" else {}
    run.store.append(entry, "main")
    return reported(report, judgement, known is not None, True, call)


def _not_applicable(error: NotSupported) -> Judgement:
    return Judgement("not_applicable", str(error))


def _explaining(run: Run, cell: Encounter, judgement: Judgement, error: BaseException | None) -> KnownDeviation | None:
    """The record of the implementation that broke the requirement, or of either one when the capture does not tell."""
    if judgement.verdict != "fail":
        return None
    at_fault = error.peer if isinstance(error, Broken) else ""
    for name in [at_fault] if at_fault else [cell.initiator, cell.responder]:
        if found := deviations.explaining(run.known.get(name, ()), cell.id, judgement.requirement):
            return found
    return None


def _evidence(out: Path, bench: Bench) -> dict[str, Any]:
    """Capture, key tables and transcript of a scenario, as far as it came."""
    if not bench.path.exists():
        return {}
    found: dict[str, Any] = {"capture": bench.path.relative_to(out).as_posix()}
    wire = bench.wire
    if wire is None:
        return found
    files = wire.table.write(bench.path.with_suffix(".keys"))
    found["keys"] = [file.relative_to(out).as_posix() for file in files if file.stat().st_size]
    found["transcript"] = transcript(wire, bench.responder.address)
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """results.json, the reports, and the exit code: 0 if every failure is a known deviation."""
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or run.store is None:
        return
    reason = "interrupted by the operator (Ctrl-C)" if exitstatus == pytest.ExitCode.INTERRUPTED else ""
    extra = {
        "scenarios": [
            {"id": item.id, "title": item.title, "abbreviation": item.abbreviation}
            for item in scenarios().values()
            if any(cell.scenario == item for cell in run.planned)
        ],
        "implementations": [{"name": name, "version": version} for name, version in run.versions.items()],
    }
    run.results = run.store.assemble(reason=reason, extra=extra)
    run.store.finish()
    tests = [{**test, "id": f"{test['id']}/{test['initiator']}/{test['responder']}"} for test in run.results["tests"]]
    if not config.option.scenario and not run.results["run"]["partial"]:
        entries = {item.id: item for known in run.known.values() for item in known}
        run.gone = deviations.no_longer_seen(entries.values(), tests)
    if int(session.exitstatus) == pytest.ExitCode.OK and (run.gone or run.results["run"]["partial"]):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if not config.option.no_report:
        import reports

        try:
            reports.build(run.out / "results.json", run.out)
        except (reports.ResultsError, OSError) as error:
            run.notes.append(f"the reports could not be made: {error}")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line per failure, and where the grid is."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    terminalreporter.section("interop")
    for note in run.notes:
        terminalreporter.write_line(note)
    if run.results is None:
        return
    tests = run.results["tests"]
    by_pair: dict[tuple[str, str], Counter[str]] = {}
    for test in tests:
        by_pair.setdefault((test["initiator"], test["responder"]), Counter())[summary.column(test)] += 1
    for (one, other), count in by_pair.items():
        terminalreporter.write_line(f"{one} -> {other}: " + ", ".join(f"{n} {word}" for word, n in count.items()))
    for test in tests:
        if test["verdict"] in ("fail", "error", "inconclusive"):
            known = test["known_deviation"]
            kind = f"known deviation {known['id']}" if known else test["verdict"]
            terminalreporter.write_line(f"{test['id']}/{test['initiator']}/{test['responder']}: {kind}")
            terminalreporter.write_line(f"    {test['reason']}")
    for item in run.gone:
        terminalreporter.write_line(f"known deviation no longer seen: {item.id} ({item.text})")
    if run.results["run"]["partial"]:
        terminalreporter.write_line(f"PARTIAL: {run.results['run']['reason']}")
    terminalreporter.write_line(f"results and grid: {run.out / 'matrix.html'}")
