"""RFC 7296 sections 1.3.2, 2.8 and 2.18: the device rekeys the IKE SA."""

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, deletes_ike, triggered
from conformance.tester import (
    Deleted,
    Empty,
    IkeSa,
    Inconclusive,
    NotApplicable,
    Received,
    Tester,
    covers,
    order_of,
)
from conformance.tester.child_exchanges import new_ike_sa
from conformance.tester.proposals import offered_groups, select_ike
from reference_impl.crypto.suite import parse_ike
from reference_impl.wire.header import Flags, Header
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, PayloadType, TransformType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload

CREATE = ExchangeType.CREATE_CHILD_SA
NEEDS = ("trigger_rekey_ike",)


def rekey_request(tester: Tester, sa: IkeSa) -> tuple[Received, Message]:
    """The device's request to rekey `sa`."""
    received = triggered(tester, sa, "rekey_ike", CREATE)
    return received, decoded(received)


def accept(sa: IkeSa, received: Received) -> IkeSa:
    """Accept the rekey with the group of its KE payload; the new IKE SA."""
    value = decoded(received).get(KePayload)
    known = [sa.suite, *(parse_ike(text) for text in sa.tester.profile.ike)]
    suites = [suite for suite in known if value is not None and suite.group == value.group]
    return evidence.accept_ike_rekey(sa, received, suites=suites or None)


def rekeyed(tester: Tester, sa: IkeSa) -> IkeSa:
    """The new IKE SA after the device's rekey of `sa`, which it deletes, if it does, with success."""
    received, _ = rekey_request(tester, sa)
    new = accept(sa, received)
    closing = evidence.next_request(sa, received)
    if closing is not None:
        sa.answer(closing)
    return new


@covers(
    "rfc7296/1.3.2/ike-rekey-has-ke",
    "rfc7296/1.3.2/new-initiator-spi",
    "rfc7296/2.18/rekey-proposes-no-none",
    "rfc7296/2.18/no-ts-in-ike-rekey",
    "rfc7296/3.4/group-in-proposal",
    needs=NEEDS,
    mutants=["ike-rekey-proposes-none", "ike-rekey-keeps-own-spi"],
)
def test_request_payloads(tester: Tester) -> None:
    """The request has SA with a new initiator SPI and no group NONE, Ni, KE of an offered group, and no selectors."""
    sa = tester.establish()
    _, request = rekey_request(tester, sa)
    offer, value, nonce = request.get(SaPayload), request.get(KePayload), request.get(NoncePayload)
    tester.check(value is not None, "a KE payload", "none")
    assert offer is not None
    assert value is not None
    tester.check(nonce is not None and 16 <= len(nonce.data) <= 256, "a nonce of 16 to 256 octets", "another, or none")
    for proposal in offer.proposals:
        requirement = "rfc7296/1.3.2/new-initiator-spi"
        new = len(proposal.spi) == 8 and proposal.spi not in (bytes(8), sa.spi_i, sa.spi_r)
        tester.check(new, "a new SPI of 8 octets, not zero", proposal.spi.hex() or "none", requirement)
        groups = [item.id for item in proposal.of(TransformType.KE)]
        real = bool(groups) and Group.NONE not in groups
        tester.check(real, "groups without NONE", str(groups), "rfc7296/2.18/rekey-proposes-no-none")
    offered = value.group in offered_groups(offer)
    tester.check(offered, "KE of an offered group", f"group {value.group}", "rfc7296/3.4/group-in-proposal")
    selectors = {PayloadType.TSI, PayloadType.TSR} & set(order_of(request))
    tester.check(not selectors, "no TS payloads", str(sorted(selectors)), "rfc7296/2.18/no-ts-in-ike-rekey")


@covers(
    "rfc7296/2.18/rekey-skeyseed-formula",
    "rfc7296/3.1/initiator-flag-after-rekey",
    "rfc7296/1.3.2/rekey-initiator-is-original",
    "rfc7296/2.18/rekey-counters-zero",
    needs=NEEDS,
    mutants=["initiator-flag-survives-rekey", "rekey-seed-without-shared-secret"],
)
def test_own_rekey_works(tester: Tester) -> None:
    """On the new IKE SA the device is the original initiator, and answers the tester's requests from Message ID 0."""
    sa = tester.establish()
    new = accept(sa, rekey_request(tester, sa)[0])
    tester.expects(new.liveness(message_id=0), Empty())
    assert new.last is not None
    flags = Header.parse(new.last.octets).flags
    set_ = bool(flags & Flags.INITIATOR)
    tester.check(set_, "the Initiator flag", "none", "rfc7296/3.1/initiator-flag-after-rekey")


@covers(
    "rfc7296/1.3.2/new-ike-message-id-zero",
    "rfc7296/2.18/rekey-counters-zero",
    needs=(*NEEDS, "trigger_delete_child"),
    mutants=["own-rekey-keeps-numbering"],
)
def test_first_own_request(tester: Tester) -> None:
    """The first request that the device sends on the new IKE SA has Message ID 0 and the Initiator flag."""
    sa = tester.establish()
    new = rekeyed(tester, sa)
    first = triggered(tester, new, "delete_child", ExchangeType.INFORMATIONAL)
    tester.check(first.message_id == 0, "Message ID 0", f"Message ID {first.message_id}")
    flags = Header.parse(first.octets).flags
    set_ = bool(flags & Flags.INITIATOR)
    tester.check(set_, "the Initiator flag", "none", "rfc7296/3.1/initiator-flag-after-rekey")


@covers(
    "rfc7296/2.8/initiator-deletes-old-ike",
    "rfc7296/1.3.2/old-ike-keeps-numbering",
    "rfc7296/2.8/delete-is-last-request",
    needs=NEEDS,
    mutants=["rekeyed-ike-not-deleted"],
)
def test_old_is_deleted_last(tester: Tester) -> None:
    """After the rekey the device deletes the old IKE SA, with the next Message ID, and sends nothing more on it."""
    sa = tester.establish()
    received, _ = rekey_request(tester, sa)
    new = accept(sa, received)
    second = evidence.next_request(sa, received)
    found = second is not None and deletes_ike(decoded(second))
    tester.check(found, "a Delete of the old IKE SA", second.text() if second is not None else "no request")
    assert second is not None
    due, requirement = received.message_id + 1, "rfc7296/1.3.2/old-ike-keeps-numbering"
    tester.check(second.message_id == due, f"Message ID {due}", f"Message ID {second.message_id}", requirement)
    sa.answer(second)
    sa.closed = True
    tester.expects(new.liveness(), Empty())
    later = [item.text() for item in sa.requests if item.message_id > second.message_id]
    tester.check(not later, "no further request", ", ".join(later), "rfc7296/2.8/delete-is-last-request")


@covers(
    "rfc7296/2.8/new-ike-inherits-children",
    needs=NEEDS,
    mutants=["children-stay-with-old-ike"],
)
def test_own_rekey_keeps_children(tester: Tester) -> None:
    """The Child SA outlives the old IKE SA, and is deleted on the new one."""
    sa = tester.establish()
    new = rekeyed(tester, sa)
    if tester.claims("data_plane"):
        new.child.expect_ping()
    tester.expects(new.delete_child(), Deleted())


ERRORS = [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.TEMPORARY_FAILURE, NotifyType(8999)]


@covers(
    "rfc7296/1.3.1/failed-child-keeps-ike",
    "rfc7296/3.10.1/unknown-error-fails-request",
    needs=NEEDS,
    mutants=["refused-own-rekey-closes-ike"],
)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.name.lower().replace("_", "-"))
def test_refused(tester: Tester, error: NotifyType) -> None:
    """When the rekey of the IKE SA is refused the device goes on with the old one."""
    sa = tester.establish()
    received, _ = rekey_request(tester, sa)
    evidence.expect_ike_kept(sa, received, error)


@covers(
    "rfc7296/2.25/temporary-failure-no-immediate-retry",
    needs=NEEDS,
    mutants=["retries-at-once"],
)
def test_temporary_failure_waits(tester: Tester) -> None:
    """After TEMPORARY_FAILURE the device does not try to rekey the IKE SA again at once."""
    sa = tester.establish()
    received, _ = rekey_request(tester, sa)
    evidence.expect_no_retry(sa, received)


@covers(
    "rfc7296/3.3.6/retry-uses-indicated-group",
    "rfc7296/3.3.6/retry-keeps-all-groups",
    "rfc7296/1.3/ke-group-expected-acceptable",
    needs=NEEDS,
    mutants=["ignores-demanded-group", "retry-offers-one-group"],
)
def test_other_group_demanded(tester: Tester) -> None:
    """After INVALID_KE_PAYLOAD the device tries again with KE of the demanded group and the same groups on offer."""
    sa = tester.establish()
    received, request = rekey_request(tester, sa)
    offer, value = request.get(SaPayload), request.get(KePayload)
    assert offer is not None
    assert value is not None
    others = [group for group in offered_groups(offer) if group != value.group]
    if not others:
        raise NotApplicable("the device offers no second group")
    demanded = others[-1]
    second = evidence.demand_group(sa, received, demanded)
    again, new = decoded(second).get(KePayload), decoded(second).get(SaPayload)
    group = again.group if again is not None else None
    tester.check(group == demanded, f"KE of group {demanded.name}", f"KE of group {group}")
    kept = new is not None and set(offered_groups(offer)) <= set(offered_groups(new))
    tester.check(kept, "all groups offered again", "fewer", "rfc7296/3.3.6/retry-keeps-all-groups")
    tester.expects(accept(sa, second).liveness(), Empty())


@covers(
    "rfc7296/3.3.6/initiator-checks-offer",
    "rfc7296/2.18/rekey-accepts-no-none",
    needs=NEEDS,
    mutants=["takes-ike-rekey-response-without-ke"],
)
def test_response_without_ke(tester: Tester) -> None:
    """A response without KE makes no new IKE SA: the device does not go on as if the rekey had succeeded."""
    sa = tester.establish()
    received, request = rekey_request(tester, sa)
    offer, nonce = request.get(SaPayload), request.get(NoncePayload)
    found = select_ike(offer, [sa.suite]) if offer is not None else None
    if found is None or nonce is None:
        raise Inconclusive("the device does not offer the present suite")
    (proposal, suite), own_spi, own_nonce = found, b"\x21" * 8, b"\x5a" * 32
    chosen = type(proposal)(proposal.number, proposal.protocol, own_spi, proposal.transforms)
    sa.answer(received, [SaPayload((chosen,)), NoncePayload(own_nonce)])
    new = new_ike_sa(sa, suite, proposal.spi, own_spi, b"", nonce.data, own_nonce, initiator=False)
    for item in tester.answers_to(lambda: new.send(new.draft())):
        tester.check(item.sa is not new or not item.opened, "no protected response on a new IKE SA", item.text())
    new.closed = True
