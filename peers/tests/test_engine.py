import os
import subprocess
import sys
from pathlib import Path

import pytest

from peers import engine, paths
from peers.errors import LabError


def test_docker_host_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The user's choice is not silently replaced by another engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(LabError, match="DOCKER_HOST"):
        engine.find()


def test_no_dockerd_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IKEPROOF_CACHE", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "find", lambda: None)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(LabError, match=r"apt-get install docker\.io"):
        engine.find_or_start()


def test_the_run_folder_is_short_enough_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 200)
    assert len(str(paths.run_dir(deep) / "docker.sock")) < 100
    assert paths.run_dir(deep) != paths.run_dir(tmp_path)


def test_a_lock_that_is_held_is_reported(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import sys, fcntl; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LabError, match="another process"), engine.locked(lock, 0.1):
            pass
        holder.stdin.close()
        holder.wait()
        with engine.locked(lock, 1.0):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_overlay_support_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    assert not engine.supports_overlay(Path("/proc/self/no-such-place"))
    engine.supports_overlay(tmp_path)
    assert list(tmp_path.iterdir()) == []
