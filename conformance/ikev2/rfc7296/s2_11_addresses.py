"""RFC 7296 section 2.11: address and port agility, and the sizes that section 2 demands."""

from __future__ import annotations

from conformance.ikev2.rfc7296.exchanged import init_received, last_received
from conformance.tester import NoError, Tester, covers
from conformance.tester.link import Address


def judge_path(tester: Tester, source: Address, expected: Address) -> None:
    """The answer came from where the request went to."""
    tester.check(source == expected, f"an answer from port {expected[1]}", f"from port {source[1]}")


@covers(
    "rfc7296/2.11/responds-to-source",
    "rfc7296/2.11/accepts-any-source-port",
    "rfc7296/3.1/return-addresses-reversed",
    mutants=["answers-to-port-500"],
)
def test_any_source_port(tester: Tester) -> None:
    """Requests from a source port other than 500 and 4500 are answered to that port."""
    port = tester.open_port()
    init = tester.ike_sa_init(port=port)
    tester.check(init.received is not None, f"an answer to port {port.address[1]}", "no answer")
    sa = tester.establish(port=port)
    arrived = last_received(sa).datagram.port
    tester.check(arrived is port, f"the answer to IKE_AUTH at port {port.address[1]}", f"at {arrived.address[1]}")


@covers(
    "rfc7296/2.11/responds-to-source",
    "rfc7296/2.6/lookup-by-spi-only",
    mutants=["answers-to-first-address"],
)
def test_request_from_other_port(tester: Tester) -> None:
    """A request of an established IKE SA from another port belongs to it all the same, and is answered to that port."""
    sa = tester.establish()
    old, port = sa.port, tester.open_port()
    sa.move_to(port)
    tester.expects(sa.liveness(), NoError())
    arrived = last_received(sa).datagram.port
    tester.check(arrived is port, f"the answer at port {port.address[1]}", f"at {arrived.address[1]}")
    sa.move_to(old)
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/2.11/responds-to-source", mutants=["answers-to-first-address"])
def test_retransmission_from_other_port(tester: Tester) -> None:
    """A retransmission from another port is answered to that port."""
    sa = tester.establish()
    sent = sa.send_request()
    tester.check(sa.await_reply(sent) is not None, "an answer", "no answer")
    port, mark = tester.open_port(), tester.mark()
    sa.move_to(port)
    sa.send_raw(sent.datagrams[0], note="the same octets from another port")
    number = sent.draft.message_id
    found = tester.wait(lambda item: item.sa is sa and item.is_response and item.message_id == number, since=mark)
    observed = f"at {found.datagram.port.address[1]}" if found else "no answer"
    arrived = found is not None and found.datagram.port is port
    tester.check(arrived, f"the answer at port {port.address[1]}", observed)


@covers("rfc7296/2.11/responds-from-destination", mutants=["answers-from-other-port"])
def test_answer_from_port_500(tester: Tester) -> None:
    """What was sent to the IKE port is answered from it."""
    sa = tester.establish(nat=False)
    judge_path(tester, init_received(sa).datagram.source, tester.ike_address)
    tester.expects(sa.liveness(), NoError())
    judge_path(tester, last_received(sa).datagram.source, sa.remote)


@covers(
    "rfc7296/2.11/responds-from-destination",
    "rfc7296/2/non-esp-marker",
    needs=("natt",),
    mutants=["answers-from-other-port"],
)
def test_answer_from_port_4500(tester: Tester) -> None:
    """What was sent to the NAT traversal port, IKE_SA_INIT as well, is answered from it."""
    init = tester.ike_sa_init(natt=True)
    tester.check(init.received is not None, "an answer from port 4500, with the non-ESP marker", "none")
    if init.received is not None:
        judge_path(tester, init.received.datagram.source, tester.natt_address)
        tester.check(init.received.marker, "the non-ESP marker", "none", "rfc7296/2/non-esp-marker")
