"""`python -m conformance.requirements`: audit the catalogues, make a keyword index, list requirements."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import click

from conformance.requirements.audit import audit, dump_index, index_path, make_index
from conformance.requirements.catalogue import DIRECTORY, load
from conformance.requirements.model import RequirementError, UnknownRequirement

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _catalogue_of(rfc: Path) -> Path:
    """The catalogue that an RFC text belongs to, by its file name or its "Request for Comments" line."""
    match = re.search(r"rfc0*(\d+)", rfc.name.lower()) or re.search(
        r"(?:Request for Comments|RFC):? +(\d+)", rfc.read_text(encoding="utf-8", errors="replace")[:4000]
    )
    if match is None:
        raise click.UsageError(f"{rfc}: cannot tell which RFC this is; name the file rfcNNNN.txt")
    return DIRECTORY / f"rfc{match[1]}.toml"


@click.group()
def main() -> None:
    """The requirement catalogues."""


@main.command("audit")
@click.option("--rfc", "texts", multiple=True, type=_FILE, help="Canonical .txt of an RFC; checks quotes as well.")
def audit_command(texts: tuple[Path, ...]) -> None:
    """Report keywords that no requirement covers. Without --rfc: all catalogues, by their keyword index."""
    jobs: list[tuple[Path, Path | None]] = [(_catalogue_of(text), text) for text in texts]
    bad = 0
    for catalogue, text in jobs or [(file, None) for file in sorted(DIRECTORY.glob("*.toml"))]:
        findings = audit(catalogue, text)
        for finding in findings:
            click.echo(f"{catalogue.name}: {finding}")
        bad += len(findings)
        click.echo(f"{catalogue.name}: {len(findings) or 'no'} findings", err=bool(findings))
    sys.exit(1 if bad else 0)


@main.command("index")
@click.option("--rfc", required=True, type=_FILE, help="Canonical .txt of an RFC.")
def index_command(rfc: Path) -> None:
    """Write the keyword index of an RFC beside its catalogue."""
    catalogue = _catalogue_of(rfc)
    index = make_index(catalogue.stem, rfc.read_bytes())
    index_path(catalogue).write_text(dump_index(index), encoding="utf-8")
    click.echo(f"{index_path(catalogue).name}: {len(index.keywords)} keywords")


@main.command("list")
@click.argument("selections", nargs=-1)
def list_command(selections: tuple[str, ...]) -> None:
    """List requirements: `rfc7296`, `rfc7296:2.7`, `rfc7296/2.7/responder-picks-one`."""
    catalogue = load()
    chosen = catalogue.select(*selections) if selections else tuple(catalogue)
    for entry in chosen:
        click.echo(f"{entry.id}  {entry.level}  {entry.binds}  {entry.observable}\n    {entry.text}")
    counts = Counter(f"{entry.rfc} {entry.strength}" for entry in chosen)
    click.echo(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())), err=True)


if __name__ == "__main__":
    try:
        main()
    except (RequirementError, UnknownRequirement) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
