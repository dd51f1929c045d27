"""The options of `pytest conformance`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

LEVELS = ("must", "should", "may")


def add(parser: pytest.Parser) -> None:
    """Register the option group."""
    group = parser.getgroup("ikeproof", "conformance of a device under test")
    group.addoption(
        "--dut",
        metavar="NAME|FILE",
        help="the device: reference (default), strongswan-5.9, strongswan-6.0, libreswan-5.2 (and variants, "
        "e.g. strongswan-6.0+cookies; `ikeproof peers` lists them), or a profile in TOML",
    )
    group.addoption(
        "--requirement",
        action="append",
        default=[],
        metavar="PREFIX",
        help="only tests with this id or requirement, e.g. rfc7296:2.7 or rfc7296/2.7/one-proposal (repeatable)",
    )
    group.addoption(
        "--level",
        action="append",
        default=[],
        choices=LEVELS,
        help="only tests that cover a requirement of this level (repeatable)",
    )
    group.addoption(
        "--role",
        action="append",
        default=[],
        choices=("initiator", "responder"),
        help="only tests with the device in this role (repeatable)",
    )
    group.addoption(
        "--needs",
        action="append",
        default=[],
        metavar="CLAIM",
        help="only tests that need this claim of the device's profile, e.g. cookies (repeatable)",
    )
    group.addoption(
        "--esp",
        choices=("udp", "raw"),
        help="how ESP travels, in place of the profile's tester.esp: in UDP, or as IP protocol 50 (needs CAP_NET_RAW)",
    )
    group.addoption("--list", action="store_true", dest="list_cases", help="list the selected tests, run none")
    group.addoption(
        "--baseline", type=Path, metavar="FILE", help="an accepted results.json: exit 0 when nothing changed against it"
    )
    group.addoption("--out", type=Path, metavar="DIR", help="where results and reports go (default: reports/out)")
    group.addoption(
        "--no-sanity", action="store_true", help="no sanity exchange before the first and after the last test"
    )
    group.addoption("--list-json", type=Path, metavar="FILE", help="with --list: write the list to a file, too")
    group.addoption("--mutant", metavar="NAME", help="run the tests that name this mutant against it")
    group.addoption("--all-tests", action="store_true", help="with --mutant: run all tests against it")
    group.addoption("--mutant-job", type=Path, metavar="FILE", help="used by `make mutants`")
    group.addoption("--no-report", action="store_true", help="results.json only, no HTML and JUnit reports")


def selects(config: pytest.Config) -> bool:
    """Whether the options or arguments leave tests out, so that nothing can be said about those."""
    option = config.option
    chosen = (option.requirement, option.level, option.role, option.needs)
    narrowed = option.mutant or option.keyword or option.markexpr or any(chosen)
    return bool(narrowed) or any("::" in arg or arg.endswith(".py") for arg in config.args)


def command() -> str:
    """The command line as typed."""
    name, *rest = sys.argv
    return shlex.join([Path(name).name if Path(name).name != "__main__.py" else "pytest", *rest])
