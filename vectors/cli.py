"""`python -m vectors list | validate | replay`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from vectors.adapters import Adapter
from vectors.adapters.builtin import BUILTIN, adapter
from vectors.adapters.process import ProcessAdapter, ProtocolError
from vectors.model import DATA, VectorError, VectorSet, files, load
from vectors.nist import load_nist
from vectors.readme import README, with_table
from vectors.replay import Outcome, replay

_folder = click.option(
    "--data", type=click.Path(path_type=Path), default=DATA, help="The folder with the vector files."
)
_select = click.option("--set", "wanted", multiple=True, help="Only sets whose name begins with this.")
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
    """The selected sets; what cannot be read goes to `broken`, the others still come."""
    paths = files(folder)
    if not paths:
        raise click.UsageError(f"{folder}: no vector files (*.json) there")
    known = {path.stem for path in paths}
    for prefix in wanted:
        if not any(name.startswith(prefix) for name in known):
            raise click.UsageError(f"no set begins with {prefix!r}; `python -m vectors list` shows them")
    for path in paths:
        if wanted and not path.stem.startswith(tuple(wanted)):
            continue
        try:
            vectors = load(path)
        except VectorError as error:
            broken.append(str(error))
            continue
        if not algorithms or set(algorithms) & set(vectors.algorithms):
            yield vectors


def _load_files(paths: tuple[Path, ...], broken: list[str]) -> Iterator[VectorSet]:
    """Files named on the command line; what cannot be read goes to `broken`."""
    for path in paths:
        try:
            yield load(path) if path.suffix == ".json" else load_nist(path)
        except VectorError as error:
            broken.append(str(error))


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
def list_(data: Path, wanted: tuple[str, ...], algorithm: tuple[str, ...]) -> None:
    """The sets: operation, number of cases, source, what each proves."""
    broken: list[str] = []
    table = Table("set", "operation", "cases", "source", "proves", box=None, pad_edge=False)
    total = 0
    for vectors in _load_all(data, wanted, algorithm, broken):
        total += len(vectors.cases)
        source = f"{vectors.document}, {vectors.section}"
        table.add_row(vectors.name, vectors.operation.name, str(len(vectors.cases)), source, vectors.proves)
    _console().print(table)
    click.echo(f"{table.row_count} sets, {total} cases")
    _finish(broken)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_folder
def validate(paths: tuple[Path, ...], data: Path) -> None:
    """Check files (default: all of the data folder) against the schema and the operations' inputs."""
    broken: list[str] = []
    count = 0
    for path in paths or files(data):
        try:
            load(path)
            count += 1
        except VectorError as error:
            broken.append(str(error))
    click.echo(f"{count} files sound, {len(broken)} broken")
    _finish(broken)


def _adapter(name: str) -> Adapter:
    return adapter(name) if name in BUILTIN else ProcessAdapter(name)


@main.command("replay")
@_folder
@_select
@_algorithm
@click.option(
    "--adapter", "name", default="ikeproof", help=f"{', '.join(BUILTIN)}, or a command that speaks the protocol."
)
@click.option("--case", "case_id", help="Only cases with this id.")
@click.option(
    "--file",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="This file (JSON, or NIST .fax, .rsp) alone.",
)
@click.option("--all-adapters", is_flag=True, help="Every built-in adapter, one column each.")
def replay_(
    data: Path,
    wanted: tuple[str, ...],
    algorithm: tuple[str, ...],
    name: str,
    case_id: str | None,
    paths: tuple[Path, ...],
    all_adapters: bool,
) -> None:
    """Ask an implementation every vector and compare."""
    broken: list[str] = []
    sets = list(_load_files(paths, broken) if paths else _load_all(data, wanted, algorithm, broken))
    names = list(BUILTIN) if all_adapters else [name]
    table = Table("set", "cases", *names, "source", box=None, pad_edge=False)
    columns: dict[str, list[str]] = {vectors.name: [] for vectors in sets}
    failures: list[str] = []
    for each in names:
        try:
            implementation = _adapter(each)
            try:
                for tally in replay(sets, implementation, case_id=case_id):
                    columns[tally.vectors.name].append(
                        _cell(tally.count(Outcome.PASS), tally.count(Outcome.FAIL), tally.count(Outcome.UNSUPPORTED))
                    )
                    failures += [
                        f"{each}: {one.set_name} {one.case.id}: {one.detail}"
                        for one in tally.replays
                        if one.outcome is Outcome.FAIL
                    ]
            finally:
                implementation.close()
        except ProtocolError as error:
            raise click.UsageError(str(error)) from error
    for vectors in sets:
        table.add_row(
            vectors.name, str(len(vectors.cases)), *columns[vectors.name], f"{vectors.document}, {vectors.section}"
        )
    _console().print(table)
    sourceless = sum(not (vectors.document and vectors.section and vectors.licence) for vectors in sets)
    for line in failures[:50]:
        click.echo(line, err=True)
    cases = sum(len(vectors.cases) for vectors in sets)
    unproved = [name for name, seen in columns.items() if all("passed" not in cell for cell in seen)]
    if all_adapters:
        failures += [f"{name}: no adapter answers any of its cases" for name in unproved]
    click.echo(f"{len(sets)} sets, {cases} cases, {len(failures)} failures, {sourceless} sets without source")
    _finish(broken, bool(failures))


@main.command("readme")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the table is not current.")
def readme_(check: bool) -> None:
    """Write the table of sets in vectors/README.md anew."""
    old = README.read_text(encoding="utf-8")
    new = with_table(old, [load(path) for path in files()])
    if check:
        click.echo("current" if new == old else "the table is not current: run `python -m vectors readme`")
        raise SystemExit(new != old)
    README.write_text(new, encoding="utf-8")
    click.echo(f"{README}: written")


def _cell(passed: int, failed: int, unsupported: int) -> str:
    parts = [f"{passed} passed"] if passed else []
    if failed:
        parts.append(f"{failed} FAILED")
    if unsupported:
        parts.append(f"{unsupported} unsupported")
    return ", ".join(parts) or "-"
