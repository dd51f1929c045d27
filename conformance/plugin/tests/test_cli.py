"""The `ikeproof` command: what it says and how it ends when it is used wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance import cli
from conformance.plugin.results import HEADER, Store


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


def test_what_a_crash_left_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dut = {"name": "x", "version": "", "profile": {}}
    store.begin({"tool_version": "1", "dut": dut, "started": "2026-11-21T07:00:00Z", "command": ""})
    (store.parts / "results-main.jsonl").write_bytes(b'5\n{"id": 3}\n{}\n\xff\n{"id": "rfc7296/2.7/x"')
    code, said = invoke("report", tmp_path, "--out", tmp_path / "pages")
    assert (code, said) == (0, f"{tmp_path}/pages/index.html\n")
    assert "crashed or was killed" in (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    (tmp_path / "results.json").unlink()
    (store.parts / HEADER).write_text("{", encoding="utf-8")
    code, said = invoke("report", tmp_path, "--out", tmp_path / "pages")
    assert code == 2
    assert said.startswith(f"ikeproof: {store.parts} is damaged, no results can be made of it: ")
    code, said = invoke("report", tmp_path / "pages")
    assert (code, "holds no results.json" in said) == (2, True)
