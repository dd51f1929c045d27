"""What the ICV of AH covers: RFC 4302 section 3.3.3.1 and appendix A, with scapy where its rules are the RFC's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.layers.inet import IP, UDP, IPOption_LSRR, IPOption_Router_Alert, IPOption_RR
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    RouterAlert,
)
from scapy.layers.ipsec import AH, zero_mutable_fields

from reference_impl.ipsec.discards import Discard, Discarded
from reference_impl.ipsec.mutable import covered, without_atomic_fragment

AUTH = AH(nh=17, payloadlen=4, spi=0x100, seq=1, icv=b"\0" * 12)
PACKET4 = bytes(IP(src="192.0.2.1", dst="192.0.2.2", id=7, tos=0xBA, flags="DF", ttl=9) / AUTH / UDP() / b"data")
PACKET6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2", tc=0xBA, fl=0x12345, hlim=9) / AUTH / UDP() / b"data")
NODES = ["2001:db8::a", "2001:db8::b", "2001:db8::c"]


def scapys(packet: bytes, *, sending: bool = False) -> bytes:
    parsed = (IP if packet[0] >> 4 == 4 else IPv6)(packet)
    return bytes(zero_mutable_fields(parsed, sending=sending))  # type: ignore[no-untyped-call]


def options4(raw: bytes) -> bytes:
    """PACKET4 with these options (whole 32-bit words)."""
    return bytes([0x45 + len(raw) // 4]) + PACKET4[1:20] + raw + PACKET4[20:]


def fixed4(packet: bytes) -> bytes:
    """Total Length made right."""
    return packet[:2] + len(packet).to_bytes(2) + packet[4:]


@pytest.mark.parametrize("octet", range(len(PACKET4)))
def test_each_octet_of_an_ipv4_packet_is_covered_or_not(octet: int) -> None:
    altered = bytearray(PACKET4)
    altered[octet] ^= 0x40 if octet == 6 else 0xFF  # in flags DF alone: the others make it a fragment
    mutable = {1, 6, 8, 10, 11}
    needed = {0, 2, 3, 7, 9}  # version, length, offset and protocol: another value is refused
    if octet in needed:
        with pytest.raises(Discarded):
            covered(bytes(altered))
    else:
        assert (covered(bytes(altered)) == covered(PACKET4)) is (octet in mutable)


@pytest.mark.parametrize("octet", range(len(PACKET6)))
def test_each_octet_of_an_ipv6_packet_is_covered_or_not(octet: int) -> None:
    altered = bytearray(PACKET6)
    altered[octet] ^= 0x0F if octet == 0 else 0xFF
    if octet in (4, 5, 6):
        with pytest.raises(Discarded):
            covered(bytes(altered))
    else:
        assert (covered(bytes(altered)) == covered(PACKET6)) is (octet in {0, 1, 2, 3, 7})


@pytest.mark.parametrize("packet", [PACKET4, PACKET6], ids=["ipv4", "ipv6"])
def test_scapy_zeroes_the_same(packet: bytes) -> None:
    assert covered(packet).octets == scapys(packet)


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        (bytes((130, 4, 1, 2)), True),  # security
        (bytes((133, 4, 1, 2)), True),
        (bytes((134, 4, 1, 2)), True),
        (bytes((148, 4, 0, 0)), True),  # router alert
        (bytes((149, 4, 1, 2)), True),
        (bytes((1, 1, 1, 1)), True),
        (bytes((0, 0, 0, 0)), True),
        (bytes((7, 7, 4, 1, 2, 3, 4, 1)), False),  # record route
        (bytes((68, 8, 5, 0, 1, 2, 3, 4)), False),  # time stamp
        (bytes((82, 4, 1, 2)), False),  # traceroute
        (bytes((136, 4, 1, 2)), False),  # stream identifier
        (bytes((145, 4, 1, 2)), False),
        (bytes((205, 4, 1, 2)), False),
        (bytes((147, 4, 1, 2)), False),
        (bytes((94, 4, 1, 2)), False),  # unknown
        (bytes((2, 4, 1, 2)), False),  # security's number without the copied flag is another option
        (bytes((20, 4, 1, 2)), False),
    ],
    ids=str,
)
def test_an_ipv4_option_is_covered_or_zeroed_whole(option: bytes, kept: bool) -> None:
    counted = covered(fixed4(options4(option))).octets
    zeroed = bytes(len(option)) if option[0] != 7 else bytes(7) + b"\1"
    assert counted[20 : 20 + len(option)] == (option if kept else zeroed)


@pytest.mark.parametrize("kind", [131, 137])
def test_the_destination_at_the_end_of_a_source_route_is_predicted(kind: int) -> None:
    first, last = bytes((192, 0, 2, 50)), bytes((192, 0, 2, 51))
    sent = fixed4(options4(bytes((1, kind, 11, 4)) + first + last))
    halfway = fixed4(options4(bytes((1, kind, 11, 8)) + bytes((10, 0, 0, 1)) + last))
    halfway = halfway[:16] + first + halfway[20:]
    arrived = fixed4(options4(bytes((1, kind, 11, 12)) + bytes((10, 0, 0, 1, 10, 0, 0, 2))))
    arrived = arrived[:16] + last + arrived[20:]
    counted = covered(sent).octets
    assert counted[16:20] == last
    assert counted[20:32] == b"\1" + bytes(11)
    assert covered(halfway).octets == counted == covered(arrived).octets


def test_scapys_options() -> None:
    alert = bytes(IP(options=[IPOption_Router_Alert(), IPOption_RR(routers=["1.2.3.4"])]) / AUTH / b"data")
    assert covered(alert).octets == scapys(alert)
    # scapy does not predict the destination: RFC 4302 section 3.3.3.1.1.1 says that it is mutable but predictable
    routed = bytes(IP(dst="192.0.2.9", options=[IPOption_LSRR(routers=["192.0.2.7"])]) / AUTH / b"data")
    assert covered(routed).octets != scapys(routed, sending=True)


@pytest.mark.parametrize("header", [IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt])
@pytest.mark.parametrize(
    ("kind", "zeroed"), [(0x1E, False), (0x3E, True), (0x5E, False), (0x7E, True), (0x9E, False), (0xFE, True)]
)
def test_an_ipv6_option_tells_whether_it_is_covered(header: type, kind: int, zeroed: bool) -> None:
    raw = bytes((kind, 4)) + b"abcd"
    packet = bytearray(bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / header(options=[]) / AUTH / UDP() / b"data"))
    assert packet[40:48] == bytes((51, 0, 1, 4, 0, 0, 0, 0))
    packet[42:48] = raw
    counted = covered(bytes(packet))
    assert counted.offset == 48
    assert counted.octets[42:48] == (raw[:2] + bytes(4) if zeroed else raw)
    assert counted.octets == scapys(bytes(packet))


def test_padding_and_immutable_options_stay() -> None:
    packet = bytes(IPv6() / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / IPv6ExtHdrDestOpt() / AUTH / b"data")
    assert covered(packet).octets == scapys(packet)


def test_a_routing_header_of_type_0_counts_as_it_arrives() -> None:
    def at(destination: str, addresses: list[str], left: int) -> bytes:
        route = IPv6ExtHdrRouting(type=0, segleft=left, addresses=addresses)
        return bytes(IPv6(src="2001:db8::1", dst=destination) / route / AUTH / UDP() / b"data")

    a, b, c = NODES
    start = "2001:db8::2"
    hops = [at(start, [a, b, c], 3), at(a, [start, b, c], 2), at(b, [start, a, c], 1), at(c, [start, a, b], 0)]
    assert len({covered(packet).octets for packet in hops}) == 1
    assert covered(hops[0]).octets == covered(hops[3]).octets == scapys(hops[3]) == scapys(hops[0], sending=True)
    # scapy moves the addresses as if every segment were left
    assert scapys(hops[1], sending=True) != covered(hops[1]).octets


def test_an_atomic_fragment_header_does_not_count() -> None:
    plain = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrHopByHop() / AUTH / UDP() / b"data")
    atomic = bytes(
        IPv6(src="2001:db8::1", dst="2001:db8::2")
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrFragment()
        / AUTH
        / UDP()
        / b"data"
    )
    assert len(atomic) == len(plain) + 8
    assert without_atomic_fragment(atomic) == plain
    assert covered(atomic) == covered(plain)


Make = Callable[[], bytes]
REFUSED: dict[str, tuple[Make, Discard]] = {
    "nothing": (lambda: b"", Discard.MALFORMED),
    "IP version 5": (lambda: b"\x55" + PACKET4[1:], Discard.MALFORMED),
    "short": (lambda: PACKET4[:30], Discard.MALFORMED),
    "no AH": (lambda: PACKET4[:9] + b"\x11" + PACKET4[10:], Discard.AH_MISSING),
    "first fragment": (lambda: PACKET4[:6] + b"\x20\0" + PACKET4[8:], Discard.AH_FRAGMENT),
    "later fragment": (lambda: PACKET4[:6] + b"\0\1" + PACKET4[8:], Discard.AH_FRAGMENT),
    "option without length": (lambda: fixed4(options4(b"\1\1\1\x82")), Discard.MALFORMED),
    "option of one octet": (lambda: fixed4(options4(b"\x82\1\0\0")), Discard.MALFORMED),
    "option too long": (lambda: fixed4(options4(b"\x82\5\0\0")), Discard.MALFORMED),
    "source route without pointer": (lambda: fixed4(options4(b"\1\1\x83\2")), Discard.MALFORMED),
    "source route not whole": (lambda: fixed4(options4(b"\x83\5\4\1\1\1\1\1")), Discard.MALFORMED),
    "no AH in IPv6": (lambda: PACKET6[:6] + b"\x11" + PACKET6[7:], Discard.AH_MISSING),
    "IPv6 fragment": (lambda: bytes(IPv6() / IPv6ExtHdrFragment(m=1) / AUTH), Discard.AH_FRAGMENT),
    "later IPv6 fragment": (lambda: bytes(IPv6() / IPv6ExtHdrFragment(offset=1) / AUTH), Discard.AH_FRAGMENT),
    "cut Fragment Header": (lambda: bytes(IPv6(nh=44, plen=4)) + b"3\0\0\0", Discard.MALFORMED),
    "cut extension header": (lambda: bytes(IPv6(nh=0, plen=8)) + b"3\1" + bytes(6), Discard.MALFORMED),
    "shorter extension header": (lambda: bytes(IPv6(nh=60, plen=4)) + b"3\0\0\0", Discard.MALFORMED),
    "IPv6 option too long": (lambda: bytes(IPv6(nh=0, plen=8)) + b"3\0\x3e\5" + bytes(4), Discard.MALFORMED),
    "routing type 4 under way": (
        lambda: bytes(IPv6() / IPv6ExtHdrRouting(type=4, segleft=1, addresses=["::1"]) / AUTH),
        Discard.AH_ROUTING,
    ),
    "more segments than addresses": (
        lambda: bytes(IPv6() / IPv6ExtHdrRouting(type=0, segleft=2, addresses=["::1"]) / AUTH),
        Discard.MALFORMED,
    ),
    "half an address": (lambda: bytes(IPv6(nh=43, plen=16)) + b"3\1\0\1" + bytes(12), Discard.MALFORMED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_covered_is_refused(name: str) -> None:
    make, reason = REFUSED[name]
    with pytest.raises(Discarded) as caught:
        covered(make())
    assert caught.value.reason is reason


def test_a_finished_routing_header_of_another_type_is_covered_as_it_is() -> None:
    packet = bytes(IPv6() / IPv6ExtHdrRouting(type=4, segleft=0, addresses=["2001:db8::7"]) / AUTH / b"data")
    assert covered(packet).octets[40:64] == packet[40:64]
