"""RFC 4303 section 3.2: the algorithms that the device claims, each in use."""

from __future__ import annotations

from conformance.tester import Deviation, Tester, covers


@covers(
    "rfc4303/5/unicast-syntax-and-processing",
    "rfc4303/1/both-services-supported",
    needs=("data_plane",),
    mutants=["sha256-icv-of-96-bits"],
)
def test_every_claimed_suite_carries_traffic(tester: Tester) -> None:
    """Each ESP suite that the profile claims can be negotiated alone, and carries an echo through the tunnel."""
    sa = tester.establish()
    failed = []
    for suite in tester.profile.child:
        exchange = sa.try_child(offer=[suite])
        if exchange.child is None:
            failed.append(f"{suite}: {exchange.problem}")
        elif not exchange.child.ping():
            failed.append(f"{suite}: no echo reply")
    if failed:
        raise Deviation("every claimed suite works", "; ".join(failed), tester.requirement)


@covers(
    "rfc4303/3.3.4/tunnel-carries-fragments",
    "rfc4303/5/unicast-syntax-and-processing",
    needs=("data_plane",),
    mutants=["drops-large-packets"],
)
def test_packet_sizes(tester: Tester) -> None:
    """Packets of many sizes, up to a full Ethernet frame's worth, come through both ways."""
    child = tester.establish().child
    for size in (0, 1, 15, 16, 17, 255, 256, 1000, 1300):
        child.expect_ping(bytes(size))
