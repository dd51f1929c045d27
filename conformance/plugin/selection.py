"""Which files are collected and which test cases are run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.plugin.case import ROOT, is_suite_file, make_case
from conformance.plugin.run import CASE, RUN
from conformance.profile import known_claims


class NotSelectable(ValueError):
    """A selection that names what is not there; the text says where to look."""


OWN_TESTS = ("tester", "plugin", "requirements", "mutants", "interop")


def suite_mode(config: pytest.Config) -> bool:
    """Whether the suites are run: --dut or --list is given, or an argument is `conformance` or lies in a suite."""
    if config.option.dut or config.option.list_cases:
        return True
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return False
    return any(_in_suites(_path(config, arg)) for arg in config.args)


def _path(config: pytest.Config, arg: str) -> Path:
    return (config.invocation_params.dir / arg.split("::", 1)[0]).resolve()


def _in_suites(path: Path) -> bool:
    if path == ROOT:
        return True
    return ROOT in path.parents and path.relative_to(ROOT).parts[0] not in OWN_TESTS


def names_lab(config: pytest.Config) -> bool:
    """Whether a single test was asked for by its node id, which then runs whatever its marks."""
    return any("::" in arg for arg in config.args)


def ignored(path: Path, config: pytest.Config) -> bool:
    """Whether a path is left out of the collection."""
    run = config.stash.get(RUN, None)
    if run is None:
        return path.suffix == ".py" and is_suite_file(path)
    if path.is_dir():
        return path.parent == ROOT and path.name in OWN_TESTS
    return path.suffix == ".py" and not is_suite_file(path) and path.name != "conftest.py"


def no_workers(config: pytest.Config) -> None:
    """Keep pytest-xdist from starting workers."""
    for name, value in (("dist", "no"), ("tx", []), ("numprocesses", None), ("looponfail", False)):
        if hasattr(config.option, name):
            setattr(config.option, name, value)


def attach(items: Iterable[pytest.Item]) -> None:
    """Give every collected function its case. Two of one id cannot be told apart in results: the later one is wrong."""
    files: dict[str, str] = {}
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        mark = item.get_closest_marker("covers")
        case = make_case(
            item.path, item.function, item.name, mark.args if mark else None, dict(mark.kwargs) if mark else {}
        )
        if case.id in files:
            problem = f"{files[case.id]} has a test case of the same id {case.id}: rename one of the functions"
            case = replace(case, id=f"{case.id}~{len(files)}", problem=problem)
        files[case.id] = item.path.name
        item.stash[CASE] = case


def choose(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    """The items whose case is selected. Raises NotSelectable when a selection matches nothing."""
    option = config.option
    for prefix in option.requirement:
        if not any(item.stash[CASE].selected([prefix], [], []) for item in items if CASE in item.stash):
            raise NotSelectable(f"no test case matches --requirement {prefix}; `ikeproof list` shows all of them")
    for claim in option.needs:
        if claim not in known_claims():
            raise NotSelectable(f"no claim is called {claim}; known are {', '.join(known_claims())}")
    wanted = set(option.needs)
    return [
        item
        for item in items
        if CASE in item.stash
        and (not wanted or wanted & {claim for need in item.stash[CASE].needs for claim in need.split("|")})
        and item.stash[CASE].selected(option.requirement, option.level, option.role)
        and (option.mutant is None or option.all_tests or option.mutant in item.stash[CASE].mutants)
    ]
