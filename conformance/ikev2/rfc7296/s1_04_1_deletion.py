"""RFC 7296 section 1.4.1: deleting SAs, the device as the one that is told."""

import os

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import deleted_spis
from conformance.tester import ChildSa, Deleted, Empty, Kind, NoError, Reply, Tester, covers
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId

INFORMATIONAL = ExchangeType.INFORMATIONAL
NO_DELETE = Reply("a response without Delete payload", lambda reply: reply.get(DeletePayload) is None)


def delete_of(*children: ChildSa) -> DeletePayload:
    """A Delete payload for our half of these Child SAs."""
    return DeletePayload(ProtocolId.ESP, 4, tuple(child.spi_in for child in children))


@covers(
    "rfc7296/1.4.1/response-deletes-paired",
    "rfc7296/3.11/child-delete-layout",
    "rfc7296/3.11/delete-spi-size",
    "rfc7296/1.4.1/one-side-per-message",
    mutants=["delete-answered-with-peers-spi", "delete-answered-empty", "delete-answered-with-both-spis"],
)
def test_child_delete_answered(tester: Tester) -> None:
    """The Delete of a Child SA is answered by one Delete payload with the device's own inbound SPI of the pair."""
    sa = tester.establish()
    child = sa.child
    reply = sa.delete_child(child)
    tester.expects(reply, Deleted())
    (payload,) = [item for item in reply.all(DeletePayload) if item.protocol == ProtocolId.ESP]
    size = payload.spi_size
    tester.check(size == 4, "an SPI Size of 4", str(size), "rfc7296/3.11/delete-spi-size")
    spis = deleted_spis(reply)
    tester.check(spis == [child.spi_out], f"SPI {child.spi_out.hex()}", ", ".join(spi.hex() for spi in spis))


@covers(
    "rfc7296/1.4.1/both-sas-closed",
    "rfc7296/1.4.1/closes-incoming",
    "rfc7296/1.4.1/delete-closes-designated",
    "rfc4303/3.4.2/unknown-sa-discarded",
    needs=("additional_child", "data_plane"),
    mutants=["keeps-deleted-inbound-sa"],
)
def test_deleted_child_is_gone(tester: Tester) -> None:
    """After the Delete the device accepts no packets on the Child SA, while another Child SA goes on."""
    sa = tester.establish()
    first, second = sa.child, evidence.further_child(sa)
    first.expect_ping()
    sa.delete_child(first)
    evidence.expect_refused_esp(tester, first, second)


@covers(
    "rfc7296/1.4.1/response-deletes-paired",
    "rfc7296/3.11/num-of-spis",
    "rfc7296/1.4.1/delete-closes-designated",
    needs=("additional_child",),
    mutants=["deletes-first-spi-only"],
)
def test_several_spis(tester: Tester) -> None:
    """A Delete payload with several SPIs deletes all of these Child SAs, and the response lists all paired SPIs."""
    sa = tester.establish()
    gone = [evidence.further_child(sa) for _ in range(3)]
    # Not the Child SA of this IKE SA: not every device has it carry traffic again, which has a test of its own.
    alive = tester.establish().child
    reply = sa.request(INFORMATIONAL, [delete_of(*gone)])
    found, due = set(deleted_spis(reply)), {child.spi_out for child in gone}
    tester.check(found == due, f"{len(due)} paired SPIs", f"{len(found)}: {sorted(spi.hex() for spi in found)}")
    for child in gone:
        sa.forget_child(child)
    if tester.claims("data_plane"):
        evidence.expect_refused_esp(tester, gone[-1], alive, "rfc7296/1.4.1/delete-closes-designated")


@covers(
    "rfc7296/2.8/parallel-sas-allowed",
    "rfc7296/1.4.1/delete-closes-designated",
    needs=("additional_child", "data_plane"),
    mutants=["delete-closes-parallel-children"],
)
def test_older_parallel_child_goes_on(tester: Tester) -> None:
    """When the newer of two Child SAs with the same selectors is deleted, the older one carries the traffic."""
    sa = tester.establish()
    older, newer = sa.child, evidence.further_child(sa)
    for child in (older, newer):
        evidence.expect_carried(tester, child)
    sa.delete_child(newer)
    tester.expects(sa.liveness(), Empty())
    evidence.expect_carried(tester, older)


@covers(
    "rfc7296/3.11/several-delete-payloads",
    "rfc7296/1.4.1/delete-closes-designated",
    mutants=["reads-first-delete-only"],
)
def test_several_payloads(tester: Tester) -> None:
    """A message with Delete payloads for two protocols is obeyed for each: AH without match, ESP with one."""
    sa = tester.establish()
    other = DeletePayload(ProtocolId.AH, 4, (os.urandom(4),))
    reply = sa.request(INFORMATIONAL, [other, delete_of(sa.child)])
    spis = deleted_spis(reply)
    tester.check(spis == [sa.child.spi_out], f"SPI {sa.child.spi_out.hex()}", ", ".join(map(bytes.hex, spis)) or "none")


@covers(
    "rfc7296/2.25.1/close-of-missing-child",
    "rfc7296/1.4/informational-answered",
    mutants=["unknown-delete-echoed", "unknown-delete-closes-ike"],
)
def test_unknown_spi(tester: Tester) -> None:
    """The Delete of a Child SA that does not exist is answered without Delete payload and changes nothing."""
    sa = tester.establish()
    reply = sa.request(
        INFORMATIONAL,
        [DeletePayload(ProtocolId.ESP, 4, (os.urandom(4),))],
        requirement="rfc7296/1.4/informational-answered",
    )
    tester.expects(reply, NO_DELETE)
    tester.expects(sa.delete_child(), Deleted(), "rfc7296/1.4.1/response-deletes-paired")


@covers(
    "rfc7296/2.25.1/close-of-missing-child",
    "rfc7296/1.4.1/response-deletes-paired",
    mutants=["unknown-delete-echoed", "unknown-spi-ends-delete"],
)
def test_known_and_unknown_spis(tester: Tester) -> None:
    """Of the SPIs in a Delete payload the known ones are deleted and answered, the unknown ones passed over."""
    sa = tester.establish()
    child = sa.child
    spis = (os.urandom(4), child.spi_in, os.urandom(4))
    found = deleted_spis(sa.request(INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, spis)]))
    wrong = [spi for spi in found if spi != child.spi_out]
    tester.check(not wrong, "no SPI for the unknown ones", ", ".join(map(bytes.hex, wrong)))
    tester.check(bool(found), f"SPI {child.spi_out.hex()}", "none", "rfc7296/1.4.1/response-deletes-paired")


@covers(
    "rfc7296/2.25.1/close-of-missing-child",
    needs=("additional_child",),
    mutants=["deleted-child-is-remembered"],
)
def test_deleted_twice(tester: Tester) -> None:
    """A second Delete of the same Child SA is answered without Delete payload."""
    sa = tester.establish()
    gone = sa.child
    evidence.further_child(sa)
    sa.delete_child(gone)
    tester.expects(sa.request(INFORMATIONAL, [delete_of(gone)]), NO_DELETE)
    sa.liveness()


@covers(
    "rfc7296/3.11/child-delete-layout",
    "rfc7296/1.4.1/delete-lists-inbound-spis",
    needs=("data_plane",),
    mutants=["finds-child-by-either-spi"],
)
def test_spi_of_wrong_direction(tester: Tester) -> None:
    """A Delete names what its sender receives with; the device's own inbound SPI in it deletes nothing."""
    sa = tester.establish()
    payload = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_out,))
    tester.check(not deleted_spis(sa.request(INFORMATIONAL, [payload])), "no SPI in the response", "one")
    sa.child.expect_ping()


@covers(
    "rfc7296/3.11/spis-of-one-protocol",
    "rfc7296/1.4.1/delete-closes-designated",
    needs=("data_plane",),
    mutants=["delete-ignores-protocol"],
)
def test_other_protocol(tester: Tester) -> None:
    """A Delete for AH leaves an ESP SA with the same SPI alone."""
    sa = tester.establish()
    reply = sa.request(INFORMATIONAL, [DeletePayload(ProtocolId.AH, 4, (sa.child.spi_in,))])
    tester.check(not deleted_spis(reply), "no Delete payload for ESP", "one")
    sa.child.expect_ping()


MALFORMED: dict[str, list[Payload]] = {
    "esp-spis-of-8-octets": [DeletePayload(ProtocolId.ESP, 8, (os.urandom(8),))],
    "esp-without-spi": [DeletePayload(ProtocolId.ESP, 4, ())],
    "ike-with-spi": [DeletePayload(ProtocolId.IKE, 8, (os.urandom(8),))],
    "unknown-protocol": [DeletePayload(ProtocolId(99), 4, (os.urandom(4),))],
}


@covers(
    "rfc7296/1.4/informational-answered",
    "rfc7296/3.11/delete-spi-size",
    mutants=["no-answer-to-odd-deletes"],
)
@pytest.mark.parametrize("form", MALFORMED)
def test_odd_delete_answered(tester: Tester, form: str) -> None:
    """A Delete payload of an odd form is answered, whatever the device makes of it."""
    sa = tester.establish()
    reply = sa.request(INFORMATIONAL, MALFORMED[form])
    tester.check(not deleted_spis(reply), "no Delete payload for ESP", "one")


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    mutants=["drops-malformed-requests"],
)
@pytest.mark.parametrize("edit", ["delete-count", "delete-spi-size", "truncated-payload:D"])
def test_broken_delete_refused(tester: Tester, edit: str) -> None:
    """A Delete payload whose fields contradict its length gets an error."""
    sa = tester.establish()
    reply = sa.request(INFORMATIONAL, [delete_of(sa.child)], edit=edit)
    tester.check(not deleted_spis(reply), "no Delete payload for ESP", "one")
    tester.check(not NoError().matches(reply), "an error notification", "a response without error")


@covers(
    "rfc7296/1.4.1/ike-delete-response-empty",
    "rfc7296/3.11/ike-delete-layout",
    mutants=["ike-delete-answered-with-delete"],
)
def test_ike_delete_answered(tester: Tester) -> None:
    """The Delete of the IKE SA is answered by an empty response."""
    tester.expects(tester.establish().delete_ike(), Empty())


@covers(
    "rfc7296/1.4.1/delete-closes-designated",
    "rfc7296/1.4/informational-answered",
    mutants=["ike-delete-keeps-ike"],
)
def test_ike_delete_closes(tester: Tester) -> None:
    """After the Delete of the IKE SA nothing is answered on it any more, but for an unprotected INVALID_IKE_SPI."""
    sa = tester.establish()
    sa.delete_ike()
    draft = sa.draft(INFORMATIONAL)
    for item in tester.answers_to(lambda: sa.send(draft, note="on the IKE SA that is gone")):
        tester.check(not item.opened, "no protected response", item.text())


@covers(
    "rfc7296/1.4.1/ike-delete-closes-children",
    "rfc7296/2.4/closing-ike-closes-children",
    needs=("data_plane",),
    mutants=["ike-delete-keeps-children"],
)
def test_ike_delete_closes_children(tester: Tester) -> None:
    """With the IKE SA its Child SAs are closed: their packets are dropped."""
    sa = tester.establish()
    child = sa.child
    child.expect_ping()
    other = tester.establish()
    sa.delete_ike()
    evidence.expect_refused_esp(tester, child, other.child)


@covers(
    "rfc7296/2.1/retransmitted-request-repeats-response",
    mutants=["closed-ike-answers-anew"],
)
def test_repeated_ike_delete(tester: Tester) -> None:
    """The Delete of the IKE SA that comes again gets the same response octet for octet, or nothing protected at all."""
    sa = tester.establish()
    sent = sa.send_request(INFORMATIONAL, [DeletePayload(ProtocolId.IKE)])
    reply = sa.await_reply(sent)
    sa.closed = True
    tester.expects(reply, Empty(), "rfc7296/1.4.1/ike-delete-response-empty")
    assert sa.last is not None
    first = sa.last.octets
    for item in tester.answers_to(lambda: sa.send_raw(sent.datagrams[0], note="the same request again")):
        same = item.octets == first or item.kind != Kind.IKE or not item.opened
        tester.check(same, "the same response, or none", item.text())


@covers(
    "rfc7296/1.4.1/delete-closes-designated",
    "rfc7296/3.11/several-delete-payloads",
    mutants=["ike-delete-answered-with-delete", "obeys-first-delete-only"],
)
def test_child_and_ike_delete(tester: Tester) -> None:
    """A request that deletes a Child SA and the IKE SA is answered without error, and the IKE SA is gone."""
    sa = tester.establish()
    reply = sa.request(INFORMATIONAL, [delete_of(sa.child), DeletePayload(ProtocolId.IKE)])
    sa.closed = True
    tester.expects(reply, NoError())
    tester.check(
        not any(item.protocol == ProtocolId.IKE for item in reply.all(DeletePayload)), "no Delete of IKE", "one"
    )
    draft = sa.draft(INFORMATIONAL)
    for item in tester.answers_to(lambda: sa.send(draft)):
        tester.check(not item.opened, "no protected response", item.text())
