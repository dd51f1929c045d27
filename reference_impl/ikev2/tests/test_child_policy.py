"""Traffic selectors, modes, configuration payloads, limits of Child SAs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.crypto.suite import parse_esp
from reference_impl.ikev2 import proposal
from reference_impl.ikev2 import selectors as arithmetic
from reference_impl.ikev2.config import Mode, PoolConfig
from reference_impl.ikev2.events import (
    AddressesAssigned,
    ChildFailed,
    ChildInstalled,
    ChildRemoved,
    IkeEstablished,
    Reason,
)
from reference_impl.wire.message import Message
from reference_impl.wire.registries import NotifyType, TsType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

from .test_wire_behaviour import NatWorld, deliver, open_answer, request
from .world import ALICE, BOB, World, alice_connection, bob_connection, selectors


def narrowed(alice_ts: tuple[str, ...], bob_ts: tuple[str, ...]) -> list[str]:
    """Alice asks for her selectors; what Bob's policy for her leaves of them."""
    world = World(alice_connection(local_ts=selectors(*alice_ts)), bob_connection(remote_ts=selectors(*bob_ts)))
    world.establish()
    installed = world.alice.of(ChildInstalled)
    if not installed:
        assert world.alice.of(ChildFailed)[0].notify == NotifyType.TS_UNACCEPTABLE
        return []
    assert installed[0].local_ts == world.bob.of(ChildInstalled)[0].remote_ts
    return [str(network) for each in installed[0].local_ts for network in each.networks()]


@pytest.mark.parametrize(
    ("asked", "allowed", "result"),
    [
        (["10.1.0.0/24"], ["10.1.0.0/24"], ["10.1.0.0/24"]),
        (["0.0.0.0/0"], ["10.1.0.0/24"], ["10.1.0.0/24"]),
        (["10.1.0.128/25"], ["10.1.0.0/16"], ["10.1.0.128/25"]),
        (["10.1.0.7", "10.1.0.0/24"], ["10.1.0.0/24"], ["10.1.0.0/24"]),
        (["10.1.0.7", "10.1.0.0/24"], ["10.1.0.0/25", "10.1.9.0/24"], ["10.1.0.0/25"]),
        (["10.1.0.0/24", "10.9.0.0/24"], ["10.9.0.0/25"], ["10.9.0.0/25"]),
        (["10.1.0.0/24", "2001:db8::/32"], ["2001:db8:1::/48"], ["2001:db8:1::/48"]),
        (["10.1.0.0/24"], ["10.2.0.0/24"], []),
    ],
)
def test_narrowing(asked: list[str], allowed: list[str], result: list[str]) -> None:
    assert narrowed(tuple(asked), tuple(allowed)) == result


def selector(start: int, end: int, protocol: int = 0, ports: tuple[int, int] = (0, 65535)) -> TrafficSelector:
    """Addresses as numbers."""
    return TrafficSelector(
        TsType.TS_IPV4_ADDR_RANGE, protocol, *ports, start.to_bytes(4, "big"), end.to_bytes(4, "big")
    )


ranges = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)
small = st.builds(
    lambda addresses, protocol, ports: selector(
        addresses[0], addresses[1], protocol, (ports[0], ports[1]) if protocol else (0, 65535)
    ),
    ranges,
    st.sampled_from([0, 6, 17]),
    st.one_of(st.just([0, 65535]), ranges),
)


def packets(each: TrafficSelector) -> set[tuple[int, int, int]]:
    """All (address, protocol, port) of a small world that a selector lets through."""
    first, last = int.from_bytes(each.start, "big"), int.from_bytes(each.end, "big")
    return {
        (address, protocol, port)
        for address in range(first, last + 1)
        for protocol in (6, 17)
        for port in range(13)
        if each.protocol in (0, protocol) and each.start_port <= port <= each.end_port
    }


def union(each: list[TrafficSelector] | tuple[TrafficSelector, ...]) -> set[tuple[int, int, int]]:
    """What a list of selectors lets through."""
    return set().union(*(packets(one) for one in each)) if each else set()


@given(st.lists(small, min_size=1, max_size=4), st.lists(small, min_size=1, max_size=4))
def test_narrowing_is_the_exact_intersection(offered: list[TrafficSelector], policy: list[TrafficSelector]) -> None:
    result = arithmetic.narrow(offered, policy)
    assert union(result.selectors) == union(offered) & union(policy)
    assert not result.more


@given(st.lists(small, min_size=1, max_size=4), small)
def test_coverage_never_claims_too_much(outer: list[TrafficSelector], inner: TrafficSelector) -> None:
    if arithmetic.covers(outer, [inner]):
        assert packets(inner) <= union(outer)
    if any(packets(inner) <= packets(each) and arithmetic.contains(each, inner) for each in outer):
        assert arithmetic.covers(outer, [inner])


def test_adjacent_ranges_cover_their_union() -> None:
    assert arithmetic.covers([selector(0, 4), selector(5, 9)], [selector(2, 8)])
    assert not arithmetic.covers([selector(0, 4), selector(6, 9)], [selector(2, 8)])


def test_opaque_ports() -> None:
    opaque, some, any_ = selector(1, 1, 17, (65535, 0)), selector(1, 1, 17, (5, 6)), selector(1, 1, 17)
    assert arithmetic.intersection(opaque, any_) == opaque
    assert arithmetic.intersection(any_, opaque) == opaque
    assert arithmetic.intersection(opaque, some) is None
    assert arithmetic.intersection(opaque, opaque) == opaque


def test_too_many_selectors_are_cut_and_told() -> None:
    offered = [selector(2 * n, 2 * n) for n in range(300)]
    result = arithmetic.narrow(offered, [selector(0, 1000)])
    assert (len(result.selectors), result.more) == (255, True)
    assert result.selectors[0] == offered[0]


def test_unknown_selector_types_are_ignored() -> None:
    world = World()
    world.establish()
    label = TrafficSelector(TsType(10), 0, 0, 0, b"label", b"")
    (out,) = deliver(
        world,
        request(
            world.alice,
            2,
            SaPayload(proposal_of()),
            NoncePayload(bytes(32)),
            TsiPayload((label, *selectors("10.1.0.0/24"))),
            TsrPayload(selectors("10.2.0.0/24")),
            exchange=36,
        ),
    )
    answer = open_answer(world, out)
    assert answer.get(TsiPayload).selectors == selectors("10.1.0.0/24")  # type: ignore[union-attr]


def proposal_of() -> tuple[Proposal, ...]:
    """An ESP offer with an SPI of its own."""
    return proposal.esp_offer((parse_esp("aes128gcm16"),), b"\1\2\3\4", groups=False)


def test_single_pair_required() -> None:
    world = World(bob=bob_connection(single_pair=True))
    world.establish()
    assert world.alice.of(ChildFailed)[0].notify == NotifyType.SINGLE_PAIR_REQUIRED
    (view,) = world.alice.engine.list_sas()
    world.alice.engine.create_child(
        world.now,
        view.ike_id,
        packet=(arithmetic.host("10.1.0.5", 17, (7, 7)), arithmetic.host("10.2.0.9", 17, (9, 9))),
    )
    world.run()
    (installed,) = world.alice.of(ChildInstalled)
    assert [str(each.networks()[0]) for each in (*installed.local_ts, *installed.remote_ts)] == [
        "10.1.0.5/32",
        "10.2.0.9/32",
    ]
    assert installed.local_ts[0].protocol == 17
    answer = open_bobs_last(world)
    assert answer.notify(NotifyType.ADDITIONAL_TS_POSSIBLE) is not None


def open_bobs_last(world: World) -> Message:
    """Bob's last message, opened with Alice's key."""
    return open_answer(world, world.bob.sent[-1])


@pytest.mark.parametrize(
    ("asked", "allowed", "result"),
    [
        (Mode.TRANSPORT, Mode.TRANSPORT, Mode.TRANSPORT),
        (Mode.TRANSPORT, Mode.ANY, Mode.TRANSPORT),
        (Mode.TUNNEL, Mode.ANY, Mode.TUNNEL),
        (Mode.ANY, Mode.TUNNEL, Mode.TUNNEL),
        (Mode.TUNNEL, Mode.TRANSPORT, None),
    ],
)
def test_modes(asked: Mode, allowed: Mode, result: Mode | None) -> None:
    world = World(alice_connection(mode=asked), bob_connection(mode=allowed))
    world.establish()
    for node in world.nodes:
        assert [each.mode for each in node.of(ChildInstalled)] == ([] if result is None else [result])
    if result is None:
        assert world.alice.of(ChildFailed)[0].notify == NotifyType.NO_PROPOSAL_CHOSEN
    if result is Mode.TRANSPORT:
        assert world.alice.of(ChildInstalled)[0].local_ts == selectors(ALICE)
        world.alice.engine.rekey_child(world.now, world.child(world.alice))
        world.run()
        assert world.bob.of(ChildInstalled)[-1].mode is Mode.TRANSPORT


def test_declined_transport_mode_is_deleted() -> None:
    world = World(
        alice_connection(mode=Mode.TRANSPORT, local_ts=(), remote_ts=()), bob_connection(local_ts=(), remote_ts=())
    )
    world.establish()
    assert world.alice.of(ChildFailed)[0].reason is Reason.MODE_MISMATCH
    assert [each.reason for each in world.bob.of(ChildRemoved)] == [Reason.DELETED_BY_PEER]
    assert [len(node.engine.list_sas()) for node in world.nodes] == [1, 1]


def test_transport_mode_behind_a_nat() -> None:
    world = NatWorld()
    for node in world.nodes:
        config = node.engine.config
        changed = replace(config.connections[0], mode=Mode.TRANSPORT, local_ts=(), remote_ts=())
        node.engine.config = replace(config, connections=(changed,))
    world.establish()
    (a,), (b,) = (node.of(ChildInstalled) for node in world.nodes)
    assert (a.local_ts, a.remote_ts) == (selectors(ALICE), selectors(BOB))
    assert (b.local_ts, b.remote_ts) == (selectors(BOB), selectors("198.51.100.9"))


POOL = PoolConfig(("10.3.0.0/29", "2001:db8:3::/64"), dns=("10.3.0.1", "2001:db8:3::1"))


def roadwarrior(versions: tuple[int, ...] = (4,)) -> dict[str, object]:
    """Alice asks for an address instead of bringing a network."""
    return {"request_addresses": versions, "local_ts": ()}


@pytest.mark.parametrize("versions", [(4,), (6,), (4, 6)])
def test_address_from_the_pool(versions: tuple[int, ...]) -> None:
    networks = selectors("10.2.0.0/24", "2001:db8:2::/64")
    world = World(
        alice_connection(remote_ts=networks, **roadwarrior(versions)), bob_connection(local_ts=networks, pool=POOL)
    )
    world.establish()
    (assigned,) = world.alice.of(AddressesAssigned)
    expected = {4: ("10.3.0.1", "10.3.0.1"), 6: ("2001:db8:3::1", "2001:db8:3::1")}
    assert assigned.addresses == tuple(expected[version][0] for version in versions)
    assert assigned.dns == tuple(expected[version][1] for version in versions)
    (installed,) = world.alice.of(ChildInstalled)
    assert installed.local_ts == selectors(*assigned.addresses)
    world.alice.engine.rekey_ike(world.now, world.alice.engine.list_sas()[0].ike_id)
    world.run()
    assert world.bob.engine.list_sas()[0].addresses == assigned.addresses
    world.alice.engine.delete_ike(world.now, world.alice.engine.list_sas()[0].ike_id)
    world.run()
    world.alice.engine.initiate(world.now, "tunnel")
    world.run()
    assert world.alice.of(AddressesAssigned)[-1].addresses == assigned.addresses


def test_empty_pool() -> None:
    world = World(alice_connection(**roadwarrior()), bob_connection(pool=PoolConfig(("10.3.0.1/32",))))
    world.bob.engine.pool(world.bob.engine.config.connections[0]).take(4)  # type: ignore[union-attr]
    world.establish()
    assert world.alice.of(ChildFailed)[0].notify == NotifyType.INTERNAL_ADDRESS_FAILURE
    assert len(world.alice.of(IkeEstablished)) == len(world.bob.of(IkeEstablished)) == 1


def test_configuration_is_demanded() -> None:
    world = World(bob=bob_connection(pool=POOL, require_config=True))
    world.establish()
    assert world.alice.of(ChildFailed)[0].notify == NotifyType.FAILED_CP_REQUIRED
    assert len(world.bob.engine.list_sas()) == 1


def test_an_initiator_that_gets_no_address_deletes_the_child() -> None:
    world = World(alice_connection(**roadwarrior()), bob_connection())
    world.establish()
    assert world.alice.of(ChildFailed)[0].reason is Reason.ADDRESS_FAILURE
    assert [len(node.engine.children) for node in world.nodes] == [0, 0]


def test_no_additional_sas() -> None:
    world = World(bob=bob_connection(max_children=2))
    world.establish()
    (view,) = world.alice.engine.list_sas()
    for _ in range(2):
        world.alice.engine.create_child(world.now, view.ike_id)
        world.run()
    assert [each.notify for each in world.alice.of(ChildFailed)] == [NotifyType.NO_ADDITIONAL_SAS]
    world.alice.engine.rekey_child(world.now, next(iter(world.alice.engine.children)))
    world.run()
    assert [len(node.engine.children) for node in world.nodes] == [2, 2]


def test_child_failure_in_ike_auth_leaves_the_ike_sa() -> None:
    world = World(alice_connection(esp=("aes256-sha256",)))
    world.establish()
    assert world.alice.of(ChildFailed)[0].notify == NotifyType.NO_PROPOSAL_CHOSEN
    assert world.bob.of(ChildFailed)[0].reason is Reason.NO_PROPOSAL_CHOSEN
    assert [len(node.engine.list_sas()) for node in world.nodes] == [1, 1]
    assert not world.bob.engine.children


def test_pfs_group_is_retried() -> None:
    offer = ("aes128gcm16-x25519", "aes128gcm16-ecp256")
    world = World(alice_connection(esp=offer), bob_connection(esp=offer[1:]))
    world.establish()
    world.alice.engine.create_child(world.now, world.alice.engine.list_sas()[0].ike_id)
    world.run()
    assert world.bob.engine.counters["rejected-ke-group"] == 1
    assert str(world.alice.of(ChildInstalled)[-1].suite) == "aes128gcm16-ecp256"


def test_tfc_padding_is_told() -> None:
    world = World(alice_connection(tfc_padding=True))
    world.establish()
    assert [node.of(ChildInstalled)[0].tfc_padding for node in world.nodes] == [False, True]
