"""Nothing of a run is left, however its process ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import docker
import pytest

from peers import Lab, cleanup
from peers.tests.labtools import wait_for

pytestmark = pytest.mark.lab
OWNER = """
import sys, time
from peers import Lab
lab = Lab()
network = lab.network("left")
lab.container("nat", "left", network)
print(lab.run_id, flush=True)
time.sleep(60)
"""


def left(client: docker.DockerClient, run_id: str) -> int:
    label = f"{cleanup.RUN_LABEL}={run_id}"
    containers = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    return len(containers) + len(client.networks.list(filters={"label": label}))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_dead_owner_leaves_nothing(number: signal.Signals) -> None:
    with Lab() as lab:
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert owner.stdout is not None
        run_id = owner.stdout.readline().strip()
        assert left(lab.client, run_id) == 2
        os.kill(owner.pid, number)
        owner.wait(10)
        owner.stdout.close()
        wait_for(lambda: left(lab.client, run_id) == 0, timeout=15)


def test_close_removes_what_was_made() -> None:
    with Lab() as watcher:
        with Lab() as lab:
            lab.container("nat", "x", lab.network("x"))
            assert left(watcher.client, lab.run_id) == 2
            begun = time.monotonic()
        assert left(watcher.client, lab.run_id) == 0
        assert time.monotonic() - begun < 10
