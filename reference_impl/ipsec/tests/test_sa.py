"""Both directions of an SA against each other, and every reason for which a packet is refused."""

from __future__ import annotations

import struct

import pytest

from reference_impl.crypto.suite import parse_esp
from reference_impl.ipsec import esp
from reference_impl.ipsec.discards import Discard, Discarded
from reference_impl.ipsec.sa import EspMode, InboundSa, OutboundSa
from reference_impl.ipsec.selectors import SaSelectors
from reference_impl.ipsec.tunnel import Outer, with_traffic_class
from reference_impl.wire.ip import build_icmp_echo, build_udp
from reference_impl.wire.ts import TrafficSelector

SPI = 0x11223344
SUITES = [
    "aes128gcm16",
    "aes256gcm16",
    "aes256gcm12",
    "aes128gcm8",
    "aes128ccm16",
    "aes256ccm8",
    "aes192ccm12",
    "chacha20poly1305",
    "aes128gmac",
    "aes128-sha1",
    "aes256-sha256",
    "aes192-sha384",
    "aes256-sha512",
    "aes128ctr-sha256",
    "aes128-aesxcbc",
    "aes128-aescmac",
    "3des-sha1",
    "null-sha256",
    "camellia128-sha256",
    "camellia256ctr-sha256",
    "camellia128ccm16",
    "camellia192ccm12",
    "camellia256ccm8",
    "aes256gcm16iiv",
    "aes128ccm8iiv",
    "chacha20poly1305iiv",
    "des-md5",
]
PING4 = build_icmp_echo("10.1.0.1", "10.2.0.1", 1, 2, b"x" * 57)
PING6 = build_icmp_echo("2001:db8:1::1", "2001:db8:2::1", 1, 2, b"x" * 60)
OUTER4 = Outer(bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
OUTER6 = Outer(bytes(15) + b"\1", bytes(15) + b"\2")


def transform(suite: str = "aes128gcm16", *, esn: bool = False) -> esp.EspTransform:
    chosen = parse_esp(suite)
    integ = chosen.integ_algorithm()
    enc_key = bytes(range(chosen.cipher_algorithm().key_size))
    return esp.transform(SPI, chosen, enc_key, bytes(range(100, 100 + integ.key_size)) if integ else b"", esn=esn)


def pair(
    suite: str = "aes128gcm16", mode: EspMode = EspMode.TUNNEL, *, esn: bool = False, window: int = 64
) -> tuple[OutboundSa, InboundSa]:
    return OutboundSa(transform(suite, esn=esn), mode), InboundSa(transform(suite, esn=esn), mode, window=window)


def refusal(inbound: InboundSa, packet: bytes, outer: Outer | None = None) -> Discard:
    with pytest.raises(Discarded) as caught:
        inbound.decapsulate(packet, outer)
    return caught.value.reason


@pytest.mark.parametrize("esn", [False, True])
@pytest.mark.parametrize("suite", SUITES)
def test_round_trip(suite: str, esn: bool) -> None:
    outbound, inbound = pair(suite, esn=esn)
    for size in range(20):
        for packet in (
            build_icmp_echo("10.1.0.1", "10.2.0.1", 1, size, bytes(size)),
            build_icmp_echo("2001:db8::1", "2001:db8::2", 1, size, bytes(size)),
        ):
            sealed = outbound.encapsulate(packet)
            assert len(sealed) % 4 == 0
            assert inbound.decapsulate(sealed) == packet
    assert inbound.packets == outbound.packets == 40
    assert inbound.octets == outbound.octets


@pytest.mark.parametrize(("packet", "outer"), [(PING4, None), (PING6, OUTER6)])
def test_first_sequence_number_is_one(packet: bytes, outer: Outer | None) -> None:
    outbound, _ = pair()
    assert outbound.encapsulate(packet)[:8] == struct.pack(">II", SPI, 1)
    assert outbound.encapsulate(packet)[:8] == struct.pack(">II", SPI, 2)


@pytest.mark.parametrize(
    ("packet", "outer"),
    [
        (PING4, Outer(PING4[12:16], PING4[16:20])),
        (PING6, Outer(PING6[8:24], PING6[24:40])),
        (build_udp("10.1.0.1", "10.2.0.1", 4000, 53, b"query"), Outer(PING4[12:16], PING4[16:20])),
    ],
)
def test_transport_mode(packet: bytes, outer: Outer) -> None:
    outbound, inbound = pair(mode=EspMode.TRANSPORT)
    assert inbound.decapsulate(outbound.encapsulate(packet), outer) == packet


@pytest.mark.parametrize("ends", [("10.1.0.1", "10.2.0.1"), ("2001:db8::1", "2001:db8::2")])
def test_transport_mode_through_a_nat_mends_the_udp_checksum(ends: tuple[str, str]) -> None:
    outbound, _ = pair(mode=EspMode.TRANSPORT)
    inbound = InboundSa(transform(), EspMode.TRANSPORT, translated=True)
    sealed = outbound.encapsulate(build_udp(*ends, 4000, 53, b"query"))
    outer = OUTER4 if "." in ends[0] else OUTER6
    seen = ("192.0.2.1", "192.0.2.2") if "." in ends[0] else ("::1", "::2")
    assert inbound.decapsulate(sealed, outer) == build_udp(*seen, 4000, 53, b"query")


def test_transport_mode_refuses_a_fragment() -> None:
    outbound, _ = pair(mode=EspMode.TRANSPORT)
    with pytest.raises(Discarded) as caught:
        outbound.encapsulate(PING4[:6] + b"\x20\0" + PING4[8:])
    assert caught.value.reason is Discard.FRAGMENT_IN_TRANSPORT
    assert outbound.sequence == 0


@pytest.mark.parametrize(
    ("implicit", "explicit"),
    [("aes256gcm16iiv", "aes256gcm16"), ("aes128ccm8iiv", "aes128ccm8"), ("chacha20poly1305iiv", "chacha20poly1305")],
)
@pytest.mark.parametrize("esn", [False, True])
def test_an_implicit_iv_is_the_sequence_number_and_not_sent(implicit: str, explicit: str, esn: bool) -> None:
    sequence = 0x500000007
    short = transform(implicit, esn=esn)
    full = sequence if esn else sequence & 0xFFFFFFFF
    long = transform(explicit, esn=esn).seal(full, b"plaintext of 24 octets..", full.to_bytes(8))
    sealed = short.seal(sequence, b"plaintext of 24 octets..")
    assert sealed == long[:8] + long[16:]
    assert (short.iv_size, short.minimum) == (0, transform(explicit).minimum - 8)
    assert short.open(sealed, sequence) == b"plaintext of 24 octets.."
    with pytest.raises(ValueError, match="implicit"):
        short.seal(sequence, b"plaintext of 24 octets..", bytes(8))


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes128-sha256"])
def test_any_changed_octet_is_found(suite: str) -> None:
    outbound, inbound = pair(suite)
    sealed = outbound.encapsulate(PING4)
    for place in range(4, len(sealed)):
        changed = sealed[:place] + bytes((sealed[place] ^ 1,)) + sealed[place + 1 :]
        expected = Discard.SEQUENCE_ZERO if place == 7 else Discard.INTEGRITY
        assert refusal(inbound, changed) is expected
    assert inbound.window.top == 0
    assert inbound.decapsulate(sealed) == PING4


def test_replay_is_refused_and_late_packets_are_not() -> None:
    outbound, inbound = pair()
    packets = [outbound.encapsulate(PING4) for _ in range(70)]
    for packet in packets[64:]:
        inbound.decapsulate(packet)
    assert refusal(inbound, packets[69]) is Discard.REPLAY
    assert refusal(inbound, packets[5]) is Discard.REPLAY
    assert inbound.decapsulate(packets[6]) == PING4
    assert refusal(inbound, packets[6]) is Discard.REPLAY


def test_forged_packet_does_not_move_the_window() -> None:
    outbound, inbound = pair()
    first = outbound.encapsulate(PING4)
    outbound.sequence = 5000
    forged = bytearray(outbound.encapsulate(PING4))
    forged[-1] ^= 1
    assert refusal(inbound, bytes(forged)) is Discard.INTEGRITY
    assert inbound.decapsulate(first) == PING4


def test_sequence_zero() -> None:
    _, inbound = pair()
    zero = transform().seal(0, PING4 + esp.trailers(4, 4)[len(PING4) % 4])
    assert refusal(inbound, zero) is Discard.SEQUENCE_ZERO


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes256-sha256"])
def test_extended_numbers_cross_the_subspace(suite: str) -> None:
    outbound, inbound = pair(suite, esn=True)
    outbound.sequence = 2**32 - 3
    inbound.window.update(2**32 - 3)
    packets = [outbound.encapsulate(PING4) for _ in range(6)]
    assert [p[4:8].hex() for p in packets] == ["fffffffe", "ffffffff", *(f"{n:08x}" for n in range(4))]
    for packet in packets[3:] + packets[:3]:
        inbound.decapsulate(packet)
    assert inbound.window.top == 2**32 + 3
    assert all(refusal(inbound, packet) is Discard.REPLAY for packet in packets)


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes256-sha256"])
def test_wrong_high_half_fails_the_icv(suite: str) -> None:
    outbound, inbound = pair(suite, esn=True)
    outbound.sequence = 1 << 32
    assert refusal(inbound, outbound.encapsulate(PING4)) is Discard.INTEGRITY


def test_resynchronization_after_many_failures() -> None:
    outbound, _ = pair(esn=True)
    inbound = InboundSa(transform(esn=True), resync_failures=8, resync_reach=3)
    outbound.sequence = 3 << 32
    refused = [refusal(inbound, outbound.encapsulate(PING4)) for _ in range(7)]
    assert refused == [Discard.INTEGRITY] * 7
    assert inbound.decapsulate(outbound.encapsulate(PING4)) == PING4
    assert inbound.window.top == outbound.sequence
    assert inbound.decapsulate(outbound.encapsulate(PING4)) == PING4


@pytest.mark.parametrize(("esn", "last"), [(False, 2**32 - 1), (True, 2**64 - 1)])
def test_counter_never_cycles(esn: bool, last: int) -> None:
    outbound, _ = pair(esn=esn)
    outbound.sequence = last - 1
    outbound.encapsulate(PING4)
    for _ in range(2):
        with pytest.raises(Discarded) as caught:
            outbound.encapsulate(PING4)
        assert caught.value.reason is Discard.SEQUENCE_OVERFLOW
    assert outbound.sequence == last


@pytest.mark.parametrize("pad_length", [2, 6, 254])
def test_longer_padding_is_fine(pad_length: int) -> None:
    outbound, inbound = pair()
    packet = build_icmp_echo("10.1.0.1", "10.2.0.1", 1, 2, bytes(20))
    assert inbound.decapsulate(outbound.seal_payload(packet, 4, pad_length)) == packet


@pytest.mark.parametrize("ending", [b"\1\3\2\4", b"\0\0\2\4", b"\2\1\2\4", b"\1\2\xff\4"])
def test_wrong_padding(ending: bytes) -> None:
    _, inbound = pair()
    packet = build_icmp_echo("10.1.0.1", "10.2.0.1", 1, 2, bytes(20))
    assert refusal(inbound, transform().seal(1, packet + ending)) is Discard.PADDING


@pytest.mark.parametrize("mode", list(EspMode))
def test_dummy_packets_say_so(mode: EspMode) -> None:
    outbound, inbound = pair(mode=mode)
    for size in (0, 1, 100):
        assert refusal(inbound, outbound.dummy(size), OUTER4) is Discard.DUMMY


@pytest.mark.parametrize("packet", [PING4, PING6])
def test_tfc_padding_is_taken_off(packet: bytes) -> None:
    outbound = OutboundSa(transform(), tfc_unit=512)
    _, inbound = pair()
    sealed = outbound.encapsulate(packet)
    assert len(sealed) == 8 + 8 + 512 + 4 + 16
    assert inbound.decapsulate(sealed) == packet


@pytest.mark.parametrize(
    ("payload", "next_header", "reason"),
    [
        (PING4, 41, Discard.INNER_MALFORMED),
        (PING6, 4, Discard.INNER_MALFORMED),
        (PING4[:19], 4, Discard.INNER_MALFORMED),
        (PING4[:-1], 4, Discard.INNER_MALFORMED),
        (PING4[:2] + b"\0\x13" + PING4[4:], 4, Discard.INNER_MALFORMED),
        (PING4[:2] + b"\0\x00" + PING4[4:], 4, Discard.INNER_MALFORMED),
        (PING6[:39], 41, Discard.INNER_MALFORMED),
        (b"", 4, Discard.INNER_MALFORMED),
        (PING4, 17, Discard.NEXT_HEADER),
        (PING4, 50, Discard.NEXT_HEADER),
    ],
)
def test_contents_that_tunnel_mode_refuses(payload: bytes, next_header: int, reason: Discard) -> None:
    outbound, inbound = pair()
    assert refusal(inbound, outbound.seal_payload(payload, next_header)) is reason


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes128-sha256", "null-sha256"])
def test_truncated_packets(suite: str) -> None:
    outbound, inbound = pair(suite)
    sealed = outbound.encapsulate(PING4)
    for size in range(len(sealed)):
        assert refusal(inbound, sealed[:size]) in (Discard.TRUNCATED, Discard.INTEGRITY)


def selectors(local: str, remote: str, protocol: int = 0, ports: tuple[int, int] = (0, 65535)) -> SaSelectors:
    return SaSelectors(
        [TrafficSelector.from_network(local, protocol, ports)], [TrafficSelector.from_network(remote, protocol)]
    )


def test_inner_packet_must_fit_the_selectors() -> None:
    outbound, _ = pair()
    inbound = InboundSa(transform(), selectors=selectors("10.2.0.0/24", "10.1.0.0/24"))
    assert inbound.decapsulate(outbound.encapsulate(PING4)) == PING4
    assert inbound.decapsulate(outbound.encapsulate(PING4)) == PING4
    for source, destination in (("10.9.0.1", "10.2.0.1"), ("10.1.0.1", "10.9.0.1")):
        packet = build_icmp_echo(source, destination)
        assert refusal(inbound, outbound.encapsulate(packet)) is Discard.SELECTORS
    # its octets 12 to 19 are those of a packet that was allowed
    address = "2001:db8:" + ":".join((PING4[12:20] + bytes(4)).hex()[n : n + 4] for n in range(0, 24, 4))
    disguised = build_icmp_echo(address, "2001:db8::2")
    assert disguised[12:20] == PING4[12:20]
    assert refusal(inbound, outbound.encapsulate(disguised)) is Discard.SELECTORS


def test_selectors_with_ports() -> None:
    outbound, _ = pair()
    inbound = InboundSa(transform(), selectors=selectors("10.2.0.0/24", "10.1.0.0/24", 17, (53, 53)))
    query = build_udp("10.1.0.1", "10.2.0.1", 4000, 53, b"query")
    assert inbound.decapsulate(outbound.encapsulate(query)) == query
    for packet in (build_udp("10.1.0.1", "10.2.0.1", 4000, 54, b"query"), PING4):
        assert refusal(inbound, outbound.encapsulate(packet)) is Discard.SELECTORS


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("inner", "outer", "result"),
    [
        (0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 3, None),
        (2, 0, 2), (2, 2, 2), (2, 1, 1), (2, 3, 3),
        (1, 0, 1), (1, 2, 1), (1, 1, 1), (1, 3, 3),
        (3, 0, 3), (3, 2, 3), (3, 1, 3), (3, 3, 3),
    ],
)  # fmt: skip
def test_ecn_table_of_rfc_6040(version: int, inner: int, outer: int, result: int | None) -> None:
    outbound, inbound = pair()
    packet = PING4 if version == 4 else PING6
    sealed = outbound.encapsulate(with_traffic_class(packet, 0xB8 | inner))
    header = Outer(OUTER4.source, OUTER4.destination, 0x10 | outer)
    if result is None:
        assert refusal(inbound, sealed, header) is Discard.ECN
    else:
        assert inbound.decapsulate(sealed, header) == with_traffic_class(packet, 0xB8 | result)
