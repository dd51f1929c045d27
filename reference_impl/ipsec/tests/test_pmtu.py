"""ICMP "too big" about ESP packets: read as scapy writes it, believed only where it makes sense (RFC 4301 8.2.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.ipsec import ESP

from reference_impl.ipsec.host import TooBig
from reference_impl.ipsec.pmtu import PathMtu, read_icmp, read_icmpv6

from .test_processing import carry, sites

SPI = b"\0\0\x01\x01"


def frag_needed(quoted: IP, mtu: int, octets: int = 576) -> bytes:
    return bytes(ICMP(type=3, code=4, nexthopmtu=mtu)) + bytes(quoted)[:octets]


def esp_in_udp(size: int = 1400, payload: bytes = SPI) -> IP:
    return IP(src="192.0.2.1", dst="192.0.2.2", flags="DF") / UDP(sport=4500, dport=4500) / payload.ljust(size, b"x")


def test_native_esp() -> None:
    quoted = IP(src="192.0.2.1", dst="192.0.2.2", flags="DF") / ESP(spi=257, seq=9, data=bytes(1400))
    size = len(bytes(quoted))
    assert read_icmp(frag_needed(quoted, 1300, 28)) == PathMtu("192.0.2.1", "192.0.2.2", 1300, size, SPI)
    quoted6 = IPv6(src="2001:db8::1", dst="2001:db8::2", nh=50) / ESP(spi=257, seq=9, data=bytes(1400))
    message = bytes(ICMPv6PacketTooBig(mtu=1280)) + bytes(quoted6)[:1000]
    assert read_icmpv6(message) == PathMtu("2001:db8::1", "2001:db8::2", 1280, 1448, SPI)


def test_esp_in_udp_with_and_without_the_spi() -> None:
    ends = "192.0.2.1", "192.0.2.2"
    assert read_icmp(frag_needed(esp_in_udp(), 1300)) == PathMtu(*ends, 1300, 1428, SPI, (4500, 4500))
    assert read_icmp(frag_needed(esp_in_udp(), 1300, 28)) == PathMtu(*ends, 1300, 1428, None, (4500, 4500))
    # an old router names no MTU: the next plateau below the packet's size
    assert read_icmp(frag_needed(esp_in_udp(), 0)) == PathMtu(*ends, 1006, 1428, SPI, (4500, 4500))


def test_other_messages_say_nothing() -> None:
    assert read_icmp(frag_needed(esp_in_udp(payload=bytes(4)), 1300)) is None
    assert read_icmp(bytes(ICMP(type=3, code=3)) + bytes(esp_in_udp())) is None
    assert read_icmp(frag_needed(IP(proto=6) / bytes(40), 1300)) is None
    assert read_icmp(frag_needed(esp_in_udp(), 1300)[:27]) is None
    assert read_icmpv6(frag_needed(esp_in_udp(), 1300)) is None


@given(st.binary(max_size=120))
def test_any_octets_are_survived(data: bytes) -> None:
    for message in (data, b"\x03\x04" + data, b"\x02\0" + data):
        for read in (read_icmp, read_icmpv6):
            news = read(message)
            assert news is None or news.mtu >= 0


def test_news_make_the_pair_carry_less_until_it_is_forgotten() -> None:
    left, right = sites()
    news = read_icmp(frag_needed(esp_in_udp(), 1000))
    assert news is not None
    assert left.processor.learn_path_mtu(10.0, news) == 1
    packet = left.host.echo_request("10.2.0.1", 7, 1, 1200)
    assert carry(11.0, packet, left, right) == 2
    assert carry(11.0, packet[:6] + b"\x40\0" + packet[8:], left, right) == 0
    assert isinstance(left.host.heard[-1], TooBig)
    assert carry(611.0, packet, left, right) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        PathMtu("192.0.2.1", "192.0.2.2", 1300, 1400, b"\0\0\x09\x09"),
        PathMtu("192.0.2.1", "192.0.2.3", 1300, 1400, SPI),
        PathMtu("192.0.2.9", "192.0.2.2", 1300, 1400, SPI),
        PathMtu("192.0.2.1", "192.0.2.2", 1300, 1400, None, (4500, 4501)),
        PathMtu("192.0.2.1", "192.0.2.2", 1600, 1700, SPI),
        PathMtu("192.0.2.1", "192.0.2.2", 1300, 1200, SPI),
    ],
    ids=["another SPI", "another peer", "another own address", "other ports", "more than before", "it had fitted"],
)
def test_what_cannot_be_true_is_ignored(wrong: PathMtu) -> None:
    left, _ = sites()
    assert left.processor.learn_path_mtu(0.0, wrong) == 0
    assert left.processor.counters == {"path-mtu-ignored": 1}


def test_a_message_without_spi_means_all_pairs_between_its_ports_and_has_a_floor() -> None:
    left, right = sites()
    left.install(2, right, 512, 513)
    assert left.processor.learn_path_mtu(0.0, PathMtu("192.0.2.1", "192.0.2.2", 68, 1400, None, (4500, 4500))) == 2
    assert [left.processor.path_mtu(1.0, pair) for pair in left.processor.sad.pairs()] == [576, 576]
