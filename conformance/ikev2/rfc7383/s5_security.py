"""RFC 7383 section 5: attacks by way of fragments."""

from __future__ import annotations

from conformance.ikev2.rfc7383.pieces import expect_unanswered, negotiated, notice, request, responses, take_answer
from conformance.tester import Deleted, Draft, IkeSa, Tester, covers
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.payload import encode_chain
from reference_impl.wire.registries import ExchangeType, PayloadType, ProtocolId

NEEDS = ("fragmentation",)
CHUNK = 1300
LIMIT = 64 * 1024


@covers(
    "rfc7383/5/parses-only-whole-message",
    "rfc7383/2.6/reassembled-as-regular",
    needs=(*NEEDS, "data_plane"),
    mutants=["processes-first-fragment"],
)
def test_incomplete_delete(tester: Tester) -> None:
    """A Delete payload that is whole in the first fragment is obeyed only when the last fragment has come."""
    sa = negotiated(tester)
    child = sa.child
    draft = sa.draft(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (child.spi_in,)), notice()])
    _, chain = encode_chain(draft.payloads)
    _, delete = encode_chain(draft.payloads[:1])
    first = sa.fragment(draft, chain[: len(delete)], 1, 2, PayloadType.DELETE)
    second = sa.fragment(draft, chain[len(delete) :], 2, 2)
    expect_unanswered(sa, [first])
    child.expect_ping()
    reply = take_answer(sa, draft, [second], "rfc7383/2.6/reassembled-as-regular")
    tester.expects(reply, Deleted(ProtocolId.ESP), "rfc7383/2.6/reassembled-as-regular")
    sa.forget_child(child)


def large(sa: IkeSa) -> tuple[Draft, list[bytes]]:
    """A request of more than 64 KB in fragments that fit an Ethernet frame."""
    draft = request(sa)
    draft.payloads[:0] = [notice(CHUNK * 18) for _ in range(3)]
    parts = sa.fragments(draft, CHUNK)
    assert (len(parts) - 1) * CHUNK > LIMIT
    return draft, parts


def in_portions(sa: IkeSa, datagrams: list[bytes]) -> list[str]:
    """Send so many at a time that no socket buffer overflows; what was answered under protection."""
    found = [responses(sa, datagrams[start : start + 20], at_once=True) for start in range(0, len(datagrams), 20)]
    return [item.text() for portion in found for item in portion if item.opened]


@covers(
    "rfc7383/5/limit-not-above-64k",
    "rfc7383/5/limits-stored-fragments",
    needs=NEEDS,
    mutants=["unlimited-reassembly"],
)
def test_limited_reassembly(tester: Tester) -> None:
    """A request of more than 64 KB in fragments is not reassembled."""
    sa = negotiated(tester)
    accepted = in_portions(sa, large(sa)[1])
    tester.check(not accepted, "no answer", ", ".join(accepted))


@covers("rfc7383/5/excess-drops-connection", needs=NEEDS, mutants=["excess-fragments-keep-sa"])
def test_excess(tester: Tester) -> None:
    """A device gives up an IKE SA whose peer has sent more than 64 KB of fragments of an incomplete request."""
    sa = negotiated(tester)
    in_portions(sa, large(sa)[1][:-1])
    draft = sa.draft()
    answered = [item.text() for item in responses(sa, [sa.encode(draft)]) if item.opened]
    tester.check(not answered, "the IKE SA is gone", ", ".join(answered))


@covers("rfc7383/5/limits-stored-fragments", needs=(*NEEDS, "data_plane"), mutants=["huge-total-ends-sa"])
def test_huge_total(tester: Tester) -> None:
    """Fragments that announce 65535 of them are not answered, and are no reason to give the SAs up."""
    sa = negotiated(tester)
    draft = request(sa)
    expect_unanswered(sa, [sa.fragment(draft, bytes(100), 65535, 65535), sa.fragment(draft, bytes(100), 1, 65535)])
    sa.child.expect_ping()
