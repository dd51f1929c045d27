"""Where transcripts are recorded: a network of the lab with our end on it, and each peer started when it is needed."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path
from types import TracebackType

from peers.errors import LabError
from peers.lab import Lab, Net
from vectors.recording.exchange import OurEnd
from vectors.recording.foreign import ForeignEnd
from vectors.recording.libreswan import Pluto
from vectors.recording.recipe import Recipe
from vectors.recording.recorder import record
from vectors.recording.strongswan import Charon

# TEST-NET-2, unless it is in use already.
SUBNET = "198.51.100.0/24"
# Our end is not the host's own address, so that no IPsec policy of a peer catches the lab's own traffic.
OUR_NUMBER = 200


class Studio:
    """Use as a context manager."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, tuple[str, ...]], ForeignEnd] = {}

    def __enter__(self) -> Studio:
        self._lab = Lab()
        self._network = self._make_network()
        address = str(ipaddress.ip_network(self._network.subnet)[OUR_NUMBER])
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", self._network.interface], check=True)
        self._ours = OurEnd(address)
        return self

    def _make_network(self) -> Net:
        try:
            return self._lab.network("vectors", subnet=SUBNET)
        except LabError:
            return self._lab.fixed_network("vectors")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._lab.close()

    def record(self, recipe: Recipe, folder: Path) -> Path:
        """Make one transcript. Raises ExchangeError, LabError, EngineDifference, VectorError, ValueError."""
        key = (recipe.peer, recipe.settings)
        if key not in self._running:
            self._running[key] = self._start(recipe)
        return record(recipe, self._ours, self._running[key], folder)

    def _start(self, recipe: Recipe) -> ForeignEnd:
        if recipe.peer.startswith("libreswan"):
            return Pluto.start(self._lab, self._network)
        return Charon.start(self._lab, self._network, recipe.peer, recipe.settings)
