"""RFC 4303 section 2.4: padding."""

from __future__ import annotations

import os

from conformance.tester import Tester, covers


@covers(
    "rfc4303/2.4/default-padding-contents",
    "rfc4303/2.4/padding-starts-at-one",
    needs=("data_plane",),
    mutants=["pads-with-zeros"],
)
def test_padding_is_1_2_3(tester: Tester) -> None:
    """The device fills its padding with 1, 2, 3, …, whatever the length of the payload."""
    child = tester.establish().child
    for size in range(4):
        child.expect_ping(bytes(size))
        pad = child.packets[-1].pad
        tester.check(pad == bytes(range(1, len(pad) + 1)), "padding 01 02 03 …", f"padding {pad.hex(' ')}")


@covers(
    "rfc4303/2.4/trailer-right-aligned",
    "rfc4303/2.4/padding-fills-block",
    needs=("data_plane",),
    mutants=["unaligned-trailer"],
)
def test_trailer_aligned(tester: Tester) -> None:
    """Pad Length and Next Header end on a 4-octet boundary of the packet, and on a block of the cipher."""
    child = tester.establish().child
    for size in range(4):
        child.expect_ping(bytes(size))
        item = child.packets[-1]
        length = len(item.inner or b"") + len(item.pad) + 2
        unit = child.alignment
        tester.check(length % unit == 0, f"a multiple of {unit} octets", f"{length} octets of plaintext")


@covers(
    "rfc4303/2.4/up-to-255-bytes",
    "rfc4303/2.4/padding-supported",
    needs=("data_plane",),
    mutants=["refuses-long-padding"],
)
def test_long_padding_accepted(tester: Tester) -> None:
    """A packet with as much padding as Pad Length can say is accepted."""
    child = tester.establish().child
    packet, _ = child.echo_packet(b"ikeproof")
    room = 255 - (len(packet) + 255 + 2) % child.alignment
    child.expect_ping(pad=bytes(range(1, room + 1)))


@covers(
    "rfc4303/2.4/receiver-inspects-padding",
    "rfc4303/3.4.4.1/padding-inspected",
    needs=("data_plane",),
    mutants=["ignores-padding-contents"],
)
def test_wrong_padding_discarded(tester: Tester) -> None:
    """A packet whose padding is not 1, 2, 3, … is discarded: the receiver inspects the default padding."""
    child = tester.establish().child
    packet, _ = child.echo_packet(b"ikeproof")
    pad = os.urandom(-(len(packet) + 2) % child.alignment + child.alignment)
    child.expect_dropped(lambda: child.send_ping(pad=b"\xff" + pad[1:]))
