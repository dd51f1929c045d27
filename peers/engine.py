"""Find a Docker engine, or start one of our own.

Order: ``$DOCKER_HOST``; the well-known sockets; our own engine if one runs; our own engine started now
(root and ``dockerd`` needed). Our own engine has its data under the project's cache and its socket, pid file
and locks in a run folder; it ends when its last user ends (see :mod:`peers.keeper`) or with ``peers down``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import docker
from docker.errors import DockerException

from peers.errors import LabError
from peers.paths import cache_dir, run_dir

START_TIMEOUT = 40.0
STOP_TIMEOUT = 20.0
_ADVICE = (
    "Install and start Docker (Debian: apt-get install docker.io), set DOCKER_HOST, or run as root with dockerd "
    "installed so that ikeproof can start its own engine; the reference implementation needs no Docker"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A reachable engine: ``url`` for the SDK, ``own`` is its run folder when ikeproof started it."""

    url: str
    own: Path | None

    def client(self) -> docker.DockerClient:
        """A new SDK client (thread-safe, one per process)."""
        return docker.DockerClient(base_url=self.url, version="auto", timeout=120)


def _answers(url: str) -> bool:
    try:
        client = docker.DockerClient(base_url=url, version="auto", timeout=5)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def _well_known() -> list[str]:
    sockets = [Path("/var/run/docker.sock"), Path.home() / ".docker/run/docker.sock"]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        sockets.append(Path(runtime) / "docker.sock")
    return [f"unix://{path}" for path in sockets if path.exists()]


def find() -> Engine | None:
    """A running engine, or None. An unreachable ``$DOCKER_HOST`` is an error: it was the user's choice."""
    if sys.platform != "linux":
        raise LabError(
            "the peers lab needs Linux: elsewhere the Docker networks live inside a virtual machine",
            "Run it on a Linux host, or test the reference implementation, which needs no Docker",
        )
    if configured := os.environ.get("DOCKER_HOST"):
        if not _answers(configured):
            raise LabError(f"no Docker engine answers at DOCKER_HOST={configured}", "Start it or unset DOCKER_HOST")
        return Engine(configured, _own_run_dir(configured))
    for url in _well_known():
        if _answers(url):
            return Engine(url, None)
    for root in _data_roots():
        folder = run_dir(root)
        url = f"unix://{folder}/docker.sock"
        if (folder / "docker.sock").exists() and _answers(url):
            return Engine(url, folder)
    return None


def _own_run_dir(url: str) -> Path | None:
    folder = Path(url.removeprefix("unix://")).parent
    return folder if folder.name.startswith("ikeproof-") and (folder / "start.lock").exists() else None


def _data_roots() -> list[Path]:
    """Places for our engine's data, best first; a root file system that is itself an overlay needs another."""
    return [cache_dir() / "docker", Path("/var/lib/ikeproof/docker"), Path("/dev/shm/ikeproof/docker")]


def supports_overlay(folder: Path) -> bool:
    """Whether an overlay can be mounted with its upper layer in ``folder`` (root only)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="overlay-", dir=folder))
    except OSError:
        return False
    try:
        for name in ("lower", "upper", "work", "merged"):
            (scratch / name).mkdir()
        options = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
        mounted = subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options, str(scratch / "merged")],
            capture_output=True,
            check=False,
        )
        if mounted.returncode == 0:
            subprocess.run(["umount", str(scratch / "merged")], capture_output=True, check=False)
        return mounted.returncode == 0
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path, timeout: float) -> Iterator[IO[str]]:
    """Hold an exclusive lock on ``path``; LabError when another process keeps it longer than ``timeout`` s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LabError(f"another process holds {path}", "Wait for it, or end it") from None
                time.sleep(0.05)
        yield file


def start_lock() -> Path:
    """The lock taken while an engine is looked for, started or stopped."""
    return run_dir(_data_roots()[0]) / "start.lock"


def find_or_start() -> Engine:
    """A running engine; started when none runs. Call it with :func:`start_lock` held."""
    if engine := find():
        _check(engine)
        return engine
    if os.geteuid() != 0:
        raise LabError("no Docker engine answers, and starting one needs root", _ADVICE)
    dockerd = shutil.which("dockerd", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/sbin")
    if dockerd is None:
        raise LabError("no Docker engine answers and dockerd is not installed", _ADVICE)
    for root in _data_roots():
        if supports_overlay(root):
            return _start(dockerd, root)
    raise LabError(
        "no folder here can hold Docker's overlay file system",
        f"Set IKEPROOF_CACHE to a folder on a local file system (tried {', '.join(map(str, _data_roots()))})",
    )


def _check(engine: Engine) -> None:
    client = engine.client()
    try:
        options = client.info().get("SecurityOptions") or []
    finally:
        client.close()
    if any("rootless" in option for option in options):
        raise LabError(
            f"the Docker engine at {engine.url} is rootless: its networks cannot be reached from the host",
            "Use a system engine, or run as root with DOCKER_HOST unset",
        )


def _start(dockerd: str, root: Path) -> Engine:
    folder = run_dir(root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "start.lock").touch()
    _forget_dead(folder)
    url = f"unix://{folder}/docker.sock"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(dockerd, "--data-root", str(root), "--exec-root", str(folder / "exec"), "-H", url),
                # no default bridge: only internal networks exist, and a second engine does not fight over docker0
                *("-p", str(folder / "pid"), "--bridge", "none", "--storage-driver", "overlay2"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if _answers(url):
            return Engine(url, folder)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    if process.poll() is None:
        process.terminate()
        process.wait(STOP_TIMEOUT)
    tail = (folder / "log").read_text(errors="replace").splitlines()[-3:]
    raise LabError("dockerd did not start: " + " | ".join(tail), f"Its log is {folder / 'log'}")


def _forget_dead(folder: Path) -> None:
    if _pid(folder) is None:
        (folder / "pid").unlink(missing_ok=True)
        (folder / "docker.sock").unlink(missing_ok=True)


def _pid(folder: Path) -> int | None:
    """The pid in our pid file, if that process is a dockerd."""
    try:
        pid = int((folder / "pid").read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return None
    return pid if name == "dockerd" else None


def pin(engine: Engine) -> None:
    """Keep our own engine after its last user (``ikeproof peers up``) until :func:`stop`."""
    if engine.own:
        (engine.own / "pinned").touch()


def stop_if_idle(folder: Path) -> bool:
    """Stop our engine when nobody holds its lease and it is not pinned; True when it was stopped."""
    with locked(start_lock(), STOP_TIMEOUT), (folder / "lease").open("a") as lease:
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if (folder / "pinned").exists():
            return False
        return stop(folder)


def stop(folder: Path) -> bool:
    """Stop our own engine by its own pid file and wait for its end; True when one ran."""
    (folder / "pinned").unlink(missing_ok=True)
    pid = _pid(folder)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline and _pid(folder) == pid and not _zombie(pid):
        time.sleep(0.05)
    if _pid(folder) == pid and not _zombie(pid):
        raise LabError(f"dockerd (pid {pid}) did not end within {STOP_TIMEOUT:.0f} s", f"Its log is {folder / 'log'}")
    (folder / "docker.sock").unlink(missing_ok=True)
    return True


def _zombie(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    # dockerd's parent may be the test process that has not reaped it yet
    return state == "Z"
