"""RFC 7296 sections 1.3.3 and 2.8: the device rekeys a Child SA."""

from dataclasses import replace

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, deleted_spis, triggered
from conformance.tester import IkeSa, Inconclusive, NotApplicable, Received, Tester, automatic, covers
from conformance.tester.proposals import esp_proposal, offered_groups
from reference_impl.crypto.suite import parse_esp
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, ProtocolId
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TsiPayload, TsPayload, TsrPayload

CREATE = ExchangeType.CREATE_CHILD_SA
NEEDS = ("trigger_rekey_child",)
OTHERS = ("aes128gcm16", "aes128-sha256", "chacha20poly1305", "aes128ctr-sha256", "aes128ccm16")


def rekey_request(tester: Tester, sa: IkeSa) -> tuple[Received, Message]:
    """The device's request to rekey the Child SA of `sa`."""
    received = triggered(tester, sa, "rekey_child", CREATE)
    return received, decoded(received)


@covers(
    "rfc7296/1.3.3/rekey-sa-included",
    "rfc7296/1.3.3/rekey-sa-spi",
    "rfc7296/1.3.3/rekey-sa-no-data",
    "rfc7296/1.3.3/rekey-sa-protocol",
    needs=NEEDS,
    mutants=["rekey-without-rekey-sa", "rekey-sa-with-peers-spi", "rekey-sa-without-protocol"],
)
def test_rekey_sa_notification(tester: Tester) -> None:
    """The request has REKEY_SA for ESP with the SPI that the device receives with, and without data."""
    sa = tester.establish()
    _, request = rekey_request(tester, sa)
    notify = request.notify(NotifyType.REKEY_SA)
    tester.check(notify is not None, "N(REKEY_SA)", "none")
    assert notify is not None
    due = sa.child.spi_out
    spi, protocol = notify.spi, notify.protocol
    tester.check(spi == due, f"SPI {due.hex()}", f"SPI {spi.hex() or 'empty'}", "rfc7296/1.3.3/rekey-sa-spi")
    esp = protocol == ProtocolId.ESP
    tester.check(esp, "Protocol ID 3", str(int(protocol)), "rfc7296/1.3.3/rekey-sa-protocol")
    tester.check(not notify.data, "no data", f"{len(notify.data)} octets", "rfc7296/1.3.3/rekey-sa-no-data")


@covers(
    "rfc7296/1.3.1/child-request-payloads",
    "rfc7296/2.8/rekeyed-child-same-selectors",
    "rfc7296/2.9.2/rekey-proposes-superset",
    needs=NEEDS,
    mutants=["rekey-proposes-narrower", "rekey-request-keeps-spi"],
)
def test_request_payloads(tester: Tester) -> None:
    """The request has SA with a new SPI, Ni, and selectors that cover those in use."""
    sa = tester.establish()
    _, request = rekey_request(tester, sa)
    offer, nonce = request.get(SaPayload), request.get(NoncePayload)
    tester.check(offer is not None and nonce is not None, "SA and Ni", "one of them is missing")
    assert offer is not None
    assert nonce is not None
    tester.check(16 <= len(nonce.data) <= 256, "a nonce of 16 to 256 octets", f"{len(nonce.data)} octets")
    for proposal in offer.proposals:
        tester.check(len(proposal.spi) == 4, "SPIs of 4 octets", f"{len(proposal.spi)} octets")
        tester.check(proposal.spi not in (bytes(4), sa.child.spi_out), "a new SPI", proposal.spi.hex())
    for kind, before in ((TsiPayload, sa.child.far_ts), (TsrPayload, sa.child.own_ts)):
        payload = request.get(kind)
        tester.check(payload is not None, "TSi and TSr", "one of them is missing")
        assert isinstance(payload, TsPayload)
        covered = all(any(new.start <= old.start and old.end <= new.end for new in payload.selectors) for old in before)
        tester.check(covered, "the selectors in use", "narrower ones", "rfc7296/2.9.2/rekey-proposes-superset")


@covers(
    "rfc7296/1.3/offer-includes-ke-group",
    "rfc7296/3.4/group-in-proposal",
    "rfc7296/3.4/no-ke-without-group",
    needs=(*NEEDS, "pfs"),
    mutants=["ke-of-unoffered-group"],
)
def test_group_is_offered(tester: Tester) -> None:
    """A KE payload in the request is of a group that is offered, and there is none when no group is offered."""
    texts = tester.profile.child
    suites = [parse_esp(text) for text in texts]
    only = [s for s in suites if s.group and replace(s, group=None) not in suites] or [parse_esp(texts[0])]
    sa = tester.establish(judged=False, child=replace(only[0], group=None))
    _, request = rekey_request(tester, sa)
    offer, value = request.get(SaPayload), request.get(KePayload)
    assert offer is not None
    groups = [group for group in offered_groups(offer) if group != Group.NONE]
    if value is not None:
        names = ", ".join(group.name for group in groups) or "no group"
        tester.check(value.group in groups, f"KE of one of the offered groups ({names})", f"KE of group {value.group}")


@covers(
    "rfc7296/2.8/rekey-create-then-delete",
    "rfc7296/1.4.1/delete-lists-inbound-spis",
    needs=NEEDS,
    mutants=["rekeyed-child-not-deleted", "deletes-with-peers-spi"],
)
def test_old_is_deleted_afterwards(tester: Tester) -> None:
    """Once the new Child SA is made the device deletes the old one, naming its own inbound SPI."""
    sa = tester.establish()
    old = sa.child
    received, _ = rekey_request(tester, sa)
    new = evidence.accept_child(sa, received)
    second = evidence.next_request(sa, received)
    spis = deleted_spis(decoded(second)) if second is not None else []
    tester.check(bool(spis), "a Delete payload for the old Child SA", "none")
    requirement = "rfc7296/1.4.1/delete-lists-inbound-spis"
    tester.check(spis == [old.spi_out], f"SPI {old.spi_out.hex()}", ", ".join(map(bytes.hex, spis)), requirement)
    assert second is not None
    sa.answer_automatically(second)
    if tester.claims("data_plane"):
        new.expect_ping()


@covers(
    "rfc7296/2.8.1/accepts-on-either-sa",
    needs=(*NEEDS, "data_plane"),
    mutants=["own-rekey-drops-old-child"],
)
def test_old_accepted_until_deleted(tester: Tester) -> None:
    """The device takes packets on the old Child SA while its rekey is unanswered, and then on the new one."""
    sa = tester.establish()
    old = sa.child
    received, _ = rekey_request(tester, sa)
    evidence.expect_carried(tester, old)
    new = evidence.accept_child(sa, received)
    evidence.expect_carried(tester, new)


ERRORS = [
    NotifyType.NO_PROPOSAL_CHOSEN,
    NotifyType.TS_UNACCEPTABLE,
    NotifyType.TEMPORARY_FAILURE,
    NotifyType(8999),
]


@covers(
    "rfc7296/1.3.1/failed-child-keeps-ike",
    "rfc7296/3.10.1/unknown-error-fails-request",
    "rfc7296/2.21.3/no-informational-for-response-errors",
    needs=NEEDS,
    mutants=["refused-own-rekey-closes-ike"],
)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.name.lower().replace("_", "-"))
def test_refused(tester: Tester, error: NotifyType) -> None:
    """When its rekey is refused the device keeps the IKE SA and the old Child SA."""
    sa = tester.establish()
    received, _ = rekey_request(tester, sa)
    evidence.expect_ike_kept(sa, received, error)
    if tester.claims("data_plane"):
        sa.child.expect_ping()


@covers(
    "rfc7296/2.25/temporary-failure-no-immediate-retry",
    "rfc7296/2.25/temporary-failure-waits",
    needs=NEEDS,
    mutants=["retries-at-once"],
)
def test_temporary_failure_waits(tester: Tester) -> None:
    """After TEMPORARY_FAILURE the device does not try again at once."""
    sa = tester.establish()
    received, _ = rekey_request(tester, sa)
    evidence.expect_no_retry(sa, received)


@covers(
    "rfc7296/2.25/child-sa-not-found-recovers",
    needs=NEEDS,
    mutants=["not-found-is-the-end", "not-found-deletes-loudly"],
)
def test_child_sa_not_found(tester: Tester) -> None:
    """After CHILD_SA_NOT_FOUND the device drops the Child SA without a Delete and asks for a new one from scratch."""
    sa = tester.establish()
    received, request = rekey_request(tester, sa)
    notify = request.notify(NotifyType.REKEY_SA)
    spi = notify.spi if notify is not None else b""
    sa.answer(received, [NotifyPayload(NotifyType.CHILD_SA_NOT_FOUND, b"", ProtocolId.ESP, spi)])
    second = evidence.next_request(sa, received)
    tester.check(second is not None, "a request for a new Child SA", "none")
    assert second is not None
    message = decoded(second)
    tester.check(not deleted_spis(message), "no Delete for the Child SA that is gone", second.text())
    fresh = automatic.is_child_request(message) and message.notify(NotifyType.REKEY_SA) is None
    tester.check(fresh, "a request for a new Child SA without REKEY_SA", second.text())


@covers(
    "rfc7296/3.3.6/retry-uses-indicated-group",
    "rfc7296/1.3/ke-group-expected-acceptable",
    needs=(*NEEDS, "pfs"),
    mutants=["ignores-demanded-group"],
)
def test_other_group_demanded(tester: Tester) -> None:
    """After INVALID_KE_PAYLOAD with a group that was offered the device tries again with KE of that group."""
    sa = tester.establish(judged=False, child=replace(parse_esp(evidence.pfs_suite(tester)), group=None))
    received, request = rekey_request(tester, sa)
    offer, value = request.get(SaPayload), request.get(KePayload)
    assert offer is not None
    first = value.group if value is not None else Group.NONE
    others = [group for group in offered_groups(offer) if group not in (Group.NONE, first)]
    if not others:
        raise NotApplicable("the device offers no second group")
    demanded = others[-1]
    second = evidence.demand_group(sa, received, demanded)
    value = decoded(second).get(KePayload)
    group = value.group if value is not None else None
    tester.check(group == demanded, f"KE of group {demanded.name}", f"KE of group {group}")


@covers(
    "rfc7296/3.3.6/initiator-checks-offer",
    "rfc7296/3.3.6/inconsistent-offer-terminates",
    needs=NEEDS,
    mutants=["takes-unoffered-suite"],
)
def test_unoffered_suite(tester: Tester) -> None:
    """An answer that accepts what was not offered makes no Child SA: the device does not delete the old one for it."""
    sa = tester.establish()
    received, request = rekey_request(tester, sa)
    tsi, tsr = request.get(TsiPayload), request.get(TsrPayload)
    if tsi is None or tsr is None:
        raise Inconclusive("the request has no selectors")
    offer = request.get(SaPayload)
    offered = {item.id for proposal in offer.proposals for item in proposal.transforms} if offer is not None else set()
    other = next((suite for suite in OTHERS if parse_esp(suite).encr not in offered), None)
    if other is None:
        raise NotApplicable("the device offers every suite that the tester knows")
    chosen = esp_proposal(other, sa.fresh_spi())
    sa.answer(received, [SaPayload((chosen,)), NoncePayload(b"\x5a" * 32), tsi, tsr])
    sa.liveness()
    sa.tester.drain(tester.profile.timing.fence_grace)
    spis = [spi for item in sa.requests for spi in deleted_spis(decoded(item))]
    tester.check(sa.child.spi_out not in spis, "the old Child SA is kept, or the IKE SA given up", "its Delete")


@covers(
    "rfc7296/2.2/response-echoes-message-id",
    "rfc7296/2.21/no-error-for-response",
    needs=(*NEEDS, "data_plane"),
    mutants=["takes-any-response"],
)
def test_response_with_other_message_id(tester: Tester) -> None:
    """A response counts only for the request whose Message ID it has: one with the next Message ID is passed over."""
    sa = tester.establish()
    received, _ = rekey_request(tester, sa)
    payloads = [NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)]
    sa.send(sa.draft(CREATE, payloads, message_id=received.message_id + 1, response=True))
    sa.liveness()
    new = evidence.accept_child(sa, received)
    new.expect_ping()
