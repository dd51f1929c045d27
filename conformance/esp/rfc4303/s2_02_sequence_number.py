"""RFC 4303 sections 2.2 and 3.3.3: the sequence numbers that the device sends."""

from __future__ import annotations

from conformance.esp.esn import esn_child
from conformance.tester import Tester, covers
from conformance.tester.child import ChildSa


def sequences(child: ChildSa, count: int) -> list[int]:
    """Full sequence numbers of `count` packets that the device sends in answer to pings."""
    for number in range(count):
        child.expect_ping(bytes([number]))
    return [item.sequence for item in child.packets]


@covers(
    "rfc4303/2.2/first-is-one",
    "rfc4303/3.3.3/counter-starts-at-zero",
    needs=("data_plane",),
    mutants=["first-sequence-zero", "first-sequence-random"],
)
def test_first_sequence_number_is_one(tester: Tester) -> None:
    """The first packet on an SA has the sequence number 1."""
    numbers = sequences(tester.establish().child, 1)
    tester.check(numbers[0] == 1, "sequence number 1", f"sequence number {numbers[0]}")


@covers("rfc4303/2.2/sender-increments", needs=("data_plane",), mutants=["sequence-stands-still", "sequence-by-two"])
def test_sequence_number_counts_packets(tester: Tester) -> None:
    """Each packet on an SA has the sequence number of the one before it plus one."""
    numbers = sequences(tester.establish().child, 5)
    expected = list(range(numbers[0], numbers[0] + len(numbers)))
    tester.check(numbers == expected, f"{expected}", f"{numbers}")


@covers("rfc4303/3.3.3/counter-starts-at-zero", needs=("data_plane",), mutants=["shared-sequence-counter"])
def test_new_sa_starts_at_one(tester: Tester) -> None:
    """The counter of the SA that replaces another starts anew."""
    sa = tester.establish()
    sequences(sa.child, 3)
    numbers = sequences(sa.rekey_child(sa.child), 1)
    tester.check(numbers[0] == 1, "sequence number 1 on the new SA", f"sequence number {numbers[0]}")


@covers("rfc4303/2.2/sender-increments", needs=("data_plane",), mutants=["shared-sequence-counter"])
def test_each_sa_counts_by_itself(tester: Tester) -> None:
    """Two SAs with the same peer have counters of their own."""
    sa = tester.establish()
    first = sa.child
    sequences(first, 2)
    second = sa.create_child()
    second.expect_ping()
    # Which of two equal SAs the device sends on is its own choice.
    used = [*first.packets, *second.packets]
    for child in (first, second):
        numbers = [item.sequence for item in used if item.child is child]
        expected = list(range(1, len(numbers) + 1))
        tester.check(numbers == expected, f"{expected} on SPI {child.spi_in.hex()}", f"{numbers}")


@covers(
    "rfc4303/2.2.1/esn-low-bits-transmitted",
    "rfc4303/3.3.3/esn-low-bits-in-field",
    needs=("data_plane", "esn"),
    mutants=["esn-not-in-icv"],
)
def test_extended_sequence_number_sent(tester: Tester) -> None:
    """With ESN the device's packets carry the low 32 bits, and the high ones enter the ICV only."""
    child = esn_child(tester)
    numbers = sequences(child, 2)
    tester.check(numbers == [1, 2], "sequence numbers 1, 2", f"{numbers}")
