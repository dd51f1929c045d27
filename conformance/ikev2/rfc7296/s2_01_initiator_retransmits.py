"""RFC 7296 section 2.1 (and 2.2, 2.4): the device as initiator repeats its requests until they are answered."""

from __future__ import annotations

import pytest

from conformance.tester import DutInitiator, Inconclusive, Received, Tester, covers, fresh_spi
from conformance.tester import misbehaviour as bad
from conformance.tester.draft import Edit
from reference_impl.wire.registries import ExchangeType

NEEDS = ("initiator",)
UNANSWERED = "rfc7296/2.1/retransmits-until-answered"


def next_of(tester: Tester, request: Received, timeout: float | None = None) -> Received:
    """The next message of the device with the SPI and exchange type of `request`; fails when none comes."""
    assert request.header is not None
    spi, exchange = request.header.spi_i, request.header.exchange

    def again(item: Received) -> bool:
        head = item.header
        # the fragments of the request itself came before its last one
        later = item is not request and item.datagram.at > request.datagram.at
        return later and head is not None and (head.spi_i, head.exchange) == (spi, exchange)

    found = tester.wait(again, tester.profile.timing.retransmit_first if timeout is None else timeout)
    if found is None:
        tester.fail("the unanswered request again", "nothing", UNANSWERED)
    return found


@covers(
    "rfc7296/2.1/retransmission-bitwise-identical",
    UNANSWERED,
    "rfc7296/2.1/remembers-request",
    "rfc7296/2.2/retransmission-same-message-id",
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-never-retransmits", "retransmits-init-with-new-nonce"],
)
def test_initiator_repeats_init(tester: Tester) -> None:
    """An IKE_SA_INIT request that is not answered comes again, octet for octet."""
    request = tester.await_initiation().received
    again = next_of(tester, request)
    tester.check(again.octets == request.octets, "the same octets", again.text())


@covers(
    "rfc7296/2.1/retransmission-bitwise-identical",
    UNANSWERED,
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-never-retransmits", "retransmits-auth-sealed-anew"],
)
def test_initiator_repeats_auth(tester: Tester) -> None:
    """An IKE_AUTH request that is not answered comes again, octet for octet."""
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    assert peer.auth_received is not None
    again = next_of(tester, peer.auth_received)
    known = [
        item.octets
        for item in tester.inbox
        if item is not again and item.header and item.octets[:8] == peer.received.octets[:8]
    ]
    tester.check(again.octets in known, "the same octets", again.text())


@covers(
    "rfc7296/2.4/exponential-backoff",
    needs=NEEDS,
    role="initiator",
    mutants=["retransmits-at-constant-intervals"],
)
def test_growing_intervals(tester: Tester) -> None:
    """The intervals between retransmissions grow: the second is longer than the first, or at least the third is."""
    request = tester.await_initiation().received
    last = next_of(tester, request)
    first_interval = last.datagram.at - request.datagram.at
    seen = [f"{first_interval:.2f} s"]
    # a sequence that repeats its first interval once (1, 1, 2, 4 …) still grows exponentially
    for _ in range(2):
        after = last.datagram.at

        def again(item: Received, after: float = after) -> bool:
            return item.octets == request.octets and item.datagram.at > after

        found = tester.wait(again, 4 * first_interval)
        if found is None:
            raise Inconclusive(f"no further transmission within {4 * first_interval:.1f} s")
        last = found
        interval = last.datagram.at - after
        seen.append(f"{interval:.2f} s")
        # A little jitter is nobody's fault.
        if interval > 1.2 * first_interval:
            return
    tester.fail(f"an interval well above {first_interval:.2f} s", ", ".join(seen))


STRANGE = {
    "other-initiator-spi": bad.spi_i(),
    "message-id-1": bad.message_id(1),
    "request": bad.flip_response_flag(),
    "other-exchange": bad.exchange_type(ExchangeType.INFORMATIONAL),
    "truncated": bad.truncate(40),
}


def expect_auth(peer: DutInitiator, requirement: str | None = None) -> None:
    """Fail unless the device goes on to IKE_AUTH with the last response."""
    try:
        peer.receive_auth()
    except Inconclusive:
        peer.tester.fail("the device goes on to IKE_AUTH with the proper response", "nothing", requirement)


@pytest.mark.parametrize("fault", STRANGE)
@covers(UNANSWERED, needs=NEEDS, role="initiator", mutants=["initiator-gives-up-on-garbage", "takes-any-init-response"])
def test_initiator_ignores(tester: Tester, fault: str) -> None:
    """A message that is not the response to the request is ignored; the proper response that follows is taken."""
    edit: Edit = STRANGE[fault]
    peer = tester.await_initiation()
    # The same responder SPI: a device may hold on to the first one that it sees.
    spi = fresh_spi()
    tester.answers_to(lambda: peer.answer_init(edit=edit, spi_r=spi))
    peer.answer_init(spi_r=spi)
    expect_auth(peer)


@covers(UNANSWERED, needs=NEEDS, role="initiator", mutants=["initiator-gives-up-on-garbage"])
def test_initiator_ignores_garbage(tester: Tester) -> None:
    """Octets that are no IKE message, sent in answer to IKE_SA_INIT, are ignored."""
    peer = tester.await_initiation()
    datagram = peer.received.datagram
    tester.answers_to(lambda: tester.send(b"\xa5" * 60, port=datagram.port, to=datagram.source))
    peer.answer_init()
    expect_auth(peer)
