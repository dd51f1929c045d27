"""The catalogues themselves: schema, full coverage of every keyword, and the style of the entries."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from conformance.requirements import load
from conformance.requirements.audit import audit, check_coverage, index_path, load_index
from conformance.requirements.catalogue import DIRECTORY, read_file

CATALOGUES = sorted(DIRECTORY.glob("*.toml"))
BY_NAME = pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: str(file.stem))


@BY_NAME
def test_schema(file: Path) -> None:
    schema = json.loads((DIRECTORY / "requirements.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    errors = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(data)]
    assert errors == []


@BY_NAME
def test_every_keyword_is_covered(file: Path) -> None:
    assert audit(file) == []


@BY_NAME
def test_leaving_out_an_entry_is_found(file: Path) -> None:
    """Coverage is tight: most entries of a MUST stand alone for their keyword."""
    document, entries = read_file(file)
    keywords = load_index(index_path(file)).keywords
    musts = [entry for entry in entries if entry.strength == "must"]
    needed = [
        entry
        for entry in musts
        if check_coverage(document, [other for other in entries if other is not entry], keywords)
    ]
    assert len(needed) > 0.8 * len(musts)


def test_the_three_documents_are_there() -> None:
    counts = Counter(entry.rfc for entry in load())
    assert set(counts) >= {"rfc7296", "rfc7383", "rfc4303"}
    assert load().documents["rfc4303"].title == "IP Encapsulating Security Payload (ESP)"


def test_every_entry_has_a_readable_id_and_sentence() -> None:
    for entry in load():
        assert len(entry.slug.split("-")) <= 5, entry.id
        assert entry.text.endswith("."), entry.id
        assert entry.text[0].isupper() or entry.text.startswith(("g^ir", "prf+")), entry.id
        assert entry.text != entry.quote, entry.id
        assert (entry.observable == "internal") == bool(entry.why), entry.id
        if entry.level != "STATEMENT":
            assert entry.level.split()[0] in entry.quote, entry.id


@pytest.mark.parametrize(
    ("identifier", "level", "line"),
    [
        ("rfc7296/2.1/response-only-on-request", "MUST", 1337),
        ("rfc7296/2.7/responder-picks-one", "MUST", 1974),
        ("rfc7296/2.6/cookie-retry", "MUST", 1804),
        ("rfc7383/2.6/bad-icv-discarded", "MUST", 653),
        ("rfc4303/3.4.3/window-64-by-default", "SHOULD", 1620),
        ("rfc4303/2/protocol-50", "SHALL", 237),
    ],
)
def test_known_requirements_keep_their_ids(identifier: str, level: str, line: int) -> None:
    entry = load()[identifier]
    assert (entry.level, entry.lines) == (level, (line,))
