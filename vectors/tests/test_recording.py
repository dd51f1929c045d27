"""The recorder without a lab: of a transcript's messages and our random numbers it makes the same transcript."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vectors.deterministic_keys import pss_encode
from vectors.recording import authentication, layout
from vectors.recording.document import Document
from vectors.recording.draws import Draws
from vectors.recording.observer import Observer, Seen
from vectors.recording.recipe import halves
from vectors.recording.recipes import RECIPES
from vectors.transcripts import model
from vectors.transcripts.expressions import evaluate

NAMES = {recipe.name: recipe for recipe in RECIPES}
FILES = {path.stem: path for path in model.files()}


def _observed(raw: dict[str, Any], names: dict[str, bytes]) -> Document:
    """What the observer makes of the recorded messages."""
    role = raw["engine"]["role"]
    draws = Draws(raw["transcript"], [evaluate(text, names) for text in raw["ends"][role].get("random", [])])
    credentials = {end: entry["credentials"] for end, entry in raw["ends"].items()}
    observer = Observer(role, draws, credentials)
    for value in raw["values"]:
        if any(f"@{value['name']}" in given.values() for given in credentials.values()):
            observer.document.value(value["name"], value["says"], bytes.fromhex(value["octets"]))
    for end, given in credentials.items():
        authentication.credentials(observer.document, end[0], given)
    for each in raw["messages"]:
        data = bytes.fromhex(each["bytes"])
        marker = bool(each.get("marker"))
        observer.see(Seen(each["from"], each["time"], data, marker, each["source"], each["destination"]))
    observer.document.place_values()
    return observer.document


@pytest.mark.parametrize("name", NAMES)
def test_the_observer_makes_the_same_transcript_of_its_messages(name: str) -> None:
    transcript = model.load(FILES[name])
    document = _observed(transcript.raw, transcript.names)
    assert document.values == transcript.raw["values"]
    assert document.messages == transcript.raw["messages"]
    assert document.cases == transcript.raw["cases"]


def test_every_recipe_has_a_file_and_every_file_a_recipe() -> None:
    assert len(NAMES) == len(RECIPES)
    recorded = {name for name in FILES if name.startswith("ikev2-") and not name.startswith("ikev2-eap")}
    assert recorded == set(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES)[::40])
def test_a_file_says_what_its_recipe_says(name: str) -> None:
    recipe, raw = NAMES[name], model.load(FILES[name]).raw
    assert (raw["family"], raw["proves"], raw["source"]["document"]) == (recipe.family, recipe.proves, recipe.document)
    assert (raw["engine"]["role"], raw["confirmed"]["role"]) == (recipe.ours, recipe.theirs)
    assert raw["engine"]["ike"] == list(recipe.ike)
    assert recipe.peer.split("-")[0] == raw["confirmed"]["by"].split()[0].lower()


def test_the_layout_changes_nothing_but_spaces() -> None:
    raw = model.load(FILES["ikev2-cookie-initiator"]).raw
    assert json.loads(layout.text(raw)) == raw
    assert layout.text(raw) == FILES["ikev2-cookie-initiator"].read_text(encoding="utf-8")


def test_draws_follow_from_the_name() -> None:
    first, again, other = Draws("a"), Draws("a"), Draws("b")
    assert [first(8), first(8)] == [again(8), again(8)]
    assert first.log[0] != first.log[1]
    assert other(8) not in first.log


def test_a_document_refuses_two_values_of_one_name() -> None:
    document = Document()
    assert document.value("Ni", "nonce", b"12345678") == document.value("Ni", "nonce", b"12345678") == "@Ni"
    with pytest.raises(ValueError, match="two different values are called Ni"):
        document.value("Ni", "nonce", b"87654321")
    assert document.expression(b"\0" + b"12345678" + b"\1") == "00 + @Ni + 01"


def test_halves() -> None:
    assert halves(["10.1.0.0/24"]) == ["10.1.0.0/25"]


def test_pss_encoding_has_its_form() -> None:
    encoded = pss_encode(b"message", "sha256", bytes(32), 2047)
    assert (len(encoded), encoded[0] & 0x80, encoded[-1]) == (256, 0, 0xBC)
