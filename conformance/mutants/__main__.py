"""`python -m conformance.mutants NAME --config gateway.toml`: the reference gateway, wrong in one way."""

from __future__ import annotations

import sys

from conformance.mutants.registry import MutantError, apply, load


def main() -> int:
    """Exit code of the gateway, or 2 for wrong use."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("--list", "--help", "-h"):
        for item in load().values():
            print(f"{item.name}  [{item.breaks}]  {item.text}")
        return 0
    try:
        apply(arguments[0])
    except MutantError as error:
        print(f"mutant: {error}", file=sys.stderr)
        return 2
    from reference_impl.gateway import main as gateway

    return gateway(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
