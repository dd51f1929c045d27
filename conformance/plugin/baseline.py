"""Comparison with an accepted result: what changed is news, what stayed is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class BaselineError(ValueError):
    """The baseline file cannot be used; the text says why."""


def load(path: Path) -> dict[str, str]:
    """Test id to outcome, from a results.json. Raises BaselineError."""
    from reports import ResultsError
    from reports.loader import load as checked

    try:
        checked(path)
        return outcomes(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror}; --baseline takes the results.json of an accepted run") from None
    except ResultsError as error:
        raise BaselineError(f"{error}; --baseline takes the results.json of an accepted run") from None


def outcomes(results: Mapping[str, Any]) -> dict[str, str]:
    """Test id to what came out: the verdict, with a fail also the requirement."""
    return {
        test["id"]: f"fail ({test['deviation']}, {test['requirement']})"
        if test["verdict"] == "fail"
        else test["verdict"]
        for test in results["tests"]
    }


def differences(old: Mapping[str, str], new: Mapping[str, str], *, partial: bool) -> list[str]:
    """One line per test whose outcome is not the accepted one; with `partial`, tests that were not run do not count."""
    lines = []
    for identifier in sorted({*old, *new}):
        before, after = old.get(identifier), new.get(identifier)
        if before == after or (after is None and partial):
            continue
        lines.append(f"{identifier}: {before or 'not there'} -> {after or 'not run'}")
    return lines
