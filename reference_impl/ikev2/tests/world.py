"""Two engines on a virtual wire with a virtual clock."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reference_impl.crypto.suite import parse_esp, parse_ike
from reference_impl.ikev2.config import AuthConfig, AuthKind, ConnectionConfig, EngineConfig, Lifetimes
from reference_impl.ikev2.endpoint import Endpoint, Outgoing
from reference_impl.ikev2.engine import Engine
from reference_impl.ikev2.events import Event
from reference_impl.ikev2.identity import parse_identity
from reference_impl.wire.ts import TrafficSelector

E = TypeVar("E", bound=Event)
PSK = AuthConfig(AuthKind.PSK, psk=b"a shared secret of the tests, long enough")
LASTING = Lifetimes(ike_soft=0, ike_hard=0, child_soft=0, child_hard=0)
ALICE, BOB = "192.0.2.1", "192.0.2.2"
IKE = ("aes128gcm16-prfsha256-x25519",)
ESP = ("aes128gcm16",)


def selectors(*networks: str) -> tuple[TrafficSelector, ...]:
    """Traffic selectors of networks."""
    return tuple(TrafficSelector.from_network(each) for each in networks)


def rng(seed: str) -> Callable[[int], bytes]:
    """A reproducible source of octets."""
    stream = hashlib.shake_256(seed.encode())
    state = {"used": 0}

    def draw(size: int) -> bytes:
        state["used"] += 1
        return hashlib.shake_256(stream.digest(16) + state["used"].to_bytes(8, "big")).digest(size)

    return draw


def alice_connection(**changes: object) -> ConnectionConfig:
    """Alice's side: 10.1.0.0/24 behind 192.0.2.1."""
    return _connection("alice", "bob", BOB, "10.1.0.0/24", "10.2.0.0/24", changes)


def bob_connection(**changes: object) -> ConnectionConfig:
    """Bob's side: 10.2.0.0/24 behind 192.0.2.2."""
    return _connection("bob", "alice", ALICE, "10.2.0.0/24", "10.1.0.0/24", changes)


def _connection(
    own: str, peer: str, address: str, local_ts: str, remote_ts: str, changes: dict[str, object]
) -> ConnectionConfig:
    for name, parse in (("ike", parse_ike), ("esp", parse_esp)):
        value = changes.get(name)
        if value is not None:
            assert isinstance(value, tuple)
            changes[name] = tuple(parse(each) for each in value)
    base = ConnectionConfig(
        "tunnel",
        local_auth=PSK,
        remote_auth=PSK,
        local_id=parse_identity(f"fqdn:{own}.example"),
        remote_id=parse_identity(f"fqdn:{peer}.example"),
        remote_address=address,
        ike=tuple(parse_ike(each) for each in IKE),
        esp=tuple(parse_esp(each) for each in ESP),
        local_ts=selectors(local_ts),
        remote_ts=selectors(remote_ts),
        lifetimes=LASTING,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Node:
    """An engine with everything that it has said so far."""

    engine: Engine
    address: str
    events: list[Event] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    inbox: list[bytes] = field(default_factory=list)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


Filter = Callable[[float, Node, Outgoing], list[tuple[float, Outgoing]]]


class World:
    """Carries datagrams between two nodes. ``wire`` decides what becomes of each one (default: 10 ms)."""

    def __init__(
        self,
        alice: ConnectionConfig | None = None,
        bob: ConnectionConfig | None = None,
        *,
        alice_engine: dict[str, object] | None = None,
        bob_engine: dict[str, object] | None = None,
        seed: str = "world",
    ) -> None:
        a = EngineConfig((alice or alice_connection(),), address=ALICE, **(alice_engine or {}))  # type: ignore[arg-type]
        b = EngineConfig((bob or bob_connection(),), address=BOB, **(bob_engine or {}))  # type: ignore[arg-type]
        self.alice = Node(Engine(a, rng(seed + "a")), ALICE)
        self.bob = Node(Engine(b, rng(seed + "b")), BOB)
        self.now = 0.0
        self.wire: Filter = lambda now, node, out: [(now + 0.01, out)]
        self._flight: list[tuple[float, int, Outgoing]] = []
        self._count = 0

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Both nodes."""
        return self.alice, self.bob

    def collect(self) -> None:
        """Put what the engines want to send on the wire, and keep their events."""
        for node in self.nodes:
            for out in node.engine.take_output():
                node.sent.append(out)
                for when, changed in self.wire(self.now, node, out):
                    self._count += 1
                    heapq.heappush(self._flight, (when, self._count, changed))
            node.events += node.engine.take_events()

    def run(self, seconds: float = 3.0) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            self.collect()
            due = [self._flight[0][0]] if self._flight else []
            due += [when for node in self.nodes if (when := node.engine.deadline()) is not None]
            when = max(min(due), self.now) if due else end
            if when > end:
                break
            self.now = when
            for node in self.nodes:
                node.engine.tick(self.now)
            while self._flight and self._flight[0][0] <= self.now:
                out = heapq.heappop(self._flight)[2]
                self.collect()
                for node in self.nodes:
                    if node.address == out.remote.address:
                        node.inbox.append(out.data)
                        node.engine.receive(self.now, out.data, out.remote, out.local)
            if not due:
                break
        self.now = end
        self.collect()
        self.check()

    def check(self) -> None:
        """No engine has met anything that it did not expect."""
        for node in self.nodes:
            if node.engine.last_internal_error is not None:
                raise node.engine.last_internal_error

    def establish(self) -> tuple[int, int]:
        """Alice connects to Bob; the two ``ike_id``."""
        first = self.alice.engine.initiate(self.now, "tunnel")
        self.run()
        assert [view.state for view in self.alice.engine.list_sas()] == ["established"]
        return first, self.bob.engine.list_sas()[-1].ike_id

    def child(self, node: Node) -> int:
        """The ``child_id`` of the node's only Child SA."""
        (child_id,) = node.engine.children
        return child_id

    def assert_consistent(self) -> None:
        """Both ends know the same IKE SAs and the same pairs of Child SAs."""
        views = [node.engine.list_sas() for node in self.nodes]
        assert [{(v.spi_i, v.spi_r) for v in each} for each in views] == [{(v.spi_i, v.spi_r) for v in views[0]}] * 2
        pairs = [{(c.spi_in, c.spi_out) for v in each for c in v.children} for each in views]
        assert pairs[0] == {(out, in_) for in_, out in pairs[1]}


def endpoint(address: str, port: int = 500) -> Endpoint:
    """Shorthand."""
    return Endpoint(address, port)
