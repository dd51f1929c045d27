"""`python -m reports RESULTS… -o OUT`: makes the reports of results files from any machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from reports import build
from reports.errors import ResultsError
from reports.text import size


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: written. 2: a file cannot be read or written; the reason is on standard error."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS", help="results.json of a run")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="directory for the pages")
    chosen = parser.parse_args(arguments)
    try:
        build(chosen.results, chosen.out)
    except ResultsError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or chosen.out}: {error.strerror or error}")
    console = Console(highlight=False)
    for name in ("index.html", "matrix.html", "junit.xml"):
        file = chosen.out / name
        if file.is_file():
            console.print(Text(f"{file}  {size(file.stat().st_size)}"), soft_wrap=True)
    return 0


def _refuse(reason: str) -> int:
    Console(stderr=True, highlight=False).print(Text(f"reports: {reason}"), soft_wrap=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
