"""Network namespaces joined by veth pairs, for tests with root on Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip"), reason="needs root on Linux and iproute2"
)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


def enter(name: str) -> tuple[str, ...]:
    """The words before a command that shall run in the namespace."""
    return ("ip", "netns", "exec", name)


@contextmanager
def namespaces(count: int) -> Iterator[tuple[str, ...]]:
    """So many network namespaces with their loopback up, and nothing else."""
    names = tuple(f"ikp-{uuid.uuid4().hex[:8]}-{number}" for number in range(count))
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True, timeout=10)


def join(one: str, addresses_one: tuple[str, ...], two: str, addresses_two: tuple[str, ...]) -> tuple[str, str]:
    """A veth pair between two namespaces; the names of its ends. Addresses in interface form."""
    ends = f"v{uuid.uuid4().hex[:8]}", f"v{uuid.uuid4().hex[:8]}"
    ip("link", "add", ends[0], "netns", one, "type", "veth", "peer", "name", ends[1], "netns", two)
    for name, end, addresses in ((one, ends[0], addresses_one), (two, ends[1], addresses_two)):
        for address in addresses:
            ip("-n", name, "address", "add", address, "dev", end, *(("nodad",) if ":" in address else ()))
        ip("-n", name, "link", "set", end, "up")
    return ends
