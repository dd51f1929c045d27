"""RFC 7296 section 1.2: the IKE_AUTH exchange, its payloads, and what may not come before it."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.authenticating import (
    check_each_once,
    check_first_auth,
    expect_ignored,
    half_open,
    is_auth_of,
    silent_or,
)
from conformance.tester import Draft, Edit, ErrorNotify, Notify, Silence, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.proposals import esp_sa_payload
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType
from reference_impl.wire.simple import AuthPayload, KePayload, NoncePayload

RESPONSE = (PayloadType.IDR, PayloadType.AUTH, PayloadType.SA, PayloadType.TSI, PayloadType.TSR)
REQUEST = (PayloadType.IDI, PayloadType.AUTH, PayloadType.SA, PayloadType.TSI, PayloadType.TSR)


# -- the response -----------------------------------------------------------------------------------------------------


@covers("rfc7296/1.2/auth-response-payloads", mutants=["auth-response-without-idr"])
def test_auth_response_payloads(tester: Tester) -> None:
    """The IKE_AUTH response that accepts everything has IDr, AUTH, SA, TSi and TSr, once each."""
    attempt = tester.attempt()
    tester.check(attempt.reply is not None, "an answer", "none", "rfc7296/1/every-request-answered")
    assert attempt.reply is not None
    check_each_once(tester, attempt.reply, RESPONSE)


@covers("rfc7296/1.2/auth-without-ke-nonce", mutants=["auth-response-with-nonce"])
def test_auth_response_without_ke_and_nonce(tester: Tester) -> None:
    """The IKE_AUTH response has neither KE nor nonce payload."""
    reply = tester.establish().auth_reply
    assert reply is not None
    tester.check(not reply.get(KePayload) and not reply.get(NoncePayload), "no KE and nonce", observed(reply))


@covers(
    "rfc7296/2.2/first-auth-message-id-one",
    "rfc7296/1.2/all-later-have-sk",
    "rfc7296/1.2/later-messages-protected",
    mutants=["auth-response-in-clear"],
)
def test_auth_response_protected(tester: Tester) -> None:
    """The IKE_AUTH response has Message ID 1, an Encrypted payload and nothing in the clear."""
    init = tester.attempt().init
    found = [item for item in tester.inbox if item.is_response and is_auth_of(item, init.spi_i)]
    tester.check(bool(found), "an answer", "no answer", "rfc7296/1/every-request-answered")
    for item in found:
        check_first_auth(tester, item)


NOTIFICATIONS = {
    "unknown-error": NotifyPayload(NotifyType(8192)),
    "unknown-status": NotifyPayload(NotifyType(40960), b"ikeproof"),
    "additional-ts-possible": NotifyPayload(NotifyType.ADDITIONAL_TS_POSSIBLE),
    "non-first-fragments-also": NotifyPayload(NotifyType.NON_FIRST_FRAGMENTS_ALSO),
    "esp-tfc-padding-not-supported": NotifyPayload(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED),
}


@covers(
    "rfc7296/3.10.1/unknown-types-in-request-ignored",
    "rfc7296/3.10.1/unknown-status-ignored",
    "rfc7296/1.3.1/non-first-fragments-declined",
    mutants=["refuses-notifications-in-auth"],
)
@pytest.mark.parametrize("kind", NOTIFICATIONS)
def test_auth_with_notification(tester: Tester, kind: str) -> None:
    """A notification in the IKE_AUTH request that is unknown, or asks for nothing that is due, changes nothing."""
    tester.establish(extra=[NOTIFICATIONS[kind]])


# -- before IKE_AUTH ------------------------------------------------------------------------------------------------


@covers(
    "rfc7296/1.4/informational-after-initial",
    "rfc7296/1/auth-before-children",
    "rfc7296/1/no-early-later-exchanges",
    mutants=["early-exchanges-allowed"],
)
def test_informational_before_auth(tester: Tester) -> None:
    """An INFORMATIONAL request after IKE_SA_INIT, before IKE_AUTH, is not answered: no such exchange takes place."""
    _, sa = half_open(tester)
    silent_or(tester, sa, sa.draft(), ErrorNotify())


@covers("rfc7296/1/auth-before-children", "rfc7296/1/no-early-later-exchanges", mutants=["early-exchanges-allowed"])
def test_create_child_before_auth(tester: Tester) -> None:
    """A CREATE_CHILD_SA request after IKE_SA_INIT, before IKE_AUTH, creates nothing."""
    from conformance.tester.initial import selectors
    from reference_impl.wire.ts import TsiPayload, TsrPayload

    _, sa = half_open(tester)
    tsi, tsr = selectors(tester, None, None)
    offer = esp_sa_payload(tester.profile.child[0], sa.fresh_spi())
    payloads: list[Payload] = [offer, NoncePayload(bytes(range(32))), TsiPayload(tsi), TsrPayload(tsr)]
    silent_or(tester, sa, sa.draft(ExchangeType.CREATE_CHILD_SA, payloads), ErrorNotify())


@covers("rfc7296/1/init-before-others", mutants=["answers-auth-without-init"])
def test_auth_before_init(tester: Tester) -> None:
    """An IKE_AUTH request without IKE_SA_INIT is at most answered by INVALID_IKE_SPI."""
    other = tester.attempt().init
    draft = tester.draft(ExchangeType.IKE_AUTH, [], spi_r=bytes(range(1, 9)), message_id=1)
    draft.protection = other.open_sa().outbound
    tester.expects(tester.answer_or_silence(draft), {Silence(), Notify(NotifyType.INVALID_IKE_SPI)})


@covers(
    "rfc7296/1.2/later-messages-protected", "rfc7296/2.4/unprotected-is-no-failure", mutants=["accepts-auth-in-clear"]
)
def test_auth_in_clear(tester: Tester) -> None:
    """An IKE_AUTH request in the clear is not accepted, and the protected one after it is."""
    init, sa = half_open(tester)
    mark = tester.mark()
    tester.ike_auth(init, edit=bad.not_encrypted(), timeout=0.0)
    tester.fence()
    tester.drain(tester.profile.timing.fence_grace)
    for item in tester.since(mark):
        if item.header is not None and item.header.spi_i == init.spi_i and item.message is not None:
            tester.check(item.message.get(AuthPayload) is None, "no acceptance", item.text())
    tester.check(not sa.established, "no acceptance", "an IKE SA")
    after = tester.ike_auth(init)
    tester.check(
        not after.problem, "the protected request is accepted", after.problem, "rfc7296/2.4/unprotected-is-no-failure"
    )


@covers("rfc7296/2.14/keys-per-direction", "rfc7296/1.2/later-messages-protected", mutants=["accepts-own-keys"])
def test_auth_with_keys_of_other_direction(tester: Tester) -> None:
    """An IKE_AUTH request protected by the responder's keys is ignored, and the right one after it accepted."""
    init, sa = half_open(tester)

    def swap(draft: Draft) -> None:
        draft.protection = sa.inbound

    expect_ignored(tester, init, Edit("protected by SK_er and SK_ar", swap))


@covers(
    "rfc7296/3.10.1/invalid-syntax-only-protected",
    "rfc7296/1.2/later-messages-protected",
    mutants=["forgets-sa-on-bad-icv"],
)
@pytest.mark.parametrize("edit", [bad.corrupt_icv(), bad.corrupt_ciphertext()], ids=["icv", "ciphertext"])
def test_auth_with_wrong_checksum(tester: Tester, edit: Edit) -> None:
    """An IKE_AUTH request with a wrong checksum is ignored, and the right one after it accepted."""
    init, _ = half_open(tester)
    expect_ignored(tester, init, edit)


@covers("rfc7296/2.2/first-auth-message-id-one", mutants=["ignores-auth-message-id"])
@pytest.mark.parametrize("number", [0, 2])
def test_auth_message_id(tester: Tester, number: int) -> None:
    """An IKE_AUTH request with another Message ID than 1 is not accepted."""
    init, _ = half_open(tester)
    attempt = tester.ike_auth(init, edit=bad.message_id(number), timeout=0.0)
    found = tester.answers_to(lambda: None)
    answers = [item.message for item in found if item.sa is not None and item.message is not None]
    for reply in [attempt.reply, *answers]:
        tester.check(reply is None or reply.get(AuthPayload) is None, "no acceptance", observed(reply))
