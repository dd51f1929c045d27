"""Expressions: how a transcript names octets that stand elsewhere in it, so that nothing stands twice.

``@Ni``, ``@message-3.bytes[28:32]``, ``4b6579 + @psk``: terms joined by " + ", each hexadecimal or a reference with an
optional slice, whose ends count octets as Python's do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TERM = re.compile(
    r"@(?P<name>[A-Za-z][A-Za-z0-9_.'-]*)(?:\[(?P<start>-?\d{1,9})?:(?P<end>-?\d{1,9})?\])?|(?P<hex>(?:[0-9a-f]{2})*)"
)
SEPARATOR = " + "


class ExpressionError(ValueError):
    """An expression that cannot be read; the message says why."""


def references(text: str) -> set[str]:
    """The names that an expression refers to. Raises ExpressionError."""
    return {match["name"] for match in _terms(text) if match["name"]}


def evaluate(text: str, names: Mapping[str, bytes]) -> bytes:
    """The octets of an expression. Raises ExpressionError."""
    octets = b""
    for match in _terms(text):
        if not match["name"]:
            octets += bytes.fromhex(match["hex"])
            continue
        try:
            value = names[match["name"]]
        except KeyError:
            raise ExpressionError(f"there is no @{match['name']}") from None
        start, end = (None if match[part] is None else int(match[part]) for part in ("start", "end"))
        octets += value[start:end]
    return octets


def _terms(text: str) -> list[re.Match[str]]:
    terms = []
    for part in text.split(SEPARATOR):
        match = _TERM.fullmatch(part)
        if match is None:
            raise ExpressionError(f"neither hexadecimal nor a reference: {part[:60]!r}")
        terms.append(match)
    return terms
