"""RFC 7296 section 3.13.1: single Traffic Selectors, their protocols, ports and ranges."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.authenticating import ANY_PORTS, OPAQUE_PORTS, check_inside, pair, text_of
from conformance.tester import Edit, ErrorNotify, Inconclusive, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from reference_impl.wire.registries import IpProtocol
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.ts import TrafficSelector

SUBSET = "rfc7296/2.9/narrowing-is-subset"

TCP, UDP, ICMP = IpProtocol.TCP, IpProtocol.UDP, IpProtocol.ICMP
# ICMP echo request, code 0: type in the upper octet.
ECHO = (0x0800, 0x0800)

# What is asked for: protocol, ports of TSi, ports of TSr.
TRAFFIC: dict[str, tuple[int, tuple[int, int], tuple[int, int]]] = {
    "udp": (UDP, ANY_PORTS, ANY_PORTS),
    "one-port": (TCP, ANY_PORTS, (443, 443)),
    "port-ranges": (UDP, (40000, 40010), (5000, 5007)),
    "icmp": (ICMP, ANY_PORTS, ANY_PORTS),
    "icmp-echo": (ICMP, ECHO, ECHO),
    "icmp-type-range": (ICMP, (0x0000, 0x00FF), (0x0800, 0x08FF)),
    "protocol-without-ports": (IpProtocol.GRE, ANY_PORTS, ANY_PORTS),
}


def networks(tester: Tester) -> tuple[str, str]:
    """Our inner address and the device's protected network."""
    traffic = tester.profile.traffic
    if traffic is None:
        raise Inconclusive("the profile has no [dut.traffic]")
    return tester.inner_address, traffic.local


def ask(
    tester: Tester, protocol: int, own_ports: tuple[int, int], far_ports: tuple[int, int]
) -> tuple[TrafficSelector, TrafficSelector, bool]:
    """Ask for this traffic: what was asked for on both ends, and whether the device took a part of it, inside it."""
    own, far = networks(tester)
    tsi, tsr = (
        TrafficSelector.from_network(own, protocol, own_ports),
        TrafficSelector.from_network(far, protocol, far_ports),
    )
    reply = tester.attempt(tsi=[tsi], tsr=[tsr], need_child=False).reply
    if reply is None or reply.get(SaPayload) is None:
        tester.expects(reply, ErrorNotify())
        return tsi, tsr, False
    got_i, got_r = pair(tester, reply)
    check_inside(tester, got_i, [tsi], SUBSET)
    check_inside(tester, got_r, [tsr], SUBSET)
    return tsi, tsr, True


@covers(SUBSET, "rfc7296/3.13.1/icmp-type-code-as-port", mutants=["drops-protocol", "drops-ports"])
@pytest.mark.parametrize("kind", TRAFFIC)
def test_traffic_kept(tester: Tester, kind: str) -> None:
    """Protocol and ports, or ICMP type and code, are never widened: the answer is inside them, or an error."""
    ask(tester, *TRAFFIC[kind])


@covers("rfc7296/3.13.1/opaque-ports", SUBSET, mutants=["opaque-taken-for-any"])
def test_opaque_ports(tester: Tester) -> None:
    """OPAQUE ports (65535 to 0) are answered as OPAQUE, or refused, and not taken for a range."""
    ask(tester, UDP, OPAQUE_PORTS, OPAQUE_PORTS)


@covers(
    "rfc7296/3.13.1/start-port-zero",
    "rfc7296/3.13.1/end-port-65535",
    "rfc7296/3.13.1/any-ports",
    mutants=["any-ports-as-zero"],
)
def test_any_ports(tester: Tester) -> None:
    """A selector of all protocols has the ports 0 to 65535."""
    for got in pair(tester, tester.attempt().reply):
        for item in got:
            ports = (item.start_port, item.end_port)
            if item.protocol == 0:
                tester.check(ports == ANY_PORTS, "ports 0 to 65535", f"{ports[0]} to {ports[1]}")


@covers(SUBSET, "rfc7296/3.13.1/range-inclusive", mutants=["takes-reversed-range"])
@pytest.mark.parametrize("edit", [bad.ts_reversed_range(), bad.ts_reversed_ports()], ids=["addresses", "ports"])
def test_reversed(tester: Tester, edit: Edit) -> None:
    """A range that ends before it starts holds nothing: no Child SA is made for it."""
    reply = tester.attempt(edit_auth=edit, need_child=False).reply
    if reply is not None and reply.get(SaPayload) is not None:
        tester.fail("an error", observed(reply))
    tester.expects(reply, ErrorNotify())


@covers("rfc7296/3.13.1/range-inclusive", mutants=["excludes-last-address"])
def test_range_not_a_network(tester: Tester) -> None:
    """A range that is no network in CIDR form is taken as it is, its first and last address included."""
    import ipaddress

    own, far = networks(tester)
    network = ipaddress.ip_network(far)
    if network.num_addresses < 16:
        raise Inconclusive("dut.traffic.local is too small for a range within it")
    asked = TrafficSelector.from_network(f"{network[3]}-{network[9]}")
    _, got = pair(tester, tester.attempt(tsi=[own], tsr=[asked], need_child=False).reply)
    check_inside(tester, got, [asked], SUBSET)
    from conformance.ikev2.rfc7296.authenticating import inside

    tester.check(inside([asked], got), text_of([asked]), text_of(got))
