"""The gateway process: sockets, clock, configuration file, control socket and data plane around the engines."""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """Run a gateway with these command line arguments (default: the process's own); the exit code."""
    from .cli import main as run

    return run(argv)
