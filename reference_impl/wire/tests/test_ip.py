"""Inner packets against scapy, and their malformed forms; UDP kinds; ESP header and trailer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

from reference_impl.wire import esp, ip, udp
from reference_impl.wire.errors import BadLength, BadValue, EncodeError, Reason, Truncated, WireError

V4, V6 = ("10.1.0.1", "10.2.0.9"), ("2001:db8::1", "2001:db8::9")
data = st.binary(max_size=100)


def rfc1071(octets: bytes) -> int:
    """The checksum as RFC 1071 §4.1 computes it."""
    total = sum(int.from_bytes((octets + b"\0")[at : at + 2]) for at in range(0, len(octets) + len(octets) % 2, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.integers(0, 40).map(bytes), st.integers(1, 40).map(lambda n: b"\xff" * n)))
def test_checksum_is_rfc_1071s(octets: bytes) -> None:
    assert ip.checksum(octets) == rfc1071(octets)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from((V4, V6)), st.integers(0, 65535), st.integers(0, 65535), data)
def test_udp_is_the_packet_that_scapy_builds(pair: tuple[str, str], sport: int, dport: int, payload: bytes) -> None:
    network: Any = IP(src=pair[0], dst=pair[1], id=0) if pair is V4 else IPv6(src=pair[0], dst=pair[1])
    packet = ip.build_udp(*pair, sport, dport, payload)
    assert packet == bytes(network / UDP(sport=sport, dport=dport) / Raw(payload))
    assert ip.parse_udp(packet) == ip.UdpDatagram(*pair, sport, dport, payload)


@pytest.mark.parametrize("reply", [False, True])
@pytest.mark.parametrize("pair", [V4, V6], ids=["ipv4", "ipv6"])
def test_echo_is_the_packet_that_scapy_builds(pair: tuple[str, str], reply: bool) -> None:
    theirs: Any
    if pair is V4:
        theirs = IP(src=pair[0], dst=pair[1], id=0) / ICMP(type=0 if reply else 8, id=7, seq=9) / Raw(b"odd")
    else:
        kind = ICMPv6EchoReply if reply else ICMPv6EchoRequest
        theirs = IPv6(src=pair[0], dst=pair[1]) / kind(id=7, seq=9, data=b"odd")
    packet = ip.build_icmp_echo(*pair, 7, 9, b"odd", reply=reply)
    assert packet == bytes(theirs)
    assert ip.parse_icmp_echo(packet) == ip.IcmpEcho(*pair, reply, 7, 9, b"odd")


def test_echo_reply_swaps_addresses_and_answers_requests_only() -> None:
    request = ip.build_icmp_echo(*V4, 1, 2, b"x")
    answer = ip.echo_reply(request)
    assert answer == ip.build_icmp_echo(V4[1], V4[0], 1, 2, b"x", reply=True)
    assert ip.echo_reply(answer) is None
    assert ip.echo_reply(ip.build_udp(*V4, 1, 2, b"")) is None


def test_header_fields_come_back() -> None:
    four = ip.Ipv4Header(b"\1\2\3\4", b"\5\6\7\x08", 99, 3, 0xFC, 77, 2, 5, b"\1\1\1\0")
    assert ip.parse_ip(four.to_bytes(b"payload")) == (four, b"payload")
    assert IP(four.to_bytes(b"payload")).frag == 5
    six = ip.Ipv6Header(bytes(16), bytes(range(16)), 59, 3, 0xFC, 0xABCDE)
    assert ip.parse_ip(six.to_bytes(b"payload") + b"link padding") == (six, b"payload")
    assert IPv6(six.to_bytes(b"")).fl == 0xABCDE


UDP4 = ip.build_udp(*V4, 5, 7, b"data")
ECHO6 = ip.build_icmp_echo(*V6, 5, 7, b"data")


def flip(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", Reason.TRUNCATED),
        (UDP4[:19], Reason.TRUNCATED),
        (b"\x55" + UDP4[1:], Reason.IP_VERSION),
        (UDP4[:-1], Reason.HEADER_LENGTH),
        (b"\x44" + UDP4[1:], Reason.HEADER_LENGTH),
        (flip(UDP4, 9), Reason.CHECKSUM),
        (flip(UDP4, len(UDP4) - 1), Reason.CHECKSUM),
        (flip(UDP4, 25), Reason.HEADER_LENGTH),
        (ip.ip_header(*V4, 17).to_bytes(b"short"), Reason.TRUNCATED),
        (ECHO6[:39], Reason.TRUNCATED),
        (ECHO6[:-1], Reason.HEADER_LENGTH),
        (flip(ECHO6, len(ECHO6) - 1), Reason.CHECKSUM),
        (ip.ip_header(*V6, 58).to_bytes(b"short"), Reason.TRUNCATED),
    ],
)
def test_malformed_packets(packet: bytes, reason: Reason) -> None:
    parse = ip.parse_icmp_echo if packet[:1] == b"\x60" else ip.parse_udp
    with pytest.raises(WireError) as caught:
        parse(packet)
    assert caught.value.reason == reason


def test_udp_checksum_zero_is_unused_over_ipv4_only() -> None:
    segment = (5).to_bytes(2) + (7).to_bytes(2) + (8).to_bytes(2) + b"\0\0"
    assert ip.parse_udp(ip.ip_header(*V4, 17).to_bytes(segment)) is not None
    with pytest.raises(BadValue):
        ip.parse_udp(ip.ip_header(*V6, 17).to_bytes(segment))


def test_a_fragment_is_no_datagram() -> None:
    header = ip.Ipv4Header(b"\1\2\3\4", b"\5\6\7\x08", 17, flags=1)
    assert ip.parse_udp(header.to_bytes(b"whatever")) is None


def test_what_does_not_fit_is_an_encode_error() -> None:
    with pytest.raises(EncodeError):
        ip.build_udp(*V4, 70000, 1, b"")
    with pytest.raises(EncodeError):
        ip.build_icmp_echo(*V6, data=bytes(70000))
    with pytest.raises(EncodeError):
        ip.Ipv4Header(bytes(4), bytes(4), 1).to_bytes(bytes(65530))
    with pytest.raises(EncodeError):
        ip.Ipv4Header(bytes(4), bytes(4), 1, options=b"\1").to_bytes(b"")
    with pytest.raises(ValueError, match="different families"):
        ip.ip_header(V4[0], V6[0], 17)


@pytest.mark.parametrize(
    ("datagram", "kind"),
    [
        (b"\xff", udp.DatagramKind.KEEPALIVE),
        (b"\0\0\0\0" + bytes(28), udp.DatagramKind.IKE),
        (b"\0\0\0\0", udp.DatagramKind.IKE),
        (b"\0\0\1\0\0\0\0\1", udp.DatagramKind.ESP),
        (b"\xff" * 8, udp.DatagramKind.ESP),
        (b"\xff\xff", udp.DatagramKind.INVALID),
        (b"\0\0\0", udp.DatagramKind.INVALID),
        (b"", udp.DatagramKind.INVALID),
    ],
)
def test_kinds_on_port_4500(datagram: bytes, kind: udp.DatagramKind) -> None:
    assert udp.classify(datagram) == kind
    assert udp.unwrap_ike(udp.wrap_ike(datagram)) == datagram


def test_esp_header_and_trailer() -> None:
    assert esp.EspHeader.parse(b"\0\0\1\0\0\0\0\2rest") == esp.EspHeader(256, 2)
    assert esp.EspHeader(256, 2).to_bytes() == b"\0\0\1\0\0\0\0\2"
    assert esp.trailer(5, 4, 4) == b"\1\1\4"
    assert esp.trailer(14, 4, 16) == b"\0\4"
    assert esp.split_trailer(b"data" + esp.trailer(4, 41, 16, extra=16)) == (b"data", 41, bytes(range(1, 27)))
    for size in range(40):
        for alignment in (4, 8, 16):
            whole = bytes(size) + esp.trailer(size, 6, alignment)
            assert len(whole) % alignment == 0
            assert len(whole) - size - 2 < alignment
            assert esp.split_trailer(whole)[:2] == (bytes(size), 6)


def test_malformed_esp() -> None:
    with pytest.raises(Truncated):
        esp.EspHeader.parse(bytes(7))
    with pytest.raises(Truncated):
        esp.split_trailer(b"\0")
    with pytest.raises(BadLength):
        esp.split_trailer(b"\1\2\4\4")
    with pytest.raises(BadValue) as caught:
        esp.split_trailer(b"x\1\3\2\4")
    assert (caught.value.reason, caught.value.offset) == (Reason.PADDING, 1)
    assert esp.split_trailer(b"x\1\3\2\4", strict=False) == (b"x", 4, b"\1\3")
    with pytest.raises(EncodeError):
        esp.EspHeader(1 << 32, 0).to_bytes()
    with pytest.raises(EncodeError):
        esp.trailer(0, 4, 4, extra=256)


def test_each_header_refuses_the_other_version() -> None:
    with pytest.raises(BadValue):
        ip.Ipv6Header.parse(ip.build_udp(*V4, 1, 2, bytes(40)))
    with pytest.raises(BadValue):
        ip.Ipv4Header.parse(ECHO6)
