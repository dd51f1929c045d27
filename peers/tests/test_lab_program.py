"""A program in an idle container: lines both ways, and what is said when it ends or is silent."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from peers import Lab, PeerError
from peers.program import Program

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def container(lab: Lab) -> str:
    return str(lab.idle("strongswan-vectors", "program").id)


def test_lines_of_any_length_both_ways(lab: Lab, container: str) -> None:
    program = Program(lab.client, container, ["cat"])
    for line in ("one", "", "x" * 300_000, "größer"):
        program.send(f"{line}\n")
        assert program.line() == line
    program.close()


def test_its_container_has_no_network_and_no_writable_disk(lab: Lab, container: str) -> None:
    program = Program(lab.client, container, ["sh", "-c", "ls /sys/class/net; touch /tmp/x || echo no"])
    assert [program.line(), program.line()] == ["lo", "no"]


def test_its_end_is_told_with_its_last_words(lab: Lab, container: str) -> None:
    program = Program(lab.client, container, ["sh", "-c", "echo first; echo cannot do it >&2; exit 3"])
    assert program.line() == "first"
    with pytest.raises(PeerError, match=r"^sh ended \(exit status 3\): cannot do it$"):
        program.line()


def test_silence_is_an_error_after_the_timeout(lab: Lab, container: str) -> None:
    program = Program(lab.client, container, ["sleep", "30"], timeout=0.3)
    started = time.monotonic()
    with pytest.raises(PeerError, match=r"^sleep did not answer within 0\.3 s$"):
        program.line()
    assert time.monotonic() - started < 2


def test_a_program_that_is_not_there(lab: Lab, container: str) -> None:
    program = Program(lab.client, container, ["/no/such"])
    assert "/no/such" in program.line()  # Docker's own words
    with pytest.raises(PeerError, match=r"^such ended \(exit status 12[67]\)"):
        program.line()
