"""Fragmenting, reassembling and "too big" messages, with scapy as the oracle for IPv4."""

from __future__ import annotations

import random
import struct

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet import fragment as scapy_fragment
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6

from reference_impl.ipsec.discards import Discarded
from reference_impl.ipsec.fragments import Reassembler, fragment_ipv4, may_fragment, too_big
from reference_impl.ipsec.transport import outer_packet, split
from reference_impl.wire.ip import build_udp

BIG = build_udp("10.1.0.1", "10.2.0.1", 4000, 53, random.Random(1).randbytes(4000))


@pytest.mark.parametrize("mtu", [68, 576, 1400, 1500])
def test_fragments_are_those_of_scapy(mtu: int) -> None:
    ours = fragment_ipv4(BIG, mtu)
    assert all(len(piece) <= mtu for piece in ours)
    theirs = scapy_fragment(IP(BIG), fragsize=(mtu - 20) & ~7)  # type: ignore[no-untyped-call]
    expected = []
    for piece in theirs:
        del piece.chksum
        del piece.len
        expected.append(bytes(piece))
    assert ours == expected


def test_fragments_of_fragments_reassemble_in_any_order() -> None:
    pieces = [small for piece in fragment_ipv4(BIG, 1300) for small in fragment_ipv4(piece, 300)]
    random.Random(2).shuffle(pieces)
    reassembler = Reassembler()
    results = [reassembler.add(0.0, piece) for piece in [*pieces[:-1], pieces[0], pieces[-1]]]
    assert results[:-1] == [None] * len(pieces)
    assert results[-1] == BIG


def test_options_with_the_copied_flag_go_to_every_fragment() -> None:
    options = bytes((0x94, 4, 0, 0, 7, 3, 4, 0))  # router alert is copied, record route is not
    header = b"\x47" + BIG[1:2] + struct.pack(">H", len(BIG) + 8) + BIG[4:20] + options
    pieces = fragment_ipv4(header + BIG[20:], 1000)
    assert [piece[0] & 15 for piece in pieces[:2]] == [7, 6]
    assert pieces[1][20:24] == options[:4]
    assert not IP(pieces[1]).chksum - IP(bytes(IP(pieces[1]))).chksum


def test_ipv6_fragments_reassemble() -> None:
    whole = build_udp("2001:db8::1", "2001:db8::2", 1, 2, bytes(range(200)))
    data = whole[40:]

    def piece(start: int, end: int) -> bytes:
        more = end < len(data)
        extension = struct.pack(">BBHI", 17, 0, start | more, 77)
        size = struct.pack(">H", 8 + end - start)
        return whole[:4] + size + b"\x2c" + whole[7:40] + extension + data[start:end]

    reassembler = Reassembler()
    assert reassembler.add(0.0, piece(104, len(data))) is None
    assert reassembler.add(0.0, piece(0, 104)) == whole


def test_overlap_discards_the_datagram() -> None:
    first, second, *_ = fragment_ipv4(BIG, 1300)
    reassembler = Reassembler()
    reassembler.add(0.0, first)
    overlapping = second[:6] + struct.pack(">H", 0x2000 | 100) + second[8:]
    with pytest.raises(Discarded, match="overlapping"):
        reassembler.add(0.0, overlapping)


def test_incomplete_datagrams_are_bounded_and_age() -> None:
    reassembler = Reassembler(limit=4, timeout=30.0)
    first, *rest = fragment_ipv4(BIG, 1300)
    reassembler.add(0.0, first)
    for number in range(4):
        reassembler.add(1.0, first[:4] + struct.pack(">H", 1000 + number) + first[6:])
    assert [reassembler.add(2.0, piece) for piece in rest] == [None] * len(rest)
    reassembler = Reassembler()
    reassembler.add(0.0, first)
    assert [reassembler.add(31.0, piece) for piece in rest] == [None] * len(rest)


def test_too_big_as_scapy_reads_it() -> None:
    message = IP(too_big(BIG, 1000, bytes((10, 2, 0, 1))))
    assert (message.src, message.dst) == ("10.2.0.1", "10.1.0.1")
    assert (message[ICMP].type, message[ICMP].code, message[ICMP].nexthopmtu) == (3, 4, 1000)
    assert message[ICMP].payload.src == "10.1.0.1"
    rebuilt = IP(bytes(message))
    del rebuilt[ICMP].chksum
    assert IP(bytes(rebuilt))[ICMP].chksum == message[ICMP].chksum
    six = IPv6(too_big(build_udp("::1", "::2", 1, 2, bytes(1400)), 1280, bytes(15) + b"\2"))
    assert six.dst == "::1"
    assert six[ICMPv6PacketTooBig].mtu == 1280
    assert len(bytes(six)) <= 1280
    copy = IPv6(bytes(six))
    del copy[ICMPv6PacketTooBig].cksum
    assert IPv6(bytes(copy))[ICMPv6PacketTooBig].cksum == six[ICMPv6PacketTooBig].cksum


def test_dont_fragment_is_respected() -> None:
    assert may_fragment(BIG)
    assert not may_fragment(BIG[:6] + b"\x40\0" + BIG[8:])
    assert not may_fragment(build_udp("::1", "::2", 1, 2, b""))


def test_transport_mode_header_in_ipv6_extensions() -> None:
    plain = build_udp("2001:db8::1", "2001:db8::2", 4000, 53, b"x")
    options = bytes((17, 0, 1, 4, 0, 0, 0, 0))
    packet = plain[:4] + struct.pack(">H", len(plain) - 40 + 8) + b"\0" + plain[7:40] + options + plain[40:]
    header, protocol, payload = split(packet)
    assert (len(header), protocol, payload) == (48, 17, plain[40:])
    outside = outer_packet(header, b"E" * 40)
    assert (outside[6], outside[40], len(outside)) == (0, 50, 88)
    assert IPv6(outside).plen == 48
    header4, protocol, payload = split(BIG)
    assert protocol == 17
    assert IP(outer_packet(header4, payload)).proto == 50
    assert UDP in IP(BIG)
