"""The one error that reading and reporting raise for bad input."""

from __future__ import annotations

from pathlib import Path


class ResultsError(ValueError):
    """A results file that cannot be used: which file, where in it (JSON path, `$` is the whole), and why."""

    def __init__(self, file: Path, where: str, reason: str) -> None:
        self.file = file
        self.where = where
        self.reason = reason
        super().__init__(f"{file}: {where}: {reason}")
