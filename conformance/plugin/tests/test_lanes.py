"""`.ci/lanes`: every lane runs, a failed one is found at the end, and its exit code is not lost in the pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAKE = """#!/bin/sh
shift
case $1 in
  good) echo fine ;;
  part) echo 'NOT RUN: a part: the reason'; echo fine ;;
  bad) for i in $(seq 100); do echo "line $i"; done; echo 'the reason' >&2; exit 2 ;;
  slow) sleep 20; echo 'never said' ;;
  first) echo waits; while [ ! -e "$IKEPROOF_LANE_LOGS/met" ]; do sleep 0.1; done; echo met ;;
  second) touch "$IKEPROOF_LANE_LOGS/met"; exit 3 ;;
esac
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which `make` is the script above."""
    make = tmp_path / "make"
    make.write_text(MAKE, encoding="utf-8")
    make.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "IKEPROOF_LANE_LOGS": str(tmp_path / "logs")}


def test_a_failed_lane_is_shown_again_at_the_end(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "lanes", "good", "bad", "good"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    before, _, after = done.stdout.partition("===== lane bad FAILED: the last lines of ")
    assert before.count("line 1\n") == 1
    assert before.count("fine") == 2
    assert "line 62\n" in after
    assert "line 61\n" not in after
    assert "the reason" in after
    assert "fine" not in after
    assert after.endswith("lanes: 2 passed, 1 failed\n")
    assert (Path(environment["IKEPROOF_LANE_LOGS"]) / "bad.log").read_text().endswith("line 100\nthe reason\n")


def test_all_well(environment: dict[str, str]) -> None:
    command: list[str | Path] = [ROOT / ".ci" / "lanes", "good"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "FAILED" not in done.stdout
    assert done.stdout.endswith("lanes: 1 passed, 0 failed\n")


def test_what_a_lane_left_out_is_said_at_the_end(environment: dict[str, str]) -> None:
    command: list[str | Path] = [ROOT / ".ci" / "lanes", "part", "good"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.endswith("NOT RUN: a part: the reason\nlanes: 2 passed, 0 failed\n")


def test_lanes_at_the_same_time(environment: dict[str, str]) -> None:
    command: list[str | Path] = [ROOT / ".ci" / "lanes", "first,second", "good"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stdout.index("===== lane first =====\nwaits\nmet\n") < done.stdout.index("===== lane second =====")
    assert "===== lane second FAILED" in done.stdout
    assert done.stdout.endswith("lanes: 2 passed, 1 failed\n")


@pytest.mark.parametrize("slow", ["slow", "slow,good"])
def test_an_interrupt_ends_it(environment: dict[str, str], slow: str) -> None:
    process = subprocess.Popen(
        [ROOT / ".ci" / "lanes", "good", slow, "good"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "INTERRUPTED" in output
    assert "never said" not in output
    assert output.count("fine") == 1 + slow.count("good")
