"""UDP sockets: traffic class in both directions, free ports on several addresses, errors that are counted."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter

import pytest

from reference_impl.gateway.errors import StartError
from reference_impl.gateway.sockets import UdpSocket, bind_pairs, route_mtu
from reference_impl.ikev2.endpoint import Endpoint

from .networks import needs_root


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_traffic_class_travels(address: str) -> None:
    async def exchange() -> list[tuple[bytes, Endpoint, int]]:
        loop, counters = asyncio.get_running_loop(), Counter[str]()
        one, two = UdpSocket(address, 0, counters), UdpSocket(address, 0, counters)
        got: list[tuple[bytes, Endpoint, int]] = []
        two.start(loop, lambda data, local, remote, tos: got.append((data, remote, tos)))
        for tos in (0xBA, 0, 3):
            one.send(bytes((tos,)), two.local, tos)
        while len(got) < 3:
            await asyncio.sleep(0.005)
        two.close(loop)
        one.close(loop)
        assert not counters
        assert all(remote == one.local for _, remote, _ in got)
        return got

    got = asyncio.run(asyncio.wait_for(exchange(), 5))
    assert [(data[0], tos) for data, _, tos in got] == [(0xBA, 0xBA), (0, 0), (3, 3)]


def test_one_free_port_for_all_addresses() -> None:
    pairs = bind_pairs(("127.0.0.1", "::1"), 0, 0, Counter())
    try:
        assert pairs[0][0].local.port == pairs[1][0].local.port
        assert pairs[0][1].local.port == pairs[1][1].local.port
        assert len({each.local for pair in pairs for each in pair}) == 4
    finally:
        for each in (each for pair in pairs for each in pair):
            each.socket.close()


def test_taken_port_releases_what_was_bound() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"UDP 127.0.0.1:{port} is in use"):
            bind_pairs(("127.0.0.1",), 0, port, Counter())


def test_send_errors_are_counted() -> None:
    counters = Counter[str]()
    sender = UdpSocket("127.0.0.1", 0, counters)
    sender.send(bytes(70_000), Endpoint("127.0.0.1", 9))
    sender.send(b"x", Endpoint("127.0.0.1", 70_000))
    sender.send(b"x", Endpoint("::1", 9))
    sender.socket.close()
    assert counters["send-error-EMSGSIZE"] == 1
    assert counters.total() == 3


@needs_root
def test_df_bit_on_the_wire() -> None:
    async def exchange() -> list[bool]:
        counters, fixed = Counter[str](), []
        sender = UdpSocket("127.0.0.1", 0, counters)
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as wire:
            wire.bind(("127.0.0.1", 0))
            wire.settimeout(5)
            for wanted in (False, True, True, False):
                sender.send(b"x", sender.local, dont_fragment=wanted)
                packet = wire.recv(100)
                while int.from_bytes(packet[20:22], "big") != sender.local.port:
                    packet = wire.recv(100)
                fixed.append(bool(packet[6] & 0x40))
        sender.socket.close()
        return fixed

    assert asyncio.run(exchange()) == [False, True, True, False]


def test_mtu_of_a_route() -> None:
    if sys.platform == "linux":
        assert (route_mtu("127.0.0.1", "127.0.0.1") or 0) >= 1500
    assert route_mtu("127.0.0.1", "no address") is None
