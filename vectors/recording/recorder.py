"""Recording: a recipe, our engine and a real peer make a transcript, or an error that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vectors.recording import authentication, credentials, layout
from vectors.recording.document import Document
from vectors.recording.draws import Draws
from vectors.recording.exchange import ExchangeError, OurEnd
from vectors.recording.foreign import ForeignEnd
from vectors.recording.observer import Observer
from vectors.recording.recipe import PSK, Recipe, halves
from vectors.transcripts import engine as engines
from vectors.transcripts import model

LICENCE = "MIT"
OURS = "ikeproof reference implementation"


def record(recipe: Recipe, ours: OurEnd, foreign: ForeignEnd, folder: Path) -> Path:
    """Make one transcript and write its file. Raises ExchangeError."""
    draws = Draws(recipe.name)
    observer = Observer(recipe.ours, draws, {})
    ends = _ends(recipe, observer, ours, foreign)
    settings = _settings(recipe)
    foreign.configure(recipe, ours.address)
    try:
        engine = engines.make_engine(settings, ends, observer.document.names, draws)
        if recipe.options.get("half_open"):
            spare = engines.make_engine(settings, ends, observer.document.names, Draws(f"{recipe.name} half-open"))
            ours.begin(spare, recipe.ours)
            ours.leave_half_open()
        ours.begin(engine, recipe.ours)
        for step in recipe.steps:
            _step(step, recipe, ours, foreign)
        for seen in ours.seen:
            observer.see(seen)
        _check_outcome(recipe, observer, ours)
        text = _confirmation(recipe, observer, foreign)
    finally:
        foreign.finish()
    settings["script"] = ours.script
    raw = _assemble(recipe, observer, foreign, ends, settings, text)
    path = folder / f"{recipe.name}.json"
    transcript = model.unfold(path, raw)
    engines.replay(transcript)
    path.write_text(layout.text(raw), encoding="utf-8")
    return path


def _settings(recipe: Recipe) -> dict[str, Any]:
    return {
        "role": recipe.ours,
        "ike": list(recipe.ike),
        "esp": list(recipe.esp),
        "local_ts": recipe.networks(recipe.ours),
        "remote_ts": recipe.networks(recipe.theirs),
        **recipe.engine,
    }


def _step(step: Any, recipe: Recipe, ours: OurEnd, foreign: ForeignEnd) -> None:
    if step == "initiate":
        who, name, arguments = ("ours" if recipe.ours == "initiator" else "peer"), "initiate", {}
    else:
        who, name, arguments = (*step, {})[:3]
    before, least = len(ours.seen), arguments.get("messages", 2)
    if who == "ours":
        if name == "create-child":
            arguments = {
                "local_ts": halves(recipe.networks(recipe.ours)),
                "remote_ts": halves(recipe.networks(recipe.theirs)),
            }
        ours.command({"command": name, **arguments})
    else:
        foreign.command(name, arguments)
    wanted = recipe.outcome == "established" and name == "initiate"
    ours.settle(foreign.quiet, ours.established if wanted else lambda: len(ours.seen) >= before + least)


def _ends(recipe: Recipe, observer: Observer, ours: OurEnd, foreign: ForeignEnd) -> dict[str, Any]:
    document = observer.document
    ends = {}
    for role in ("initiator", "responder"):
        mine, letter = role == recipe.ours, role[0]
        kind = recipe.kind(role)
        if kind == "psk":
            psk, other = PSK, recipe.options.get("psk", PSK)
            name = "psk" if psk == other else f"psk_{letter}"
            given = {"psk": document.value(name, "The pre-shared key", psk if mine else other)}
        else:
            certificate, key = credentials.load(role, kind)
            given = {
                "certificate": document.value(f"certificate_{letter}", f"The {role}'s certificate", certificate),
                "private_key": document.value(f"private_key_{letter}", f"The {role}'s private key, PKCS #8", key),
                "trust_anchor": document.value("CA", "The CA's certificate", credentials.authority()),
            }
        ends[role] = {
            "implementation": OURS if mine else foreign.by,
            "identity": recipe.identity(role),
            "address": ours.address if mine else foreign.address,
            "credentials": given,
        }
        observer.credentials[role] = given
    for role, given in observer.credentials.items():
        authentication.credentials(document, role[0], given)
    return ends


def _forget_unused_psk(document: Document, ends: dict[str, Any]) -> None:
    """A key that no message depends on, because there was no IKE_AUTH, is not a part of the transcript."""
    if "psk" in document.names and not any("@psk" in case["inputs"].values() for case in document.cases):
        document.values = [value for value in document.values if value["name"] != "psk"]
        del document.names["psk"]
        for end in ends.values():
            end["credentials"] = {}


def _check_outcome(recipe: Recipe, observer: Observer, ours: OurEnd) -> None:
    if recipe.outcome == "established" and not ours.established():
        raise ExchangeError(f"no IKE SA with a Child SA: {ours.rejected()}")
    summaries = " ".join(message["summary"] for message in observer.document.messages)
    further = {message["exchange"] for message in observer.document.messages} - {"IKE_SA_INIT", "IKE_AUTH"}
    if recipe.outcome == "established" and recipe.steps == ("initiate",) and further:
        raise ExchangeError(f"more came than was asked for: {summaries}")
    wanted = list(recipe.shows)
    if recipe.outcome != "established":
        wanted.append(f"N({recipe.outcome})")
    for text in wanted:
        if text not in summaries:
            raise ExchangeError(f"no {text} in {summaries}")


def _confirmation(recipe: Recipe, observer: Observer, foreign: ForeignEnd) -> str:
    """What the foreign end confirms. Raises ExchangeError if it has other values than we have."""
    text = f"{foreign.by} was the {recipe.theirs}; {recipe.outcome} came as given here."
    if recipe.outcome == "established":
        text = f"{foreign.by} was the {recipe.theirs} and completed the exchanges with the messages given here."
    known = [name for name in observer.secrets if foreign.logs_value(name)]
    missing = [name for name in known if not foreign.has(observer.document.names[name])]
    if missing:
        raise ExchangeError(f"{foreign.by} logged other values than {', '.join(missing)}")
    return f"{text} {foreign.says} the same {', '.join(known)}." if known else text


def _assemble(
    recipe: Recipe,
    observer: Observer,
    foreign: ForeignEnd,
    ends: dict[str, Any],
    settings: dict[str, Any],
    text: str,
) -> dict[str, Any]:
    document = observer.document
    _forget_unused_psk(document, ends)
    ends[recipe.ours]["random"] = observer.draws.expressions(document)
    document.place_values()
    return {
        "schema": "ikeproof-transcripts/1",
        "transcript": recipe.name,
        "protocol": "ikev2",
        "family": recipe.family,
        "proves": recipe.proves,
        "source": {"document": recipe.document, "licence": LICENCE},
        "confirmed": {"by": foreign.by, "role": recipe.theirs, "how": "live", "text": text},
        "ends": ends,
        "values": document.values,
        "messages": document.messages,
        "cases": document.cases,
        "engine": settings,
    }
