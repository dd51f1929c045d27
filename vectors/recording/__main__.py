"""`python -m vectors.recording [NAME …]`: record IKEv2 transcripts anew with the lab's real peers."""

from __future__ import annotations

from pathlib import Path

import click

from peers.errors import LabError
from vectors.model import VectorError
from vectors.recording.exchange import ExchangeError
from vectors.recording.recipes import RECIPES
from vectors.recording.studio import Studio
from vectors.transcripts.engine import EngineDifference
from vectors.transcripts.model import TRANSCRIPTS


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=TRANSCRIPTS, help="Where the files go.")
@click.option("--missing", is_flag=True, help="Only those without a file.")
def main(names: tuple[str, ...], out: Path, missing: bool) -> None:
    """Record the transcripts whose names begin with one of NAMES (default: all)."""
    chosen = [each for each in RECIPES if not names or each.name.startswith(names)]
    chosen = [each for each in chosen if not missing or not (out / f"{each.name}.json").exists()]
    if not chosen:
        raise click.UsageError("no transcript of that name is left to record")
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    with Studio() as studio:
        for recipe in chosen:
            try:
                click.echo(studio.record(recipe, out))
            except (ExchangeError, EngineDifference, VectorError, LabError, ValueError) as error:
                failed += 1
                click.echo(f"{recipe.name}: {error}", err=True)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main(prog_name="python -m vectors.recording")
