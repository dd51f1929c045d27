"""RFC 7296 section 2.23: IKE and ESP on the NAT traversal port (4500)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from conformance.tester import (
    DutInitiator,
    IkeSa,
    Inconclusive,
    Kind,
    NoError,
    Received,
    Tester,
    covers,
)
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType

NATT = ("natt",)


def wrong_destination(payloads: Sequence[Payload]) -> list[Payload]:
    """A NAT_DETECTION_DESTINATION_IP that says that the device is behind a NAT."""
    return [
        replace(item, data=os.urandom(20))
        if isinstance(item, NotifyPayload) and item.notify == NotifyType.NAT_DETECTION_DESTINATION_IP
        else item
        for item in payloads
    ]


def sa_on_4500(tester: Tester) -> IkeSa:
    """An IKE SA over port 4500 from the first message on, though no NAT is in between."""
    init = tester.ike_sa_init(natt=True, nat=False)
    if not init.accepted:
        raise Inconclusive(f"IKE_SA_INIT on port 4500: {observed(init.reply)}")
    sa = init.open_sa()
    sa.remote = tester.natt_address
    exchange = tester.ike_auth(init, need_child=False)
    if exchange.sa is None:
        tester.fail("an IKE SA over port 4500", exchange.problem)
    return exchange.sa


@covers("rfc7296/2.23/port-4500-from-start", needs=NATT, mutants=["no-ike-on-4500-without-nat", "no-init-on-4500"])
def test_all_on_4500(tester: Tester) -> None:
    """An IKE SA can use port 4500 from its first message on, also when there is no NAT."""
    init = tester.ike_sa_init(natt=True, nat=False)
    tester.check(init.accepted, "IKE_SA_INIT on port 4500 is accepted", observed(init.reply))
    tester.expects(sa_on_4500(tester).liveness(), NoError())


@covers("rfc7296/2.23/port-4500-from-start", needs=NATT, mutants=["no-ike-on-4500-without-nat"])
def test_moves_to_4500_without_nat(tester: Tester) -> None:
    """An initiator may go on over port 4500 after IKE_SA_INIT on port 500, also when there is no NAT."""
    init = tester.ike_sa_init(nat=False)
    sa = init.open_sa()
    sa.remote = tester.natt_address
    exchange = tester.ike_auth(init, need_child=False)
    tester.check(exchange.sa is not None, "an IKE SA over port 4500", exchange.problem)


@covers(
    "rfc7296/2.23/accepts-from-any-port",
    "rfc7296/2.23/responds-to-same-port",
    needs=NATT,
    mutants=["answers-to-first-address"],
)
def test_any_port_on_4500(tester: Tester) -> None:
    """On port 4500 as well, requests of an IKE SA from any port are answered to the port that they came from."""
    sa = tester.establish(nat=True)
    for _ in range(2):
        port = tester.open_port()
        sa.move_to(port)
        tester.expects(sa.liveness(), NoError())
        assert sa.last is not None
        arrived = sa.last.datagram.port
        seen = f"at {arrived.address[1]}"
        tester.check(
            arrived is port, f"the answer at port {port.address[1]}", seen, "rfc7296/2.23/responds-to-same-port"
        )


@covers(
    "rfc7296/2.23/marker-on-4500",
    "rfc3948/2.2/marker-is-four-zeros",
    needs=NATT,
    mutants=["finds-ike-without-marker"],
)
def test_no_marker_on_4500(tester: Tester) -> None:
    """On port 4500 a message without the four zero octets is no IKE message: its first octets are taken for an SPI."""
    sa = tester.establish(nat=True)
    sa.expect_silence(sa.draft(edit=bad.no_marker()))


@covers("rfc7296/2.23/marker-on-4500", "rfc7296/3.1/marker-not-in-length", mutants=["skips-marker-on-500"])
def test_marker_on_500(tester: Tester) -> None:
    """On port 500 four zero octets before the header are no marker, and what follows is no IKE message."""
    draft = tester.ike_sa_init().draft
    draft.marker = True
    draft.spi_i = bytes([0x77]) + draft.spi_i[1:]
    answers = [item for item in tester.answers_to(draft) if item.octets[:8] == draft.spi_i]
    tester.check(not answers, "no answer", ", ".join(item.text() for item in answers))


@covers(
    "rfc7296/2.23/nat-forces-encapsulation",
    "rfc7296/2.23/marker-on-4500",
    "rfc3948/2.1/ports-of-ike",
    "rfc3948/3.4/header-inserted",
    needs=(*NATT, "data_plane"),
    mutants=["no-esp-in-udp", "encapsulates-esp-on-500", "marker-before-esp"],
)
def test_esp_in_udp(tester: Tester) -> None:
    """With a NAT detected, ESP comes in UDP from port 4500 to the port of IKE, with nothing before its header."""
    sa = tester.establish(nat=True)
    echo = sa.child.send_ping()
    sa.child.await_echo(echo)
    found = [item for item in tester.inbox if item.kind == Kind.ESP and item.child is sa.child]
    stray = [item.text() for item in tester.inbox if item.kind == Kind.GARBAGE]
    tester.check(bool(found), "ESP in UDP", ", ".join(stray) or "no packet")
    check_ports(tester, sa, found[0])


def check_ports(tester: Tester, sa: IkeSa, item: Received) -> None:
    """From port 4500 to the port of IKE."""
    source, port = item.datagram.source, item.datagram.port
    tester.check(source == tester.natt_address, "from the port of IKE, 4500", f"from port {source[1]}")
    tester.check(port is sa.port, f"to port {sa.port.address[1]}", f"to port {port.address[1]}")


@covers("rfc7296/2.23/no-encapsulation-on-500", needs=(*NATT, "data_plane"), mutants=["takes-esp-on-500"])
def test_esp_on_500(tester: Tester) -> None:
    """There is no UDP encapsulation on port 500: what looks like ESP there is discarded."""
    sa = tester.establish(nat=True)
    child = sa.child
    packet, echo = child.echo_packet()
    sealed = child.seal(packet)
    child.expect_dropped(lambda: tester.link.send(sa.port, tester.ike_address, sealed, note="ESP on port 500"))
    tester.check(not child.answered(echo), "the packet is discarded", "it was answered")


def expect_on_4500(tester: Tester, peer: DutInitiator) -> None:
    """IKE_AUTH comes over the NAT traversal ports of both ends."""
    sa = peer.sa
    received = sa.request_or_none(ExchangeType.IKE_AUTH) if sa is not None else None
    if received is None:
        raise Inconclusive("the device sent no IKE_AUTH request in time")
    source, port = received.datagram.source, received.datagram.port.address
    natt = tester.profile.listen_natt_port
    tester.check(port[1] == natt, f"IKE_AUTH at port {natt}", f"at port {port[1]}")
    tester.check(source[1] == tester.profile.natt_port, "from port 4500", f"from port {source[1]}")
    tester.check(received.marker, "the non-ESP marker", "none", "rfc7296/2.23/marker-on-4500")


@covers(
    "rfc7296/2.23/initiator-tunnels-on-4500",
    "rfc7296/2.23/initiator-checks-nat-payloads",
    "rfc7296/2.23/nat-moves-to-4500",
    needs=(*NATT, "initiator"),
    role="initiator",
    mutants=["initiator-stays-on-500", "initiator-ignores-nat-detection"],
)
def test_initiator_moves(tester: Tester) -> None:
    """An initiator whose peer is behind a NAT goes on from port 4500 to port 4500, with the non-ESP marker."""
    peer = tester.await_initiation()
    peer.answer_init(nat=True)
    expect_on_4500(tester, peer)


@covers(
    "rfc7296/2.23/initiator-tunnels-on-4500",
    "rfc7296/2.23/initiator-checks-nat-payloads",
    needs=(*NATT, "initiator"),
    role="initiator",
    mutants=["initiator-ignores-nat-detection", "initiator-looks-at-source-only"],
)
def test_initiator_behind_nat(tester: Tester) -> None:
    """An initiator that is behind a NAT itself (no destination hash fits) goes on over port 4500."""
    peer = tester.await_initiation()
    peer.answer_init(nat=False, edit=wrong_destination)
    expect_on_4500(tester, peer)
