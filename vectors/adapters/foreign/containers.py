"""One lab for all foreign adapters of a process, with one idle container per image."""

from __future__ import annotations

import atexit
from functools import cache

from peers import Lab, LabError
from peers.program import Program
from vectors.adapters import Unavailable


@cache
def _lab() -> Lab:
    lab = Lab()
    atexit.register(lab.close)
    return lab


@cache
def _container(image: str) -> str:
    return str(_lab().idle(image, f"vectors-{image}").id)


def start(image: str, command: list[str]) -> Program:
    """Run a program of an image of the lab. Raises Unavailable when there is no lab here."""
    try:
        return Program(_lab().client, _container(image), command)
    except LabError as error:
        raise Unavailable(str(error)) from error
