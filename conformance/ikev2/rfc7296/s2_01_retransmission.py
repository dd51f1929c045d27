"""RFC 7296 section 2.1: use of retransmission timers."""

from conformance.tester import Tester, covers


@covers("rfc7296/2.1/retransmitted-request-repeats-response", mutants=["new-answer-for-retransmission"])
def test_same_answer(tester: Tester) -> None:
    """A retransmitted request is answered with the same octets as before."""
    sa = tester.establish()
    sent = sa.send_request()
    sa.await_reply(sent)
    first = sa.last
    again = [item for item in sa.answers_to(lambda: sa.send_raw(sent.datagrams[0])) if item.is_response]
    tester.check(bool(first and again), "an answer to the retransmission", "no answer")
    same = first is not None and again[0].octets == first.octets
    tester.check(same, "the same octets as in the first answer", again[0].text() + " with other octets")
