"""Retransmission, windows, fragments, NAT: what happens between request and response."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from reference_impl.ikev2 import messages, protect
from reference_impl.ikev2.config import Encapsulation, RetransmitPolicy
from reference_impl.ikev2.endpoint import Endpoint, Outgoing
from reference_impl.ikev2.events import (
    ChildEndpoints,
    ChildInstalled,
    IkeEstablished,
    IkeFailed,
    IkeRemoved,
    LivenessConfirmed,
    PeerMoved,
    Reason,
    Rejected,
)
from reference_impl.ikev2.ike_sa import IkeSa
from reference_impl.wire import udp
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags, Header
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType

from .test_establish import pubkey
from .world import ALICE, BOB, Node, World, alice_connection, bob_connection, endpoint


def sa_of(node: Node) -> IkeSa:
    """The node's only IKE SA."""
    (sa,) = node.engine.sas.values()
    return sa


def request(node: Node, message_id: int, *payloads: Payload, exchange: int = ExchangeType.INFORMATIONAL) -> bytes:
    """A protected request in the node's name, outside of its own window."""
    return messages.seal(node.engine, sa_of(node), ExchangeType(exchange), message_id, payloads, response=False)[0]


def deliver(world: World, data: bytes) -> list[Outgoing]:
    """Give Bob a datagram from Alice; what he sends at once."""
    world.bob.engine.receive(world.now, data, endpoint(BOB), endpoint(ALICE))
    world.check()
    return world.bob.engine.take_output()


def open_answer(world: World, out: Outgoing) -> Message:
    """Bob's answer as Alice reads it."""
    return protect.open_sk(out.data, sa_of(world.alice).rx)


@pytest.mark.parametrize("seed", range(25))
def test_loss_duplication_and_reordering(seed: int) -> None:
    """Whatever the network does short of silence, both ends agree in the end."""
    chance = random.Random(seed)

    def wire(now: float, node: Node, out: Outgoing) -> list[tuple[float, Outgoing]]:
        copies = chance.choices([0, 1, 2, 3], [30, 50, 15, 5])[0]
        return [(now + chance.uniform(0.001, 2.0), out) for _ in range(copies)]

    policy = RetransmitPolicy(initial=0.5, factor=1.3, tries=40)
    world = World(alice_engine={"retransmit": policy}, bob_engine={"retransmit": policy}, seed=str(seed))
    world.wire = wire
    world.alice.engine.initiate(0.0, "tunnel")
    world.run(300)
    for _ in range(4):
        for node in world.nodes:
            (view,) = node.engine.list_sas()
            if chance.random() < 0.6:
                node.engine.rekey_ike(world.now, view.ike_id)
            if chance.random() < 0.8 and view.children:
                node.engine.rekey_child(world.now, view.children[0].child_id)
            if chance.random() < 0.5:
                node.engine.liveness(world.now, view.ike_id)
        world.run(1500)
    world.assert_consistent()
    assert len(world.alice.engine.list_sas()) == 1
    assert len(world.alice.engine.children) == 1


def test_retransmission_is_exponential_identical_and_ends() -> None:
    world = World(alice_engine={"retransmit": RetransmitPolicy(initial=1.0, factor=2.0, tries=5)})
    times: list[float] = []

    def wire(now: float, node: Node, out: Outgoing) -> list[tuple[float, Outgoing]]:
        times.append(now)
        return []

    world.wire = wire
    world.alice.engine.initiate(0.0, "tunnel")
    world.run(100)
    assert times == [0.0, 1.0, 3.0, 7.0, 15.0]
    assert len({out.data for out in world.alice.sent}) == 1
    (failed,) = world.alice.of(IkeFailed)
    assert (failed.at, failed.reason) == (31.0, Reason.TIMEOUT)


def test_dead_peer_is_detected_and_everything_discarded() -> None:
    world = World(alice_connection(liveness_interval=30.0))
    world.establish()
    world.run(100)
    assert len(world.alice.of(LivenessConfirmed)) == 3
    world.wire = lambda now, node, out: []
    world.run(300)
    assert [each.reason for each in world.alice.of(IkeRemoved)] == [Reason.TIMEOUT]
    assert not world.alice.engine.children


def test_a_retransmitted_request_gets_the_identical_response() -> None:
    world = World()
    world.establish()
    data = request(world.alice, 2)
    (first,) = deliver(world, data)
    (second,) = deliver(world, data)
    assert first == second
    assert open_answer(world, first).message_id == 2
    (third,) = deliver(world, request(world.alice, 3))
    assert open_answer(world, third).message_id == 3
    assert deliver(world, data) == []
    assert world.bob.engine.counters["rejected-old-message-id"] == 1


def test_retransmitted_initial_messages() -> None:
    world = World()
    world.establish()
    init, auth = (out.data for out in world.alice.sent)
    assert deliver(world, init) == []
    (again,) = deliver(world, auth)
    assert again.data == world.bob.sent[1].data
    assert len(world.bob.of(IkeEstablished)) == 1


def test_half_open_request_is_answered_again_with_the_same_octets() -> None:
    world = World()
    world.alice.engine.initiate(0.0, "tunnel")
    (out,) = world.alice.engine.take_output()
    (first,) = deliver(world, out.data)
    (second,) = deliver(world, out.data)
    assert first == second
    assert len(world.bob.engine.half_open) == 1
    world.bob.engine.tick(31.0)
    assert not world.bob.engine.sas
    assert not world.bob.engine.init_requests
    assert not world.bob.engine.by_spi


@pytest.mark.parametrize("message_id", [3, 4, 1000, 0xFFFFFFFF])
def test_requests_ahead_of_the_window_are_dropped(message_id: int) -> None:
    world = World()
    world.establish()
    assert deliver(world, request(world.alice, message_id)) == []
    assert world.bob.engine.counters["rejected-outside-window"] == 1
    assert len(deliver(world, request(world.alice, 2))) == 1


def test_invalid_message_id_is_told_in_a_request_when_configured() -> None:
    world = World(bob_engine={"notify_invalid_message_id": True})
    world.establish()
    (out,) = deliver(world, request(world.alice, 9))
    notice = open_answer(world, out)
    assert not notice.is_response
    assert notice.notify(NotifyType.INVALID_MESSAGE_ID).data == bytes((0, 0, 0, 9))  # type: ignore[union-attr]
    assert deliver(world, request(world.alice, 10)) == []


def test_window_of_four() -> None:
    """A peer that promises four gets up to four requests at once, and they may be answered out of order."""
    world = World(alice_engine={"window_size": 4}, bob_engine={"window_size": 4})
    world.establish()
    sa = sa_of(world.alice)
    assert sa.outbound.size == 4
    delays = iter([0.9, 0.1, 0.5, 0.3])
    world.wire = lambda now, node, out: [(now + (next(delays, 0.01) if node is world.alice else 0.01), out)]
    for _ in range(6):
        world.alice.engine.liveness(world.now, sa.ike_id)
    assert len(sa.outbound.pending) == 4
    world.run(0.8)
    assert sorted(sa.outbound.pending) == [2]
    world.run(5)
    assert len(world.alice.of(LivenessConfirmed)) == 6


def test_one_request_at_a_time_without_a_window() -> None:
    world = World()
    world.establish()
    sa = sa_of(world.alice)
    for _ in range(5):
        world.alice.engine.liveness(world.now, sa.ike_id)
    assert len(sa.outbound.pending) == 1
    world.run()
    assert len(world.alice.of(LivenessConfirmed)) == 5


def test_integrity_failure_changes_nothing() -> None:
    world = World()
    world.establish()
    data = request(world.alice, 2)
    for position in range(28, len(data)):
        broken = data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]
        assert deliver(world, broken) == []
    assert len(deliver(world, data)) == 1


def test_version_and_reserved_flags_and_minor_version_are_ignored() -> None:
    world = World()
    world.establish()
    sa = sa_of(world.alice)
    message = Message(
        sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, Flags.INITIATOR | Flags.VERSION | Flags(0xC7), 2, minor=9
    )
    (out,) = deliver(world, protect.seal(message, sa.tx, messages.next_iv(world.alice.engine, sa)))
    header = Header.parse(out.data)
    assert (header.minor, header.flags) == (0, Flags.RESPONSE)


def test_fragmented_both_ways_and_out_of_order() -> None:
    own_a, trust_a = pubkey("alice.example", "rsa")
    own_b, trust_b = pubkey("bob.example", "rsa")
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=trust_a)
    )
    order = iter([0.01, 0.09, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03])
    world.wire = lambda now, node, out: [(now + next(order, 0.01), out)] * 2
    world.establish()
    assert all(node.engine.counters["fragmented-messages-sent"] == 1 for node in world.nodes)
    assert max(len(out.data) for node in world.nodes for out in node.sent[1:]) <= 576 - 28
    assert len(world.bob.of(IkeEstablished)) == 1


def test_no_fragments_without_agreement() -> None:
    own_a, trust_a = pubkey("alice.example", "rsa")
    own_b, trust_b = pubkey("bob.example", "rsa")
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b, fragmentation=False),
        bob_connection(local_auth=own_b, remote_auth=trust_a),
    )
    world.establish()
    assert [len(node.sent) for node in world.nodes] == [2, 2]


def fragments(node: Node, message_id: int, size: int, room: int) -> list[bytes]:
    """A long request of the node in fragments."""
    sa = sa_of(node)
    message = Message(
        sa.spi_i,
        sa.spi_r,
        ExchangeType.INFORMATIONAL,
        messages.flags(sa, response=False),
        message_id,
        (NotifyPayload(NotifyType(40000), bytes(size)),),
    )
    ivs = iter(lambda: messages.next_iv(node.engine, sa), b"")
    return protect.seal_fragments(message, sa.tx, ivs, room)


def test_fragment_rules() -> None:
    world = World()
    world.establish()
    coarse, fine = fragments(world.alice, 2, 900, 400), fragments(world.alice, 2, 900, 200)
    counters = world.bob.engine.counters
    assert len(coarse) < len(fine)
    assert deliver(world, coarse[0]) == []
    assert deliver(world, coarse[0]) == []
    assert counters["rejected-fragment-duplicate"] == 1
    for each in fine[:-1]:
        assert deliver(world, each) == []
    assert deliver(world, coarse[1]) == []
    assert counters["rejected-fragment-obsolete"] == 1
    (answer,) = deliver(world, fine[-1])
    assert deliver(world, fine[1]) == []
    assert deliver(world, fine[0]) == [answer]
    assert not sa_of(world.bob).reassembly


def test_incomplete_fragments_are_forgotten() -> None:
    world = World(bob_engine={"fragment_timeout": 10.0})
    world.establish()
    parts = fragments(world.alice, 2, 900, 300)
    for each in parts[:-1]:
        deliver(world, each)
    assert len(sa_of(world.bob).reassembly) == 1
    world.bob.engine.tick(world.now + 10.1)
    assert not sa_of(world.bob).reassembly
    assert deliver(world, parts[-1]) == []
    assert world.bob.engine.counters["rejected-fragment-timeout"] == 1
    for each in parts[:-1]:
        answers = deliver(world, each)
    assert len(answers) == 1


def test_too_many_fragments() -> None:
    world = World(bob_engine={"fragment_limit": 3})
    world.establish()
    for each in fragments(world.alice, 2, 900, 200):
        assert deliver(world, each) == []
    assert not sa_of(world.bob).reassembly
    assert world.bob.engine.counters["rejected-fragment-limit"] > 3


NAT_OUTSIDE = "198.51.100.9"


class NatBox:
    """Alice is 192.0.2.1 behind 198.51.100.9; the mapping of her ports can change."""

    def __init__(self, world: World) -> None:
        self.base = 20000
        self.world = world
        world.alice.address = NAT_OUTSIDE
        world.wire = self.wire

    def wire(self, now: float, node: Node, out: Outgoing) -> list[tuple[float, Outgoing]]:
        """Translate. ``node.address`` of Alice is the outside one, so that the world delivers to her."""
        if node is self.world.alice:
            return [(now + 0.01, replace(out, local=Endpoint(NAT_OUTSIDE, self.base + out.local.port)))]
        port = out.remote.port - self.base
        if port not in (500, 4500):
            return []
        return [(now + 0.01, out)]


class NatWorld(World):
    """A world whose Alice sees her inside address."""

    def __init__(self) -> None:
        super().__init__(alice_connection(), bob_connection(remote_address=None))
        self.box = NatBox(self)
        inner = self.alice.engine.receive

        def receive(now: float, data: bytes, local: Endpoint, remote: Endpoint) -> None:
            inner(now, data, Endpoint(ALICE, local.port - self.box.base), remote)

        self.alice.engine.receive = receive  # type: ignore[method-assign,assignment]


def test_nat_is_detected_and_both_go_on_from_4500() -> None:
    world = NatWorld()
    world.establish()
    (a,), (b,) = (node.engine.list_sas() for node in world.nodes)
    assert (a.nat_local, a.nat_remote, b.nat_local, b.nat_remote) == (True, False, False, True)
    assert (a.local.port, a.remote.port, b.local.port, b.remote) == (4500, 4500, 4500, Endpoint(NAT_OUTSIDE, 24500))
    assert all(out.data[:4] == udp.NON_ESP_MARKER for out in world.alice.sent[1:])
    assert all(node.of(ChildInstalled)[0].encapsulate for node in world.nodes)
    world.run(61)
    assert [out.data for out in world.alice.sent[2:]] == [udp.KEEPALIVE] * 3
    assert world.bob.engine.counters["keepalives-received"] == 3
    assert world.bob.engine.counters["keepalives-sent"] == 0


def test_the_host_outside_follows_a_new_mapping() -> None:
    world = NatWorld()
    world.establish()
    world.box.base = 30000
    world.alice.engine.liveness(world.now, sa_of(world.alice).ike_id)
    world.run()
    (moved,) = world.bob.of(PeerMoved)
    assert (moved.old.port, moved.new.port) == (24500, 34500)
    assert world.bob.of(ChildEndpoints)[-1].remote == Endpoint(NAT_OUTSIDE, 34500)
    world.bob.engine.liveness(world.now, sa_of(world.bob).ike_id)
    world.run()
    assert len(world.bob.of(LivenessConfirmed)) == 1


def test_esp_from_a_new_mapping_moves_the_peer_too() -> None:
    world = NatWorld()
    world.establish()
    child = world.child(world.bob)
    world.bob.engine.esp_authenticated(world.now, child, Endpoint(BOB, 4500), Endpoint(NAT_OUTSIDE, 34500))
    world.run()
    assert world.bob.of(PeerMoved)[0].new.port == 34500


def test_the_host_behind_the_nat_does_not_follow() -> None:
    world = NatWorld()
    world.establish()
    sa = sa_of(world.alice)
    data = messages.seal(world.bob.engine, sa_of(world.bob), ExchangeType.INFORMATIONAL, 0, (), response=False)[0]
    stranger = Endpoint("203.0.113.7", 4500)
    world.alice.engine.receive(world.now, udp.wrap_ike(data), Endpoint(NAT_OUTSIDE, world.box.base + 4500), stranger)
    (answer,) = world.alice.engine.take_output()
    assert answer.remote == stranger
    assert sa.remote == Endpoint(BOB, 4500)


def test_replays_do_not_move_the_peer() -> None:
    world = NatWorld()
    world.establish()
    sa = sa_of(world.bob)
    old = world.alice.sent[1].data
    world.bob.engine.receive(world.now, old, Endpoint(BOB, 4500), Endpoint("203.0.113.7", 1))
    (answer,) = world.bob.engine.take_output()
    assert answer.remote.address == "203.0.113.7"
    assert sa.remote.address == NAT_OUTSIDE


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_encapsulation_can_be_forced(who: str) -> None:
    forced = {"encapsulation": Encapsulation.ALWAYS}
    world = World(
        alice_connection(**(forced if who == "alice" else {})), bob_connection(**(forced if who == "bob" else {}))
    )
    world.establish()
    assert all(node.of(ChildInstalled)[0].encapsulate for node in world.nodes)
    assert all(node.engine.list_sas()[0].local.port == 4500 for node in world.nodes)


def test_answers_go_to_where_the_request_came_from() -> None:
    world = World(bob=bob_connection(remote_address=None))
    world.alice.engine.initiate(0.0, "tunnel")
    (out,) = world.alice.engine.take_output()
    odd = Endpoint("203.0.113.7", 61234)
    world.bob.engine.receive(0.0, out.data, Endpoint(BOB, 500), odd)
    (answer,) = world.bob.engine.take_output()
    assert (answer.local, answer.remote) == (Endpoint(BOB, 500), odd)


def test_rejections_name_their_reason() -> None:
    world = World()
    world.establish()
    deliver(world, b"")
    deliver(world, bytes(28))
    deliver(world, request(world.alice, 2)[:-1])
    world.collect()
    assert [each.reason for each in world.bob.of(Rejected)] == [
        Reason.MALFORMED,
        Reason.MAJOR_VERSION,
        Reason.MALFORMED,
    ]
