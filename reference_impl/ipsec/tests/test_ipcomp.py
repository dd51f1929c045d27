"""IPComp: headers, non-expansion, bounded decompression."""

from __future__ import annotations

import os
import zlib

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Packet

from reference_impl.ipsec import ipcomp
from reference_impl.ipsec.discards import Discard, Discarded
from reference_impl.ipsec.ipcomp import Algorithm, Compressor, IpCompHeader, decapsulate, open_payload

TEXT = b"All other IPv4 header fields are kept unchanged, including any header options. " * 4
PLAIN4 = IP(src="192.0.2.1", dst="192.0.2.2", tos=4, ttl=9) / UDP(sport=1, dport=2) / TEXT
PLAIN6 = IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=9) / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2) / TEXT
ALGORITHMS = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda each: each.name)
PACKETS = pytest.mark.parametrize("packet", [PLAIN4, PLAIN6], ids=["ipv4", "ipv6"])


def deflated(data: bytes) -> bytes:
    raw = zlib.compressobj(wbits=-15)
    return raw.compress(data) + raw.flush()


@ALGORITHMS
@PACKETS
def test_round_trip_and_header(packet: Packet, algorithm: Algorithm) -> None:
    plain = bytes(packet)
    small = Compressor(algorithm, 0x1234).encapsulate(plain)
    assert len(small) < len(plain)
    start = 20 if plain[0] >> 4 == 4 else 48
    assert small[start : start + 4] == bytes((17, 0, 0x12, 0x34))
    parsed = (IP if plain[0] >> 4 == 4 else IPv6)(small)
    assert (parsed.proto if parsed.version == 4 else parsed.payload.nh) == 108
    assert (parsed.len if parsed.version == 4 else parsed.plen + 40) == len(small)
    assert decapsulate(small, {0x1234: algorithm}) == plain


@ALGORITHMS
def test_what_would_not_become_smaller_stays(algorithm: Algorithm) -> None:
    compressor = Compressor(algorithm, 2)
    noise = bytes(IP() / UDP() / os.urandom(500))
    assert compressor.encapsulate(noise) == noise
    short = bytes(IP() / UDP() / bytes(81))
    assert compressor.encapsulate(short) == short
    assert len(compressor.encapsulate(bytes(IP() / UDP() / bytes(82)))) < 110
    once = compressor.encapsulate(bytes(PLAIN4))
    assert compressor.encapsulate(once) == once
    assert decapsulate(noise, {}) == noise


def test_equal_size_counts_as_not_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = bytes(PLAIN4)
    size = len(plain) - 20
    for short_by, sent in ((4, False), (5, True)):
        monkeypatch.setattr(ipcomp, "compress", lambda _algorithm, _payload, n=size - short_by: bytes(n))
        assert (Compressor(Algorithm.DEFLATE, 2).encapsulate(plain) != plain) is sent


def test_after_failures_it_rests_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []
    compress = ipcomp.compress

    def counted(algorithm: Algorithm, payload: bytes) -> bytes:
        attempts.append(len(payload))
        return compress(algorithm, payload)

    monkeypatch.setattr(ipcomp, "compress", counted)
    compressor = Compressor(Algorithm.DEFLATE, 2, patience=3)
    noise = bytes(IP() / UDP() / os.urandom(300))
    for _ in range(3 + 3 + 3 + 6):
        compressor.encapsulate(noise)
    assert len(attempts) == 6  # three, a rest of three, three, a rest of six
    assert compressor.encapsulate(bytes(PLAIN4)) != bytes(PLAIN4)
    for _ in range(4):
        compressor.encapsulate(noise)
    assert len(attempts) == 6 + 1 + 3


@ALGORITHMS
def test_a_bomb_is_refused_before_it_opens(algorithm: Algorithm) -> None:
    bomb = (
        deflated(bytes(50_000_000))
        if algorithm is Algorithm.DEFLATE
        else bytes.fromhex("00607fff") + b"\xff" * 2_000_000
    )
    packet = bytes(IP(proto=108)) + bytes((17, 0, 0, algorithm))
    packet = packet[:2] + (24 + 60000).to_bytes(2) + packet[4:] + bomb[:60000].ljust(60000, b"\0")
    with pytest.raises(Discarded) as caught:
        decapsulate(packet, {int(algorithm): algorithm})
    assert caught.value.reason is Discard.IPCOMP_TOO_LARGE


def test_a_packet_of_the_largest_size_opens_and_one_octet_more_does_not() -> None:
    header = IpCompHeader(17, 2).to_bytes()
    for size, well in ((65515, True), (65516, False)):
        data = header + deflated(bytes(size))
        packet = bytes(IP(proto=108, len=20 + len(data))) + data
        if well:
            assert len(decapsulate(packet, {2: Algorithm.DEFLATE})) == 65535
        else:
            with pytest.raises(Discarded):
                decapsulate(packet, {2: Algorithm.DEFLATE})


def test_flags_are_ignored_and_more_than_one_block_opens() -> None:
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(TEXT) + stream.flush(zlib.Z_FULL_FLUSH) + stream.compress(TEXT) + stream.flush()
    header, payload = open_payload(Algorithm.DEFLATE, b"\x06\xff\x00\x02" + data)
    assert (header.next_header, header.cpi, payload) == (6, 2, TEXT * 2)


GOOD = deflated(TEXT)


@pytest.mark.parametrize(
    ("algorithm", "data"),
    [
        (Algorithm.DEFLATE, b""),
        (Algorithm.DEFLATE, GOOD[:-1]),
        (Algorithm.DEFLATE, GOOD + b"x"),
        (Algorithm.DEFLATE, b"\x07" + GOOD),  # block type 3
        (Algorithm.DEFLATE, zlib.compress(TEXT)),  # with zlib's header
        (Algorithm.LZS, b""),
        (Algorithm.LZS, b"\x80\x01\x80"),
    ],
)
def test_a_malformed_stream_is_refused(algorithm: Algorithm, data: bytes) -> None:
    with pytest.raises(Discarded) as caught:
        open_payload(algorithm, b"\x06\0\0\2" + data)
    assert caught.value.reason is Discard.IPCOMP_MALFORMED


def test_other_refusals() -> None:
    small = Compressor(Algorithm.LZS, 700).encapsulate(bytes(PLAIN4))
    with pytest.raises(Discarded) as caught:
        decapsulate(small, {701: Algorithm.LZS})
    assert caught.value.reason is Discard.IPCOMP_NO_ASSOCIATION
    with pytest.raises(Discarded):
        decapsulate(bytes(IP(proto=108)) + b"abc", {})
    with pytest.raises(Discarded):
        decapsulate(bytes(IPv6() / IPv6ExtHdrFragment(nh=108) / b"abcd"), {})
    with pytest.raises(Discarded):
        decapsulate(bytes(IPv6(nh=0)), {})
    with pytest.raises(Discarded):
        Compressor(Algorithm.LZS, 3).encapsulate(bytes(IP(flags="MF") / UDP() / TEXT))
