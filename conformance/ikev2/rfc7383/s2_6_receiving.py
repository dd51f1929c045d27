"""RFC 7383 section 2.6: what a device does with the fragments that it receives."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7383.pieces import cut, expect_unanswered, negotiated, notice, request, take_answer
from conformance.tester import Deleted, IkeSa, NoError, NotApplicable, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.draft import apply_edits
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.payload import encode_chain
from reference_impl.wire.registries import ExchangeType, NotifyType, ProtocolId

NEEDS = ("fragmentation",)
UNKNOWN_PAYLOAD = 201
ORDERS = {
    "in-order": (1, 2, 3, 4, 5),
    "reversed": (5, 4, 3, 2, 1),
    "shuffled": (3, 1, 5, 2, 4),
    "each-twice": (1, 1, 2, 2, 3, 3, 4, 4, 5, 5),
    "first-one-last": (2, 3, 4, 5, 1),
}


@pytest.mark.parametrize("order", ORDERS)
@covers(
    "rfc7383/2.6/reassembled-as-regular",
    "rfc7383/2.1/merged-before-processing",
    needs=NEEDS,
    mutants=[
        "merges-in-order-of-arrival",
        "needs-first-fragment-first",
        "repeated-fragment-starts-over",
        "merges-padding-too",
    ],
)
def test_order_of_arrival(tester: Tester, order: str) -> None:
    """A request whose fragments come in any order, or twice, is answered as if it had come whole."""
    sa = negotiated(tester)
    draft = request(sa)
    parts = cut(sa, draft, 5)
    tester.expects(take_answer(sa, draft, [parts[number - 1] for number in ORDERS[order]]), NoError())


@covers("rfc7383/2.6/reassembled-as-regular", needs=NEEDS, mutants=["merges-in-order-of-arrival"])
def test_informational(tester: Tester) -> None:
    """A fragmented INFORMATIONAL request is processed as if it had come whole: the Child SA that it deletes goes."""
    sa = negotiated(tester)
    child = sa.child
    draft = sa.draft(ExchangeType.INFORMATIONAL, [notice(), DeletePayload(ProtocolId.ESP, 4, (child.spi_in,))])
    parts = cut(sa, draft, 3)
    tester.expects(take_answer(sa, draft, [parts[1], parts[2], parts[0]]), Deleted(ProtocolId.ESP))
    sa.forget_child(child)


@covers("rfc7383/2.6/reassembled-as-regular", needs=NEEDS, mutants=["fragments-of-established-only"])
def test_ike_auth(tester: Tester) -> None:
    """A fragmented IKE_AUTH request sets up the IKE SA and its Child SA."""
    tester.establish(fragment=100)


@covers("rfc7383/2.6/reassembled-as-regular", needs=(*NEEDS, "additional_child"), mutants=["sorts-fragments-as-text"])
def test_create_child_sa(tester: Tester) -> None:
    """A fragmented CREATE_CHILD_SA request makes a Child SA."""
    sa = negotiated(tester)
    exchange = sa.try_child(fragment=12)
    tester.check(exchange.child is not None, "a new Child SA", exchange.problem)


@covers("rfc7383/2.6/reassembled-as-regular", needs=NEEDS, mutants=["refuses-single-fragment"])
def test_one_fragment(tester: Tester) -> None:
    """A request in one fragment, number 1 of 1, is processed."""
    sa = negotiated(tester)
    draft = request(sa)
    tester.expects(take_answer(sa, draft, cut(sa, draft, 1)), NoError())


@covers("rfc7383/2.5/split-as-blob", needs=NEEDS, mutants=["refuses-small-fragments"])
def test_cut_in_headers(tester: Tester) -> None:
    """Fragments may end anywhere, also within the generic header of an inner payload, and be of two octets."""
    sa = negotiated(tester)
    draft = request(sa, 0)
    first, chain = encode_chain(draft.payloads)
    # The notification in front has 8 octets: the cuts are within its header and within the next one.
    chunks = [chain[:2], chain[2:10], chain[10:12], chain[12:]] if len(chain) > 12 else [chain[:2], chain[2:]]
    parts = [
        sa.fragment(draft, chunk, number, len(chunks), first if number == 1 else 0)
        for number, chunk in enumerate(chunks, 1)
    ]
    tester.expects(take_answer(sa, draft, parts), NoError())


@covers(
    "rfc7383/4/response-after-whole-request",
    needs=NEEDS,
    mutants=["answers-each-fragment", "processes-first-fragment"],
)
def test_missing_fragment(tester: Tester) -> None:
    """Nothing is answered while a fragment is missing; the response comes when it has arrived."""
    sa = negotiated(tester)
    draft = request(sa)
    first, second, third = cut(sa, draft, 3)
    expect_unanswered(sa, [first, third])
    tester.expects(take_answer(sa, draft, [second]), NoError())


def expect_discarded(sa: IkeSa, before: int, broken: tuple[int, int, int]) -> None:
    """After `before` good fragments of two, a broken one (number, total, first payload) goes unanswered and is lost."""
    draft = request(sa)
    parts = cut(sa, draft, 2)
    number, total, first = broken
    wrong = sa.fragment(draft, b"\0" * 40, number, total, first)
    expect_unanswered(sa, [*parts[:before], wrong])
    sa.tester.expects(take_answer(sa, draft, parts[before:]), NoError())


BROKEN = {"number-0": (0, 2), "number-and-total-0": (0, 0), "total-0": (1, 0), "number-above-total": (3, 2)}


@pytest.mark.parametrize("fields", BROKEN)
@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
@covers(
    "rfc7383/2.6/invalid-fragment-discarded",
    "rfc7383/2.6/zero-fields-checked",
    "rfc7383/2.6/number-above-total-checked",
    needs=NEEDS,
    mutants=["refuses-invalid-fragment-numbers", "stores-invalid-fragment-numbers"],
)
def test_invalid_numbers(tester: Tester, before: int, fields: str) -> None:
    """A fragment whose number or total is zero, or whose number is above the total, is silently discarded."""
    expect_discarded(negotiated(tester), before, (*BROKEN[fields], 0))


@covers(
    "rfc7383/2.6/invalid-fragment-discarded",
    "rfc7383/2.6/smaller-total-checked",
    needs=NEEDS,
    mutants=["smaller-total-restarts"],
)
def test_smaller_total(tester: Tester) -> None:
    """A fragment of a smaller Total Fragments than that of the stored ones is discarded; those are kept."""
    sa = negotiated(tester)
    draft = request(sa)
    newer, older = cut(sa, draft, 3), cut(sa, draft, 2)
    expect_unanswered(sa, [newer[0], older[1]])
    tester.expects(take_answer(sa, draft, newer[1:]), NoError())


@covers(
    "rfc7383/2.6/larger-total-restarts",
    needs=NEEDS,
    mutants=["discards-larger-total", "mixes-fragment-sets"],
)
def test_larger_total(tester: Tester) -> None:
    """A fragment of a larger Total Fragments starts the reassembly over, and what came before counts no more."""
    sa = negotiated(tester)
    draft = request(sa)
    older, newer = cut(sa, draft, 2), cut(sa, draft, 3)
    expect_unanswered(sa, [older[0], newer[1], newer[2]])
    tester.expects(take_answer(sa, draft, [newer[0]]), NoError())


@covers("rfc7383/2.6/replayed-fragment-discarded", needs=NEEDS, mutants=["later-copy-replaces-fragment"])
def test_other_copy(tester: Tester) -> None:
    """A second fragment of the same number and total is discarded, also when it says something else."""
    sa = negotiated(tester)
    draft = request(sa)
    first, second = cut(sa, draft, 2)
    # Were it taken, the request would begin with an unknown critical payload.
    other = apply_edits(request(sa), bad.unknown_payload_first(UNKNOWN_PAYLOAD, critical=True))
    expect_unanswered(sa, [first, cut(sa, other, 2)[0]])
    tester.expects(take_answer(sa, draft, [second]), NoError())


@covers(
    "rfc7383/2.6/bad-icv-discarded",
    needs=NEEDS,
    mutants=["stores-unverified-fragments", "bad-fragment-ends-reassembly"],
)
def test_bad_icv(tester: Tester) -> None:
    """A fragment whose ICV is wrong is silently discarded; the good one that follows completes the request."""
    sa = negotiated(tester)
    draft = request(sa)
    first, second = cut(sa, draft, 2)
    forged = second[:-1] + bytes([second[-1] ^ 1])
    expect_unanswered(sa, [first, forged])
    tester.expects(take_answer(sa, draft, [second]), NoError())


@covers(
    "rfc7383/2.6/bad-icv-discarded",
    "rfc7383/2.6/larger-total-restarts",
    needs=NEEDS,
    mutants=["bad-fragment-ends-reassembly", "stores-unverified-fragments"],
)
def test_bad_icv_larger_total(tester: Tester) -> None:
    """A forged fragment of a larger Total Fragments does not throw the stored ones away."""
    sa = negotiated(tester)
    draft = request(sa)
    first, second = cut(sa, draft, 2)
    forged = bytearray(cut(sa, draft, 3)[0])
    forged[-1] ^= 1
    expect_unanswered(sa, [first, bytes(forged)])
    tester.expects(take_answer(sa, draft, [second]), NoError())


@covers("rfc7383/2.6/bad-icv-discarded", needs=NEEDS, mutants=["stores-unverified-fragments"])
def test_numbers_are_covered(tester: Tester) -> None:
    """Fragment Number and Total Fragments are covered by the ICV: a fragment renumbered on its way is discarded."""
    sa = negotiated(tester)
    draft = request(sa)
    first, second = cut(sa, draft, 2)
    at = 28 + 4
    renumbered = second[:at] + b"\0\3\0\3" + second[at + 4 :]
    expect_unanswered(sa, [first, renumbered])
    tester.expects(take_answer(sa, draft, [second]), NoError())


@covers("rfc7383/2.6/reassembled-as-regular", needs=NEEDS, mutants=["ignores-critical-after-reassembly"])
def test_critical_payload(tester: Tester) -> None:
    """An unknown critical payload in a later fragment makes the whole request fail, as in a regular message."""
    sa = negotiated(tester)
    draft = apply_edits(request(sa), bad.unknown_critical_payload(UNKNOWN_PAYLOAD, bytes(20)))
    reply = take_answer(sa, draft, cut(sa, draft, 2))
    tester.expects(reply, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD))


@covers(
    "rfc7383/2.6/reassembled-as-regular",
    "rfc7383/2.6.1/replay-by-number-and-total",
    needs=NEEDS,
    mutants=["keys-fragments-without-message-id"],
)
def test_older_request_left_incomplete(tester: Tester) -> None:
    """Fragments of one request are not merged with those of another that was left incomplete.

    The first request is completed by itself, whole: an initiator may try both forms (section 2.4), and a delayed whole
    message overtakes fragments.
    """
    sa = negotiated(tester)
    draft = request(sa)
    expect_unanswered(sa, [cut(sa, draft, 2)[0]])
    tester.expects(take_answer(sa, draft, [sa.encode(draft)]), NoError())
    draft = request(sa)
    first, second = cut(sa, draft, 2)
    expect_unanswered(sa, [second], "rfc7383/2.6.1/replay-by-number-and-total")
    tester.expects(take_answer(sa, draft, [first]), NoError())


@covers(
    "rfc7383/2.6/reassembled-as-regular",
    needs=(*NEEDS, "initiator"),
    role="initiator",
    mutants=["initiator-ignores-fragments"],
)
def test_fragmented_response(tester: Tester) -> None:
    """An initiator takes a fragmented IKE_AUTH response: it goes on with the SA, and answers on it."""
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    if not peer.sa or not peer.sa.fragmentation:
        raise NotApplicable("the initiator did not announce fragmentation")
    sa = peer.answer_auth(fragment=60)
    tester.expects(sa.liveness(), NoError())
