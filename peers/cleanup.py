"""Removal of what a run made, by its label and its id."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import docker
from docker.errors import APIError, NotFound

RUN_LABEL = "ikeproof.run"


def remove(client: docker.DockerClient, label: str) -> int:
    """Remove every container and network that carries ``label``; returns how many."""
    count = 0
    for container in client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
        with contextlib.suppress(NotFound, APIError):
            container.remove(force=True, v=True)
            count += 1
    for network in client.networks.list(filters={"label": label}):
        with contextlib.suppress(NotFound, APIError):
            network.remove()
            count += 1
    return count


def folder_prefix(run_id: str) -> str:
    """How the names of a run's folders in the temporary directory begin; an empty id: those of every run."""
    return f"ikeproof-run-{run_id}-" if run_id else "ikeproof-run-"


def remove_folders(run_id: str) -> None:
    """Remove a run's folders (control sockets and logs) from the temporary directory."""
    for folder in Path(tempfile.gettempdir()).glob(f"{folder_prefix(run_id)}*"):
        shutil.rmtree(folder, ignore_errors=True)
