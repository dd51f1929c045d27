"""The adapter protocol, against our own server and against programs that break it."""

from __future__ import annotations

import re
import shlex
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.process import ProcessAdapter, ProtocolError
from vectors.cli import main
from vectors.model import DATA, load
from vectors.readme import README
from vectors.replay import Outcome, replay

QUESTION: dict[str, Input] = {"algorithm": "HMAC-SHA1", "key": b"Jefe", "message": b"what do ya want for nothing?"}


def _program(folder: Path, code: str) -> str:
    path = folder / "adapter.py"
    path.write_text(code, encoding="utf-8")
    return shlex.join([sys.executable, str(path)])


@pytest.mark.parametrize("name", ["ikeproof", "openssl"])
def test_the_served_adapter_gives_what_the_built_in_one_gives(name: str) -> None:
    command = f"{sys.executable} -m vectors.adapters.serve {name}"
    sets = [
        load(DATA / f"{each}.json")
        for each in ("rfc4868-hmac-sha2", "rfc7634-esp-seal", "derived-ike-sk-invalid", "wycheproof-x25519")
    ]
    implementation = ProcessAdapter(command)
    try:
        for tally in replay(sets, implementation):
            assert tally.count(Outcome.PASS) == len(tally.vectors.cases)
        with pytest.raises(Unsupported):
            implementation.answer("public", {"group": "GOST3410-2012-256", "private": b"\1"})
        with pytest.raises(Refused):
            implementation.answer("shared", {"group": "CURVE25519", "private": b"k" * 32, "peer": bytes(32)})
    finally:
        implementation.close()


def test_the_readmes_worked_example_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    result = CliRunner().invoke(main, ["replay", "--set", "rfc2202", "--adapter", _program(tmp_path, code)])
    assert result.exit_code == 0, result.output
    assert re.search(r"rfc2202-hmac-sha1 +7 +7 passed", result.output)
    assert re.search(r"rfc2202-hmac-md5 +7 +7 unsupported", result.output)


HOSTILE = {
    "no answer": ("import time; time.sleep(60)", "no answer within"),
    "ends at once": ("raise SystemExit(3)", r"ended \(exit code 3\)|does not read"),
    "garbage": ("input(); print('\\x00\\x01 no json', flush=True); input()", "answered no JSON"),
    "not UTF-8": ("import os; input(); os.write(1, b'\\xff\\xfe\\n'); input()", "answered no JSON"),
    "deep nesting": ("input(); print('[' * 100000, flush=True); input()", "answered no JSON"),
    "a list": ("input(); print('[1]', flush=True); input()", "does not carry the question's id"),
    "another id": ('input(); print(\'{"id": 9, "outputs": {}}\', flush=True); input()', "does not carry"),
    "no outputs": ("input(); print('{\"id\": 1}', flush=True); input()", "has outputs, refused or unsupported"),
    "outputs no object": ('input(); print(\'{"id": 1, "outputs": 5}\', flush=True); input()', "has outputs"),
    "not hexadecimal": (
        'input(); print(\'{"id": 1, "outputs": {"mac": "xyz"}}\', flush=True); input()',
        "output 'mac' is not hexadecimal",
    ),
    "number for octets": (
        'input(); print(\'{"id": 1, "outputs": {"mac": 7}}\', flush=True); input()',
        "output 'mac' is not hexadecimal",
    ),
    "a huge line": ("import os\nwhile True: os.write(1, b'x' * 65536)", "a line of more than"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_program_that_breaks_the_protocol_is_named_with_the_reason(name: str, tmp_path: Path) -> None:
    code, reason = HOSTILE[name]
    started = time.monotonic()
    implementation = ProcessAdapter(_program(tmp_path, code), timeout=1.0)
    try:
        with pytest.raises(ProtocolError, match=reason if "|" in reason else re.escape(reason)):
            implementation.answer("mac", QUESTION)
    finally:
        implementation.close()
    assert implementation._process.returncode is not None
    assert time.monotonic() - started < 6


def test_a_broken_protocol_is_a_usage_error_of_the_command(tmp_path: Path) -> None:
    command = _program(tmp_path, HOSTILE["garbage"][0])
    result = CliRunner().invoke(main, ["replay", "--set", "rfc4493", "--adapter", command])
    assert result.exit_code == 2
    assert "answered no JSON" in result.output


def test_a_command_that_is_none() -> None:
    for command, said in (
        ("", "is empty"),
        ("/nonexistent/adapter", "No such file"),
        ("'open", "No closing quotation"),
    ):
        with pytest.raises(ProtocolError, match=said):
            ProcessAdapter(command)
