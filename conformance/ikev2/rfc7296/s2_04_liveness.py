"""RFC 7296 section 2.4: state synchronization, and messages that anybody could have sent."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import last_header
from conformance.tester import Deleted, Draft, IkeSa, NoError, Tester, covers
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType, ProtocolId

BURST = 40
FORGED = [
    NotifyType.INVALID_IKE_SPI,
    NotifyType.INVALID_SPI,
    NotifyType.AUTHENTICATION_FAILED,
    NotifyType.INVALID_SYNTAX,
    NotifyType.INITIAL_CONTACT,
]


def in_clear(sa: IkeSa, payloads: list[Payload], *, response: bool, message_id: int | None = None) -> Draft:
    """An unprotected INFORMATIONAL message with the SPIs of the IKE SA."""
    draft = sa.draft(ExchangeType.INFORMATIONAL, payloads, response=response, message_id=message_id)
    draft.protection = None
    return draft


@covers(
    "rfc7296/2.4/liveness-is-empty-informational",
    "rfc7296/1/empty-informational-is-liveness",
    "rfc7296/1.4/informational-answered",
    mutants=["empty-informational-unanswered"],
)
def test_liveness(tester: Tester) -> None:
    """An empty INFORMATIONAL request is answered, without an error."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    tester.expects(sa.liveness(), NoError())


@covers(
    "rfc7296/2.4/empty-message-has-sk",
    "rfc7296/1.2/all-later-have-sk",
    "rfc7296/1.2/later-messages-protected",
    mutants=["answers-in-clear"],
)
def test_liveness_answer_is_protected(tester: Tester) -> None:
    """The answer to an empty INFORMATIONAL request has an Encrypted payload, though it contains no payloads."""
    sa = tester.establish()
    sa.liveness()
    kind = last_header(sa).next_payload
    tester.check(kind in (PayloadType.SK, PayloadType.SKF), "an Encrypted payload", PayloadType(kind).name)


@covers(
    "rfc7296/2.4/unprotected-is-no-failure",
    "rfc7296/2.21.4/invalid-ike-spi-changes-nothing",
    mutants=["believes-unprotected-errors"],
)
@pytest.mark.parametrize("response", [False, True], ids=["request", "response"])
@pytest.mark.parametrize("kind", FORGED, ids=[kind.name.lower().replace("_", "-") for kind in FORGED])
def test_unprotected_notify(tester: Tester, kind: NotifyType, response: bool) -> None:
    """An unprotected notification with the SPIs of an IKE SA ends neither the IKE SA nor its Child SA."""
    sa = tester.establish()
    notify = NotifyPayload(kind, bytes(4) if kind == NotifyType.INVALID_SPI else b"")
    for message_id in (0, sa.next_id):
        sa.send(in_clear(sa, [notify], response=response, message_id=message_id), note="forged")
    still_there(sa)


@covers(
    "rfc7296/1.4/informational-after-initial",
    "rfc7296/1.2/later-messages-protected",
    mutants=["carries-out-unprotected-requests"],
)
@pytest.mark.parametrize("protocol", [ProtocolId.IKE, ProtocolId.ESP], ids=["ike", "esp"])
def test_unprotected_delete(tester: Tester, protocol: ProtocolId) -> None:
    """An unprotected Delete payload is not carried out."""
    sa = tester.establish()
    delete = DeletePayload(ProtocolId.IKE)
    if protocol == ProtocolId.ESP:
        delete = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))
    sa.send(in_clear(sa, [delete], response=False), note="forged")
    still_there(sa)


@covers("rfc7296/2.4/unprotected-is-no-failure", mutants=["init-restarts-ike-sa"])
def test_init_on_ike_sa(tester: Tester) -> None:
    """An unprotected IKE_SA_INIT request with the SPIs of an IKE SA, or with our SPI alone, leaves it as it is."""
    sa = tester.establish()
    init = sa.init
    assert init is not None
    again = tester.draft(ExchangeType.IKE_SA_INIT, init.draft.payloads, spi_i=sa.spi_i, spi_r=sa.spi_r)
    sa.send(again, note="both SPIs of the IKE SA")
    tester.ike_sa_init(spi_i=sa.spi_i, timeout=0.0, note="the initiator's SPI again")
    still_there(sa)


@covers("rfc7296/2.4/unprotected-is-no-failure", mutants=["believes-unprotected-errors"])
def test_unprotected_auth_on_ike_sa(tester: Tester) -> None:
    """An unprotected IKE_AUTH message with the SPIs of an IKE SA leaves it as it is."""
    sa = tester.establish()
    draft = sa.draft(ExchangeType.IKE_AUTH, [NotifyPayload(NotifyType.AUTHENTICATION_FAILED)], message_id=1)
    draft.protection = None
    sa.send(draft, note="forged")
    draft.flags |= Flags.RESPONSE
    sa.send(draft, note="forged")
    still_there(sa)


@covers(
    "rfc7296/2.4/unprotected-actions-rate-limited",
    "rfc7296/2.21.4/liveness-hints-limited",
    mutants=["liveness-check-for-every-hint"],
)
def test_liveness_checks_limited(tester: Tester) -> None:
    """A burst of forged INVALID_IKE_SPI does not make as many liveness checks."""
    sa = tester.establish()
    for _ in range(BURST):
        sa.send(in_clear(sa, [NotifyPayload(NotifyType.INVALID_IKE_SPI)], response=True), note="forged")
        sa.liveness()
    count = len(sa.requests)
    tester.check(count < BURST // 2, f"a limited number of checks for {BURST} hints", f"{count} requests")


def still_there(sa: IkeSa) -> None:
    """Fail unless the IKE SA answers and its Child SA can be deleted, which its answer shows."""
    sa.tester.expects(sa.liveness(), NoError())
    reply = sa.request(payloads=[DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))])
    sa.tester.expects(reply, Deleted(ProtocolId.ESP))
