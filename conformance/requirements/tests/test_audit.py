"""The audit tool on a small document: what it finds in a text, and every kind of finding."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.requirements.__main__ import main
from conformance.requirements.audit import audit, check_text, dump_index, index_path, load_index, make_index
from conformance.requirements.catalogue import read_file
from conformance.requirements.model import RequirementError
from conformance.requirements.rfctext import Keyword, RfcText

TEXT = """\
Table of Contents

   1.  Introduction ....................................................2

1.  Introduction

   The key word "MUST" is explained here.  A mustard MUSTARD is none.

2.1.  Answers

   A responder MUST answer and MAY be slow.  It MUST
   NOT lie, and it SHOULD

Author                       Standards Track                    [Page 1]
\f
RFC 1                          Example                      October 2014


   NOT sleep.  It is NOT RECOMMENDED to shout.

A2.1.  Appendix heading of the older style

   Numbers are REQUIRED.

Appendix B.  Appendix heading of the newer style

B.1.  Part

   OPTIONAL, SHALL NOT.
"""

CATALOGUE = """\
[document]
id = "rfc1"
title = "T"
url = "https://example.net/rfc1.txt"
[[ignored]]
lines = [7]
reason = "Explains the word."
[[requirement]]
id = "rfc1/2.1/answers"
level = "MUST"
binds = "responder"
text = "Answers."
quote = "A responder MUST answer"
lines = [11]
observable = "black-box"
[[requirement]]
id = "rfc1/2.1/no-lies"
level = "MUST NOT"
binds = "responder"
text = "Does not lie."
quote = "It MUST NOT lie"
lines = [11]
observable = "black-box"
[[requirement]]
id = "rfc1/2.1/no-sleep"
level = "SHOULD NOT"
binds = "responder"
text = "Does not sleep."
quote = "it SHOULD NOT sleep."
lines = [12]
observable = "black-box"
[[requirement]]
id = "rfc1/2.1/no-shouting"
level = "NOT RECOMMENDED"
binds = "responder"
text = "Does not shout."
quote = "It is NOT RECOMMENDED to shout."
lines = [19]
observable = "black-box"
[[requirement]]
id = "rfc1/A2.1/numbers"
level = "REQUIRED"
binds = "both"
text = "Has numbers."
quote = "Numbers are REQUIRED."
lines = [23]
observable = "black-box"
[[requirement]]
id = "rfc1/B.1/part"
level = "SHALL NOT"
binds = "both"
text = "Does not."
quote = "OPTIONAL, SHALL NOT."
lines = [29]
observable = "black-box"
[[requirement]]
id = "rfc1/1/here"
level = "STATEMENT"
binds = "both"
text = "Is explained."
quote = "is explained here."
lines = [7]
observable = "black-box"
"""


def lay_out(directory: Path, catalogue: str = CATALOGUE, text: str = TEXT) -> tuple[Path, Path]:
    """A catalogue with an index made from `text`, and the text beside it."""
    file, rfc = directory / "rfc1.toml", directory / "rfc1.txt"
    file.write_text(catalogue, encoding="utf-8")
    rfc.write_text(text, encoding="utf-8")
    index_path(file).write_text(dump_index(make_index("rfc1", rfc.read_bytes())), encoding="utf-8")
    return file, rfc


def test_keywords_lines_columns_and_sections() -> None:
    assert RfcText(TEXT).keywords == (
        Keyword(7, 18, "MUST", "1"),
        Keyword(11, 16, "MUST", "2.1"),
        Keyword(11, 32, "MAY", "2.1"),
        Keyword(11, 49, "MUST NOT", "2.1"),
        Keyword(12, 20, "SHOULD NOT", "2.1"),
        Keyword(19, 22, "NOT RECOMMENDED", "2.1"),
        Keyword(23, 16, "REQUIRED", "A2.1"),
        Keyword(29, 4, "OPTIONAL", "B.1"),
        Keyword(29, 14, "SHALL NOT", "B.1"),
    )


def test_sections_without_table_of_contents() -> None:
    assert [section for _, section in RfcText(TEXT).sections] == ["1", "2.1", "A2.1", "B", "B.1"]


def test_quote_over_a_page_break() -> None:
    assert RfcText(TEXT).find("it SHOULD NOT sleep.") == ((12, 19),)
    assert RfcText(TEXT).find("it should NOT sleep.") == ()


def test_complete_catalogue_has_no_findings(tmp_path: Path) -> None:
    file, rfc = lay_out(tmp_path)
    assert audit(file) == []
    assert audit(file, rfc) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('level = "MUST NOT"', 'level = "MUST"', "line 11: MUST NOT: in section 2.1 is covered by no entry"),
        ("lines = [23]", "lines = [29]", "line 23: REQUIRED: in section A2.1 is covered by no entry"),
        ("lines = [23]", "lines = [29]", "line 29: rfc1/A2.1/numbers: there is no REQUIRED on its lines"),
        ("lines = [23]", "lines = [11, 23]", "line 11: rfc1/A2.1/numbers: its lines are in section 2.1"),
        (
            'reason = "Explains',
            'keyword = "MAY"\nreason = "Explains',
            "line 7: [[ignored]]: there is no MAY on this line",
        ),
        ("lines = [7]\nreason", "lines = [7, 8]\nreason", "line 8: [[ignored]]: there is no keyword on this line"),
    ],
)
def test_coverage_findings(tmp_path: Path, old: str, new: str, finding: str) -> None:
    assert old in CATALOGUE
    file, _ = lay_out(tmp_path, CATALOGUE.replace(old, new, 1))
    assert finding in [str(found) for found in audit(file)]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (
            "Numbers are REQUIRED.",
            "Digits are REQUIRED.",
            "line 23: rfc1/A2.1/numbers: the quote is not in that section",
        ),
        ('id = "rfc1/1/here"', 'id = "rfc1/B.1/here"', "line 7: rfc1/B.1/here: the quote is not in that section"),
        ('id = "rfc1/1/here"', 'id = "rfc1/9/here"', "line 7: rfc1/9/here: the document has no section 9"),
        ('here."\nlines = [7]', 'here."\nlines = [11]', "line 11: rfc1/1/here: the quote is at line 7"),
    ],
)
def test_text_findings(tmp_path: Path, old: str, new: str, finding: str) -> None:
    assert old in CATALOGUE
    file, _ = lay_out(tmp_path, CATALOGUE.replace(old, new, 1))
    _, entries = read_file(file)
    assert finding in [str(found) for found in check_text(entries, RfcText(TEXT))]


def test_two_demands_on_a_line_need_two_entries(tmp_path: Path) -> None:
    text = TEXT.replace("and MAY be slow", "and MUST be quick")
    file, _ = lay_out(tmp_path, CATALOGUE, text)
    assert [str(found) for found in audit(file)] == ["line 11: MUST (2 times): in section 2.1 is covered by 1 entry"]


def test_changed_text_is_noticed(tmp_path: Path) -> None:
    file, rfc = lay_out(tmp_path)
    rfc.write_text(TEXT.replace("be slow", "be late, and MUST not"), encoding="utf-8")
    reasons = {found.reason for found in audit(file, rfc)}
    assert "is not the text that the index was made from (SHA-256)" in reasons
    assert "does not have the keywords of this text" in reasons


def test_index_survives_writing_and_reading(tmp_path: Path) -> None:
    index = make_index("rfc1", TEXT.encode())
    file = tmp_path / "rfc1.keywords.json"
    file.write_text(dump_index(index), encoding="utf-8")
    assert load_index(file) == index


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "x"}', '{"format": "ikeproof-keywords/1", "keywords": [[1]]}']
)
def test_broken_index_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rfc1.keywords.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RequirementError, match=r"^rfc1\.keywords\.json: "):
        load_index(file)


def test_missing_index_is_named(tmp_path: Path) -> None:
    file, _ = lay_out(tmp_path)
    index_path(file).unlink()
    with pytest.raises(RequirementError, match=r"^rfc1\.keywords\.json: cannot be read"):
        audit(file)


def test_audit_command_on_the_committed_catalogues() -> None:
    result = CliRunner().invoke(main, ["audit"])
    assert result.exit_code == 0, result.output
    assert "rfc7296.toml: no findings" in result.output


def test_audit_command_with_the_wrong_text(tmp_path: Path) -> None:
    wrong = tmp_path / "rfc7383.txt"
    wrong.write_text(TEXT, encoding="utf-8")
    result = CliRunner().invoke(main, ["audit", "--rfc", str(wrong)])
    assert result.exit_code == 1
    assert "is not the text that the index was made from" in result.output


def test_audit_command_tells_no_rfc(tmp_path: Path) -> None:
    nameless = tmp_path / "notes.txt"
    nameless.write_text("nothing", encoding="utf-8")
    result = CliRunner().invoke(main, ["audit", "--rfc", str(nameless)])
    assert result.exit_code == 2
    assert "cannot tell which RFC this is" in result.output
