"""From results files to pages: `index.html`, `matrix.html` and `junit.xml`.

Reads files of the form `schema/results.schema.json` from any machine, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports import html, junit, matrix
from reports.errors import ResultsError
from reports.loader import load
from reports.merge import merge
from reports.page import write

__all__ = ["ResultsError", "build", "load"]


def build(results: Path | Sequence[Path], out: Path) -> None:
    """Makes the reports of one or several results files in the directory `out`, which is made when missing.

    Files of one device (shards, repeated runs) become one report of it; several devices stand side by side.
    `matrix.html` is there when there are several devices or interop scenarios.

    Raises:
        ResultsError: a results file cannot be used; nothing was written.
        OSError: `out` cannot be written.
    """
    files = [results] if isinstance(results, Path) else list(results)
    if not files:
        raise ValueError("no results file was given")
    devices = merge([load(file) for file in files])
    grid = matrix.wanted(devices)
    pages = {"index.html": html.render(devices, out, grid), "junit.xml": junit.render(devices)}
    if grid:
        pages["matrix.html"] = matrix.render(devices)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in pages.items():
        write(out / name, content)
    if not grid:
        (out / "matrix.html").unlink(missing_ok=True)
