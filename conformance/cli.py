"""The `ikeproof` command: thin, the same things that pytest and the packages do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

ROOT = Path(__file__).parents[1]
WRONG_USE = 2
# What pytest calls "usage error", "internal error" and "no tests collected" is one thing to the caller.
_EXIT_CODES = {3: WRONG_USE, 4: WRONG_USE, 5: WRONG_USE}
_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


class _Commands(click.Group):
    """Commands that Ctrl-C ends with the exit code of a run that was not made."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, but the exit code of Ctrl-C is not that of a failed test."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _fail("interrupted")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ikeproof")
def main() -> None:
    """Conformance and interoperability tests for IKE and IPsec gateways."""


_OUT_HELP = "Where index.html, results.json, junit.xml and the captures go."
_RUN_HELP = """Run the conformance suites against a device under test (DUT).

    ARGUMENTS go to pytest, whose own options work as ever (-k, -x, -v, -n 2 …). Those of the suites:

    \b
      --requirement PREFIX     only tests of this requirement, such as rfc7296:2.7, or with this id
      --level must|should|may  only tests of requirements of this level
      --role ROLE              only tests with the device as initiator or as responder
      --needs CLAIM            only tests that need this claim of the device's profile
      --list                   list the selected tests, run none
      --baseline FILE          an accepted results.json: exit code 0 when nothing changed
      --strict                 deviations from a SHOULD and inconclusive tests fail the run, too
      --esp udp|raw            how ESP travels: in UDP on port 4500, or as IP protocol 50
      --no-sanity              no plain exchange before the first test and after the last
      --no-report              results.json only

    Exit code 0: no failure but known ones. 1: failures, errors or a partial run. 2: wrong use, no answer, Ctrl-C.
    """


@main.command(
    context_settings=_PASS_ON, help=_RUN_HELP, short_help="Run the conformance suites against a device and report."
)
@click.option(
    "--dut",
    default="reference",
    show_default=True,
    metavar="NAME|FILE",
    help="A name that `ikeproof peers` lists, or a device's profile in TOML (examples: conformance/profiles).",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports/out"), show_default=True, help=_OUT_HELP)
@click.option("--allure/--no-allure", default=True, help="Write allure-results/ for Allure, too.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(dut: str, out: Path, allure: bool, arguments: tuple[str, ...]) -> None:
    """Run the conformance suites."""
    options = ["--dut", dut, "--out", str(out)]
    try:
        (out / "allure-results" if allure else out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _fail(f"{out} cannot be written: {error.strerror}; choose another directory with --out")
    if allure:
        options += ["--alluredir", str(out / "allure-results"), "--clean-alluredir"]
    _pytest([*options, *arguments])


@main.command(name="list", context_settings=_PASS_ON, short_help="List the test cases, run none.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def list_cases(arguments: tuple[str, ...]) -> None:
    """List the test cases; --requirement, --level, --role and --needs select, as with `run`."""
    _pytest(["--list", "-q", "-p", "no:sugar", *arguments])


@main.group(invoke_without_command=True, short_help="List the implementations that the lab can start.")
@click.pass_context
def peers(context: click.Context) -> None:
    """List the implementations that the lab can start in Docker; each is a name for `run --dut`."""
    if context.invoked_subcommand is None:
        from peers import NAMES, VARIANTS

        for name in NAMES:
            click.echo(name)
        click.echo(f"with variants, such as {NAMES[-1]}+{next(iter(VARIANTS))}: {', '.join(VARIANTS)}")


@peers.command(short_help="Remove what an interrupted lab left behind.")
def down() -> None:
    """Remove what an interrupted lab left behind: containers and networks."""
    from peers import LabError
    from peers import down as clean

    try:
        removed = clean()
    except LabError as error:
        _fail(str(error))
    click.echo(f"removed {removed} objects")


@peers.command()
def check() -> None:
    """Say whether the lab can run here, and if not, why."""
    from peers import Lab, LabError

    if shutil.which("tshark") is None:
        _fail("the lab needs tshark to read captures; install the package tshark")
    try:
        with Lab() as lab:
            click.echo(f"the lab can run: Docker engine at {lab.engine.url}")
    except LabError as error:
        _fail(str(error))


@main.command(short_help="Make the reports of results files, or of a run that crashed.")
@click.argument("results", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("reports/out"), show_default=True, help="Where the pages go."
)
def report(results: tuple[Path, ...], out: Path) -> None:
    """Make index.html and junit.xml of one or more results.json, or of the output directory of a run that crashed.

    Several devices come on one page, with a matrix.
    """
    import reports

    try:
        reports.build([_results_file(item) for item in results], out)
    except (reports.ResultsError, OSError, ValueError) as error:
        _fail(str(error))
    click.echo(f"{out / 'index.html'}")


def _results_file(path: Path) -> Path:
    """A results file as it is; of a directory its results.json, put together from the lines of a run that crashed."""
    if path.is_file():
        return path
    from conformance.plugin.results import HEADER, Store

    store = Store(path)
    if not (path / "results.json").exists() and (store.parts / HEADER).is_file():
        try:
            store.assemble(reason="the run ended without finishing: it crashed or was killed")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{store.parts} is damaged, no results can be made of it: {error}") from None
    if not (path / "results.json").is_file():
        raise ValueError(f"{path} holds no results.json and nothing to make one of")
    return path / "results.json"


@main.command(
    context_settings={**_PASS_ON, "help_option_names": []},
    short_help="Run the reference implementation as a gateway.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def gateway(arguments: tuple[str, ...]) -> None:
    """Run the reference implementation as a gateway (--config gateway.toml)."""
    os.execv(sys.executable, [sys.executable, "-m", "reference_impl.gateway", *arguments])


def _pytest(arguments: Sequence[str]) -> NoReturn:
    import pytest

    suites = str(ROOT / "conformance")
    given = [item for item in arguments if not item.startswith("-") and _is_suite_path(item)]
    code = int(pytest.main([*arguments, *([] if given else [suites]), "--rootdir", str(ROOT), "-c", _config()]))
    sys.exit(_EXIT_CODES.get(code, code))


def _is_suite_path(item: str) -> bool:
    path = Path(item.split("::", 1)[0])
    return path.exists() and (ROOT / "conformance") in [path.resolve(), *path.resolve().parents]


def _config() -> str:
    return str(ROOT / "pyproject.toml")


def _fail(text: str) -> NoReturn:
    click.echo(f"ikeproof: {text}", err=True)
    sys.exit(WRONG_USE)


if __name__ == "__main__":
    main()
