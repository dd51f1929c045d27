"""RFC 4303 section 2.6: next header and dummy packets."""

from __future__ import annotations

import pytest

from conformance.tester import Tester, covers
from reference_impl.wire.registries import IpProtocol


@covers(
    "rfc4303/2.6/dummy-discarded",
    "rfc4303/3.4.4.1/next-header-59-discarded",
    needs=("data_plane",),
    mutants=["answers-dummy-packets"],
)
def test_dummy_packet_discarded(tester: Tester) -> None:
    """A dummy packet, next header 59, is discarded without any reaction."""
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(next_header=IpProtocol.IPV6_NO_NEXT, note="a ping in a dummy packet"))


@covers(
    "rfc4303/2.6/dummy-discarded",
    "rfc4303/2.6/dummy-has-all-fields",
    needs=("data_plane",),
    mutants=["dummy-packets-kill-sa"],
)
@pytest.mark.parametrize("size", [0, 1, 64, 1200])
def test_dummy_payload_need_not_be_well_formed(tester: Tester, size: int) -> None:
    """Dummy packets of any size and contents are discarded, and the SA goes on."""
    child = tester.establish().child
    child.send_dummy(size)
    child.expect_ping()


@covers("rfc4303/2.6/dummy-discarded", needs=("data_plane",), mutants=["dummy-not-counted"])
def test_dummy_packet_counts_for_replay(tester: Tester) -> None:
    """A dummy packet uses up its sequence number: another packet with that number is a replay."""
    child = tester.establish().child
    child.expect_ping(seq=10)
    child.send_dummy(seq=11)
    child.sequence = 20
    child.expect_dropped(lambda: child.send_ping(seq=11), "rfc4303/3.4.3/duplicates-rejected")


@covers("rfc4303/2.6/next-header-names-payload", needs=("data_plane", "tunnel"), mutants=["wrong-next-header"])
def test_next_header_of_tunnel_packet(tester: Tester) -> None:
    """In tunnel mode the device's packets say 4 for an IPv4 packet inside."""
    child = tester.establish().child
    child.expect_ping()
    item = child.packets[-1]
    version = (item.inner or b"\0")[0] >> 4
    expected = {4: IpProtocol.IPV4, 6: IpProtocol.IPV6}.get(version)
    tester.check(item.next_header == expected, f"next header {expected}", f"next header {item.next_header}")


@covers("rfc4303/5/architecture-requirements", needs=("data_plane", "tunnel"), mutants=["any-next-header-in-tunnel"])
@pytest.mark.parametrize("value", [IpProtocol.TCP, 255], ids=["tcp", "255"])
def test_wrong_next_header_discarded(tester: Tester, value: int) -> None:
    """In tunnel mode a packet whose next header is not IP is not passed on as the IP packet that is inside.

    IPv6 in front of an IPv4 packet is not tried: nothing asks a receiver to compare it with the version inside.
    """
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(next_header=value))
