"""Where there is no lab, it is said what was not run; in CI that is a failure."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:sugar"]
MODULE = "conformance/interop/test_interop.py"


@pytest.mark.parametrize(("value", "code"), [("true", 2), ("", 0)])
def test_what_was_not_run_is_said(tmp_path: Path, value: str, code: int) -> None:
    environment = os.environ | {"DOCKER_HOST": "tcp://127.0.0.1:9", "CI": value}
    done = subprocess.run(
        [*PYTEST, MODULE, "--pairs", "strongswan-6.0:libreswan-5.2", "--scenario", "nat", "--out", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "interop: NOT RUN: 1 scenarios between implementations need the lab" in said
    assert not (tmp_path / "results.json").exists()


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [*PYTEST, MODULE, "--pairs", "strongswan-6.0:libreswan-5.2", "--scenario", "nat", "--out", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2, done.stdout
    assert "another run is writing there; choose another directory with --out" in done.stdout + done.stderr


def test_plain_pytest_leaves_the_scenarios_out() -> None:
    done = subprocess.run(
        [*PYTEST, "--collect-only", "conformance/interop/tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "test_interop.py" not in done.stdout
