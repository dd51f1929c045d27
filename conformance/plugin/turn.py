"""One test of the initiator role at a time: they share the ports that the device initiates to.

A lock between the processes of a run, because pytest-xdist 3.8 cannot group tests under pytest 9.2 (it appends the
group to a field of the node id that is no longer read).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.tester import dut_initiator


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait for the turn and hold it. What earlier tests left unfinished is passed on through the lock's file."""
    with (folder / "initiator.lock").open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            file.seek(0)
            dut_initiator.forget([bytes.fromhex(line) for line in file.read().split()])
            yield
        finally:
            file.seek(0)
            file.truncate()
            file.write("\n".join(spi.hex() for spi in dut_initiator.finished()))
            file.flush()
            fcntl.flock(file, fcntl.LOCK_UN)
