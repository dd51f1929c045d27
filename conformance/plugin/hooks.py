"""The pytest plugin: ties collection, the device, verdicts, results and the summary together."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from conformance.plugin import baseline, deviations, mutant_loop, options, selection, stop
from conformance.plugin import dut as duts
from conformance.plugin.case import Case
from conformance.plugin.judgement import Judgement, judge
from conformance.plugin.results import ForeignFolder, Store, now, record
from conformance.plugin.run import CASE, JUDGEMENT, RUN, TESTER, Run
from conformance.plugin.sanity import sanity
from conformance.plugin.turn import turn
from conformance.profile import Profile
from conformance.tester import raw_esp
from conformance.tester.link import LinkError
from conformance.tester.tester import Tester
from conformance.tester.verdicts import Deviation, DutDied, Inconclusive, NotApplicable, Verdict

DEFAULT_OUT = Path("reports/out")
WORDS = {
    "fail": ("failed", "F", "FAIL"),
    "known": ("known deviation", "d", ("KNOWN DEVIATION", {"yellow": True})),
    "should": ("SHOULD deviation", "s", ("SHOULD DEVIATION", {"yellow": True})),
    "inconclusive": ("inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})),
    "not_applicable": ("not applicable", "-", ("NOT APPLICABLE", {"cyan": True})),
    "error": ("error", "E", "ERROR"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; decide whether this is a run of the suites."""
    config.addinivalue_line("markers", "covers(*requirements, mutants, needs, role): a test case of the suites")
    if not selection.suite_mode(config):
        if not config.option.markexpr and not selection.names_lab(config):
            config.option.markexpr = "not lab"
        return
    run = Run(worker=worker_name(config))
    config.stash[RUN] = run
    config.pluginmanager.register(stop.SayOnce(config))
    if config.option.list_cases or config.option.collectonly:
        selection.no_workers(config)


def worker_name(config: pytest.Config) -> str:
    """gw0, gw1 … in a worker of pytest-xdist, main elsewhere."""
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    return str(workerinput["workerid"]) if workerinput else "main"


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Suites only in a run of the suites, and then nothing else of `conformance` unless it was asked for."""
    return True if selection.ignored(collection_path, config) else None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """In the controller: start the device, make the sanity exchange. In a worker: attach to it."""
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or config.option.list_cases or config.option.collectonly or config.option.mutant_job:
        return
    if is_worker(config):
        given = config.workerinput["ikeproof"]  # type: ignore[attr-defined]
        run.dut = duts.Dut.from_json(given["dut"])
        run.store = Store(Path(given["out"]))
        run.workers = int(config.workerinput.get("workercount", 1))  # type: ignore[attr-defined]
    else:
        _start(config, run)
    if run.dut is not None:
        data = run.dut.profile.data["dut"]
        try:
            run.known = deviations.load(str(data.get("peer", "")), str(data.get("version", "")))
        except deviations.DeviationsError as error:
            _exit(run, str(error))


def _start(config: pytest.Config, run: Run) -> None:
    if config.option.dut == "":
        _exit(run, "--dut is empty: give a profile or the name of a peer, or leave it out for the reference")
    if config.option.baseline is not None:
        try:
            run.accepted = baseline.load(config.option.baseline)
        except baseline.BaselineError as error:
            _exit(run, str(error))
    stop.on_termination()
    run.workdir = Path(tempfile.mkdtemp(prefix="ikeproof-dut-"))
    try:
        run.dut = started = duts.start(config.option.dut or "reference", run.workdir, config.option.mutant or "")
        if config.option.esp:
            run.dut = started = started.with_esp(config.option.esp)
    except duts.DutError as error:
        _exit(run, str(error))
    run.store = Store((config.option.out or config.rootpath / DEFAULT_OUT).absolute())
    if not config.option.no_sanity and not config.option.mutant:  # a mutant may be unable to
        run.sanity["first"] = sanity(started.profile)
        if not run.sanity["first"]["ok"]:
            _exit(run, str(run.sanity["first"]["detail"]))
    profile = started.profile
    try:
        run.store.begin(
            {
                "kind": "conformance",
                "tool_version": run.tool_version(),
                "dut": {
                    "name": profile.name,
                    "version": str(profile.data["dut"].get("version", "")),
                    "profile": profile.public(),
                },
                "started": now(),
                "command": options.command(),
            }
        )
    except ForeignFolder as error:
        _exit(run, str(error))
    except OSError as error:
        _exit(run, f"{run.store.out} cannot be written: {error.strerror}; choose another directory with --out")


def _exit(run: Run, text: str) -> NoReturn:
    run.close()
    stop.wrong_use(text)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the device is."""
    run = node.config.stash.get(RUN, None)
    if run is not None and run.dut is not None and run.store is not None:
        node.workerinput["ikeproof"] = {"dut": run.dut.to_json(), "out": str(run.store.out)}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make cases of the collected functions, leave out what is not selected, number the rest."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    selection.attach(items)
    try:
        chosen = selection.choose(config, items)
    except selection.NotSelectable as error:
        if not is_worker(config):
            _exit(run, str(error))
        if run.store is not None:
            run.store.complain(str(error))
        chosen = []
    dropped = [item for item in items if item not in set(chosen)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = chosen


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the plan."""
    run = session.config.stash.get(RUN, None)
    if run is not None and run.store is not None and session.items:
        run.store.plan(item.stash[CASE].id for item in session.items if CASE in item.stash)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With --list: print, run nothing. With a job of mutants: run its tests against each."""
    run = session.config.stash.get(RUN, None)
    if run is not None and session.config.option.mutant_job is not None:
        mutant_loop.run_all(session, run, session.config.option.mutant_job)
        return True
    if run is None or not session.config.option.list_cases:
        return None
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    cases: list[Case] = [item.stash[CASE] for item in session.items]
    profile = _listed_profile(session.config, run)
    left_out = 0
    for case in cases:
        note = f"  NOT FINISHED: {case.problem}" if case.problem else ""
        if profile is not None and (missing := unclaimed(case, profile)):
            note += f"  NOT APPLICABLE: the profile does not claim {', '.join(missing)}"
            left_out += 1
        reporter.write_line(f"{case.id}  [{case.level}, {case.role}]  {case.purpose}{note}")
    reporter.write_line(f"{len(cases)} test cases" + (f", {left_out} of them not applicable" if left_out else ""))
    if session.config.option.list_json is not None:
        listing = [
            {"id": case.id, "mutants": list(case.mutants), "requirements": list(case.ids), "needs": list(case.needs)}
            for case in cases
        ]
        session.config.option.list_json.write_text(json.dumps(listing), encoding="utf-8")
    return True


def _listed_profile(config: pytest.Config, run: Run) -> Profile | None:
    """The profile that --dut names; None for a peer, whose claims are known when it runs, and without --dut."""
    name = config.option.dut
    if not name or name.partition("+")[0] in duts.peer_names():
        return None
    try:
        return duts.start(name, Path()).profile
    except duts.DutError as error:
        _exit(run, str(error))


# -- one test -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tester(request: pytest.FixtureRequest) -> Iterator[Tester]:
    """The tester of this test: own source port, SPIs, identity and inner address."""
    run = request.config.stash.get(RUN, None)
    if run is None or run.dut is None:
        raise pytest.UsageError("the tester fixture is for the suites: pytest conformance --dut …")
    case: Case = request.node.stash[CASE]
    alone = case.role != "responder" and run.store is not None
    with turn(run.store.parts) if alone and run.store else contextlib.nullcontext():
        made = Tester(run.dut.profile, number=run.next_number(), trigger=run.trigger())
        made.requirement = case.ids[0] if case.ids else None
        request.node.stash[TESTER] = made
        yield made
        with contextlib.suppress(Verdict):
            made.close()
        made.link.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A claim that is missing makes the test not applicable; a wrong marker is an error of the suite."""
    case = item.stash.get(CASE, None)
    run = item.config.stash.get(RUN, None)
    if case is not None and run is not None and run.dut is not None:
        item.stash[JUDGEMENT] = early = _early(case, run)
        if early is not None:
            raise Ended
    yield


class Ended(Exception):
    """The verdict is known before the test function is called."""


def unclaimed(case: Case, profile: Profile) -> list[str]:
    """The claims that the test needs and the profile does not make."""
    return profile.missing([*([case.role] if case.role in ("initiator", "responder") else []), *case.needs])


def _early(case: Case, run: Run) -> Judgement | None:
    if case.problem:
        return Judgement("error", f"the test case is not finished: {case.problem}")
    profile = run.profile
    if missing := unclaimed(case, profile):
        return Judgement("not_applicable", f"the profile does not claim {', '.join(missing)}")
    if "data_plane" in case.needs and ("raw_esp" in case.needs or not profile.esp_in_udp):
        if not profile.claimed("raw_esp"):
            return Judgement("not_applicable", "the profile does not claim raw_esp, ESP without UDP")
        if reason := raw_esp.unavailable(socket.AF_INET6 if ":" in profile.address else socket.AF_INET):
            return Judgement("not_applicable", reason)
    if run.died:
        return Judgement("inconclusive", f"the device died during {run.died}")
    return None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run the test function, then ask for a sign of life; keep the judgement."""
    case = pyfuncitem.stash.get(CASE, None)
    run = pyfuncitem.config.stash.get(RUN, None)
    if case is None or run is None:
        return (yield)
    error: BaseException | None = None
    result: object = None
    try:
        result = yield
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as raised:  # noqa: BLE001 - every end of a test is a verdict
        error = raised
    error = _alive(pyfuncitem, run, case, error)
    judgement = judge(case, error)
    pyfuncitem.stash[JUDGEMENT] = judgement
    if error is not None:
        raise error
    return result


def _alive(item: pytest.Function, run: Run, case: Case, error: BaseException | None) -> BaseException | None:
    made = item.stash.get(TESTER, None)
    if made is None or isinstance(error, NotApplicable) or not run.profile.claimed("responder"):
        return error
    try:
        if not isinstance(error, DutDied):
            made.check_alive()
            return error
        died: DutDied = error
    except DutDied as found:
        died = found
    except (Inconclusive, LinkError):
        return error
    if not run.revive():
        run.died = case.id
        if run.store is not None:
            run.store.mark_died(case.id)
        item.session.shouldstop = f"the device died during {case.id}"
    earlier = f"; before that: {error}" if isinstance(error, Deviation) and error is not died else ""
    return DutDied(died.expected, f"{died.observed} (the device died){earlier}", died.requirement)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the result of a test, and make pytest's outcome of the verdict."""
    report = yield
    case = item.stash.get(CASE, None)
    run = item.config.stash.get(RUN, None)
    if case is None or run is None or report.when == "teardown":
        return report
    judgement = item.stash.get(JUDGEMENT, None)
    if report.when == "setup":
        if report.outcome == "passed":
            return report
        judgement = judgement or judge(case, call.excinfo.value if call.excinfo else None)
    if call.excinfo is not None and isinstance(call.excinfo.value, KeyboardInterrupt | pytest.exit.Exception):
        return report
    if judgement is None:
        judgement = judge(case, call.excinfo.value if call.excinfo else None)
    known = None
    if judgement.verdict == "fail":
        known = deviations.explaining(run.known, case.id, judgement.requirement)
    if run.outcomes is not None:
        run.outcomes[case.id] = judgement.verdict
        return report
    made = item.stash.get(TESTER, None)
    entry = record(
        case,
        judgement,
        duration=call.duration if report.when == "call" else 0.0,
        tester=made,
        store=run.store,
        known=known.as_result() if known else None,
    )
    if run.store is not None:
        run.store.append(entry, run.worker)
    return reported(report, judgement, known is not None, item.config.option.strict, call)


def reported(
    report: pytest.TestReport, judgement: Judgement, known: bool, strict: bool, call: pytest.CallInfo[None]
) -> pytest.TestReport:
    """Make pytest's outcome of a judgement: only what is unexplained fails."""
    shown = judgement.verdict
    if judgement.verdict == "fail":
        shown = "known" if known else "should" if judgement.deviation == "SHOULD" and not strict else "fail"
    elif judgement.verdict == "inconclusive" and strict:
        shown = "error"
    if shown == "pass":
        return report
    report.ikeproof = shown  # type: ignore[attr-defined]
    if shown in ("fail", "error"):
        report.outcome = "failed"
        if shown == "fail" or report.when == "setup" or call.excinfo is None:
            report.longrepr = judgement.reason
        if report.when == "setup":
            report.when = "call"
    else:
        report.outcome = "skipped"
        report.longrepr = ("", 0, judgement.reason)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> Any:
    """Words and letters of the verdicts."""
    shown = getattr(report, "ikeproof", None)
    return WORDS[shown] if shown is not None else None


# -- the end ------------------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In the controller: sanity exchange, results.json, reports, exit code; stop the device."""
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or is_worker(config):
        return
    if run.store is None or not run.store.parts.is_dir():
        run.close()
        return
    run.complaint = run.store.complaint()
    if not any(run.store.parts.glob("results-*")) and exitstatus != pytest.ExitCode.OK:
        run.store.abandon()
        run.close()
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = stop.WRONG_USE
            run.complaint = run.complaint or "no test case is selected; `ikeproof list` shows all of them"
        return
    reason = ""
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        reason = "interrupted by the operator (Ctrl-C)"
    if session.shouldstop or session.shouldfail:
        reason = str(session.shouldstop or session.shouldfail)
    if died := run.store.died():
        reason = f"the device died during {died} and could not be reset"
    try:
        if run.dut is not None and "first" in run.sanity and not reason:
            run.sanity["last"] = sanity(run.dut.profile)
        run.results = run.store.assemble(reason=reason, sanity=run.sanity or None)
        run.store.finish()
    finally:
        run.close()
    session.exitstatus = run.conclude(config, int(session.exitstatus))
    if not config.option.no_report:
        run.report()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing stays behind, whatever happened."""
    run = config.stash.get(RUN, None)
    if run is not None and not is_worker(config):
        run.close()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The summary by RFC, deviations, what changed, where the reports are."""
    run = config.stash.get(RUN, None)
    if run is not None and run.complaint:
        terminalreporter.write_line(f"ikeproof: {run.complaint}", red=True)
    elif run is not None and run.results is not None:
        terminalreporter.section("conformance")
        for line in run.summary():
            terminalreporter.write_line(line)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which device."""
    run = config.stash.get(RUN, None)
    if run is None or run.dut is None:
        return []
    profile = run.dut.profile
    lines = [f"device: {profile.name} at {profile.address}, IKE port {profile.ike_port}"]
    if "first" in run.sanity:
        lines.append(f"sanity: {run.sanity['first']['detail']}")
    return lines
