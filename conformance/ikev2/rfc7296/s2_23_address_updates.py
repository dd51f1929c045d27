"""RFC 7296 section 2.23: following a peer whose NAT mapping changes, and nobody else.

The device shows where it believes its peer to be when it is made to send a request of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from conformance.ikev2.rfc7296.s2_23_nat_traversal import wrong_destination
from conformance.tester import IkeSa, NoError, NotApplicable, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.link import Port
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType
from reference_impl.wire.udp import NON_ESP_MARKER

NEEDS = ("natt", "trigger_liveness|trigger_rekey_child")
SETTLED = 5
FOLLOWS = "rfc7296/2.23/follows-validated-address"


def bound_to_follow(tester: Tester) -> IkeSa:
    """An IKE SA through a NAT with a device that is to follow the peer: one that does MOBIKE has another way."""
    if tester.claims("mobike"):
        raise NotApplicable("the device does MOBIKE, which recovers in its own way (RFC 7296 section 2.23)")
    return tester.establish(nat=True)


def settle(sa: IkeSa) -> None:
    """Let the device finish what it does of itself after a move: some replace the Child SA."""
    for _ in range(SETTLED):
        before = len(sa.requests)
        sa.tester.expects(sa.liveness(), NoError())
        sa.tester.drain(sa.tester.profile.timing.fence_grace)
        if len(sa.requests) == before:
            return


def whereabouts(sa: IkeSa) -> Port:
    """Our port to which the device sends a request of its own; the request is answered from there."""
    tester = sa.tester
    with sa.manual():
        (tester.trigger.liveness if tester.claims("trigger_liveness") else tester.trigger.rekey_child)(sa.spi_i)
        received = sa.receive_request()
    found = received.datagram.port
    before, sa.port = sa.port, found
    sa.answer_automatically(received)
    sa.port = before
    return found


def expect_at(sa: IkeSa, port: Port, requirement: str | None = None) -> None:
    """The device believes the tester to be at `port`."""
    found = whereabouts(sa)
    expected = f"the device sends to port {port.address[1]}"
    sa.tester.check(found is port, expected, f"to port {found.address[1]}", requirement)


@covers(
    FOLLOWS,
    "rfc7296/2.23/source-mismatch-allows-updates",
    "rfc7296/2.23/stores-validated-address",
    needs=NEEDS,
    mutants=["never-follows-peer", "follows-peer-once"],
)
def test_follows_request(tester: Tester) -> None:
    """A device sends its own requests to the port from which the last authentic request came, each time."""
    sa = bound_to_follow(tester)
    for _ in range(2):
        sa.move_to(tester.open_port())
        settle(sa)
    expect_at(sa, sa.port)


@covers(FOLLOWS, needs=(*NEEDS, "data_plane"), mutants=["never-follows-peer", "follows-ike-only"])
def test_follows_esp(tester: Tester) -> None:
    """A device sends its own IKE requests to the port from which the last authentic ESP packet came."""
    sa = bound_to_follow(tester)
    sa.child.expect_ping()
    sa.move_to(tester.open_port())
    sa.child.expect_ping()
    expect_at(sa, sa.port)


@covers(FOLLOWS, needs=("natt", "data_plane"), mutants=["esp-stays-behind"])
def test_esp_follows_esp(tester: Tester) -> None:
    """A device sends ESP to the port from which the last authentic ESP packet came."""
    sa = bound_to_follow(tester)
    sa.child.expect_ping()
    port = tester.open_port()
    sa.move_to(port)
    # The first one from there may be answered to where the peer was before.
    sa.child.ping()
    mark = tester.mark()
    sa.child.expect_ping()
    ports = {item.datagram.port.address[1] for item in tester.since(mark) if item.child is sa.child}
    tester.check(ports == {port.address[1]}, f"ESP to port {port.address[1]}", f"to ports {sorted(ports)}")


def expect_unmoved(tester: Tester, act: Callable[[IkeSa, Port], object]) -> None:
    """`act(sa, port)` sends from `port` what must not make the device move there."""
    sa = tester.establish(nat=True)
    tester.expects(sa.liveness(), NoError())
    old, other = sa.port, tester.open_port()
    act(sa, other)
    sa.port = old
    tester.fence(natt=True)
    expect_at(sa, old)


@covers(FOLLOWS, needs=NEEDS, mutants=["follows-unauthenticated-messages"])
def test_unmoved_by_bad_icv(tester: Tester) -> None:
    """A request whose integrity check fails does not move the peer's address."""

    def act(sa: IkeSa, port: Port) -> None:
        tester.send(sa.draft(edit=bad.corrupt_icv()), port=port, to=sa.remote)

    expect_unmoved(tester, act)


@covers(FOLLOWS, needs=NEEDS, mutants=["follows-unauthenticated-messages"])
def test_unmoved_by_unprotected(tester: Tester) -> None:
    """An unprotected message with the SPIs of the IKE SA does not move the peer's address."""

    def act(sa: IkeSa, port: Port) -> None:
        draft = sa.draft(ExchangeType.INFORMATIONAL, [NotifyPayload(NotifyType.INVALID_SYNTAX)])
        draft.protection = None
        tester.send(draft, port=port, to=sa.remote)

    expect_unmoved(tester, act)


@covers("rfc7296/2.23/update-only-on-new-packet", FOLLOWS, needs=NEEDS, mutants=["follows-replayed-requests"])
def test_unmoved_by_replayed_request(tester: Tester) -> None:
    """A copy of an earlier request, authentic but not new, does not move the peer's address."""

    def act(sa: IkeSa, port: Port) -> None:
        old = sa.send_request()
        sa.await_reply(old)
        copy = old.datagrams[0]
        tester.link.send(port, sa.remote, NON_ESP_MARKER + copy, Message.parse(copy, strict=False), note="replayed")

    expect_unmoved(tester, act)


@covers(
    "rfc7296/2.23/update-only-on-new-packet",
    FOLLOWS,
    needs=(*NEEDS, "data_plane"),
    mutants=["follows-replayed-esp"],
)
def test_unmoved_by_replayed_esp(tester: Tester) -> None:
    """A copy of an earlier ESP packet does not move the peer's address."""

    def act(sa: IkeSa, port: Port) -> None:
        packet, echo = sa.child.echo_packet()
        sealed = sa.child.seal(packet)
        sa.child.send_sealed(sealed, inner=packet)
        sa.child.await_echo(echo)
        tester.link.send(port, sa.remote, sealed, note="replayed")

    expect_unmoved(tester, act)


@covers(FOLLOWS, needs=(*NEEDS, "data_plane"), mutants=["follows-unauthenticated-esp"])
def test_unmoved_by_forged_esp(tester: Tester) -> None:
    """An ESP packet whose integrity check fails does not move the peer's address."""

    def act(sa: IkeSa, port: Port) -> None:
        sealed = sa.child.seal(sa.child.echo_packet()[0], icv_flip=True)
        tester.link.send(port, sa.remote, sealed, note="forged")

    expect_unmoved(tester, act)


@covers(
    FOLLOWS,
    "rfc3948/2.3/keepalive-ignored",
    needs=NEEDS,
    mutants=["keepalives-move-peer"],
)
def test_unmoved_by_keepalive(tester: Tester) -> None:
    """A NAT keepalive, which anybody can send, does not move the peer's address."""
    expect_unmoved(tester, lambda sa, port: tester.send_datagram(b"\xff", port=port, summary="NAT keepalive"))


@covers("rfc7296/2.23/behind-nat-no-update", needs=NEEDS, mutants=["follows-peer-behind-nat"])
def test_device_behind_nat(tester: Tester) -> None:
    """A device that is behind a NAT itself does not follow authentic packets from another port."""
    sa = tester.establish(nat=True, edit_init=wrong_destination, judged=False)
    tester.expects(sa.liveness(), NoError())
    old = sa.port
    sa.move_to(tester.open_port())
    settle(sa)
    expect_at(sa, old)
