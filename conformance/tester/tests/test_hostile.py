"""A device that sends garbage, floods or never answers: the tester neither crashes nor hangs."""

from __future__ import annotations

import random
import socket
import threading
import time

import pytest

from conformance import profile as profiles
from conformance.tester import link as link_module
from conformance.tester.link import Datagram, LinkError
from conformance.tester.received import Kind
from conformance.tester.tester import Tester
from conformance.tester.tests.reference import profile_data
from conformance.tester.verdicts import DutDied, Inconclusive, NotEstablished


def decode(tester: Tester, data: bytes, *, natt: bool) -> None:
    source = tester.natt_address if natt else tester.ike_address
    entry = tester.transcript.add(False, source, tester.port.address, data)
    received = tester._decode(Datagram(data, source, tester.port, 0.0, entry))
    assert received.text()
    assert entry.as_result()


def test_mutated_datagrams(live: Tester) -> None:
    """Real datagrams with random changes decode to something, never to an exception."""
    sa = live.establish()
    sa.child.expect_ping()
    real = [entry.data for entry in live.transcript.received()]
    chance = random.Random(1)
    for _ in range(3000):
        data = bytearray(chance.choice(real))
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        decode(live, bytes(data), natt=chance.random() < 0.5)


def test_random_datagrams(offline: Tester) -> None:
    chance = random.Random(2)
    for size in [*range(64), 1000, 65000]:
        for natt in (False, True):
            decode(offline, chance.randbytes(size), natt=natt)


def answering(port_answers: bytes, count: int) -> tuple[int, threading.Thread]:
    """A device that answers the first datagram with `count` times the same octets."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(5)

    def serve() -> None:
        with server:
            _, peer = server.recvfrom(65535)
            for _ in range(count):
                try:
                    server.sendto(port_answers, peer)
                except OSError:
                    time.sleep(0.001)

    thread = threading.Thread(target=serve)
    thread.start()
    return int(server.getsockname()[1]), thread


def front(port: int, answer: float = 0.3) -> Tester:
    data = profile_data(port, 10)
    data["dut"]["timing"] = {"answer": answer}
    return Tester(profiles.from_dict(data))


def test_garbage_is_no_answer() -> None:
    port, thread = answering(b"\x00" * 500, 3)
    tester = front(port)
    with pytest.raises(NotEstablished, match="no answer to IKE_SA_INIT"):
        tester.establish()
    assert {item.kind for item in tester.inbox} <= {Kind.IKE, Kind.GARBAGE}
    thread.join()
    tester.link.close()


def test_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_DATAGRAMS", 500)
    port, thread = answering(b"flood", 5000)
    tester = front(port, answer=5.0)
    started = time.monotonic()
    with pytest.raises(Inconclusive, match="floods"):
        tester.establish()
    assert time.monotonic() - started < 5
    tester.link.close()
    thread.join()


def test_silence_ends_at_the_deadline() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        tester = front(silent.getsockname()[1])
        started = time.monotonic()
        assert tester.ike_sa_init().reply is None
        assert 0.25 < time.monotonic() - started < 1.0
        with pytest.raises(DutDied):
            tester.check_alive()
        tester.link.close()


def test_closed_port_says_so() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tester = front(port, answer=3.0)
    assert tester.ike_sa_init(timeout=0.2).reply is None
    tester.link.close()


def test_port_in_use_names_the_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        tester = front(9)
        with pytest.raises(LinkError, match=r"in use: stop what listens there"):
            tester.link.open(taken.getsockname()[1])
        tester.link.close()


def test_foreign_address() -> None:
    data = profile_data(9, 10)
    data["tester"]["address"] = "192.0.2.77"
    tester = Tester(profiles.from_dict(data))
    with pytest.raises(LinkError, match="not an address of this machine"):
        assert tester.port
