"""`python -m benchmarks [NAME…] [--tolerance F]`: run the benchmark modules, print one line per ratio.

Exit code 1 when a ratio misses its target by more than the tolerance (1.0 = the target itself), 2 for wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from benchmarks.harness import Result


def modules() -> list[str]:
    """Names of the benchmark modules without their `bench_` prefix."""
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.removeprefix("bench_") for name in names if name.startswith("bench_"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(modules())} (default: all)")
    parser.add_argument("--tolerance", type=float, default=1.0, help="accept a miss by this factor")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(modules())
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))} (there are: {', '.join(modules())})")
    results: list[Result] = []
    for name in options.names or modules():
        results += importlib.import_module(f"benchmarks.bench_{name}").run()
    missed = [result for result in results if not result.within(options.tolerance)]
    for result in results:
        print(result)
    print(f"{len(results) - len(missed)} of {len(results)} ratios within their targets")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
