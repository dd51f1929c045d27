"""RFC 4303 section 3.4.4: integrity check value verification, and what follows it."""

from __future__ import annotations

import ipaddress

import pytest

from conformance.esp.esn import esn_child
from conformance.tester import Inconclusive, Tester, covers


def elsewhere(tester: Tester) -> str:
    """The half of the device's protected network that does not hold the address that answers ping."""
    traffic = tester.profile.traffic
    if traffic is None or traffic.ping is None:
        raise Inconclusive("the profile names no protected address that answers ping")
    network, ping = ipaddress.ip_network(traffic.local), ipaddress.ip_address(traffic.ping)
    return str(next(half for half in network.subnets() if ping not in half))


def other_inner_address(tester: Tester) -> str:
    """An inner address of the tester that no other test uses."""
    traffic = tester.profile.traffic
    if traffic is None:
        raise Inconclusive("the profile has no [dut.traffic]")
    return traffic.remote_address(tester.number + 20_000)


@covers(
    "rfc4303/3.4.3/bad-icv-discarded",
    "rfc4303/3.4.4.1/icv-mismatch-discarded",
    "rfc4303/3.4.4.2/aead-failure-discarded",
    needs=("data_plane",),
    mutants=["no-icv-check"],
)
def test_wrong_icv_discarded(tester: Tester) -> None:
    """A packet whose ICV has one wrong bit is discarded."""
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(icv_flip=True))


@covers(
    "rfc4303/2/icv-covers-packet",
    "rfc4303/3.3.2.1/icv-over-ciphertext",
    "rfc4303/3.4.4.1/icv-mismatch-discarded",
    needs=("data_plane",),
    mutants=["no-icv-check"],
)
@pytest.mark.parametrize("place", ["sequence", "payload"])
def test_every_part_is_covered(tester: Tester, place: str) -> None:
    """One bit flipped in the sequence number or in the payload makes the packet be discarded."""
    child = tester.establish().child
    sealed = child.seal(child.echo_packet(b"covered")[0], tfc=64)
    # The payload's octet lies in the TFC padding, so that only the ICV can tell.
    octet = 6 if place == "sequence" else len(sealed) - child.icv_size - 40
    spoilt = sealed[:octet] + bytes([sealed[octet] ^ 0x40]) + sealed[octet + 1 :]
    child.expect_dropped(lambda: child.send_sealed(spoilt, note=f"one bit of the {place} flipped"))


@covers("rfc4303/3.4.3/bad-icv-discarded", needs=("data_plane",), mutants=["short-packets-kill-sa"])
@pytest.mark.parametrize("octets", [8, 9, 20])
def test_short_packet_discarded(tester: Tester, octets: int) -> None:
    """A packet too short to hold IV, trailer and ICV is discarded, and traffic goes on."""
    child = tester.establish().child
    sealed = child.seal(child.echo_packet(b"short")[0])[:octets]
    child.expect_dropped(lambda: child.send_sealed(sealed, note=f"only {octets} octets"))


@covers("rfc4303/3.4.4.1/integrity-before-delivery", needs=("data_plane",), mutants=["accepts-short-icv"])
def test_truncated_icv_discarded(tester: Tester) -> None:
    """A packet whose ICV lacks its last four octets is discarded."""
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(truncate=4))


@covers(
    "rfc4303/5/architecture-requirements",
    needs=("data_plane", "tunnel"),
    mutants=["no-inbound-selector-check"],
)
def test_source_outside_selectors_discarded(tester: Tester) -> None:
    """An inner packet whose source fits another SA's selectors but not those of its own is discarded."""
    sa = tester.establish()
    first, other = sa.child, other_inner_address(tester)
    sa.create_child(tsi=[other])
    packet, _ = first.echo_packet(b"not on this one", src=other)

    def send() -> None:
        first.send_esp(packet, note="inner source outside the selectors of this SA")

    first.expect_dropped(send)


@covers(
    "rfc4303/5/architecture-requirements",
    needs=("data_plane", "tunnel"),
    mutants=["no-inbound-selector-check"],
)
def test_destination_outside_selectors_discarded(tester: Tester) -> None:
    """An inner packet whose destination fits another SA's selectors but not those of its own is discarded."""
    sa = tester.establish()
    wide = sa.child
    half = elsewhere(tester)
    exchange = sa.try_child(tsr=[half])
    narrow = exchange.child
    if narrow is None:
        raise Inconclusive(f"no Child SA for {half}: {exchange.problem}")
    tester.check(bool(narrow.far_ts), f"selectors within {half}", "none")
    packet, _ = wide.echo_packet(b"not on this one")

    def send() -> None:
        narrow.send_esp(packet, note="inner destination outside the selectors of this SA")

    wide.expect_dropped(send)


@covers(
    "rfc4303/2.2.1/esn-high-bits-in-icv",
    "rfc4303/3.3.2.1/esn-appended-for-icv",
    needs=("data_plane", "esn"),
    mutants=["esn-not-in-icv"],
)
def test_extended_number_enters_icv(tester: Tester) -> None:
    """With ESN a packet whose high-order bits are others than the receiver's is discarded: they enter the ICV."""
    child = esn_child(tester)
    child.expect_ping()
    child.expect_dropped(lambda: child.send_ping(seq=(7 << 32) | 50))
