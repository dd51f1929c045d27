"""RFC 7296 sections 1.5 and 2.21.4: messages outside of an IKE SA."""

from __future__ import annotations

import os

import pytest

from conformance.ikev2.rfc7296.exchanged import everything_for
from conformance.tester import Draft, IkeSa, Kind, NoError, Notify, Received, Silence, Tester, covers, fresh_spi
from conformance.tester import misbehaviour as bad
from reference_impl.wire.encrypted import SkPayload
from reference_impl.wire.header import Flags
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType

OTHER_EXCHANGES = [ExchangeType.IKE_AUTH, ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL]


def encrypted(tester: Tester, exchange: ExchangeType, *, flags: Flags = Flags.INITIATOR) -> Draft:
    """What a request of an IKE SA that the device has forgotten looks like."""
    content = SkPayload(os.urandom(96), PayloadType.NONE)
    return tester.draft(exchange, [content], spi_r=fresh_spi(), message_id=7, flags=flags)


def judge_unknown_spi_answer(tester: Tester, item: Received, draft: Draft) -> None:
    """The one answer that section 2.21.4 allows."""
    message = item.message
    kind = "rfc7296/2.21.4/unknown-sa-answer-notify"
    protected = item.kind != Kind.IKE or message is None or message.encrypted is not None
    tester.check(not protected, "an answer in the clear", item.text(), "rfc7296/2.21.4/unknown-sa-answer-unprotected")
    assert message is not None
    tester.expects(message, Notify(NotifyType.INVALID_IKE_SPI, b""), kind)
    copied = (message.spi_i, message.spi_r, message.message_id)
    same = copied == (draft.spi_i, draft.spi_r, draft.message_id)
    tester.check(
        same, "the SPIs and the Message ID of the request", item.text(), "rfc7296/2.21.4/unknown-sa-answer-to-source"
    )
    copies, flags = "rfc7296/1.5/unknown-spi-answer-copies", "rfc7296/1.5/unknown-spi-answer-flags"
    tester.check(message.exchange == draft.exchange, draft.exchange.name, message.exchange.name, copies)
    tester.check(message.is_response, "the Response flag set", repr(message.flags), flags)


@covers(
    "rfc7296/2.21.4/unknown-sa-answer-notify",
    "rfc7296/2.21.4/unknown-sa-answer-to-source",
    "rfc7296/2.21.4/unknown-sa-answer-unprotected",
    "rfc7296/1.5/unknown-spi-answer-copies",
    "rfc7296/1.5/unknown-spi-answer-flags",
    mutants=[
        "unknown-spi-answered-by-invalid-spi",
        "unknown-spi-answer-swaps-spis",
        "unknown-spi-answer-as-request",
    ],
)
@pytest.mark.parametrize("exchange", OTHER_EXCHANGES, ids=["auth", "create-child", "informational"])
def test_unknown_spi_request(tester: Tester, exchange: ExchangeType) -> None:
    """A request with unknown SPIs is ignored, or answered in the clear by INVALID_IKE_SPI."""
    draft = encrypted(tester, exchange)
    found = everything_for(tester, draft)
    for item in found:
        judge_unknown_spi_answer(tester, item, draft)
    tester.check(len(found) <= 1, "at most one answer", f"{len(found)}", "rfc7296/2.1/one-way-sent-once")


@covers("rfc7296/2.21.4/unknown-sa-response-unanswered", mutants=["answers-unknown-spi-responses"])
@pytest.mark.parametrize("exchange", OTHER_EXCHANGES, ids=["auth", "create-child", "informational"])
def test_unknown_spi_response(tester: Tester, exchange: ExchangeType) -> None:
    """A message with unknown SPIs that is marked as a response is not answered."""
    tester.expect_silence(encrypted(tester, exchange, flags=Flags.INITIATOR | Flags.RESPONSE))
    tester.expect_silence(encrypted(tester, exchange, flags=Flags.RESPONSE))


@covers(
    "rfc7296/2.21.4/unknown-sa-answer-notify",
    "rfc7296/2.21.4/unknown-sa-answer-unprotected",
    mutants=["lookup-by-either-spi"],
)
@pytest.mark.parametrize(
    "edit", [bad.swap_spis(), bad.zero_spi_r(), bad.spi_r()], ids=["swapped", "zero-responder", "other-responder"]
)
def test_spis_of_no_ike_sa(tester: Tester, edit: object) -> None:
    """A protected request without the device's own SPI in its place belongs to no IKE SA."""
    sa = tester.establish()
    draft = sa.draft(edit=edit)  # type: ignore[arg-type]
    for item in sa.answers_to(draft):
        judge_unknown_spi_answer(tester, item, draft)
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/1.5/unprotected-informational-unanswered", mutants=["answers-unprotected-informational"])
@pytest.mark.parametrize("spis", ["zero", "random"])
def test_unprotected_invalid_spi(tester: Tester, spis: str) -> None:
    """An unprotected INVALID_SPI notification from a peer that has no IKE SA is not answered."""
    spi_i, spi_r = (bytes(8), bytes(8)) if spis == "zero" else (fresh_spi(), fresh_spi())
    draft = tester.draft(ExchangeType.INFORMATIONAL, [NotifyPayload(NotifyType.INVALID_SPI, bytes(3) + b"\x80")])
    draft.spi_i, draft.spi_r = spi_i, spi_r
    tester.expect_silence(draft)


@covers(
    "rfc7296/2.21.4/invalid-ike-spi-unanswered",
    mutants=["answers-unprotected-invalid-ike-spi", "answers-unknown-spi-responses"],
)
@pytest.mark.parametrize("known", [True, False], ids=["known-spis", "unknown-spis"])
def test_invalid_ike_spi_unanswered(tester: Tester, known: bool) -> None:
    """An unprotected INVALID_IKE_SPI notification is not answered, whether its SPIs are known or not."""
    sa = tester.establish()
    draft = forged(sa)
    if known:
        sa.expect_silence(draft)
    else:
        draft.spi_i, draft.spi_r = fresh_spi(), fresh_spi()
        tester.expect_silence(draft)
    tester.expects(sa.liveness(), NoError())


def forged(sa: IkeSa) -> Draft:
    """INVALID_IKE_SPI as the answer to a request of the device on this IKE SA."""
    draft = sa.draft(ExchangeType.INFORMATIONAL, [NotifyPayload(NotifyType.INVALID_IKE_SPI)], response=True)
    draft.protection = None
    return draft


@covers("rfc7296/2.21.4/unknown-sa-answer-notify", mutants=["any-first-message-starts-ike-sa"])
@pytest.mark.parametrize("number", [0, 33, 127, 240])
def test_unknown_exchange_type_outside(tester: Tester, number: int) -> None:
    """A first message of an unknown exchange type starts no IKE SA: no answer, or INVALID_IKE_SPI."""
    init = tester.ike_sa_init()
    draft = tester.draft(ExchangeType(number), init.draft.payloads)
    reply = tester.answer_or_silence(draft)
    tester.expects(reply, {Silence(), Notify(NotifyType.INVALID_IKE_SPI)})
