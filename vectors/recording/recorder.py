"""Recording: a recipe, our engine and a real peer make a transcript, or an error that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vectors.recording import credentials
from vectors.recording.draws import Draws
from vectors.recording.exchange import ExchangeError, OurEnd
from vectors.recording.foreign import ForeignEnd
from vectors.recording.observer import Observer
from vectors.recording.recipe import PSK, Recipe
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
        ours.begin(engine, recipe.ours)
        for step in recipe.steps:
            _step(step, recipe, ours, foreign)
        logged = foreign.secrets()
    finally:
        foreign.finish()
    settings["script"] = ours.script
    for seen in ours.seen:
        observer.see(seen)
    _check_outcome(recipe, observer, ours)
    raw = _assemble(recipe, observer, foreign, ends, settings, logged)
    path = folder / f"{recipe.name}.json"
    transcript = model.unfold(path, raw)
    engines.replay(transcript)
    path.write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
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
    before = len(ours.seen)
    if who == "ours":
        ours.command({"command": name, **arguments})
    else:
        foreign.command(name, arguments)
    wanted = recipe.outcome == "established" and name == "initiate"
    ours.settle(foreign.quiet, ours.established if wanted else lambda: len(ours.seen) >= before + 2)


def _ends(recipe: Recipe, observer: Observer, ours: OurEnd, foreign: ForeignEnd) -> dict[str, Any]:
    document = observer.document
    ends = {}
    for role in ("initiator", "responder"):
        mine, letter = role == recipe.ours, role[0]
        kind = recipe.kind(role)
        if kind == "psk":
            given = {"psk": document.value("psk", "The pre-shared key", PSK)}
        else:
            certificate, key = credentials.load(role, kind)
            given = {
                "certificate": document.value(f"certificate_{letter}", f"The {role}'s certificate", certificate),
                "private_key": document.value(f"private_key_{letter}", f"The {role}'s private key, PKCS #8", key),
                "trust_anchor": document.value("CA", "The CA's certificate", credentials.authority()),
            }
        ends[role] = {
            "implementation": OURS if mine else foreign.by,
            "identity": f"fqdn:{recipe.identity(role)}",
            "address": ours.address if mine else foreign.address,
            "credentials": given,
        }
        observer.credentials[role] = given
    return ends


def _check_outcome(recipe: Recipe, observer: Observer, ours: OurEnd) -> None:
    if recipe.outcome == "established":
        if not ours.established():
            raise ExchangeError(f"no IKE SA with a Child SA: {ours.rejected()}")
        return
    summaries = " ".join(message["summary"] for message in observer.document.messages)
    if f"N({recipe.outcome})" not in summaries:
        raise ExchangeError(f"no {recipe.outcome} in {summaries}")


def _assemble(
    recipe: Recipe,
    observer: Observer,
    foreign: ForeignEnd,
    ends: dict[str, Any],
    settings: dict[str, Any],
    logged: set[bytes],
) -> dict[str, Any]:
    document = observer.document
    ends[recipe.ours]["random"] = observer.draws.expressions(document)
    document.place_values()
    missing = [name for name in observer.secrets if document.names[name] not in logged]
    found = [name for name in observer.secrets if name not in missing]
    if logged and missing:
        raise ExchangeError(f"{foreign.by} logged other values than {', '.join(missing)}")
    text = f"{foreign.by} was the {recipe.theirs} and took every message of ours."
    if found:
        text += f" Its log has the same {', '.join(found)}."
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
