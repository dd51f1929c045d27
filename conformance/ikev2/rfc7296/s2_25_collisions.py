"""RFC 7296 section 2.25: exchanges that collide with what the device is doing itself."""

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, deletes_ike, triggered
from conformance.tester import Accepted, Deleted, Empty, Notify, Tester, automatic, covers
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, ProtocolId

CREATE = ExchangeType.CREATE_CHILD_SA
INFORMATIONAL = ExchangeType.INFORMATIONAL
LATER = Notify(NotifyType.TEMPORARY_FAILURE)


@covers(
    "rfc7296/2.25.2/child-work-during-ike-rekey",
    "rfc7296/2.25/temporary-failure-sent",
    needs=("trigger_rekey_ike",),
    mutants=["child-work-during-ike-rekey-done"],
)
@pytest.mark.parametrize("work", ["create", "rekey"])
def test_child_during_ike_rekey(tester: Tester, work: str) -> None:
    """A request to create or rekey a Child SA while the device rekeys the IKE SA gets TEMPORARY_FAILURE."""
    sa = tester.establish()
    received = triggered(tester, sa, "rekey_ike", CREATE)
    tester.expects(sa.try_child(rekey=sa.child if work == "rekey" else None).reply, LATER)
    new = automatic.answer_ike_rekey(sa, received)
    if new is not None:
        evidence.expect_answers(new)


@covers(
    "rfc7296/2.25.2/child-delete-during-ike-rekey",
    needs=("trigger_rekey_ike",),
    mutants=["child-delete-during-ike-rekey-refused"],
)
def test_child_delete_during_ike_rekey(tester: Tester) -> None:
    """A Delete of a Child SA while the device rekeys the IKE SA is answered as usual, with a Delete payload."""
    sa = tester.establish()
    received = triggered(tester, sa, "rekey_ike", CREATE)
    tester.expects(sa.delete_child(), Deleted())
    new = automatic.answer_ike_rekey(sa, received)
    if new is not None:
        evidence.expect_answers(new)


@covers(
    "rfc7296/2.25.2/ike-close-of-rekeying",
    "rfc7296/2.8.2/delete-forgets-own-rekey",
    "rfc7296/1.4.1/ike-delete-response-empty",
    needs=("trigger_rekey_ike",),
    mutants=["ike-delete-answered-with-delete", "rekey-outlives-ike-delete"],
)
def test_ike_delete_during_ike_rekey(tester: Tester) -> None:
    """A Delete of the IKE SA that the device is rekeying is answered as usual, and its own rekey is forgotten."""
    sa = tester.establish()
    received = triggered(tester, sa, "rekey_ike", CREATE)
    tester.expects(sa.delete_ike(), Empty())
    new = evidence.accept_ike_rekey(sa, received)
    for item in tester.answers_to(lambda: new.send(new.draft())):
        tester.check(item.sa is not new or not item.opened, "no protected response on a new IKE SA", item.text())
    new.closed = True


@covers(
    "rfc7296/2.25.2/ike-rekey-of-closing",
    "rfc7296/2.25/temporary-failure-sent",
    needs=("trigger_delete_ike",),
    mutants=["rekeys-closing-ike"],
)
def test_ike_rekey_of_closing_ike(tester: Tester) -> None:
    """A rekey of an IKE SA that the device is deleting gets TEMPORARY_FAILURE."""
    sa = tester.establish()
    received = triggered(tester, sa, "delete_ike", INFORMATIONAL)
    tester.expects(sa.try_rekey_ike().reply, LATER)
    sa.answer(received)
    sa.closed = True


@covers(
    "rfc7296/2.8.2/late-ike-rekey-temporary-failure",
    "rfc7296/2.25.2/ike-rekey-of-closing",
    needs=("trigger_rekey_ike",),
    mutants=["rekeys-closing-ike"],
)
def test_ike_rekey_of_rekeyed_ike(tester: Tester) -> None:
    """A rekey of an IKE SA that the device has already rekeyed, and is about to delete, gets TEMPORARY_FAILURE."""
    sa = tester.establish()
    received = triggered(tester, sa, "rekey_ike", CREATE)
    new = evidence.accept_ike_rekey(sa, received)
    # On the new SA only when it has processed our response; before that, both rekeys would be simultaneous.
    evidence.expect_answers(new)
    tester.expects(sa.try_rekey_ike().reply, LATER)
    closing = evidence.next_request(sa, received)
    if closing is not None and deletes_ike(decoded(closing)):
        sa.answer(closing)
        sa.closed = True
    tester.expects(new.liveness(), Empty())


@covers(
    "rfc7296/2.25.2/ike-close-of-closing",
    needs=("trigger_delete_ike",),
    mutants=["ike-delete-answered-with-delete", "closing-ike-is-deaf"],
)
def test_ike_deletes_cross(tester: Tester) -> None:
    """A Delete of the IKE SA that the device is deleting is answered as usual, by an empty response."""
    sa = tester.establish()
    triggered(tester, sa, "delete_ike", INFORMATIONAL)
    tester.expects(sa.delete_ike(), Empty())


@covers(
    "rfc7296/2.25.1/rekey-of-closing-child",
    "rfc7296/2.25/temporary-failure-sent",
    needs=("trigger_delete_child",),
    mutants=["rekeys-closing-child"],
)
def test_rekey_of_closing_child(tester: Tester) -> None:
    """A rekey of a Child SA that the device is deleting gets TEMPORARY_FAILURE."""
    sa = tester.establish()
    child = sa.child
    received = triggered(tester, sa, "delete_child", INFORMATIONAL)
    tester.expects(sa.try_child(rekey=child).reply, LATER)
    sa.answer_automatically(received)
    tester.expects(sa.liveness(), Empty())


@covers(
    "rfc7296/2.25.1/close-of-rekeying-child",
    needs=("trigger_rekey_child",),
    mutants=["close-of-rekeying-child-unpaired"],
)
def test_close_of_rekeying_child(tester: Tester) -> None:
    """A Delete of a Child SA that the device is rekeying is answered as usual, with a Delete payload."""
    sa = tester.establish()
    child = sa.child
    received = triggered(tester, sa, "rekey_child", CREATE)
    reply = sa.delete_child(child)
    tester.expects(reply, Deleted())
    sa.answer(received, [NotifyPayload(NotifyType.CHILD_SA_NOT_FOUND, b"", ProtocolId.ESP, child.spi_out)])
    tester.expects(sa.liveness(), Empty())


@covers(
    "rfc7296/2.25.1/ike-rekey-during-child-work",
    "rfc7296/2.25/temporary-failure-sent",
    mutants=["ike-rekey-during-child-work-done"],
    needs=("trigger_rekey_child", "trigger_delete_child"),
)
@pytest.mark.parametrize("work", ["rekey", "delete"])
def test_ike_rekey_during_child_work(tester: Tester, work: str) -> None:
    """A rekey of the IKE SA while the device rekeys or deletes a Child SA gets TEMPORARY_FAILURE."""
    sa = tester.establish()
    exchange = CREATE if work == "rekey" else INFORMATIONAL
    received = triggered(tester, sa, f"{work}_child", exchange)
    tester.expects(sa.try_rekey_ike().reply, LATER)
    sa.answer_automatically(received)
    tester.expects(sa.liveness(), Empty())


@covers(
    "rfc7296/2.25.1/rekey-of-rekeying-child",
    needs=("trigger_rekey_child",),
    mutants=["rekey-of-rekeying-child-refused"],
)
def test_rekey_of_rekeying_child(tester: Tester) -> None:
    """A rekey of a Child SA that the device is rekeying is answered as usual."""
    sa = tester.establish()
    triggered(tester, sa, "rekey_child", CREATE)
    tester.expects(sa.try_child(rekey=sa.child).reply, Accepted())


@covers(
    "rfc7296/2.25.2/ike-rekey-of-rekeying",
    needs=("trigger_rekey_ike",),
    mutants=["rekey-of-rekeying-ike-refused"],
)
def test_rekey_of_rekeying_ike(tester: Tester) -> None:
    """A rekey of an IKE SA that the device is rekeying is answered as usual."""
    sa = tester.establish()
    triggered(tester, sa, "rekey_ike", CREATE)
    tester.expects(sa.try_rekey_ike().reply, Accepted())


@covers(
    "rfc7296/2.25/child-sa-not-found-sent",
    "rfc7296/2.25.1/rekey-of-missing-child",
    needs=("rekey_ike", "rekey_child", "additional_child"),
    mutants=["deleted-child-is-remembered"],
)
def test_not_found_on_successor(tester: Tester) -> None:
    """Also on the successor of its IKE SA, a deleted Child SA is not found any more."""
    sa = tester.establish()
    gone = sa.child
    evidence.further_child(sa)
    new = sa.rekey_ike()
    new.request(INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (gone.spi_in,))])
    tester.expects(new.try_child(rekey=gone).reply, Notify(NotifyType.CHILD_SA_NOT_FOUND))
