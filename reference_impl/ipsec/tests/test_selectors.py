"""What is read from packets, and what selectors let through (RFC 4301 sections 4.4.1.1, 5.2 and 6.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.ipsec.discards import Discard, Discarded
from reference_impl.ipsec.flow import is_fragment, read_flow, total_length
from reference_impl.ipsec.fragments import fragment_ipv4, too_big
from reference_impl.ipsec.selectors import SaSelectors
from reference_impl.ipsec.spd import Action, Policy, Spd
from reference_impl.wire.ip import build_icmp_echo, build_udp
from reference_impl.wire.ts import TrafficSelector

UDP4 = build_udp("10.1.0.1", "10.2.0.1", 4000, 53, bytes(100))


def ts(network: str, protocol: int = 0, ports: tuple[int, int] = (0, 65535)) -> TrafficSelector:
    return TrafficSelector.from_network(network, protocol, ports)


def test_ports_of_udp_and_icmp() -> None:
    flow = read_flow(UDP4)
    assert (flow.protocol, flow.source_port, flow.destination_port) == (17, 4000, 53)
    assert str(flow) == "10.1.0.1:4000 > 10.2.0.1:53 protocol 17"
    echo = read_flow(build_icmp_echo("10.1.0.1", "10.2.0.1"))
    assert (echo.protocol, echo.source_port) == (1, 8 << 8)
    assert read_flow(build_icmp_echo("::1", "::2")).source_port == 128 << 8


def test_ipv6_extension_headers_are_walked() -> None:
    plain = build_udp("2001:db8::1", "2001:db8::2", 4000, 53, b"x")
    options = bytes((17, 0, 1, 4, 0, 0, 0, 0))
    packet = plain[:4] + (len(plain) - 40 + 8).to_bytes(2, "big") + b"\0" + plain[7:40] + options + plain[40:]
    assert read_flow(packet).destination_port == 53
    later = bytes((17, 0, 0, 8, 0, 0, 0, 1))
    fragment = plain[:4] + (len(plain) - 40 + 8).to_bytes(2, "big") + b"\x2c" + plain[7:40] + later + plain[40:]
    assert read_flow(fragment).opaque
    assert is_fragment(fragment)
    assert not is_fragment(plain)


@given(st.binary(max_size=120))
def test_garbage_is_malformed_and_nothing_else(data: bytes) -> None:
    for prefix in (b"", b"\x45\0\0\x20", b"\x60\0\0\0\0\x28\0", b"\x60\0\0\0\0\x28\x2c"):
        packet = prefix + data
        flow, reason = None, None
        try:
            flow = read_flow(packet)
        except Discarded as discarded:
            reason = discarded.reason
        assert reason is Discard.MALFORMED if flow is None else total_length(packet) <= len(packet)


def test_fragment_shows_no_ports() -> None:
    first, second = fragment_ipv4(UDP4, 100)
    assert read_flow(first).destination_port == 53
    assert read_flow(second).opaque
    any_port = SaSelectors([ts("10.1.0.0/24", 17)], [ts("10.2.0.0/24", 17)])
    assert any_port.allows_outbound(first)
    assert any_port.allows_outbound(second)
    one_port = SaSelectors([ts("10.1.0.0/24", 17)], [ts("10.2.0.0/24", 17, (53, 53))])
    assert one_port.allows_outbound(first)
    assert not one_port.allows_outbound(second)
    opaque = SaSelectors([ts("10.1.0.0/24", 17, (65535, 0))], [ts("10.2.0.0/24", 17, (65535, 0))])
    assert not opaque.allows_outbound(first)
    assert opaque.allows_outbound(second)


@pytest.mark.parametrize(
    ("source", "destination", "allowed"),
    [
        ("10.1.0.0", "10.2.0.255", True),
        ("10.1.0.255", "10.2.0.0", True),
        ("10.0.255.255", "10.2.0.0", False),
        ("10.1.1.0", "10.2.0.0", False),
        ("10.1.0.0", "10.2.1.0", False),
        ("2001:db8::1", "2001:db8::2", False),
    ],
)
def test_edges_of_ranges(source: str, destination: str, allowed: bool) -> None:
    chosen = SaSelectors([ts("10.1.0.0/24")], [ts("10.2.0.0/24")])
    packet = build_icmp_echo(source, destination)
    assert chosen.allows_outbound(packet) is allowed
    assert SaSelectors(chosen.remote, chosen.local).allows_inbound(packet) is allowed
    assert SaSelectors([*chosen.local, ts("fd00::/8")], chosen.remote).allows_outbound(packet) is allowed


def test_icmp_error_fits_by_the_packet_it_quotes() -> None:
    tcp_only = SaSelectors([ts("10.1.0.0/24", 17)], [ts("10.2.0.0/24", 17)])
    error = too_big(UDP4, 1000, bytes((172, 16, 0, 1)))
    # the error answers our packet UDP4, so it comes in
    assert tcp_only.allows_inbound(error)
    assert not tcp_only.allows_outbound(error)
    stranger = too_big(build_udp("10.9.0.1", "10.2.0.1", 1, 2, bytes(9)), 1000, bytes((172, 16, 0, 1)))
    assert not tcp_only.allows_inbound(stranger)
    assert not tcp_only.allows_inbound(build_icmp_echo("10.2.0.1", "10.1.0.1"))


def test_first_policy_decides() -> None:
    everything = SaSelectors([ts("0.0.0.0/0")], [ts("0.0.0.0/0")])
    dns = SaSelectors([ts("0.0.0.0/0", 17)], [ts("0.0.0.0/0", 17, (53, 53))])
    spd = Spd([Policy("dns", Action.BYPASS, dns), Policy("rest", Action.PROTECT, everything)])
    flow = read_flow(UDP4)
    first, other = spd.lookup(flow), spd.lookup(flow.reversed())
    assert first is not None
    assert first.name == "dns"
    assert other is not None
    assert other.name == "rest"
    assert Spd().lookup(flow) is None
