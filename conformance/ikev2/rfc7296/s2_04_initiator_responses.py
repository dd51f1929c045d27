"""RFC 7296 section 2.4: the device as initiator, and responses that others send or that come twice."""

from __future__ import annotations

import pytest

from conformance.tester import Draft, DutInitiator, Inconclusive, NoError, Received, Tester, covers, fresh_spi
from conformance.tester import misbehaviour as bad
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType

NEEDS = ("initiator",)
NO_FAILURE = "rfc7296/2.4/unprotected-is-no-failure"
FORGED = (NotifyType.AUTHENTICATION_FAILED, NotifyType.INVALID_SYNTAX, NotifyType.INVALID_IKE_SPI)


def waiting_for_auth(tester: Tester) -> DutInitiator:
    """An attempt of the device that waits for the IKE_AUTH response."""
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    return peer


def expect_established(peer: DutInitiator) -> None:
    """Answer IKE_AUTH; fail unless the SA goes."""
    tester = peer.tester
    sa = peer.answer_auth()
    reply = sa.liveness()
    tester.expects(reply, NoError())


@pytest.mark.parametrize("error", FORGED, ids=lambda error: error.name.lower().replace("_", "-"))
@covers(
    NO_FAILURE,
    "rfc7296/2.21.4/invalid-ike-spi-changes-nothing",
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-believes-clear-auth-errors"],
)
def test_clear_error_to_auth(tester: Tester, error: NotifyType) -> None:
    """An unprotected error in answer to IKE_AUTH is not believed: the proper response still sets up the SA."""
    peer = waiting_for_auth(tester)
    sa = peer.sa
    assert sa is not None
    flags = Flags.RESPONSE
    draft = Draft(sa.spi_i, sa.spi_r, ExchangeType.IKE_AUTH, flags, 1, [NotifyPayload(error)])
    tester.answers_to(lambda: tester.send(draft, port=sa.port, to=sa.remote, note="forged"))
    expect_established(peer)


@covers(
    "rfc7296/3.14/checksum-covers-message",
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-gives-up-on-forgery"],
)
def test_auth_response_bad_icv(tester: Tester) -> None:
    """An IKE_AUTH response whose integrity check fails is ignored: the proper one that follows sets up the SA."""
    peer = waiting_for_auth(tester)
    sa = peer.sa
    assert sa is not None
    error = [NotifyPayload(NotifyType.AUTHENTICATION_FAILED)]
    draft = sa.draft(ExchangeType.IKE_AUTH, error, message_id=1, response=True, edit=bad.corrupt_icv())
    tester.answers_to(lambda: sa.send(draft, note="forged"))
    expect_established(peer)


@covers(
    "rfc7296/2.1/retransmits-until-answered",
    needs=NEEDS,
    role="initiator",
    mutants=["takes-any-response"],
)
def test_auth_response_other_message_id(tester: Tester) -> None:
    """A protected response with a Message ID that answers no request is ignored."""
    peer = waiting_for_auth(tester)
    sa = peer.sa
    assert sa is not None
    error = [NotifyPayload(NotifyType.AUTHENTICATION_FAILED)]
    draft = sa.draft(ExchangeType.IKE_AUTH, error, message_id=2, response=True)
    tester.answers_to(lambda: sa.send(draft))
    expect_established(peer)


@covers(
    "rfc7296/2.4/later-init-responses-ignored",
    needs=NEEDS,
    role="initiator",
    mutants=["late-init-response-ends-sa"],
)
def test_init_response_after_auth(tester: Tester) -> None:
    """Once the SA is set up, further responses to the IKE_SA_INIT request, the same or another one, are ignored."""
    peer = tester.await_initiation()
    sa = peer.accept()
    tester.expects(sa.liveness(), NoError())
    other = list(Message.parse(peer.init_response, strict=False).payloads)
    datagram = peer.received.datagram

    def send() -> None:
        tester.send(peer.init_response, port=datagram.port, to=datagram.source, note="the same response again")
        peer.reply(other, spi_r=fresh_spi(), note="of another responder")

    found = [item.text() for item in tester.answers_to(send) if _is_auth(item)]
    tester.check(not found, "no further IKE_AUTH", ", ".join(found))
    tester.expects(sa.liveness(), NoError())


def _is_auth(item: Received) -> bool:
    return item.header is not None and item.header.exchange == ExchangeType.IKE_AUTH


@covers(
    NO_FAILURE,
    needs=NEEDS,
    role="initiator",
    mutants=["late-init-response-ends-sa"],
)
def test_second_init_response(tester: Tester) -> None:
    """A second response to IKE_SA_INIT, from somebody else, does not keep the first from setting up the SA."""
    peer = tester.await_initiation()
    peer.answer_init()
    other = list(Message.parse(peer.init_response, strict=False).payloads)
    peer.receive_auth()
    tester.answers_to(lambda: peer.reply(other, spi_r=fresh_spi(), note="of another responder"))
    expect_established(peer)


@covers(
    "rfc7296/3.1/no-response-to-response",
    needs=NEEDS,
    role="initiator",
    mutants=["repeated-response-ends-sa", "answers-responses"],
)
def test_auth_response_again(tester: Tester) -> None:
    """The IKE_AUTH response that comes again is neither answered nor does it harm the SA."""
    peer = tester.await_initiation()
    sa = peer.accept()
    mark = tester.mark()
    data = sa.answers_sent(1)[0]
    sa.expect_silence(lambda: sa.send_raw(data, note="the same response again"))
    deletes = [item.text() for item in tester.since(mark) if item.sa is sa and item.is_request]
    tester.check(not deletes, "the SA goes on", ", ".join(deletes))


@covers(
    "rfc7296/3.1/initiator-flag-set",
    "rfc7296/2.2/separate-counters",
    needs=NEEDS,
    role="initiator",
    mutants=["initiator-flag-in-requests-only", "one-message-id-counter"],
)
def test_requests_of_the_responder(tester: Tester) -> None:
    """The original initiator answers the peer's first request, Message ID 0, with the Initiator flag set."""
    sa = tester.await_initiation().accept()
    reply = sa.liveness(message_id=0, requirement="rfc7296/2.2/separate-counters")
    flags = int(reply.flags)
    tester.check(flags == Flags.INITIATOR | Flags.RESPONSE, "the flags I and R", f"flags {flags:#04x}")
    if reply.message_id != 0:
        raise Inconclusive("the answer to another request")
