"""What can be wrong with a transcript is said by file, place and reason, and the other files still run."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vectors.cli import main
from vectors.model import DATA, VectorError
from vectors.transcripts import model
from vectors.transcripts.expressions import ExpressionError, evaluate, references
from vectors.transcripts.overview import OVERVIEW
from vectors.transcripts.overview import text as overview

NAME = "ikev2-psk-initiator"
Change = Callable[[dict[str, Any]], object]


@cache
def _raw() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((model.TRANSCRIPTS / f"{NAME}.json").read_text(encoding="utf-8"))
    return raw


def _write(folder: Path, change: Change, name: str = NAME) -> Path:
    raw = copy.deepcopy(_raw())
    change(raw)
    path = folder / "transcripts" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def _case(raw: dict[str, Any], operation: str) -> dict[str, Any]:
    found: dict[str, Any] = next(case for case in raw["cases"] if case["operation"] == operation)
    return found


BROKEN: dict[str, tuple[Change, str, str]] = {
    "no confirmation": (lambda raw: raw.pop("confirmed"), "$", "'confirmed' is a required property"),
    "another way": (lambda raw: raw["confirmed"].update(how="hearsay"), "$.confirmed.how", "hearsay"),
    "no licence": (lambda raw: raw["source"].pop("licence"), "$.source", "'licence' is a required property"),
    "unknown field": (lambda raw: raw.update(colour="red"), "$", "colour"),
    "another protocol": (lambda raw: raw.update(protocol="ikev1"), "$.transcript", "does not begin with ikev1"),
    "another name": (lambda raw: raw.update(transcript="ikev2-other"), "$.transcript", "the file is called"),
    "odd hexadecimal": (lambda raw: raw["values"][0].update(octets="abc"), "$.values[0].octets", "does not match"),
    "a value twice": (
        lambda raw: raw["values"].append(raw["values"][0]),
        f"$.values[{len(_raw()['values'])}].name",
        "'psk' occurs twice",
    ),
    "a value somewhere else": (
        lambda raw: raw["values"][1].update(at=["@message-1.bytes[1:9]"]),
        "$.values[1].at[0]",
        "@message-1.bytes[1:9] is not SPIi",
    ),
    "a message too many": (
        lambda raw: raw["messages"].append(raw["messages"][0]),
        f"$.messages[{len(_raw()['messages'])}].number",
        "is 1, not",
    ),
    "a payload of nothing": (
        lambda raw: raw["messages"][0]["payloads"][0].update(body="@nothing"),
        "$.messages[0].payloads[0].body",
        "there is no @nothing",
    ),
    "a payload too long": (
        lambda raw: raw["messages"][0]["payloads"][0].update(body="00" * 65536),
        "$.messages[0].payloads[0].body",
        "65536 octets",
    ),
    "a draw of nothing": (
        lambda raw: raw["ends"]["initiator"].update(random=["@nothing"]),
        "$.ends.initiator.random[0]",
        "there is no @nothing",
    ),
    "an unknown operation": (
        lambda raw: raw["cases"][0].update(operation="guess"),
        "$.cases[0] (id public_i).operation",
        "unknown operation 'guess'",
    ),
    "an unknown algorithm": (
        lambda raw: _case(raw, "ikev2-keys")["inputs"].update(prf="HMAC-WHIRLPOOL"),
        "inputs",
        "unknown algorithm 'HMAC-WHIRLPOOL' for ikev2-keys",
    ),
    "a missing input": (lambda raw: raw["cases"][0]["inputs"].pop("private"), "inputs", "missing: private"),
    "an unknown input": (lambda raw: raw["cases"][0]["inputs"].update(salt="00"), "inputs.salt", "unknown name"),
    "an unknown reference": (
        lambda raw: raw["cases"][0]["inputs"].update(private="@privat"),
        "inputs.private",
        "there is no @privat",
    ),
    "no expression": (
        lambda raw: raw["cases"][0]["inputs"].update(private="@private_i[a:b]"),
        "inputs.private",
        "neither hexadecimal nor a reference",
    ),
    "a number for octets": (
        lambda raw: raw["cases"][0]["inputs"].update(private=5),
        "inputs.private",
        "must be a string",
    ),
    "an id twice": (lambda raw: raw["cases"].append(raw["cases"][0]), "(id public_i)", "the id occurs twice"),
    "nothing expected": (lambda raw: raw["cases"][0].update(expected={}), "expected", "expects nothing"),
    "an id that is a list": (lambda raw: raw["cases"][0].update(id=[]), "$.cases[0].id", ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_transcript_is_named_with_place_and_reason(name: str, tmp_path: Path) -> None:
    change, place, reason = BROKEN[name]
    path = _write(tmp_path, change)
    with pytest.raises(VectorError) as caught:
        model.load(path)
    assert caught.value.file == path
    assert caught.value.place.endswith(place)
    assert reason in caught.value.reason


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"schema": 1}'])
def test_a_file_that_is_no_transcript(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(VectorError):
        model.load(path)


@pytest.mark.parametrize("command", ["validate", "replay", "list", "engine"])
def test_the_other_files_still_run_and_the_exit_code_is_2(command: str, tmp_path: Path) -> None:
    shutil.copy(DATA / "rfc4493-aes-cmac.json", tmp_path)
    _write(tmp_path, lambda raw: raw["confirmed"].update(how="hearsay"))
    shutil.copy(model.TRANSCRIPTS / "ikev2-psk-responder.json", tmp_path / "transcripts")
    result = CliRunner().invoke(main, [command, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{NAME}.json: $.confirmed.how: 'hearsay' is not one of" in result.output
    cases = 4 + model.load(model.TRANSCRIPTS / "ikev2-psk-responder.json").cases
    expected = {
        "validate": "2 files sound, 1 broken",
        "replay": f"1 sets, 1 transcripts, {cases} cases, 0 failures",
        "list": f"1 sets, 1 transcripts, {cases} cases",
        "engine": "1 transcripts played again, 0 failures",
    }
    assert expected[command] in result.output


def test_a_wrong_answer_is_named_with_transcript_operation_and_case(tmp_path: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        value = next(each for each in raw["values"] if each["name"] == "SKEYSEED")
        value["octets"] = "00" * (len(value["octets"]) // 2)

    path = _write(tmp_path, change)
    result = CliRunner().invoke(main, ["replay", "--data", str(path.parent.parent), "--adapter", "openssl"])
    assert result.exit_code == 1
    assert f"openssl: {NAME}/ikev2-keys keys: skeyseed: expected 0000" in result.output


def test_the_engine_says_in_which_message_it_differs(tmp_path: Path) -> None:
    path = _write(tmp_path, lambda raw: raw["engine"].update(esp=["aes256gcm16"]))
    result = CliRunner().invoke(main, ["engine", "--data", str(path.parent.parent)])
    assert result.exit_code == 1
    assert f"{NAME}, message 3: the engine sends" in result.output


def test_a_line_per_family_or_per_transcript() -> None:
    arguments = ["replay", "--set", "ikev2-psk-initiator", "--set", "ikev2-psk-responder"]
    families = CliRunner().invoke(main, arguments).output
    assert "transcripts: ikev2 authentication" in families
    assert NAME not in families
    assert NAME in CliRunner().invoke(main, [*arguments, "--detail"]).output


def test_expressions() -> None:
    names = {"Ni": b"\1\2\3", "message-1.bytes": b"\4\5\6\7"}
    assert evaluate("0a0b + @Ni + @message-1.bytes[1:-1] + ", names) == b"\x0a\x0b\1\2\3\5\6"
    assert references("00 + @Ni + @message-1.bytes[:2]") == {"Ni", "message-1.bytes"}
    for bad in ("0", "0G", "@", "@Ni[1]", "@Ni[1:2", "Ni", "00+@Ni", "@Ni[1:99999999999]"):
        with pytest.raises(ExpressionError):
            evaluate(bad, names)


def test_the_overview_is_current() -> None:
    transcripts = [model.load(path) for path in model.files()]
    assert OVERVIEW.read_text(encoding="utf-8") == overview(transcripts), "run `python -m vectors readme`"
