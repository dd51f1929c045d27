"""`python -m vectors list | validate | replay`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from vectors.adapters import Adapter, Unavailable
from vectors.adapters.builtin import BUILTIN, FOREIGN, start
from vectors.adapters.process import ProcessAdapter, ProtocolError
from vectors.comparison import Comparison, lines
from vectors.model import DATA, VectorError, VectorSet, files, load
from vectors.nist import load_nist
from vectors.readme import README, with_table
from vectors.transcripts import engine as engines
from vectors.transcripts import model as transcripts
from vectors.transcripts.overview import OVERVIEW
from vectors.transcripts.overview import text as overview

_folder = click.option(
    "--data", type=click.Path(path_type=Path), default=DATA, help="The folder with the vector files."
)
_select = click.option("--set", "wanted", multiple=True, help="Only sets whose name begins with this.")
_detail = click.option("--detail", is_flag=True, help="One line per transcript instead of one per family.")
_algorithm = click.option("--algorithm", multiple=True, help="Only sets with this algorithm, e.g. AES-GCM-16.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """IPsec test vectors: what there is, whether the files are sound, and what an implementation makes of them."""


def _console() -> Console:
    """A table is not squeezed where nobody's terminal sets the width."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def _load_all(
    folder: Path, wanted: tuple[str, ...], algorithms: tuple[str, ...], broken: list[str]
) -> Iterator[VectorSet]:
    """The selected sets, those of transcripts too; what cannot be read goes to `broken`, the others still come."""
    paths = _files(folder)
    if not paths:
        raise click.UsageError(f"{folder}: no vector files (*.json) there")
    known = {path.stem for path in paths}
    for prefix in wanted:
        if not any(name.startswith(prefix) for name in known):
            raise click.UsageError(f"no set begins with {prefix!r}; `python -m vectors list` shows them")
    for path in paths:
        if wanted and not path.stem.startswith(tuple(wanted)):
            continue
        for vectors in _load(path, broken):
            if not algorithms or set(algorithms) & set(vectors.algorithms):
                yield vectors


def _files(folder: Path) -> list[Path]:
    """A data folder's files with vectors and with transcripts."""
    return files(folder) + transcripts.files(folder / transcripts.TRANSCRIPTS.name)


def _load(path: Path, broken: list[str]) -> tuple[VectorSet, ...]:
    """A file's sets: one, or those of a transcript; if it cannot be read the reason goes to `broken`."""
    try:
        if transcripts.is_transcript(path):
            return transcripts.load(path).sets
        return (load(path) if path.suffix == ".json" else load_nist(path),)
    except VectorError as error:
        broken.append(str(error))
        return ()


def _source(vectors: VectorSet) -> str:
    return "ikeproof and a foreign end" if vectors.transcript else f"{vectors.document}, {vectors.section}"


def _count(sets: Sequence[VectorSet]) -> str:
    """How many sets, transcripts and cases, in words."""
    plain = sum(not vectors.transcript for vectors in sets)
    exchanges = len({vectors.transcript for vectors in sets} - {""})
    also = f", {exchanges} transcripts" if exchanges else ""
    return f"{plain} sets{also}, {sum(len(vectors.cases) for vectors in sets)} cases"


def _finish(broken: list[str], failed: bool = False) -> None:
    for line in broken:
        click.echo(line, err=True)
    if broken:
        raise SystemExit(2)
    if failed:
        raise SystemExit(1)


@main.command("list")
@_folder
@_select
@_algorithm
@_detail
def list_(data: Path, wanted: tuple[str, ...], algorithm: tuple[str, ...], detail: bool) -> None:
    """The sets: operation, number of cases, source, what each proves."""
    broken: list[str] = []
    table = Table("set", "operation", "cases", "source", "proves", box=None, pad_edge=False)
    sets = list(_load_all(data, wanted, algorithm, broken))
    for line, together in lines(sets, detail).items():
        first, cases = together[0], sum(len(each.cases) for each in together)
        operation = first.operation.name if not first.transcript else "…"
        exchanges = len({each.transcript for each in together})
        proves = first.proves if exchanges == 1 else f"{exchanges} transcripts: --detail lists them"
        table.add_row(line, operation, str(cases), _source(first), proves)
    _console().print(table)
    click.echo(_count(sets))
    _finish(broken)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_folder
def validate(paths: tuple[Path, ...], data: Path) -> None:
    """Check files (default: all of the data folder) against the schema and the operations' inputs."""
    broken: list[str] = []
    sound = [path for path in paths or _files(data) if _load(path, broken)]
    click.echo(f"{len(sound)} files sound, {len(broken)} broken")
    _finish(broken)


@main.command("engine")
@_folder
@_select
def engine_(data: Path, wanted: tuple[str, ...]) -> None:
    """Have the reference implementation play its end of each transcript again, octet for octet."""
    broken: list[str] = []
    failures: list[str] = []
    played = 0
    for path in transcripts.files(data / transcripts.TRANSCRIPTS.name):
        if wanted and not path.stem.startswith(tuple(wanted)):
            continue
        try:
            played += engines.replay(transcripts.load(path))
        except VectorError as error:
            broken.append(str(error))
        except engines.EngineDifference as error:
            failures.append(str(error))
    for line in failures:
        click.echo(line, err=True)
    click.echo(f"{played} transcripts played again, {len(failures)} failures")
    _finish(broken, bool(failures))


def _start(name: str) -> Adapter:
    """An adapter by name or command. Raises Unavailable."""
    try:
        return start(name) if name in (*BUILTIN, *FOREIGN) else ProcessAdapter(name)
    except ProtocolError as error:
        raise click.UsageError(str(error)) from error


def _compare(comparison: Comparison, name: str, case_id: str | None) -> None:
    """Replay against one more adapter. Raises Unavailable."""
    implementation = _start(name)
    try:
        comparison.add(implementation, case_id)
    except ProtocolError as error:
        raise click.UsageError(str(error)) from error
    finally:
        implementation.close()


@main.command("replay")
@_folder
@_select
@_algorithm
@click.option(
    "--adapter",
    "names",
    multiple=True,
    default=["ikeproof"],
    help=f"{', '.join((*BUILTIN, *FOREIGN))}, or a command that speaks the protocol; more than once: a column each.",
)
@click.option("--case", "case_id", help="Only cases with this id.")
@click.option(
    "--file",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="This file (JSON, or NIST .fax, .rsp) alone.",
)
@click.option(
    "--all-adapters", is_flag=True, help="Every built-in adapter; without a lab (docs/lab.md) those that need none."
)
@_detail
def replay_(
    data: Path,
    wanted: tuple[str, ...],
    algorithm: tuple[str, ...],
    names: tuple[str, ...],
    case_id: str | None,
    paths: tuple[Path, ...],
    all_adapters: bool,
    detail: bool,
) -> None:
    """Ask implementations every vector and compare."""
    broken: list[str] = []
    named = [each for path in paths for each in _load(path, broken)]
    sets = named if paths else list(_load_all(data, wanted, algorithm, broken))
    comparison, missing = Comparison(sets), {}
    for name in (*BUILTIN, *FOREIGN) if all_adapters else names:
        try:
            _compare(comparison, name, case_id)
        except Unavailable as error:
            if not all_adapters:
                raise click.UsageError(f"{name}: {error}") from error
            missing[name] = str(error)
    _print(comparison, detail)
    failures = comparison.failures
    if all_adapters:
        failures += [f"{name}: no adapter answers any of its cases" for name in comparison.unanswered()]
    for line in failures[:50]:
        click.echo(line, err=True)
    if missing:
        click.echo(f"NOT RUN: {', '.join(missing)}: {next(iter(missing.values()))}")
        if os.environ.get("CI"):
            broken.append("in CI every adapter must run")
    sourceless = sum(not (vectors.document and vectors.section and vectors.licence) for vectors in sets)
    click.echo(f"{_count(sets)}, {len(failures)} failures, {sourceless} sets without source")
    _finish(broken, bool(failures))


def _print(comparison: Comparison, detail: bool) -> None:
    """The table, and below it what is known to differ. Too wide, it leaves out sources and what is unsupported."""
    names = comparison.adapters()
    sources = {line: _source(sets[0]) for line, sets in lines(comparison.sets, detail).items()}
    wide = len(names) > 2
    table = Table("set", "cases", *names, *([] if wide else ["source"]), box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for row in comparison.rows(detail, short=wide):
        table.add_row(*row, *([] if wide else [sources.get(row[0], "")]))
    _console().print(table)
    for each, count in comparison.differences.items():
        click.echo(f"{each.set}: {count} known to differ ({', '.join(each.adapters)}): {each.text}")


@main.command("readme")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the table is not current.")
def readme_(check: bool) -> None:
    """Write the tables in vectors/README.md and vectors/TRANSCRIPTS.md anew."""
    exchanges = [transcripts.load(path) for path in transcripts.files()]
    new = {
        README: with_table(README.read_text(encoding="utf-8"), [load(path) for path in files()]),
        OVERVIEW: overview(exchanges),
    }
    stale = [path for path, text in new.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        names = ", ".join(path.name for path in stale)
        click.echo(f"not current: {names}; run `python -m vectors readme`" if stale else "current")
        raise SystemExit(bool(stale))
    for path in stale:
        path.write_text(new[path], encoding="utf-8")
        click.echo(f"{path}: written")
