"""RFC 7383 section 2.6.1: retransmissions and replays of fragments."""

from __future__ import annotations

from conformance.ikev2.rfc7383.pieces import cut, negotiated, request, responses, take_answer
from conformance.tester import IkeSa, NoError, Received, Tester, covers

NEEDS = ("fragmentation",)


def processed(sa: IkeSa, count: int) -> tuple[list[bytes], bytes]:
    """A request in fragments that has been answered; the fragments, and the last datagram of the response."""
    draft = request(sa)
    parts = cut(sa, draft, count)
    sa.tester.expects(take_answer(sa, draft, parts), NoError())
    assert sa.last is not None
    return parts, sa.last.octets


def expect_repeated(tester: Tester, found: list[Received], response: bytes) -> None:
    """The same response, once."""
    same = [item for item in found if item.octets == response]
    observed = ", ".join(item.text() for item in found) or "no answer"
    tester.check(len(same) == 1 and len(found) == max(1, same[0].fragments), "the same response, once", observed)


@covers(
    "rfc7383/2.6.1/first-fragment-repeats-response",
    needs=NEEDS,
    mutants=["ignores-repeated-fragments", "answers-repeated-fragments-anew"],
)
def test_first_fragment_again(tester: Tester) -> None:
    """The first fragment of a request that was answered makes the device send the same response again."""
    sa = negotiated(tester)
    parts, response = processed(sa, 3)
    expect_repeated(tester, responses(sa, [parts[0]]), response)


@covers("rfc7383/2.6.1/other-fragments-ignored", needs=NEEDS, mutants=["any-fragment-repeats-response"])
def test_other_fragments_again(tester: Tester) -> None:
    """Any other fragment of a request that was answered is ignored."""
    sa = negotiated(tester)
    parts, _ = processed(sa, 3)
    found = responses(sa, parts[1:])
    tester.check(not found, "no answer", ", ".join(item.text() for item in found))


@covers(
    "rfc7383/2.6.1/first-fragment-repeats-response",
    "rfc7383/2.6.1/other-fragments-ignored",
    needs=NEEDS,
    mutants=["any-fragment-repeats-response", "ignores-repeated-fragments"],
)
def test_all_fragments_again(tester: Tester) -> None:
    """All fragments of a request again, as when the response was lost, bring the response once."""
    sa = negotiated(tester)
    parts, response = processed(sa, 3)
    expect_repeated(tester, responses(sa, parts), response)


@covers(
    "rfc7383/2.6.1/first-fragment-repeats-response",
    needs=NEEDS,
    mutants=["answers-repeated-fragments-anew"],
)
def test_smaller_fragments_later(tester: Tester) -> None:
    """A request that was answered and comes again in more fragments (path MTU discovery) is not processed again.

    The response may come once more; whether fragments of another total are "retransmitted" ones is not said.
    """
    sa = negotiated(tester)
    draft = request(sa)
    older, newer = cut(sa, draft, 2), cut(sa, draft, 4)
    tester.expects(take_answer(sa, draft, older), NoError())
    assert sa.last is not None
    response = sa.last.octets
    if found := responses(sa, newer):
        expect_repeated(tester, found, response)


@covers("rfc7383/2.6.1/replay-by-number-and-total", needs=NEEDS, mutants=["one-fragment-per-message-id"])
def test_message_id_shared(tester: Tester) -> None:
    """Fragments share a Message ID, and are not taken for retransmissions of one another."""
    sa = negotiated(tester)
    draft = request(sa)
    tester.expects(take_answer(sa, draft, cut(sa, draft, 8)), NoError())


@covers("rfc7383/2.6.1/first-fragment-repeats-response", needs=NEEDS, mutants=["old-fragments-make-a-request"])
def test_old_fragments(tester: Tester) -> None:
    """Fragments of an earlier request, whose successor was answered, are no new request and change nothing."""
    sa = negotiated(tester)
    parts, response = processed(sa, 2)
    tester.expects(sa.liveness(), NoError())
    found = [item for item in responses(sa, [parts[1], parts[0]]) if item.octets != response]
    tester.check(not found, "no answer but that of then", ", ".join(item.text() for item in found))
    tester.expects(sa.liveness(), NoError())
