"""Removes what a run made when the run is over, however it ended.

``python -m peers.keeper RUN_ID URL [OWN]`` is started by :class:`peers.lab.Lab` in its own session. It prints
``ready``, waits for the end of its standard input (which the kernel closes even when the owner is killed), removes
every container, network and volume with the run's label, and stops our own engine if nobody else uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import signal
import sys
from pathlib import Path

import docker

from peers import engine
from peers.cleanup import RUN_LABEL, remove, remove_folders


def main(arguments: list[str]) -> int:
    """Entry point of the keeper process."""
    run_id, url = arguments[:2]
    own = Path(arguments[2]) if len(arguments) > 2 else None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.ExitStack() as stack:
        if own:
            lease = stack.enter_context((own / "lease").open("a"))
            fcntl.flock(lease, fcntl.LOCK_SH)
        client = docker.DockerClient(base_url=url, version="auto", timeout=60)
        print("ready", flush=True)
        sys.stdin.buffer.read()
        remove(client, f"{RUN_LABEL}={run_id}")
        client.close()
        remove_folders(run_id)
    if own:
        engine.stop_if_idle(own)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
