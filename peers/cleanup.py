"""Removal of what a run made, by its label."""

from __future__ import annotations

import contextlib

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
