"""Rekeying, deletion and their collisions, over all orders of the nonces."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from reference_impl.ikev2 import rekey_ike
from reference_impl.ikev2.endpoint import Outgoing
from reference_impl.ikev2.errors import Refusal
from reference_impl.ikev2.events import (
    ChildInstalled,
    ChildMoved,
    ChildOutbound,
    ChildRemoved,
    IkeEstablished,
    IkeRemoved,
    Reason,
)
from reference_impl.ikev2.window import LAST_MESSAGE_ID, RESERVE_FROM
from reference_impl.wire.registries import NotifyType

from .world import LASTING, Node, World, alice_connection, bob_connection


def force_nonces(node: Node, first_octets: list[int]) -> None:
    """The next draws of 32 octets (nonces; Curve25519 keys too) begin with these octets, then all is as before."""
    draw = node.engine.rng
    queue = list(first_octets)

    def forced(size: int) -> bytes:
        data = draw(size)
        return bytes((queue.pop(0),)) + data[1:] if size == 32 and queue else data

    node.engine.rng = forced


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("esp", [("aes128gcm16",), ("aes128gcm16-ecp256",), ("aes256-sha256-modp2048-esn",)])
def test_rekey_child(who: str, esp: tuple[str, ...]) -> None:
    world = World(alice_connection(esp=esp), bob_connection(esp=esp))
    world.establish()
    node, other = world.nodes if who == "alice" else world.nodes[::-1]
    old = world.child(node)
    node.engine.rekey_child(world.now, old)
    world.run()
    world.assert_consistent()
    new = node.of(ChildInstalled)[-1]
    assert new.replaces == old
    assert new.send is True
    assert [each.reason for each in node.of(ChildRemoved)] == [Reason.REKEYED]
    theirs = other.of(ChildInstalled)[-1]
    assert (theirs.encr_key_in, theirs.encr_key_out) == (new.encr_key_out, new.encr_key_in)
    assert theirs.send is False
    assert [each.child_id for each in other.of(ChildOutbound)] == [theirs.child_id]
    assert world.child(node) == new.child_id


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_rekey_ike(who: str) -> None:
    world = World()
    world.establish()
    node, other = world.nodes if who == "alice" else world.nodes[::-1]
    (view,) = node.engine.list_sas()
    child = world.child(node)
    node.engine.rekey_ike(world.now, view.ike_id)
    world.run()
    world.assert_consistent()
    (new,) = node.engine.list_sas()
    assert new.initiator is True
    assert new.spi_i != view.spi_i
    assert [each.child_id for each in node.of(ChildMoved)] == [child]
    assert node.of(ChildRemoved) == other.of(ChildRemoved) == []
    assert [each.reason for each in node.of(IkeRemoved)] == [Reason.REKEYED]
    assert node.of(IkeEstablished)[-1].replaces == view.ike_id
    assert node.of(IkeEstablished)[-1].keys == other.of(IkeEstablished)[-1].keys
    other.engine.rekey_child(world.now, world.child(other))
    world.run()
    node.engine.rekey_ike(world.now, new.ike_id)
    world.run()
    world.assert_consistent()
    node.engine.delete_ike(world.now, node.engine.list_sas()[0].ike_id)
    world.run()
    assert all(not each.engine.list_sas() and not each.engine.children for each in world.nodes)


@pytest.mark.parametrize("order", list(permutations([1, 2, 3, 4])))
def test_simultaneous_child_rekey(order: tuple[int, int, int, int]) -> None:
    """Exactly one new Child SA survives; the SA with the lowest nonce goes, deleted by who made it."""
    world = World()
    world.establish()
    ni_a, nr_b, ni_b, nr_a = order
    force_nonces(world.alice, [ni_a, nr_a])
    force_nonces(world.bob, [ni_b, nr_b])
    for node in world.nodes:
        node.engine.rekey_child(world.now, world.child(node))
    world.run()
    world.assert_consistent()
    assert [len(node.engine.children) for node in world.nodes] == [1, 1]
    loser = world.alice if 1 in (ni_a, nr_b) else world.bob
    winner = world.bob if loser is world.alice else world.alice
    assert Reason.REDUNDANT in [each.reason for each in loser.of(ChildRemoved)]
    assert Reason.REKEYED in [each.reason for each in winner.of(ChildRemoved)]
    survivor = loser.engine.children[world.child(loser)]
    assert survivor.initiator is False
    assert not survivor.send_pending
    assert len(loser.of(ChildRemoved)) == len(winner.of(ChildRemoved)) == 2


@pytest.mark.parametrize("order", list(permutations([1, 2, 3, 4])))
def test_simultaneous_ike_rekey(order: tuple[int, int, int, int]) -> None:
    """Exactly one new IKE SA survives and has the Child SA."""
    world = World()
    world.establish()
    ni_a, nr_b, ni_b, nr_a = order
    # The initiator draws nonce, then private value; the responder private value, then nonce.
    force_nonces(world.alice, [ni_a, 0, 0, nr_a])
    force_nonces(world.bob, [ni_b, 0, 0, nr_b])
    for node in world.nodes:
        node.engine.rekey_ike(world.now, node.engine.list_sas()[0].ike_id)
    world.run()
    world.assert_consistent()
    loser = world.alice if 1 in (ni_a, nr_b) else world.bob
    (view,) = loser.engine.list_sas()
    assert view.initiator is False
    assert len(view.children) == 1
    assert {each.reason for each in loser.of(IkeRemoved)} == {Reason.REDUNDANT, Reason.DELETED_BY_PEER}
    assert all(node.of(ChildRemoved) == [] for node in world.nodes)


def lose_first(world: World, node: Node, count: int = 1) -> None:
    """The node's next datagrams get lost."""
    lost = {"left": count}

    def wire(now: float, sender: Node, out: Outgoing) -> list[tuple[float, Outgoing]]:
        if sender is node and lost["left"]:
            lost["left"] -= 1
            return []
        return [(now + 0.01, out)]

    world.wire = wire


@pytest.mark.parametrize("loser", ["alice", "bob"])
def test_child_rekey_collision_noticed_by_one_side(loser: str) -> None:
    """Section 2.8.1, second figure: the request that was lost is answered with CHILD_SA_NOT_FOUND."""
    world = World()
    world.establish()
    node = world.alice if loser == "alice" else world.bob
    lose_first(world, node)
    for each in world.nodes:
        each.engine.rekey_child(world.now, world.child(each))
    world.run()
    world.assert_consistent()
    assert [len(each.engine.children) for each in world.nodes] == [1, 1]
    other = world.bob if node is world.alice else world.alice
    assert other.engine.counters["rejected-child-sa-not-found"] == 1


@pytest.mark.parametrize("loser", ["alice", "bob"])
def test_ike_rekey_collision_noticed_by_one_side(loser: str) -> None:
    """Section 2.8.2: the peer that noticed gets the Delete and forgets its own attempt."""
    world = World()
    world.establish()
    node = world.alice if loser == "alice" else world.bob
    lose_first(world, node)
    for each in world.nodes:
        each.engine.rekey_ike(world.now, each.engine.list_sas()[0].ike_id)
    world.run(10)
    world.assert_consistent()
    assert [len(each.engine.list_sas()) for each in world.nodes] == [1, 1]
    assert [len(each.engine.children) for each in world.nodes] == [1, 1]


def test_both_delete_the_child_at_once() -> None:
    world = World()
    world.establish()
    for node in world.nodes:
        node.engine.delete_child(world.now, world.child(node))
    world.run()
    assert [len(node.engine.children) for node in world.nodes] == [0, 0]
    assert [[each.reason for each in node.of(ChildRemoved)] for node in world.nodes] == [[Reason.COMMAND]] * 2
    assert [len(node.engine.list_sas()) for node in world.nodes] == [1, 1]


def test_both_delete_the_ike_sa_at_once() -> None:
    world = World()
    world.establish()
    for node in world.nodes:
        node.engine.delete_ike(world.now, node.engine.list_sas()[0].ike_id)
    world.run()
    assert [node.engine.list_sas() for node in world.nodes] == [[], []]


def test_rekey_of_a_child_that_the_peer_deletes() -> None:
    world = World()
    world.establish()
    world.alice.engine.rekey_child(world.now, world.child(world.alice))
    world.bob.engine.delete_child(world.now, world.child(world.bob))
    world.run(20)
    world.assert_consistent()
    assert world.bob.engine.counters["rejected-temporary-failure"] == 1
    assert [len(node.engine.children) for node in world.nodes] == [0, 0]


def test_child_rekey_meets_ike_rekey() -> None:
    """Section 2.25.1 and 2.25.2: both get TEMPORARY_FAILURE and try again later."""
    world = World(alice_engine={"temporary_failure_retry": 5.0}, bob_engine={"temporary_failure_retry": 8.0})
    world.establish()
    world.alice.engine.rekey_child(world.now, world.child(world.alice))
    world.bob.engine.rekey_ike(world.now, world.bob.engine.list_sas()[0].ike_id)
    world.run(30)
    world.assert_consistent()
    assert all(node.engine.counters["rejected-temporary-failure"] == 1 for node in world.nodes)
    assert all(len(node.of(IkeEstablished)) == 2 for node in world.nodes)
    assert all(len(node.of(ChildInstalled)) == 2 for node in world.nodes)
    assert [len(node.engine.children) for node in world.nodes] == [1, 1]


def test_endless_temporary_failure_closes_the_ike_sa(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise Refusal(NotifyType.TEMPORARY_FAILURE, Reason.TEMPORARY_FAILURE, "always")

    monkeypatch.setattr(rekey_ike, "answer", busy)
    world = World()
    world.establish()
    world.alice.engine.rekey_ike(world.now, world.alice.engine.list_sas()[0].ike_id)
    world.run(100)
    assert len(world.alice.engine.list_sas()) == 1
    world.run(200)
    assert [each.reason for each in world.alice.of(IkeRemoved)] == [Reason.TEMPORARY_FAILURE]
    assert world.bob.engine.list_sas() == []


def test_lifetimes_hours_in_a_second() -> None:
    """Soft limits rekey for a day; nothing ever reaches a hard limit."""
    limits = replace(LASTING, ike_soft=3600.0, ike_hard=4000.0, child_soft=600.0, child_hard=700.0, jitter=0.1)
    world = World(alice_connection(lifetimes=limits), bob_connection(lifetimes=limits))
    world.establish()
    world.run(24 * 3600.0)
    world.assert_consistent()
    for node in world.nodes:
        assert Reason.EXPIRED not in {each.reason for each in node.of(ChildRemoved)}
        assert len(node.engine.children) == 1
        assert len(node.engine.list_sas()) == 1
        assert len(node.engine.timers) < 12
    assert len(world.alice.of(ChildInstalled)) > 140
    assert len(world.alice.of(IkeEstablished)) > 22


def test_hard_limits() -> None:
    limits = replace(LASTING, child_hard=100.0, ike_hard=300.0)
    world = World(alice_connection(lifetimes=limits))
    world.establish()
    world.run(100)
    assert [each.reason for each in world.alice.of(ChildRemoved)] == [Reason.EXPIRED]
    assert [each.reason for each in world.bob.of(ChildRemoved)] == [Reason.DELETED_BY_PEER]
    world.run(300)
    assert [each.reason for each in world.alice.of(IkeRemoved)] == [Reason.EXPIRED]
    assert world.bob.engine.list_sas() == []


@pytest.mark.parametrize("unit", ["bytes", "packets"])
def test_traffic_limits(unit: str) -> None:
    limits = replace(LASTING, **{f"child_soft_{unit}": 1000, f"child_hard_{unit}": 2000})
    world = World(alice_connection(lifetimes=limits))
    world.establish()
    child = world.child(world.alice)

    def use(amount: int) -> None:
        octets, packets = (amount, 1) if unit == "bytes" else (1, amount)
        world.alice.engine.child_usage(world.now, child, octets, packets)
        world.run()

    use(999)
    assert len(world.alice.of(ChildInstalled)) == 1
    use(1000)
    assert len(world.alice.of(ChildInstalled)) == 2
    child = world.child(world.alice)
    use(2000)
    assert Reason.EXPIRED in [each.reason for each in world.alice.of(ChildRemoved)]
    assert [len(node.engine.children) for node in world.nodes] == [0, 0]


def test_message_ids_never_run_out() -> None:
    world = World()
    world.establish()
    (alice,), (bob,) = (node.engine.sas.values() for node in world.nodes)
    alice.outbound.next_id = bob.inbound.expected = RESERVE_FROM - 1
    world.alice.engine.liveness(world.now, alice.ike_id)
    world.run()
    world.assert_consistent()
    assert world.alice.of(IkeEstablished)[-1].replaces == alice.ike_id


def test_the_last_message_id_ends_the_ike_sa() -> None:
    world = World()
    world.establish()
    (alice,), (bob,) = (node.engine.sas.values() for node in world.nodes)
    alice.outbound.next_id = bob.inbound.expected = LAST_MESSAGE_ID
    for _ in range(2):
        world.alice.engine.liveness(world.now, alice.ike_id)
    world.run()
    assert [each.reason for each in world.alice.of(IkeRemoved)] == [Reason.EXPIRED]


def test_sequence_numbers_never_run_out() -> None:
    world = World()
    world.establish()
    world.alice.engine.child_usage(world.now, world.child(world.alice), 1, 2**32 - 2**20)
    world.run()
    assert len(world.alice.of(ChildInstalled)) == 2
