"""The `ikeproof` command: what it says and how it ends when it is used wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance import cli


def invoke(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and everything that was said."""
    result = CliRunner().invoke(cli.main, [str(item) for item in arguments])
    return result.exit_code, result.output


def test_ctrl_c_is_no_failed_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: Sequence[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_pytest", interrupted)
    assert invoke("list") == (2, "ikeproof: interrupted\n")


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    code, said = invoke("run", "--out", tmp_path / "file")
    assert (code, said) == (
        2,
        f"ikeproof: {tmp_path}/file cannot be written: Not a directory; choose another directory with --out\n",
    )
