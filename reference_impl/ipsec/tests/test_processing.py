"""The whole boundary with two gateways and two hosts in one process, and no socket."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.crypto.suite import parse_esp
from reference_impl.ipsec import esp
from reference_impl.ipsec.discards import Discard
from reference_impl.ipsec.host import MemoryHost, TooBig
from reference_impl.ipsec.lifetime import SEQUENCE_SOFT_LIMIT, Limit, Volume
from reference_impl.ipsec.processing import (
    Acquire,
    Audit,
    LimitReached,
    PeerAlive,
    Processor,
    UnknownSpi,
    WrongSelectors,
)
from reference_impl.ipsec.sa import EspMode, InboundSa, OutboundSa
from reference_impl.ipsec.sad import Path
from reference_impl.ipsec.selectors import SaSelectors
from reference_impl.ipsec.spd import Action, Policy, Spd
from reference_impl.ipsec.tunnel import with_traffic_class
from reference_impl.wire.ip import IcmpEcho, UdpDatagram, build_icmp_echo
from reference_impl.wire.ts import TrafficSelector

SUITE = parse_esp("aes128gcm16")
KEYS = {256: bytes(range(20)), 257: bytes(range(1, 21)), 512: bytes(range(2, 22)), 513: bytes(range(3, 23))}
LEFT = ["10.1.0.1", "2001:db8:1::1"]
RIGHT = ["10.2.0.1", "2001:db8:2::1"]


def ts(*networks: str) -> list[TrafficSelector]:
    return [TrafficSelector.from_network(network) for network in networks]


class Site:
    """One gateway with its host."""

    def __init__(self, address: str, hosts: list[str], mtu: int = 1500) -> None:
        self.audits: list[Audit] = []
        self.processor = Processor(audit=self.audits.append, mtu=mtu)
        self.host = MemoryHost(hosts)
        self.address = address

    def install(
        self,
        child: int,
        peer: Site,
        spi_in: int,
        spi_out: int,
        *,
        volume: Volume = Volume(),  # noqa: B008 (frozen)
        sending: bool = True,
        mode: EspMode = EspMode.TUNNEL,
    ) -> None:
        selectors = SaSelectors(ts(*self.host.addresses), ts(*peer.host.addresses))
        inbound = InboundSa(esp.transform(spi_in, SUITE, KEYS[spi_in], esn=False), mode, selectors=selectors)
        outbound = OutboundSa(esp.transform(spi_out, SUITE, KEYS[spi_out], esn=False), mode)
        path = Path(self.address, 4500, peer.address, 4500, True)
        self.processor.install(child, "peer", inbound, outbound, selectors, path, volume=volume, sending=sending)


def sites(mtu: int = 1500, volume: Volume = Volume()) -> tuple[Site, Site]:  # noqa: B008 (frozen)
    left, right = Site("192.0.2.1", LEFT, mtu), Site("192.0.2.2", RIGHT, mtu)
    left.install(1, right, 256, 257, volume=volume)
    right.install(1, left, 257, 256)
    return left, right


def carry(now: float, packet: bytes, sender: Site, receiver: Site) -> int:
    """Take a packet to the other side and the answers back; how many ESP packets went out."""
    result = sender.processor.outbound(now, packet)
    for reply in result.replies:
        sender.host.receive(now, reply)
    for datagram in result.datagrams:
        path = Path(receiver.address, 4500, sender.address, 4500, True)
        inner = receiver.processor.inbound(now, datagram.esp, path, datagram.traffic_class)
        if inner is not None:
            for answer in receiver.host.receive(now, inner):
                carry(now, answer, receiver, sender)
    return len(result.datagrams)


@pytest.mark.parametrize("destination", RIGHT)
@pytest.mark.parametrize("size", [0, 56, 1300, 4000])
def test_ping_through_the_tunnel(destination: str, size: int) -> None:
    left, right = sites(mtu=9000)
    carry(0.0, left.host.echo_request(destination, 7, 1, size), left, right)
    (echo,) = left.host.heard
    assert isinstance(echo, IcmpEcho)
    assert (echo.src, echo.identifier, len(echo.data)) == (destination, 7, size)
    assert left.processor.counters == right.processor.counters == {"encapsulated": 1, "decapsulated": 1}


def test_udp_echo() -> None:
    left, right = sites()
    carry(0.0, left.host.udp("10.2.0.1", 7, 4000, b"hello"), left, right)
    assert list(left.host.heard) == [UdpDatagram("10.2.0.1", "10.1.0.1", 7, 4000, b"hello")]
    assert right.host.receive(0.0, left.host.udp("10.2.0.1", 7, 7, b"loop")) == []


def test_ipv4_is_fragmented_before_encryption_and_fits() -> None:
    left, right = sites()
    sent = carry(0.0, left.host.echo_request("10.2.0.1", 7, 1, 4000), left, right)
    assert sent == 3
    assert isinstance(left.host.heard[0], IcmpEcho)
    pair = left.processor.sad.pairs()[0]
    room = left.processor.inner_mtu(0.0, pair)
    largest = build_icmp_echo("10.1.0.1", "10.2.0.1", 0, 0, bytes(room - 28))
    (datagram,) = left.processor.outbound(0.0, largest).datagrams
    assert 1500 - 4 < 20 + 8 + len(datagram.esp) <= 1500


def test_too_big_for_ipv6_and_df() -> None:
    left, right = sites()
    assert carry(0.0, left.host.echo_request("2001:db8:2::1", 7, 1, 4000), left, right) == 0
    (heard,) = left.host.heard
    assert isinstance(heard, TooBig)
    assert heard.destination == "2001:db8:2::1"
    assert carry(0.0, left.host.echo_request("2001:db8:2::1", 7, 1, heard.mtu - 48), left, right) == 1
    packet = left.host.echo_request("10.2.0.1", 7, 1, 4000)
    assert carry(0.0, packet[:6] + b"\x40\0" + packet[8:], left, right) == 0
    assert left.processor.counters["outbound-too-big"] == 2


def test_path_mtu_ages() -> None:
    left, right = sites()
    left.processor.set_path_mtu(0.0, 1, 600)
    assert carry(1.0, left.host.echo_request("10.2.0.1", 7, 1, 1000), left, right) == 2
    assert carry(601.0, left.host.echo_request("10.2.0.1", 7, 2, 1000), left, right) == 1
    left.processor.set_path_mtu(0.0, 1, 10)
    assert left.processor.inner_mtu(1.0, left.processor.sad.pairs()[0]) > 500


def test_every_refusal_is_counted_and_audited() -> None:
    left, right = sites()
    path = Path(right.address, 4500, left.address, 4500, True)
    (good,) = left.processor.outbound(0.0, left.host.echo_request("10.2.0.1", 7, 1)).datagrams
    process = right.processor.inbound
    assert process(1.0, good.esp, path) is not None
    assert process(2.0, good.esp, path) is None
    assert process(3.0, b"\0\0\0\x05" + good.esp[4:], path) is None
    assert process(4.0, b"\0\0\x05\x05" + good.esp[4:], path) is None
    assert process(5.0, good.esp[:7], path) is None
    (dummy,) = [left.processor.dummy(1, 30)]
    assert dummy is not None
    assert process(6.0, dummy.esp, path) is None
    assert right.processor.counters == {
        "decapsulated": 1,
        "esp-replay": 1,
        "esp-reserved-spi": 1,
        "esp-no-sa": 1,
        "esp-truncated": 1,
        "esp-dummy": 1,
    }
    assert [a.reason for a in right.audits] == [
        Discard.REPLAY,
        Discard.RESERVED_SPI,
        Discard.NO_SA,
        Discard.TRUNCATED,
    ]
    assert right.audits[0] == Audit(2.0, Discard.REPLAY, "", 257, 1, "192.0.2.1", "192.0.2.2")


def test_outbound_needs_a_policy_and_an_sa() -> None:
    left, _ = sites()
    assert left.processor.outbound(0.0, build_icmp_echo("10.1.0.1", "10.77.0.1")).datagrams == []
    assert left.processor.outbound(0.0, b"\x45\0").datagrams == []
    both = SaSelectors(ts("10.1.0.0/16"), ts("10.0.0.0/8"))
    local = SaSelectors(ts("10.1.0.0/16"), ts("10.1.0.0/16"))
    bad = SaSelectors(ts("10.1.0.0/16"), ts("10.66.0.0/16"))
    left.processor.spd = Spd(
        [
            Policy("lan", Action.BYPASS, local),
            Policy("bad", Action.DISCARD, bad),
            Policy("vpn", Action.PROTECT, both),
        ]
    )
    assert len(left.processor.outbound(0.0, build_icmp_echo("10.1.0.1", "10.1.0.9")).bypassed) == 1
    for destination in ("10.66.0.1", "10.77.0.1", "192.0.2.1"):
        left.processor.outbound(0.0, build_icmp_echo("10.1.0.1", destination))
    assert len(left.processor.outbound(0.0, build_icmp_echo("10.1.0.1", "10.2.0.1")).datagrams) == 1
    assert [a.reason for a in left.audits] == [
        Discard.NO_OUTBOUND_SA,
        Discard.MALFORMED,
        Discard.POLICY_DISCARD,
        Discard.NO_OUTBOUND_SA,
        Discard.NO_POLICY,
    ]
    (acquire,) = left.processor.take_notices()
    assert isinstance(acquire, Acquire)
    assert acquire.policy == "vpn"


def test_volume_limits_warn_then_stop() -> None:
    left, right = sites(volume=Volume(soft_packets=3, hard_packets=5))
    for number in range(8):
        carry(0.0, left.host.echo_request("10.2.0.1", 7, number), left, right)
    reached = [n for n in left.processor.take_notices() if isinstance(n, LimitReached)]
    # both directions count for themselves
    assert [n.limit for n in reached] == [Limit.SOFT, Limit.SOFT, Limit.HARD]
    assert left.processor.counters["sa-expired"] >= 3
    assert right.processor.counters["decapsulated"] == 5


def test_octet_limits() -> None:
    left, right = sites(volume=Volume(soft_octets=100, hard_octets=200))
    for number in range(3):
        carry(0.0, left.host.echo_request("10.2.0.1", 7, number), left, right)
    assert LimitReached(1, Limit.HARD) in left.processor.take_notices()


def test_sequence_numbers_running_out_ask_for_a_rekey() -> None:
    left, right = sites()
    pair = left.processor.sad.pairs()[0]
    pair.outbound.packets = pair.outbound.sequence = SEQUENCE_SOFT_LIMIT - 1
    carry(0.0, left.host.echo_request("10.2.0.1", 7, 1), left, right)
    assert left.processor.take_notices()[0] == LimitReached(1, Limit.SOFT)


def test_rekeyed_pair_sends_only_when_told() -> None:
    left, right = sites()
    left.install(2, right, 512, 513, sending=False)
    right.install(2, left, 513, 512)
    request = left.host.echo_request("10.2.0.1", 7, 1)
    assert left.processor.outbound(0.0, request).datagrams[0].esp[:4] == b"\0\0\x01\x01"
    left.processor.sad.start_sending(2)
    (datagram,) = left.processor.outbound(0.0, request).datagrams
    assert datagram.esp[:4] == b"\0\0\x02\x01"
    right.processor.sad.remove(1)
    left.processor.sad.remove(1)
    carry(0.0, request, left, right)
    assert isinstance(left.host.heard[0], IcmpEcho)
    with pytest.raises(ValueError, match="already installed"):
        left.install(3, right, 512, 513)


def test_new_outer_address_is_noticed_only_when_authenticated() -> None:
    left, right = sites()
    (good,) = left.processor.outbound(0.0, left.host.echo_request("10.2.0.1", 7, 1)).datagrams
    moved = Path(right.address, 4500, "192.0.2.77", 61000, True)
    assert right.processor.inbound(0.0, good.esp[:-1] + b"?", moved) is None
    assert right.processor.take_notices() == []
    assert right.processor.inbound(0.0, good.esp, moved) is not None
    assert right.processor.take_notices() == [PeerAlive(1, moved)]


def test_late_packet_from_an_old_address_is_no_news() -> None:
    left, right = sites()
    early, late = (left.processor.outbound(0.0, left.host.echo_request("10.2.0.1", 7, n)).datagrams[0] for n in (1, 2))
    usual = Path(right.address, 4500, left.address, 4500, True)
    assert right.processor.inbound(0.0, late.esp, usual) is not None
    assert right.processor.take_notices() == [PeerAlive(1, usual)]
    assert right.processor.inbound(0.1, early.esp, Path(right.address, 4500, "192.0.2.77", 61000, True)) is not None
    assert right.processor.take_notices() == []


def test_what_the_peer_should_be_told() -> None:
    left, right = sites()
    path = Path(right.address, 4500, left.address, 4500, True)
    right.processor.inbound(0.0, b"\0\0\x05\x05" + bytes(40), path)
    assert right.processor.take_notices() == [UnknownSpi(b"\0\0\x05\x05", path)]
    stranger = build_icmp_echo("10.66.0.1", "10.2.0.1")
    sealed = left.processor.sad.pairs()[0].outbound.encapsulate(stranger)
    right.processor.inbound(1.0, sealed, path)
    assert WrongSelectors(1, stranger) in right.processor.take_notices()


def test_the_responder_of_a_rekey_sends_when_it_hears_from_the_new_sa() -> None:
    left, right = sites()
    left.install(2, right, 512, 513)
    right.install(2, left, 513, 512, sending=False)
    carry(0.0, left.host.echo_request("10.2.0.1", 7, 1), left, right)
    assert isinstance(left.host.heard[0], IcmpEcho)
    assert right.processor.sad.pairs()[1].outbound.packets == 1


def test_transport_mode_between_the_gateways_themselves() -> None:
    left, right = Site("192.0.2.1", ["192.0.2.1"]), Site("192.0.2.2", ["192.0.2.2"])
    left.install(1, right, 256, 257, mode=EspMode.TRANSPORT)
    right.install(1, left, 257, 256, mode=EspMode.TRANSPORT)
    carry(0.0, left.host.echo_request("192.0.2.2", 9, 1), left, right)
    assert isinstance(left.host.heard[0], IcmpEcho)


def test_outer_header_takes_traffic_class_and_df() -> None:
    left, _ = sites()
    packet = with_traffic_class(left.host.echo_request("10.2.0.1", 7, 1), 0xBA)
    (datagram,) = left.processor.outbound(0.0, packet).datagrams
    assert (datagram.traffic_class, datagram.dont_fragment) == (0xBA, False)
    (datagram,) = left.processor.outbound(0.0, packet[:6] + b"\x40\0" + packet[8:]).datagrams
    assert datagram.dont_fragment


def test_host_leaves_other_packets_alone() -> None:
    host = MemoryHost(["10.1.0.1"])
    assert host.receive(0.0, build_icmp_echo("10.2.0.1", "10.1.0.2")) == []
    assert host.receive(0.0, b"\x45") == []
    broken = build_icmp_echo("10.2.0.1", "10.1.0.1")
    assert host.receive(0.0, broken[:-1] + b"?") == []
    assert host.counters == {"not-mine": 1, "malformed": 2}
    with pytest.raises(ValueError, match="no IPv6 address"):
        host.source_for("2001:db8::1")


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45\0\0\x40", b"\x60\0\0\0\0\x18", b"\0\0\x01\x01\0\0\0\x01"]))
def test_any_octets_on_any_side_are_counted(data: bytes, start: bytes) -> None:
    left, right = sites()
    path = Path(right.address, 4500, left.address, 4500, True)
    assert right.processor.inbound(0.0, start + data, path) is None
    left.processor.outbound(0.0, start + data)
    left.host.receive(0.0, start + data)
    assert sum(right.processor.counters.values()) == sum(left.processor.counters.values()) == 1
