"""What can be wrong with a vector file is said by file, place and reason, and the other files still run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vectors.cli import main
from vectors.model import DATA, VectorError, files, load
from vectors.nist import load_nist

NIST = """# CAVS 17.3

[SHA-1]
[Ni length = 64]

COUNT = 0
CKY_I = 68de5d8f4c1e3a52
CKY_R = 0123456789abcdef
Ni = 0011223344556677
Nr = 8899aabbccddeeff
g^xy = 00112233445566778899aabbccddeeff
SKEYID = 0011223344556677
SKEYID_d = 0011223344556677
SKEYID_a = 0011223344556677
SKEYID_e = 0011223344556677
"""

Change = Callable[[dict[str, Any]], None]


def _item(raw: dict[str, Any], name: str, value: object, part: str = "inputs") -> None:
    raw["cases"][0][part][name] = value


def _without(raw: dict[str, Any], name: str) -> None:
    del raw[name]


BROKEN: dict[str, tuple[Change, str, str]] = {
    "no source": (lambda raw: _without(raw, "source"), "$", "'source' is a required property"),
    "empty licence": (lambda raw: raw["source"].update(licence=""), "$.source.licence", ""),
    "unknown field": (lambda raw: raw.update(colour="red"), "$", "colour"),
    "other schema": (lambda raw: raw.update(schema="ikeproof-vectors/9"), "$.schema", "ikeproof-vectors/1"),
    "wrong result": (lambda raw: raw["cases"][0].update(result="maybe"), "$.cases[0].result", "maybe"),
    "no cases": (lambda raw: raw.update(cases=[]), "$.cases", ""),
    "other name": (lambda raw: raw.update(set="other"), "$.set", "the file is called"),
    "unknown operation": (lambda raw: raw.update(operation="guess"), "$.operation", "unknown operation 'guess'"),
    "odd hexadecimal": (lambda raw: _item(raw, "key", "abc"), "$.cases[0] (id 1).inputs.key", "odd number"),
    "upper case": (lambda raw: _item(raw, "key", "AB"), "$.cases[0] (id 1).inputs.key", "not lower-case"),
    "number for octets": (lambda raw: _item(raw, "key", 5), "$.cases[0] (id 1).inputs.key", "must be a string"),
    "unknown input": (lambda raw: _item(raw, "salt", "00"), "$.cases[0] (id 1).inputs.salt", "unknown name"),
    "missing input": (lambda raw: raw["cases"][0]["inputs"].pop("key"), "$.cases[0] (id 1).inputs", "missing: key"),
    "unknown algorithm": (
        lambda raw: _item(raw, "algorithm", "HMAC-WHIRLPOOL"),
        "$.cases[0] (id 1).inputs",
        "unknown algorithm 'HMAC-WHIRLPOOL'",
    ),
    "unknown output": (
        lambda raw: _item(raw, "tag", "00", "expected"),
        "$.cases[0] (id 1).expected.tag",
        "unknown name",
    ),
    "nothing expected": (
        lambda raw: raw["cases"][0].update(expected={}),
        "$.cases[0] (id 1).expected",
        "expects nothing",
    ),
    "same id twice": (lambda raw: raw["cases"][1].update(id="1"), "$.cases[1] (id 1)", "occurs twice"),
    "flag without note": (
        lambda raw: raw["cases"][0].update(flags=["Strange"]),
        "$.cases[0] (id 1)",
        "flag without a note: Strange",
    ),
    "note without flag": (lambda raw: raw.update(notes={"Idle": "text"}), "$.notes", "no case carries the flag Idle"),
}


def _write(folder: Path, change: Change) -> Path:
    raw = json.loads((DATA / "rfc2202-hmac-sha1.json").read_text(encoding="utf-8"))
    change(raw)
    path = folder / "rfc2202-hmac-sha1.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_place_and_reason(name: str, tmp_path: Path) -> None:
    change, place, reason = BROKEN[name]
    path = _write(tmp_path, change)
    with pytest.raises(VectorError) as caught:
        load(path)
    assert caught.value.file == path
    assert caught.value.place == place
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        (b'{"schema": ', "line 1, column 12", "not JSON"),
        (b"\xff\xfe", "octet 0", "not UTF-8"),
        (b"[" * 200_000, "file", "nested too deeply"),
        (b"[]", "$", "is not of type 'object'"),
    ],
)
def test_a_file_that_is_no_json_object(content: bytes, place: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(VectorError) as caught:
        load(path)
    assert caught.value.place == place
    assert reason in caught.value.reason


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="No such file"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize("command", ["validate", "replay", "list"])
def test_the_other_files_still_run_and_the_exit_code_is_2(command: str, tmp_path: Path) -> None:
    shutil.copy(DATA / "rfc4493-aes-cmac.json", tmp_path)
    shutil.copy(DATA / "rfc7634-esp-open.json", tmp_path)
    _write(tmp_path, lambda raw: _item(raw, "key", "abc"))
    result = CliRunner().invoke(main, [command, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "rfc2202-hmac-sha1.json: $.cases[0] (id 1).inputs.key: odd number of hexadecimal digits (3)" in result.output
    expected = {
        "validate": "2 files sound, 1 broken",
        "replay": "2 sets, 5 cases, 0 failures",
        "list": "2 sets, 5 cases",
    }
    assert expected[command] in result.output


@pytest.mark.parametrize("arguments", [["--set", "no-such"], ["--adapter", "/no/such/program"]])
def test_a_selection_or_program_that_is_not_there(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["replay", *arguments])
    assert result.exit_code == 2
    assert "no-such" in result.output or "/no/such/program" in result.output


def test_the_nist_reader_reads_a_sound_file(tmp_path: Path) -> None:
    path = tmp_path / "ikev1_dsa.fax"
    path.write_text(NIST, encoding="utf-8")
    vectors = load_nist(path)
    assert vectors.operation.name == "ikev1-sig-kdf"
    assert vectors.cases[0].inputs["prf"] == "HMAC-SHA1"
    assert vectors.cases[0].expected["skeyid_e"] == "0011223344556677"


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        ("SKEYID_e = 0011223344556677\n", "", "line 6", "the case ends without 'SKEYID_e'"),
        ("SKEYID_a = 0011223344556677\nSKEYID_e = 0011223344556677\n", "SKEYID_a = 00112\n", "line 6", "SKEYID_e"),
        ("SKEYID_d = 0011223344556677", "SKEYID_d = 001122334455667", "line 6", "odd number"),
        ("SKEYID_d = 0011223344556677", "SKEYID_d 00112233", "line 13", "neither a parameter nor a value"),
        ("SKEYID_d = 0011223344556677", "SKEYID_d = 00xx", "line 13", "neither a parameter nor a value"),
        ("[SHA-1]", "[MD4]", "line 6", "unknown hash 'MD4'"),
        ("COUNT = 0\n", "", "line 6", "a value before the first COUNT"),
        (NIST, "# nothing\n", "file", "no case"),
    ],
)
def test_a_truncated_or_altered_nist_file(old: str, new: str, place: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "ikev1_dsa.fax"
    path.write_text(NIST.replace(old, new), encoding="utf-8")
    with pytest.raises(VectorError) as caught:
        load_nist(path)
    assert caught.value.place == place
    assert reason in caught.value.reason


def test_nist_files_named_on_the_command_line(tmp_path: Path) -> None:
    good, cut = tmp_path / "good.fax", tmp_path / "cut.fax"
    good.write_text(NIST, encoding="utf-8")
    cut.write_text(NIST[:-60], encoding="utf-8")
    result = CliRunner().invoke(main, ["replay", "--adapter", "openssl", "--file", str(good), "--file", str(cut)])
    assert result.exit_code == 2
    assert "cut.fax: line 6: the case ends without" in result.output
    assert "1 sets, 1 cases, 1 failures" in result.output  # made-up figures: the answer differs
    assert "openssl: good 0: skeyid: expected 0011223344556677, got" in result.output


def test_every_set_has_a_source_and_explains_its_flags() -> None:
    for path in files():
        vectors = load(path)
        assert vectors.document
        assert vectors.section
        assert vectors.licence
        assert vectors.name.startswith("derived-") <= bool(vectors.derived)
