"""`python -m vectors.recording [NAME …]`: record IKEv2 transcripts anew with the lab's real peers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from peers.errors import LabError
from peers.lab import Lab, Net
from vectors.model import VectorError
from vectors.recording.exchange import ExchangeError, OurEnd
from vectors.recording.foreign import ForeignEnd
from vectors.recording.libreswan import Pluto
from vectors.recording.recipe import Recipe
from vectors.recording.recipes import RECIPES
from vectors.recording.recorder import record
from vectors.recording.strongswan import Charon
from vectors.transcripts.engine import EngineDifference
from vectors.transcripts.model import TRANSCRIPTS


def _foreign(
    running: dict[tuple[str, tuple[str, ...]], ForeignEnd], recipe: Recipe, lab: Lab, network: Net
) -> ForeignEnd:
    key = (recipe.peer, recipe.settings)
    if key not in running:
        if recipe.peer.startswith("strongswan"):
            running[key] = Charon.start(lab, network, recipe.peer, recipe.settings)
        else:
            running[key] = Pluto.start(lab, network)
    return running[key]


# TEST-NET-2. Our end is not the host's own address, so that no IPsec policy of a peer catches the lab's own traffic.
SUBNET, OURS = "198.51.100.0/24", "198.51.100.200"


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
    with Lab() as lab:
        network = lab.network("vectors", subnet=SUBNET)
        running: dict[tuple[str, tuple[str, ...]], ForeignEnd] = {}
        subprocess.run(["ip", "address", "add", f"{OURS}/32", "dev", network.interface], check=True)
        ours = OurEnd(OURS)
        try:
            for recipe in chosen:
                try:
                    click.echo(record(recipe, ours, _foreign(running, recipe, lab, network), out))
                except (ExchangeError, EngineDifference, VectorError, LabError, ValueError) as error:
                    failed += 1
                    click.echo(f"{recipe.name}: {error}", err=True)
        finally:
            ours.close()
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main(prog_name="python -m vectors.recording")
