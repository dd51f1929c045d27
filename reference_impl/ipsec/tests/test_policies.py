"""The security policy database: order, connections, and what may come out of a tunnel (RFC 4301 sections 5.1, 5.2)."""

from __future__ import annotations

from reference_impl.ipsec.discards import Discard
from reference_impl.ipsec.processing import Acquire, PeerAlive
from reference_impl.ipsec.sad import Path
from reference_impl.ipsec.selectors import SaSelectors
from reference_impl.ipsec.spd import Action, Policy, Spd
from reference_impl.ipsec.tunnel import DontFragment
from reference_impl.wire.ip import build_icmp_echo

from .test_processing import Site, carry, sites, ts


def policy(action: Action, local: str, remote: str, connection: str = "") -> Policy:
    return Policy(connection or action.value, action, SaSelectors(ts(local), ts(remote)), connection)


HOLE = policy(Action.DISCARD, "10.1.0.0/16", "10.2.0.9")
VPN = policy(Action.PROTECT, "10.1.0.0/16", "10.2.0.0/16", "peer")


def with_policies(site: Site, *policies: Policy) -> None:
    site.processor.spd = Spd(policies)


def test_the_first_match_decides() -> None:
    left, _ = sites()
    packet = build_icmp_echo("10.1.0.1", "10.2.0.1")
    discard = policy(Action.DISCARD, "10.1.0.0/16", "10.2.0.0/16")
    with_policies(left, VPN, discard)
    assert len(left.processor.outbound(0.0, packet).datagrams) == 1
    with_policies(left, discard, VPN)
    assert left.processor.outbound(0.0, packet).datagrams == []
    with_policies(left, policy(Action.BYPASS, "10.1.0.0/16", "10.2.0.0/16"), VPN)
    assert left.processor.outbound(0.0, packet).bypassed == [packet]


def test_only_an_sa_of_the_policys_connection_protects() -> None:
    left, _ = sites()
    with_policies(left, policy(Action.PROTECT, "10.1.0.0/16", "10.2.0.0/16", "another"))
    assert left.processor.outbound(0.0, build_icmp_echo("10.1.0.1", "10.2.0.1")).datagrams == []
    (acquire,) = left.processor.take_notices()
    assert isinstance(acquire, Acquire)
    assert acquire.connection == "another"


def test_the_same_policies_judge_what_comes_out_of_the_tunnel() -> None:
    left, right = sites()
    mirrored = policy(Action.PROTECT, "10.2.0.0/16", "10.1.0.0/16", "peer")
    with_policies(right, mirrored)
    assert carry(0.0, left.host.echo_request("10.2.0.1", 7, 1), left, right) == 1
    assert right.processor.counters["decapsulated"] == 1
    for policies in (
        (policy(Action.DISCARD, "10.2.0.1", "10.1.0.1"), mirrored),
        (policy(Action.BYPASS, "10.2.0.1", "10.1.0.1"), mirrored),
        (policy(Action.PROTECT, "10.2.0.0/16", "10.1.0.0/16", "another"),),
        (policy(Action.PROTECT, "10.7.0.0/16", "10.1.0.0/16", "peer"),),
    ):
        with_policies(right, *policies)
        right.audits.clear()
        right.processor.take_notices()
        (datagram,) = left.processor.outbound(10.0, left.host.echo_request("10.2.0.1", 7, 2)).datagrams
        path = Path(right.address, 4500, left.address, 4500, True)
        assert right.processor.inbound(10.0, datagram.esp, path) is None
        assert [audit.reason for audit in right.audits] == [Discard.POLICY]
        # the peer is alive all the same
        assert [type(notice) for notice in right.processor.take_notices()] in ([PeerAlive], [])


def test_df_treatment_is_per_sa() -> None:
    left, right = sites()
    free = build_icmp_echo("10.1.0.1", "10.2.0.1")
    fixed = free[:6] + b"\x40\0" + free[8:]
    left.processor.sad.pairs()[0].dont_fragment = DontFragment.CLEAR
    assert not left.processor.outbound(0.0, fixed).datagrams[0].dont_fragment
    left.install(2, right, 512, 513)
    left.processor.sad.pairs()[1].dont_fragment = DontFragment.SET
    assert left.processor.outbound(0.0, free).datagrams[0].dont_fragment
    left.install(3, right, 513, 512)
    assert [left.processor.outbound(0.0, each).datagrams[0].dont_fragment for each in (free, fixed)] == [False, True]
