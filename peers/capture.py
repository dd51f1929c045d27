"""Capture of everything on a lab network, with tcpdump on the network's bridge."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

from peers.errors import LabError

START_TIMEOUT = 10.0
# the control channels of peers run over the same networks
_FILTER = "not tcp"


class Capture:
    """A running capture of ``interface`` into ``path`` (pcap, whole packets). Use as a context manager."""

    def __init__(self, interface: str, path: Path, *, expression: str = _FILTER) -> None:
        """Returns when packets are being captured. Raises LabError if that is not possible."""
        self.path = path
        tcpdump = shutil.which("tcpdump", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/sbin")
        if tcpdump is None:
            raise LabError("tcpdump is not installed", "apt-get install tcpdump")
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [tcpdump, "-i", interface, "-w", str(path), "-U", "-n", "-s", "0", "--immediate-mode"]
        if os.geteuid() == 0:
            # without this tcpdump gives up root before it opens the file
            command += ["-Z", "root"]
        self._process = subprocess.Popen(
            [*command, expression], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._wait_until_listening(interface)

    def _wait_until_listening(self, interface: str) -> None:
        assert self._process.stderr is not None
        deadline = time.monotonic() + START_TIMEOUT
        said = b""
        while time.monotonic() < deadline:
            if select.select([self._process.stderr], [], [], 0.1)[0]:
                chunk = os.read(self._process.stderr.fileno(), 4096)
                said += chunk
                if b"listening on" in said:
                    return
                if not chunk:
                    break
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()
        words = said.decode(errors="replace").strip().splitlines()
        raise LabError(
            f"tcpdump cannot capture on {interface}: {words[-1] if words else 'it said nothing'}",
            "Run as root, or give tcpdump the capability: setcap cap_net_raw,cap_net_admin=ep $(which tcpdump)",
        )

    def stop(self, settle: float = 0.15) -> Path:
        """End the capture after ``settle`` seconds (packets under way are still written); returns the file."""
        if self._process.poll() is None:
            time.sleep(settle)
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        return self.path

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
