"""RFC 4303 section 3.4.3: sequence number verification."""

from __future__ import annotations

from conformance.esp.esn import esn_child
from conformance.tester import ChildSa, Tester, covers


def with_window_at(tester: Tester, top: int) -> ChildSa:
    """A Child SA on which the device has accepted the sequence number `top`; the next one is far enough above."""
    child = tester.establish().child
    child.expect_ping(seq=top)
    child.sequence = top
    return child


def to_the_end(child: ChildSa, number: int) -> None:
    """Take the window to `number`, just below 2^32, in two steps.

    On a fresh window the low-order bits of such a number stand for one before the first (Appendix A2.2, case B).
    """
    child.expect_ping(seq=1 << 31)
    child.expect_ping(seq=number)


@covers("rfc4303/3.4.3/duplicates-rejected", needs=("data_plane",), mutants=["no-replay-check"])
def test_duplicate_discarded(tester: Tester) -> None:
    """A packet that comes a second time is discarded."""
    child = tester.establish().child
    packet, echo = child.echo_packet(b"once")
    sealed = child.seal(packet)
    child.send_sealed(sealed, inner=packet)
    child.expect_ping()
    tester.check(child.answered(echo) == 1, "one reply to the first copy", f"{child.answered(echo)} replies")
    child.expect_dropped(lambda: child.send_sealed(sealed, note="replay", inner=packet))
    tester.check(child.answered(echo) == 1, "no reply to the replay", f"{child.answered(echo)} replies")


@covers("rfc4303/3.4.3/duplicates-rejected", needs=("data_plane",), mutants=["no-replay-check"])
def test_used_number_with_other_content_discarded(tester: Tester) -> None:
    """A new packet under a sequence number that was used before is discarded, though its ICV is right."""
    child = with_window_at(tester, 50)
    child.expect_dropped(lambda: child.send_ping(seq=50))


@covers("rfc4303/3.4.3/left-of-window-rejected", needs=("data_plane",), mutants=["accepts-left-of-window"])
def test_left_of_window_discarded(tester: Tester) -> None:
    """A packet far left of the window is discarded, though its number was never used."""
    child = with_window_at(tester, 100_000)
    child.expect_dropped(lambda: child.send_ping(seq=5))


@covers(
    "rfc4303/3.4.3/in-window-checked",
    "rfc4303/3.2.1/out-of-order-decryption",
    needs=("data_plane",),
    mutants=["strictly-increasing-sequence"],
)
def test_out_of_order_accepted(tester: Tester) -> None:
    """Packets that overtook one another within the window are all accepted."""
    child = with_window_at(tester, 100)
    for number in (99, 97, 98, 90):
        child.expect_ping(seq=number)


@covers("rfc4303/3.4.3/window-at-least-32", needs=("data_plane",), mutants=["window-of-eight"])
def test_window_of_32(tester: Tester) -> None:
    """The oldest packet of a window of 32 is accepted."""
    child = with_window_at(tester, 1000)
    child.expect_ping(seq=1000 - 31)


@covers("rfc4303/3.4.3/window-64-by-default", needs=("data_plane",), mutants=["window-of-32"])
def test_window_of_64(tester: Tester) -> None:
    """The oldest packet of a window of 64, the default that the RFC wants, is accepted."""
    child = with_window_at(tester, 1000)
    child.expect_ping(seq=1000 - 63)


@covers("rfc4303/3.4.3/duplicates-rejected", needs=("data_plane",), mutants=["forgets-window-when-it-slides"])
def test_replay_after_window_slid(tester: Tester) -> None:
    """A number that was used stays used when the window moves on over it."""
    child = with_window_at(tester, 200)
    child.expect_ping(seq=190)
    child.expect_ping(seq=215)
    child.sequence = 215
    child.expect_dropped(lambda: child.send_ping(seq=190))
    child.expect_dropped(lambda: child.send_ping(seq=200))


@covers("rfc4303/3.4.3/right-edge-is-highest-validated", needs=("data_plane",), mutants=["refuses-large-gap"])
def test_gap_in_sequence_accepted(tester: Tester) -> None:
    """A sequence number far right of the window is accepted: the packets between may be lost."""
    child = with_window_at(tester, 10)
    child.expect_ping(seq=1_000_000)
    child.sequence = 1_000_000
    child.expect_dropped(lambda: child.send_ping(seq=11), "rfc4303/3.4.3/left-of-window-rejected")


@covers(
    "rfc4303/3.4.3/window-moves-after-integrity",
    "rfc4303/3.4.3/preliminary-check-changes-nothing",
    needs=("data_plane",),
    mutants=["window-before-icv"],
)
def test_forged_number_does_not_move_window(tester: Tester) -> None:
    """A packet with a wrong ICV and a high sequence number does not move the window."""
    child = with_window_at(tester, 100)
    child.expect_dropped(lambda: child.send_ping(seq=1_000_000, icv_flip=True))
    child.expect_ping(seq=120)


@covers("rfc4303/3.4.3/preliminary-check-changes-nothing", needs=("data_plane",), mutants=["window-before-icv"])
def test_forged_packet_does_not_use_up_number(tester: Tester) -> None:
    """A packet with a wrong ICV does not use up its sequence number."""
    child = with_window_at(tester, 100)
    child.expect_dropped(lambda: child.send_ping(seq=95, icv_flip=True))
    child.expect_ping(seq=95)


@covers(
    "rfc4303/2.2/first-is-one",
    "rfc4303/3.4.3/counter-starts-at-zero",
    needs=("data_plane",),
    mutants=["accepts-sequence-zero"],
)
def test_sequence_zero_discarded(tester: Tester) -> None:
    """The sequence number 0 is never sent on an SA with 32-bit numbers, so a packet with it is discarded."""
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(seq=0))


@covers(
    "rfc4303/3.4.3/esn-high-bits-inferred",
    "rfc4303/A2.2/seqh-case-a",
    needs=("data_plane", "esn"),
    mutants=["esn-high-bits-stay-zero"],
)
def test_extended_number_carries_over(tester: Tester) -> None:
    """With ESN the receiver counts on into the high-order bits when the low ones start again."""
    child = esn_child(tester)
    to_the_end(child, 0xFFFFFFFE)
    child.expect_ping(seq=0x1_0000_0001)
    child.expect_ping(seq=0x1_0000_0000)


@covers(
    "rfc4303/3.4.3/esn-high-bits-inferred",
    "rfc4303/A2.2/seqh-case-b",
    needs=("data_plane", "esn"),
    mutants=["esn-window-forgets-old-subspace"],
)
def test_window_across_subspaces(tester: Tester) -> None:
    """With ESN a packet of the old subspace that is still in the window is accepted after the carry, and once only."""
    child = esn_child(tester)
    to_the_end(child, 0xFFFFFFF8)
    child.expect_ping(seq=0x1_0000_0003)
    child.expect_ping(seq=0xFFFFFFFA)
    child.sequence = 0x1_0000_0010
    child.expect_dropped(lambda: child.send_ping(seq=0xFFFFFFFA), "rfc4303/3.4.3/duplicates-rejected")
