"""RFC 7296 section 2.3: window size for overlapping requests."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import still_answers
from conformance.tester import Deleted, Draft, IkeSa, Inconclusive, NoError, NotApplicable, Received, Tester, covers
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, ProtocolId

BURST = 40


def announced_window(sa: IkeSa) -> int:
    """What the device's SET_WINDOW_SIZE in IKE_AUTH says; 1 when it sent none."""
    found = sa.auth_reply.notify(NotifyType.SET_WINDOW_SIZE) if sa.auth_reply else None
    return max(int.from_bytes(found.data, "big"), 1) if found else 1


def responses_to(sa: IkeSa, draft: Draft) -> list[Received]:
    """The responses to a message of this IKE SA, which need not go on afterwards."""
    return [item for item in sa.tester.answers_to(lambda: sa.send(draft)) if item.is_response]


def reports(sa: IkeSa) -> list[NotifyPayload]:
    """The INVALID_MESSAGE_ID notifications in the device's own requests."""
    found = [item.message.notify(NotifyType.INVALID_MESSAGE_ID) for item in sa.requests if item.message]
    return [item for item in found if item is not None]


@covers("rfc7296/2.3/outside-window-not-acknowledged", mutants=["window-one-too-large"])
def test_next_but_one_message_id(tester: Tester) -> None:
    """The first Message ID outside the window is not acknowledged before those inside have been used."""
    sa = tester.establish()
    ahead = sa.next_id + announced_window(sa)
    mark = tester.mark()
    sa.send(sa.draft(message_id=ahead), note="outside the window")
    inside = sa.await_reply(sa.send_request())
    early = [item for item in tester.since(mark) if item.is_response and item.message_id == ahead]
    tester.check(not early, "no answer", ", ".join(item.text() for item in early))
    if inside is None:
        raise Inconclusive("the device does not answer on this IKE SA any more")


@covers(
    "rfc7296/2.3/outside-window-not-acknowledged",
    "rfc7296/2.3/invalid-message-id-not-response",
    mutants=["accepts-any-message-id", "invalid-message-id-in-response"],
)
@pytest.mark.parametrize("ahead", [1000, 0x7FFFFFFF], ids=["far", "huge"])
def test_message_id_outside_window(tester: Tester, ahead: int) -> None:
    """A request with a Message ID far outside the window is not acknowledged, not even by INVALID_MESSAGE_ID."""
    sa = tester.establish()
    draft = sa.draft(message_id=sa.next_id + ahead)
    for item in responses_to(sa, draft):
        wrong = item.message is not None and item.message.notify(NotifyType.INVALID_MESSAGE_ID) is not None
        requirement = "rfc7296/2.3/invalid-message-id-not-response" if wrong else None
        tester.fail("no answer", item.text(), requirement)


@covers("rfc7296/2.3/outside-window-not-acknowledged", mutants=["accepts-any-message-id"])
def test_request_outside_window_not_carried_out(tester: Tester) -> None:
    """A request outside the window is not carried out: the Child SA that it would delete is still there."""
    sa = tester.establish()
    delete = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))
    for item in responses_to(sa, sa.draft(ExchangeType.INFORMATIONAL, [delete], message_id=sa.next_id + 1000)):
        tester.fail("no answer", item.text())
    tester.expects(still_answers(sa, [delete]), Deleted(ProtocolId.ESP))


def reported(sa: IkeSa, count: int) -> list[NotifyPayload]:
    """The device's reports of so many requests outside the window. They are optional: NotApplicable without any."""
    first, tester = sa.next_id + 1000, sa.tester
    for number in range(first, first + count):
        sa.send(sa.draft(message_id=number), note="outside the window")
        tester.fence(natt=tester.is_natt(sa.remote, sa.port))
        tester.drain(tester.profile.timing.fence_grace if number == first else 0.0)
        if not reports(sa):
            raise NotApplicable("the device does not report Message IDs outside the window, which is optional")
    return reports(sa)


@covers("rfc7296/2.3/invalid-message-id-data", mutants=["invalid-message-id-without-data"])
def test_invalid_message_id_data(tester: Tester) -> None:
    """When a device reports a Message ID outside the window, it names it, in four octets."""
    sa = tester.establish()
    expected = (sa.next_id + 1000).to_bytes(4, "big").hex()
    for notify in reported(sa, 1):
        tester.check(notify.data.hex() == expected, f"the data {expected}", notify.data.hex() or "no data")


@covers("rfc7296/2.3/invalid-message-id-rate-limited", mutants=["reports-every-invalid-message-id"])
def test_invalid_message_id_rate(tester: Tester) -> None:
    """A burst of requests outside the window does not make as many INVALID_MESSAGE_ID notifications."""
    sa = tester.establish()
    count = len(reported(sa, BURST))
    tester.check(count < BURST // 2, f"a limited number of reports for {BURST} requests", f"{count} reports")


@covers("rfc7296/2.3/window-size-data", mutants=["window-size-of-two-octets"])
def test_window_size_data(tester: Tester) -> None:
    """The data of a SET_WINDOW_SIZE that the device sends is 4 octets, and says at least 1."""
    sa = tester.establish()
    found = sa.auth_reply.notify(NotifyType.SET_WINDOW_SIZE) if sa.auth_reply else None
    if found is None:
        raise NotApplicable("the device does not announce a window size")
    size = int.from_bytes(found.data, "big")
    tester.check(len(found.data) == 4 and size > 0, "4 octets, at least 1", found.data.hex() or "no data")


@covers("rfc7296/2.3/out-of-order-within-window", mutants=["window-announced-but-not-kept"])
def test_out_of_order_within_window(tester: Tester) -> None:
    """A device that announced a larger window takes requests within it in any order."""
    sa = tester.establish()
    if announced_window(sa) < 2:
        raise NotApplicable("the device does not announce a window larger than 1")
    first = sa.next_id
    late, early = sa.send_request(message_id=first + 1), sa.send_request(message_id=first)
    for sent in (late, early):
        reply = sa.await_reply(sent, retransmit=False)
        tester.check(reply is not None, f"an answer to {sent.draft.message_id}", "no answer")


@covers("rfc7296/2.3/window-only-increases", "rfc7296/2.3/window-one-initially", mutants=["chokes-on-window-size"])
@pytest.mark.parametrize("size", [1, 16])
def test_window_size_taken(tester: Tester, size: int) -> None:
    """A device accepts the SET_WINDOW_SIZE of its peer, which only says how much the peer can take."""
    notify = NotifyPayload(NotifyType.SET_WINDOW_SIZE, size.to_bytes(4, "big"))
    sa = tester.establish(extra=[notify])
    tester.expects(sa.request(payloads=[notify]), NoError())
    tester.expects(sa.liveness(), NoError())
