"""Whatever arrives: no exception, no unbounded memory, no harm to what is established."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.crypto.errors import IntegrityError
from reference_impl.ikev2 import messages, protect
from reference_impl.ikev2.config import AuthConfig, AuthKind
from reference_impl.ikev2.events import Rejected
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType

from .test_wire_behaviour import deliver, request, sa_of
from .world import ALICE, BOB, World, alice_connection, endpoint


def established() -> World:
    """Alice and Bob with an IKE SA."""
    world = World()
    world.establish()
    return world


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some octets changed, dropped, doubled or inserted."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(result)) if result else 0
        action = chance.randrange(4)
        if action == 0 and result:
            result[at] = chance.randrange(256)
        elif action == 1:
            del result[at : at + chance.randint(1, 8)]
        elif action == 2:
            result[at:at] = result[at : at + chance.randint(1, 16)]
        else:
            result[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(result)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_clear_messages(seed: int) -> None:
    chance = random.Random(seed)
    world = established()
    originals = [out.data for node in world.nodes for out in node.sent]
    for _ in range(1500):
        data = mutated(chance.choice(originals), chance)
        if chance.random() < 0.5 and len(data) >= 28:
            data = data[:24] + len(data).to_bytes(4, "big") + data[28:]
        for node, peer in (world.nodes, world.nodes[::-1]):
            port = chance.choice([500, 4500])
            payload = (b"" if port == 500 else bytes(4)) + data
            node.engine.receive(world.now, payload, endpoint(node.address, port), endpoint(peer.address))
    world.check()
    assert all(len(node.engine.list_sas()) >= 1 for node in world.nodes)
    assert all(len(node.engine.children) == 1 for node in world.nodes)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_contents_from_the_authentic_peer(seed: int) -> None:
    """The peer itself may send anything inside the protection: an answer or a deleted SA, never an exception."""
    chance = random.Random(seed)
    contents: list[tuple[int, int, bytes]] = []
    for _ in range(40):
        world = established()
        sa = sa_of(world.alice)
        if not contents:
            contents = collect_contents()
        for _ in range(25):
            bob = next(iter(world.bob.engine.sas.values()), None)
            if bob is None:
                break
            exchange, first, inner = chance.choice(contents)
            outer = Message(sa.spi_i, sa.spi_r, ExchangeType(exchange), Flags.INITIATOR, bob.inbound.expected)
            data = protect.seal_raw(
                outer, first, mutated(inner, chance), sa.tx, messages.next_iv(world.alice.engine, sa)
            )
            answers = deliver(world, data)
            assert len(answers) >= 1
            world.run(0.5)


def collect_contents() -> list[tuple[int, int, bytes]]:
    """Contents of real protected requests: IKE_AUTH, rekeys, deletes."""
    world = established()
    view = world.alice.engine.list_sas()[0]
    opener = sa_of(world.bob).rx
    world.alice.engine.rekey_child(world.now, world.child(world.alice))
    world.run()
    world.alice.engine.create_child(world.now, view.ike_id)
    world.run()
    world.alice.engine.rekey_ike(world.now, view.ike_id)
    world.run()
    found = []
    for out in world.alice.sent[1:]:
        try:
            opened = protect.open_raw(out.data, opener)
        except IntegrityError:
            # Messages of the new IKE SA have other keys.
            continue
        if not opened.outer.is_response:
            found.append((int(opened.outer.exchange), opened.inner_first, opened.inner))
    assert {each[0] for each in found} == {35, 36, 37}
    return found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([500, 4500]))
def test_random_datagrams(data: bytes, port: int) -> None:
    world = WORLD
    world.bob.engine.receive(world.now, data, endpoint(BOB, port), endpoint(ALICE, port))
    world.check()


WORLD = established()


def test_flood_of_initial_requests_is_bounded() -> None:
    world = World(bob_engine={"half_open_limit": 50, "cookie_threshold": 1000, "event_limit": 100, "output_limit": 80})
    for _ in range(300):
        world.alice.engine.initiate(0.0, "tunnel")
    for out in world.alice.engine.take_output():
        world.bob.engine.receive(0.0, out.data, out.remote, out.local)
    bob = world.bob.engine
    assert len(bob.half_open) == len(bob.sas) == len(bob.init_requests) == 50
    assert bob.counters["rejected-overload"] == 250
    assert len(bob.take_events()) == 100
    assert bob.counters["events-lost"] == 200
    bob.take_output()
    bob.tick(31.0)
    assert not bob.sas
    assert not bob.by_spi
    assert not bob.init_requests


def test_failed_authentications_leave_nothing_behind_in_the_end() -> None:
    world = World(
        alice_connection(local_auth=AuthConfig(AuthKind.PSK, psk=b"wrong")), bob_engine={"half_open_limit": 4}
    )
    for _ in range(10):
        world.alice.engine.initiate(world.now, "tunnel")
        world.run(0.1)
    assert len(world.bob.engine.by_spi) <= 5
    world.run(100)
    for engine in (world.alice.engine, world.bob.engine):
        assert [len(table) for table in (engine.sas, engine.by_spi, engine.init_requests, engine.half_open)] == [0] * 4


def test_every_rejection_is_counted_and_told() -> None:
    world = established()
    data = request(world.alice, 2)
    for each in (b"", b"\0" * 27, data[:-1], data[:-1] + b"\0", b"\xff"):
        deliver(world, each)
    world.collect()
    told = world.bob.of(Rejected)
    counted = sum(count for name, count in world.bob.engine.counters.items() if name.startswith("rejected-"))
    assert len(told) == counted == 5


def test_keys_never_show_in_text() -> None:
    world = established()
    secrets = [b"a shared secret", sa_of(world.alice).keys.sk_d]
    text = repr(world.alice.events) + repr(world.alice.engine.config) + repr(world.alice.engine.list_sas())
    assert not any(secret.hex() in text or repr(secret)[2:-1] in text for secret in secrets)
