"""The registry of named misbehaviours, and what its entries are made of."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from conformance.tester.draft import Draft, Edit
from reference_impl.wire.base import Payload
from reference_impl.wire.registries import (
    PayloadType,
)

Which: TypeAlias = "type[Payload] | str | int"


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """An entry of the vocabulary: `make(*parameters)` is the Edit; `layer` groups the table."""

    name: str
    layer: str
    doc: str
    make: Callable[..., Edit]
    parameters: tuple[str, ...]


VOCABULARY: dict[str, Misbehaviour] = {}


def entry(layer: str) -> Callable[[Callable[..., None]], Callable[..., Edit]]:
    """Register `function(draft, *parameters)`; calling the result with parameters gives the Edit."""

    def register(function: Callable[..., None]) -> Callable[..., Edit]:
        name = function.__name__.strip("_").replace("_", "-")
        doc = (function.__doc__ or "").strip().split("\n\n")[0]

        @functools.wraps(function)
        def make(*parameters: Any, **keywords: Any) -> Edit:
            words = [_word(item) for item in (*parameters, *keywords.values())]
            label = f"{name}({', '.join(words)})" if words else name
            return Edit(label, lambda draft: function(draft, *parameters, **keywords))

        parameters = tuple(
            str(item).split(":")[0] for item in list(inspect.signature(function).parameters.values())[1:]
        )
        VOCABULARY[name] = Misbehaviour(name, layer, doc, make, parameters)
        return make

    return register


def named(name: str, *parameters: Any) -> Edit:
    """The misbehaviour of this name; `name:PAYLOAD` gives its parameter. Raises ValueError for an unknown name."""
    key, _, parameter = name.partition(":")
    entry = VOCABULARY.get(key)
    if entry is None:
        raise ValueError(f"no misbehaviour is called {name!r}; see docs/writing-tests.md")
    return entry.make(*([parameter] if parameter else []), *parameters)


def table() -> list[tuple[str, str, str]]:
    """(name, layer, what it does) of the whole vocabulary."""
    return [(item.name, item.layer, " ".join(item.doc.split())) for item in VOCABULARY.values()]


def signature(item: Misbehaviour) -> str:
    """Its parameters in parentheses, or nothing."""
    return f"({', '.join(item.parameters)})" if item.parameters else ""


def _word(item: object) -> str:
    if isinstance(item, type):
        return item.__name__.removesuffix("Payload")
    if isinstance(item, bytes):
        return f"{len(item)} octets"
    return getattr(item, "name", None) or str(item)


_ALIASES = {"NI": "NONCE", "NR": "NONCE", "N": "NOTIFY", "D": "DELETE"}


def kind(which: Which) -> int:
    """The payload type number of a class, a name ("KE", "TSi", "Nonce") or a number."""
    if isinstance(which, str):
        upper = which.upper()
        return PayloadType[_ALIASES.get(upper, upper)]
    return which.TYPE if isinstance(which, type) else which


def each(draft: Draft, which: Which, change: Callable[[Any], Payload], *, first_only: bool = True) -> None:
    number, done = kind(which), False
    for position, payload in enumerate(draft.payloads):
        if payload.type_id == number and not (done and first_only):
            draft.payloads[position] = change(payload)
            done = True
    if not done:
        raise ValueError(f"the message has no payload of type {number} to change")
