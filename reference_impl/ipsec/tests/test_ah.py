"""AH packets: sizes, modes, sequence numbers; scapy is the other implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop
from scapy.layers.ipsec import AH, SecurityAssociation
from scapy.packet import Packet

from reference_impl.crypto.errors import CryptoError, IntegrityError, UnsupportedAlgorithm
from reference_impl.crypto.integ import INTEGS, IntegAlgorithm, integ
from reference_impl.ipsec.ah import AhTransform, GmacIntegrity, MacIntegrity, ReplayMd5Integrity, integrity
from reference_impl.ipsec.ah_sa import InboundAhSa, OutboundAhSa
from reference_impl.ipsec.discards import Discard, Discarded
from reference_impl.wire.registries import Integ

SCAPY = {
    Integ.HMAC_SHA1_96: "HMAC-SHA1-96",
    Integ.AES_CMAC_96: "AES-CMAC-96",
    Integ.HMAC_SHA2_256_128: "SHA2-256-128",
    Integ.HMAC_SHA2_384_192: "SHA2-384-192",
    Integ.HMAC_SHA2_512_256: "SHA2-512-256",
}
KEY = bytes(range(64))
PLAIN4 = IP(src="192.0.2.1", dst="192.0.2.2", tos=0xB8, ttl=17, id=9) / UDP(sport=1, dport=2) / b"payload"
PLAIN6 = IPv6(src="2001:db8::1", dst="2001:db8::2", tc=0xB8, hlim=17) / IPv6ExtHdrHopByHop() / UDP() / b"payload"
PACKETS = pytest.mark.parametrize("packet", [PLAIN4, PLAIN6], ids=["ipv4", "ipv6"])
ENDS4 = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
ENDS6 = b"\xfd".ljust(16, b"\1"), b"\xfd".ljust(16, b"\2")


def transform(algorithm: IntegAlgorithm | None = None, **more: bool) -> AhTransform:
    chosen = algorithm or integ(Integ.HMAC_SHA2_256_128)
    return AhTransform(0x1234, MacIntegrity(chosen, KEY[: chosen.key_size]), **more)


def association(identifier: Integ, **more: object) -> SecurityAssociation:
    key = KEY[: integ(identifier).key_size]
    return SecurityAssociation(  # type: ignore[no-untyped-call]
        AH, spi=0x1234, auth_algo=SCAPY[identifier], auth_key=key, **more
    )


@pytest.mark.parametrize("identifier", SCAPY, ids=lambda each: each.name)
@pytest.mark.parametrize("high", [0, 3])
@PACKETS
def test_scapy_seals_and_opens_the_same_packets(packet: Packet, high: int, identifier: Integ) -> None:
    ours = OutboundAhSa(transform(integ(identifier), esn=bool(high)))
    ours.sequence = high << 32 | 5
    sealed = ours.encapsulate(bytes(packet))
    theirs = association(identifier, esn_en=bool(high), esn=high)
    assert bytes(theirs.encrypt(packet, seq_num=6)) == sealed  # type: ignore[no-untyped-call]
    opened = theirs.decrypt((IP if sealed[0] >> 4 == 4 else IPv6)(sealed))  # type: ignore[no-untyped-call]
    assert bytes(opened) == bytes(packet)


@pytest.mark.parametrize("ends", [None, ENDS4, ENDS6], ids=["transport", "over ipv4", "over ipv6"])
@pytest.mark.parametrize("algorithm", INTEGS.values(), ids=lambda each: each.name)
@PACKETS
def test_round_trip_and_alignment(packet: Packet, algorithm: IntegAlgorithm, ends: tuple[bytes, bytes] | None) -> None:
    outbound = OutboundAhSa(transform(algorithm), ends)
    inbound = InboundAhSa(transform(algorithm), tunnel_mode=ends is not None)
    for _ in range(3):
        sealed = outbound.encapsulate(bytes(packet))
        assert inbound.decapsulate(sealed) == bytes(packet)
        version = sealed[0] >> 4
        size = outbound.transform.size(version)
        assert size % (8 if version == 6 else 4) == 0
        assert size - 12 - algorithm.icv_size < (8 if version == 6 else 4)
    with pytest.raises(Discarded) as caught:
        inbound.decapsulate(sealed)
    assert caught.value.reason is Discard.AH_REPLAY


def test_sizes_of_rfc_4302() -> None:
    assert transform(integ(Integ.HMAC_SHA1_96)).size(4) == transform(integ(Integ.HMAC_SHA1_96)).size(6) == 24
    assert (transform().size(4), transform().size(6)) == (28, 32)
    sha512 = transform(integ(Integ.HMAC_SHA2_512_256))
    assert (sha512.size(4), sha512.size(6)) == (44, 48)
    assert AhTransform(1, GmacIntegrity(bytes(20))).size(6) == 36 + 4
    assert AhTransform(1, ReplayMd5Integrity(b"k"), sends_high=True).size(6) == 32


@PACKETS
def test_what_routers_change_is_accepted_and_all_else_refused(packet: Packet) -> None:
    outbound, inbound = OutboundAhSa(transform()), transform()
    sealed = outbound.encapsulate(bytes(packet))
    expected = inbound.open(sealed, 1)
    free = {1, 6, 8, 10, 11} if sealed[0] >> 4 == 4 else {0, 1, 2, 3, 7}
    for octet in range(len(sealed)):
        altered = bytearray(sealed)
        altered[octet] ^= {0: 0x0F, 6: 0x40}.get(octet, 0x81)
        if octet in free:
            assert inbound.open(bytes(altered), 1).payload == expected.payload
        elif octet != 0:  # IPv4's first octet moves the place of AH
            with pytest.raises((IntegrityError, Discarded)):
                inbound.open(bytes(altered), 1)


@PACKETS
def test_a_cut_packet_is_refused_wherever_it_is_cut(packet: Packet) -> None:
    sealed = OutboundAhSa(transform()).encapsulate(bytes(packet))
    for size in range(len(sealed)):
        cut = bytearray(sealed[:size])
        if sealed[0] >> 4 == 4 and size >= 20:
            cut[2:4] = size.to_bytes(2)
        elif sealed[0] >> 4 == 6 and size >= 40:
            cut[4:6] = (size - 40).to_bytes(2)
        with pytest.raises((IntegrityError, Discarded)):
            transform().open(bytes(cut), 1)


def test_extended_sequence_numbers_are_covered() -> None:
    outbound = OutboundAhSa(transform(esn=True))
    outbound.sequence = (1 << 32) - 2
    inbound = InboundAhSa(transform(esn=True), tunnel_mode=False)
    inbound.window.update((1 << 32) - 2)
    for _ in range(3):
        assert inbound.decapsulate(outbound.encapsulate(bytes(PLAIN4))) == bytes(PLAIN4)
    assert inbound.window.top == (1 << 32) + 1
    sealed = outbound.encapsulate(bytes(PLAIN4))
    with pytest.raises(IntegrityError):
        transform(esn=True).open(sealed, 2)
    with pytest.raises(IntegrityError):
        transform().open(sealed, 1 << 32 | 2)


def test_the_counter_does_not_cycle() -> None:
    for each in (transform(), transform(esn=True)):
        outbound = OutboundAhSa(each)
        outbound.sequence = (1 << (64 if each.esn else 32)) - 1
        with pytest.raises(Discarded) as caught:
            outbound.encapsulate(bytes(PLAIN4))
        assert caught.value.reason is Discard.SEQUENCE_OVERFLOW


def test_rfc_2085_sends_all_64_bits_of_the_counter() -> None:
    outbound = OutboundAhSa(AhTransform(0x300, ReplayMd5Integrity(b"secret"), sends_high=True))
    outbound.sequence = 0x100000001
    sealed = outbound.encapsulate(bytes(PLAIN4))
    assert sealed[20:36] == bytes.fromhex("11060000 00000300 00000001 00000002")
    inbound = InboundAhSa(outbound.transform, tunnel_mode=False)
    assert inbound.decapsulate(sealed) == bytes(PLAIN4)
    with pytest.raises(Discarded):
        inbound.decapsulate(sealed)
    with pytest.raises(CryptoError):
        ReplayMd5Integrity(b"")


def test_gmac_sends_its_iv_and_covers_it() -> None:
    outbound = OutboundAhSa(AhTransform(0x300, GmacIntegrity(KEY[:36])))
    sealed = outbound.encapsulate(bytes(PLAIN6))
    place = 48 + 12
    assert sealed[place : place + 8] == (1).to_bytes(8)
    inbound = InboundAhSa(outbound.transform, tunnel_mode=False)
    for octet in (place, place + 7, place + 8, place + 23, place + 24):
        altered = bytearray(sealed)
        altered[octet] ^= 1
        with pytest.raises(Discarded) as caught:
            inbound.decapsulate(bytes(altered))
        assert caught.value.reason is Discard.AH_INTEGRITY
    assert inbound.decapsulate(sealed) == bytes(PLAIN6)
    with pytest.raises(CryptoError):
        GmacIntegrity(bytes(16))


def test_the_algorithm_of_a_negotiated_transform() -> None:
    for identifier, size in ((Integ.AES_128_GMAC, 20), (Integ.AES_192_GMAC, 28), (Integ.AES_256_GMAC, 36)):
        assert integrity(identifier, bytes(size)).iv_size == 8
        with pytest.raises(CryptoError):
            integrity(identifier, bytes(size + 8))
    assert integrity(Integ.HMAC_SHA2_512_256, bytes(64)).icv_size == 32
    with pytest.raises(UnsupportedAlgorithm):
        integrity(Integ.NONE, b"")


def test_padding_is_covered_and_never_more_than_needed() -> None:
    header, payload = bytes(PLAIN6)[:40], bytes(PLAIN6)[48:]
    sealed = transform().seal(1, header, 17, payload, padding=b"abcd")
    assert transform().open(sealed, 1).payload == payload
    with pytest.raises(IntegrityError):
        transform().open(sealed.replace(b"abcd", b"abce"), 1)
    for padding in (b"", b"abc", b"abcdefgh", b"abcdefghijkl"):
        with pytest.raises(ValueError, match="ICV padding"):
            transform().seal(1, header, 17, payload, padding=padding)
    longer = bytearray(sealed)
    longer[41] += 2
    with pytest.raises(Discarded) as caught:
        transform().open(bytes(longer), 1)
    assert caught.value.reason is Discard.AH_LENGTH


def test_refusals_of_the_sending_side() -> None:
    fragment = bytes(IP(flags="MF") / UDP() / b"x")
    with pytest.raises(Discarded):
        OutboundAhSa(transform()).encapsulate(fragment)
    assert OutboundAhSa(transform(), ENDS4).encapsulate(fragment)
    with pytest.raises(Discarded) as caught:
        OutboundAhSa(transform(), ENDS4).encapsulate(bytes(IP() / UDP() / bytes(65480)))
    assert caught.value.reason is Discard.TOO_BIG
    with pytest.raises(CryptoError):
        MacIntegrity(integ(Integ.HMAC_SHA1_96), bytes(19))
    with pytest.raises(ValueError, match="either sent or not"):
        transform(esn=True, sends_high=True)


def test_refusals_of_the_receiving_side() -> None:
    sealed = OutboundAhSa(transform()).encapsulate(bytes(PLAIN4))
    other = InboundAhSa(AhTransform(0x9999, transform().integrity), tunnel_mode=False)
    with pytest.raises(Discarded) as caught:
        other.decapsulate(sealed)
    assert caught.value.reason is Discard.NO_SA
    with pytest.raises(Discarded) as caught:
        InboundAhSa(transform(), tunnel_mode=True).decapsulate(sealed)
    assert caught.value.reason is Discard.NEXT_HEADER
    with pytest.raises(Discarded) as caught:
        InboundAhSa(transform(), tunnel_mode=False).decapsulate(bytes(IP(proto=51)) + b"1234567")
    assert caught.value.reason is Discard.MALFORMED
    swapped = transform().seal(1, bytes(IP(src="10.0.0.1", dst="10.0.0.2")), 4, bytes(PLAIN6))
    with pytest.raises(Discarded) as caught:
        InboundAhSa(transform(), tunnel_mode=True).decapsulate(swapped)
    assert caught.value.reason is Discard.INNER_MALFORMED


@given(st.binary(max_size=120), st.sampled_from([b"", bytes(PLAIN4)[:20], bytes(PLAIN6)[:40], bytes(PLAIN6)[:48]]))
def test_hostile_octets_give_a_typed_error(data: bytes, head: bytes) -> None:
    packet = bytearray(head + data)
    if head:
        packet[9 if head[0] >> 4 == 4 else 6 if len(head) == 40 else 40] = 51
        place, size = (2, len(packet)) if head[0] >> 4 == 4 else (4, len(packet) - 40)
        packet[place : place + 2] = size.to_bytes(2)
    for mode in (False, True):
        with pytest.raises(Discarded):
            InboundAhSa(transform(), tunnel_mode=mode).decapsulate(bytes(packet))
