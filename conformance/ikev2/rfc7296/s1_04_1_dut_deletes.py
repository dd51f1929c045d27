"""RFC 7296 section 1.4.1: the device deletes SAs."""

from functools import partial

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, deleted_spis, deletes_ike, triggered
from conformance.tester import Deleted, Empty, Tester, covers
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId

INFORMATIONAL = ExchangeType.INFORMATIONAL
CHILD = ("trigger_delete_child",)
IKE = ("trigger_delete_ike",)
AT_WORK = 0.2  # seconds that a device may need to read what came together


@covers(
    "rfc7296/1.4.1/delete-lists-inbound-spis",
    "rfc7296/1.4.1/one-side-per-message",
    "rfc7296/3.11/delete-spi-size",
    "rfc7296/2.4/deleting-child-sends-delete",
    needs=CHILD,
    mutants=["deletes-with-peers-spi", "deletes-both-sides"],
)
def test_child_delete_request(tester: Tester) -> None:
    """The device deletes a Child SA by a Delete payload for ESP with its own inbound SPI and no other."""
    sa = tester.establish()
    message = decoded(triggered(tester, sa, "delete_child", INFORMATIONAL))
    payloads = [item for item in message.all(DeletePayload) if item.protocol == ProtocolId.ESP]
    tester.check(bool(payloads), "a Delete payload for ESP", "none", "rfc7296/2.4/deleting-child-sends-delete")
    sizes = {item.spi_size for item in payloads}
    tester.check(sizes == {4}, "an SPI Size of 4", str(sizes), "rfc7296/3.11/delete-spi-size")
    spis = deleted_spis(message)
    tester.check(spis == [sa.child.spi_out], f"SPI {sa.child.spi_out.hex()}", ", ".join(map(bytes.hex, spis)))


@covers(
    "rfc7296/1.4.1/both-sas-closed",
    needs=(*CHILD, "additional_child", "data_plane"),
    mutants=["own-delete-keeps-receiving"],
)
def test_own_deleted_child_is_gone(tester: Tester) -> None:
    """After the answer to its Delete the device accepts no packets on the Child SA, and the IKE SA goes on."""
    sa = tester.establish()
    children = [sa.child, evidence.further_child(sa)]
    received = triggered(tester, sa, "delete_child", INFORMATIONAL)
    gone = next((item for item in children if item.spi_out in deleted_spis(decoded(received))), children[0])
    (other,) = [item for item in children if item is not gone]
    sa.answer_automatically(received)
    sa.liveness()
    evidence.expect_refused_esp(tester, gone, other)


@covers(
    "rfc7296/1.4.1/crossed-delete-no-payload",
    "rfc7296/2.25.1/close-of-closing-child",
    "rfc7296/1.4.1/crossed-delete-timing",
    needs=CHILD,
    mutants=["crossed-delete-answered-with-spi"],
)
def test_crossed_child_deletes(tester: Tester) -> None:
    """A Delete of a Child SA that the device is deleting is answered without Delete payload."""
    sa = tester.establish()
    child = sa.child
    received = triggered(tester, sa, "delete_child", INFORMATIONAL)
    reply = sa.request(INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (child.spi_in,))])
    tester.check(not deleted_spis(reply), "no SPI in the response", "a Delete payload with one")
    sa.answer(received)
    sa.forget_child(child)
    tester.expects(sa.liveness(), Empty())


@covers(
    "rfc7296/3.11/ike-delete-layout",
    "rfc7296/3.11/delete-spi-size",
    "rfc7296/2.4/closing-ike-sends-delete",
    needs=IKE,
    mutants=["ike-delete-with-spi", "ike-closed-silently"],
)
def test_ike_delete_request(tester: Tester) -> None:
    """The device deletes the IKE SA by a Delete payload for IKE without SPIs."""
    sa = tester.establish()
    sa.policy.enabled = False
    tester.trigger.delete_ike(sa.spi_i)
    received = sa.request_or_none(INFORMATIONAL)
    requirement = "rfc7296/2.4/closing-ike-sends-delete"
    tester.check(received is not None, "a Delete of the IKE SA", "no request", requirement)
    assert received is not None
    (payload,) = decoded(received).all(DeletePayload)
    tester.check(deletes_ike(decoded(received)), "Protocol ID 1", str(int(payload.protocol)))
    tester.check(not payload.spis, "no SPIs", f"{len(payload.spis)}")
    tester.check(payload.spi_size == 0, "an SPI Size of 0", str(payload.spi_size), "rfc7296/3.11/delete-spi-size")


@covers(
    "rfc7296/1.4.1/ike-delete-closes-children",
    "rfc7296/2.8/delete-is-last-request",
    needs=(*IKE, "data_plane"),
    mutants=["ike-delete-keeps-children"],
)
def test_ike_is_gone(tester: Tester) -> None:
    """Once its Delete of the IKE SA is answered, the device neither answers on it nor takes ESP of its Child SAs."""
    sa, other = tester.establish(), tester.establish()
    child = sa.child
    received = triggered(tester, sa, "delete_ike", INFORMATIONAL)
    sa.answer(received)
    sa.closed = True
    # a device of several threads may read the first request before the answer to its own
    for last in (False, True):
        draft = sa.draft(INFORMATIONAL)
        opened = [item for item in tester.answers_to(partial(sa.send, draft)) if item.opened]
        if not opened:
            break
        tester.check(not last, "no protected response", ", ".join(item.text() for item in opened))
        sa.next_id += 1
        tester.drain(AT_WORK)
    evidence.expect_refused_esp(tester, child, other.child)


@covers(
    "rfc7296/1.4.1/response-deletes-paired",
    needs=(*CHILD, "additional_child"),
    mutants=["delete-answered-empty"],
)
def test_other_child_deleted_meanwhile(tester: Tester) -> None:
    """While its own Delete of one Child SA is unanswered the device answers the Delete of another with its SPI."""
    sa = tester.establish()
    children = [sa.child, evidence.further_child(sa)]
    received = triggered(tester, sa, "delete_child", INFORMATIONAL)
    (other,) = [item for item in children if item.spi_out not in deleted_spis(decoded(received))]
    reply = sa.request(INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (other.spi_in,))])
    tester.expects(reply, Deleted())
