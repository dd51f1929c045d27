"""The loader: what it reads, how requirements are found, and what it says about bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.requirements import RequirementError, UnknownRequirement, load
from conformance.requirements.catalogue import matches, read_file
from conformance.requirements.model import Requirement

HEAD = '[document]\nid = "rfc1"\ntitle = "T"\nurl = "https://example.net/rfc1.txt"\n'
ENTRY = """[[requirement]]
id = "rfc1/2.1/answers-once"
level = "MUST"
binds = "responder"
text = "Answers once."
quote = "It MUST answer once."
lines = [7]
observable = "black-box"
"""


def write(directory: Path, text: str, name: str = "rfc1.toml") -> Path:
    file = directory / name
    file.write_text(text, encoding="utf-8")
    return file


def test_entry_is_read_whole(tmp_path: Path) -> None:
    _, (entry,) = read_file(write(tmp_path, HEAD + ENTRY))
    assert entry == Requirement(
        id="rfc1/2.1/answers-once",
        rfc="rfc1",
        section="2.1",
        level="MUST",
        binds="responder",
        text="Answers once.",
        quote="It MUST answer once.",
        lines=(7,),
        observable="black-box",
        why="",
    )
    assert (entry.strength, entry.slug) == ("must", "answers-once")


def test_should_in_small_letters_weighs_as_should(tmp_path: Path) -> None:
    def strength(quote: str) -> str:
        text = (HEAD + ENTRY).replace('level = "MUST"', 'level = "STATEMENT"').replace("It MUST answer once.", quote)
        return read_file(write(tmp_path, text))[1][0].strength

    assert strength("It should answer once.") == "should"
    assert strength("It answers once.") == "statement"


@pytest.mark.parametrize(
    ("change", "entry", "reason"),
    [
        (('level = "MUST"', 'level = "must"'), "rfc1/2.1/answers-once", "unknown level 'must'"),
        (('binds = "responder"', 'binds = "peer"'), "rfc1/2.1/answers-once", "unknown binds 'peer'"),
        (('"black-box"', '"seen"'), "rfc1/2.1/answers-once", "unknown observable 'seen'"),
        (('"black-box"', '"internal"'), "rfc1/2.1/answers-once", "why is missing"),
        (("lines = [7]", "lines = []"), "rfc1/2.1/answers-once", "lines is a non-empty list"),
        (("lines = [7]", "lines = [true]"), "rfc1/2.1/answers-once", "lines is a non-empty list"),
        (("lines = [7]", "lines = [9, 7]"), "rfc1/2.1/answers-once", "rising order"),
        (("lines = [7]", "line = 7"), "rfc1/2.1/answers-once", "unknown key 'line'"),
        (('quote = "It ', 'quote = "It  '), "rfc1/2.1/answers-once", "unfolded whitespace"),
        (('quote = "It ', f'quote = "It {"x" * 300} '), "rfc1/2.1/answers-once", "over 300 characters"),
        (('text = "Answers once."', 'text = ""'), "rfc1/2.1/answers-once", "text is missing"),
        (('"rfc1/2.1/answers-once"', '"rfc2/2.1/answers-once"'), "rfc2/2.1/answers-once", "not of the form rfc1/"),
        (('"rfc1/2.1/answers-once"', '"rfc1/2.1/Answers once"'), "rfc1/2.1/Answers once", "not of the form"),
        (('id = "rfc1/2.1/answers-once"\n', ""), "[[requirement]] number 1", "id is missing"),
        (("[[requirement]]", "[[requirements]]"), "", "unknown table 'requirements'"),
        (("[[requirement]]", "[requirement]"), "[[requirement]]", "not an array of tables"),
        (('title = "T"\n', ""), "[document]", "needs exactly id, title and url"),
        (('title = "T"', 'title = "T'), "", "is not TOML"),
    ],
)
def test_bad_entry_is_named(tmp_path: Path, change: tuple[str, str], entry: str, reason: str) -> None:
    text = HEAD + ENTRY
    assert change[0] in text
    with pytest.raises(RequirementError) as caught:
        read_file(write(tmp_path, text.replace(*change)))
    assert caught.value.source == "rfc1.toml"
    assert caught.value.entry == entry
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("lines = [3]\n", "reason is missing"),
        ('lines = [3]\nreason = "r"\nkeyword = "must"\n', "unknown keyword 'must'"),
        ('line = 3\nreason = "r"\n', "unknown key 'line'"),
    ],
)
def test_bad_ignored_table_is_named(tmp_path: Path, table: str, reason: str) -> None:
    with pytest.raises(RequirementError) as caught:
        read_file(write(tmp_path, HEAD + "[[ignored]]\n" + table + ENTRY))
    assert caught.value.entry == "[[ignored]] number 1"
    assert reason in caught.value.reason


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match=r"rfc1\.toml: rfc1/2\.1/answers-once: duplicate id"):
        read_file(write(tmp_path, HEAD + ENTRY + ENTRY))
    write(tmp_path, HEAD + ENTRY)
    write(tmp_path, HEAD + ENTRY, "rfc1b.toml")
    with pytest.raises(RequirementError, match=r"rfc1b\.toml: rfc1/2\.1/answers-once: this id is already used"):
        load(tmp_path)


def test_directory_without_catalogue(tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match="holds no requirement catalogue"):
        load(tmp_path)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "rfc1.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequirementError, match=r"rfc1\.toml: is not TOML"):
        read_file(file)


@pytest.mark.parametrize(
    ("identifier", "selection", "expected"),
    [
        ("rfc7296/2.7/responder-picks-one", "rfc7296", True),
        ("rfc7296/2.7/responder-picks-one", "rfc7296:2.7", True),
        ("rfc7296/2.7/responder-picks-one", "rfc7296/2", True),
        ("rfc7296/2.7/responder-picks-one", "rfc7296/2/", True),
        ("rfc7296/2.7/responder-picks-one", "rfc7296/2.7/responder-picks", True),
        ("rfc7296/2.7/responder-picks-one", "rfc7296/2.7/responder-pi", False),
        ("rfc7296/2.7/responder-picks-one", "rfc7296/2.7/responder-picks-one/x", False),
        ("rfc7296/2.10/nonce-random", "rfc7296/2.1", False),
        ("rfc7296/2.6.1/cookie-in-all-retries", "rfc7296:2.6", True),
        ("rfc7296/2.6.1/cookie-in-all-retries", "rfc7296:6.1", False),
        ("rfc7296/2.7/responder-picks-one", "rfc729", False),
        ("rfc7296/2.7/responder-picks-one", "", False),
    ],
)
def test_selection(identifier: str, selection: str, expected: bool) -> None:
    assert matches(identifier, selection) is expected


def test_select_keeps_order_and_repeats_nothing() -> None:
    catalogue = load()
    chosen = catalogue.select("rfc7296:2.7", "rfc7296/2.7/responder-picks-one", "rfc7296:2.1")
    assert [entry.section for entry in chosen] == sorted(entry.section for entry in chosen)
    assert len({entry.id for entry in chosen}) == len(chosen)
    assert {entry.section for entry in chosen} == {"2.1", "2.7"}


def test_unknown_id_names_the_nearest() -> None:
    catalogue = load()
    with pytest.raises(UnknownRequirement) as caught:
        catalogue["rfc7296/2.7/responder-picks-onne"]
    assert "rfc7296/2.7/responder-picks-one" in caught.value.near
    with pytest.raises(UnknownRequirement, match=r"no requirement matches 'rfc7296:2\.99'"):
        catalogue.select("rfc7296:2.99")
    assert catalogue.get("rfc7296/2.7/none") is None
    assert "rfc7296/2.7/responder-picks-one" in catalogue


def test_catalogue_is_parsed_once() -> None:
    assert load() is load()


def test_list_command_reports_bad_selection() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance.requirements", "list", "rfc7296:99"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stderr == "error: no requirement matches 'rfc7296:99'\n"
