"""RFC 7296 section 2.1: retransmission, seen from the responder."""

from __future__ import annotations

from conformance.ikev2.rfc7296.exchanged import last_received
from conformance.tester import Deleted, IkeSa, NoError, Received, Sent, Tester, covers
from conformance.tester.transcript import Entry
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId

SAME = "rfc7296/2.1/retransmitted-request-repeats-response"


def repeated(sa: IkeSa, octets: bytes, message_id: int) -> Received | None:
    """Send a request's octets again; the answer, or None when none comes in time."""
    tester, mark = sa.tester, sa.tester.mark()
    sa.send_raw(octets, note="the same octets again")
    return tester.wait(lambda item: item.sa is sa and item.is_response and item.message_id == message_id, since=mark)


def judge_same(tester: Tester, first: bytes, second: Received | None, requirement: str = SAME) -> None:
    """The answer to a retransmission has the octets of the first answer."""
    observed = "no answer" if second is None else f"other octets: {second.text()}"
    tester.check(second is not None and second.octets == first, "the same response again", observed, requirement)


def auth_request(tester: Tester, sa: IkeSa) -> bytes:
    """The octets of the IKE_AUTH request that set up this SA."""

    def is_auth(entry: Entry) -> bool:
        return entry.outgoing and entry.message is not None and entry.message.exchange == ExchangeType.IKE_AUTH

    entry = next(entry for entry in tester.transcript.entries if is_auth(entry))
    return entry.data[len(sa.marker) :]


@covers(SAME, "rfc7296/2.1/remembers-response", mutants=["ignores-retransmissions", "answers-retransmission-anew"])
def test_auth_retransmission(tester: Tester) -> None:
    """A retransmitted IKE_AUTH request gets the same response, bit for bit."""
    sa = tester.establish()
    first = last_received(sa).octets
    judge_same(tester, first, repeated(sa, auth_request(tester, sa), 1))
    tester.expects(sa.liveness(), NoError())


@covers(SAME, "rfc7296/2.1/remembers-response", mutants=["ignores-retransmissions", "answers-retransmission-anew"])
def test_informational_retransmission(tester: Tester) -> None:
    """A retransmitted INFORMATIONAL request gets the same response, bit for bit, as often as it comes."""
    sa = tester.establish()
    sent = sa.send_request()
    first = answered(sa, sent)
    for _ in range(3):
        judge_same(tester, first, repeated(sa, sent.datagrams[0], sent.draft.message_id))


@covers(SAME, "rfc7296/2.1/remembers-response", mutants=["ignores-retransmissions", "answers-retransmission-anew"])
def test_create_child_retransmission(tester: Tester) -> None:
    """A retransmitted CREATE_CHILD_SA request gets the same response and makes no second SA."""
    sa = tester.establish()
    mark, expected = tester.mark(), sa.next_id
    exchange = sa.try_child()
    tester.check(exchange.reply is not None, "an answer to CREATE_CHILD_SA", "no answer")
    first = last_received(sa).octets
    octets = [entry.data for entry in tester.transcript.sent() if is_request(entry, expected)][-1][len(sa.marker) :]
    assert tester.since(mark)
    judge_same(tester, first, repeated(sa, octets, expected))
    tester.expects(sa.liveness(), NoError())


def is_request(entry: Entry, message_id: int) -> bool:
    """A protected request of the tester with this Message ID."""
    message = entry.message
    return entry.outgoing and entry.decrypted and message is not None and message.message_id == message_id


@covers(SAME, mutants=["ignores-retransmissions", "answers-retransmission-anew"])
def test_delete_retransmission(tester: Tester) -> None:
    """A retransmitted request to delete a Child SA gets the response of the first one, though the SA is gone."""
    sa = tester.establish()
    sent = sa.send_request(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))])
    first = answered(sa, sent)
    tester.expects(last_received(sa), Deleted(ProtocolId.ESP), "rfc7296/1.4.1/response-deletes-paired")
    judge_same(tester, first, repeated(sa, sent.datagrams[0], sent.draft.message_id))


@covers("rfc7296/2.1/response-only-on-request", "rfc7296/2.1/messages-in-pairs", mutants=["sends-every-response-twice"])
def test_one_response_per_request(tester: Tester) -> None:
    """A responder answers a request once for every time that it comes, never on its own account."""
    mark = tester.mark()
    sa = tester.establish()
    sa.try_child()
    for _ in range(3):
        sa.liveness()
    for message_id in range(sa.next_id - 1):
        responses = [item for item in tester.since(mark) if item.is_response and item.message_id == message_id]
        requests = [
            entry
            for entry in tester.transcript.sent()
            if entry.message is not None and not entry.message.is_response and entry.message.message_id == message_id
        ]
        tester.check(
            len(responses) <= len(requests),
            f"at most one response to each of {len(requests)} datagrams with Message ID {message_id}",
            f"{len(responses)} responses",
        )


@covers(
    "rfc7296/2.1/forgotten-response-ignores-request",
    SAME,
    mutants=["carries-out-old-requests"],
)
def test_replayed_old_request(tester: Tester) -> None:
    """A request with a Message ID of long ago gets its first response again or none, and is not carried out."""
    sa = tester.establish()
    old = sa.send_request()
    first = answered(sa, old)
    for _ in range(3):
        sa.liveness()
    for item in sa.answers_to(lambda: sa.send_raw(old.datagrams[0], note="a request of long ago")):
        tester.check(item.octets == first, "no answer, or the first response again", item.text())


@covers("rfc7296/2.1/forgotten-response-ignores-request", SAME, mutants=["carries-out-old-requests"])
def test_new_request_with_old_message_id(tester: Tester) -> None:
    """A new request with a Message ID that was used before is not carried out, though it is authentic."""
    sa = tester.establish()
    used = sa.next_id
    sa.liveness()
    sa.liveness()
    delete = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))
    for item in sa.answers_to(sa.draft(ExchangeType.INFORMATIONAL, [delete], message_id=used)):
        carried_out = item.message is not None and item.message.get(DeletePayload) is not None
        tester.check(not carried_out, "no answer, or the first response again", item.text())
    tester.expects(sa.request(payloads=[delete]), Deleted(ProtocolId.ESP))


def answered(sa: IkeSa, sent: Sent) -> bytes:
    """The octets of the response to `sent`, which is due."""
    reply = sa.await_reply(sent)
    sa.tester.check(
        reply is not None, "an answer to the first transmission", "no answer", "rfc7296/1/every-request-answered"
    )
    return last_received(sa).octets
