"""RFC 7296 section 1.2: the initial exchanges; here IKE_SA_INIT and its wrong guesses of the group."""

from dataclasses import replace

import pytest

from conformance.ikev2.offers import (
    expect_refused,
    expect_retry,
    first_suite,
    ke_of,
    offer_of,
    other_group,
    unacceptable,
)
from conformance.tester import NotApplicable, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.proposals import ike_proposal, offered_groups
from reference_impl.crypto.ke import METHODS
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.message import Message
from reference_impl.wire.registries import Group, NotifyType, TransformType
from reference_impl.wire.sa import SaPayload, Transform
from reference_impl.wire.simple import KePayload, NoncePayload

UNKNOWN_GROUP = 1023


def invalid_ke(suite: IkeSuite) -> Notify:
    """INVALID_KE_PAYLOAD that names the group of `suite`."""
    return Notify(NotifyType.INVALID_KE_PAYLOAD, int(suite.group).to_bytes(2, "big"))


def offered_suites(request: Message) -> set[frozenset[Transform]]:
    """The proposals of an offer, whatever their order and numbers."""
    return {frozenset(proposal.transforms) for proposal in offer_of(request).proposals}


@covers("rfc7296/1.2/init-response-payloads", mutants=["init-response-without-nonce"])
def test_response_payloads(tester: Tester) -> None:
    """An accepted IKE_SA_INIT is answered with exactly one SA, one KE and one nonce payload."""
    init = tester.ike_sa_init()
    counts = [len(init.reply.all(kind)) if init.reply else 0 for kind in (SaPayload, KePayload, NoncePayload)]
    tester.check(counts == [1, 1, 1], "one SA, one KE and one nonce payload", observed(init.reply))


@covers("rfc7296/1.2/init-response-payloads", mutants=["demands-nat-detection"])
def test_bare_request(tester: Tester) -> None:
    """A request with nothing but SA, KE and nonce is enough to set up an IKE SA."""
    no_hashes = bad.omit_notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
    init = tester.ike_sa_init(detect_nat=False, fragmentation=False, nat=False, edit=no_hashes)
    tester.check(init.accepted, "the request is accepted", observed(init.reply))


@pytest.mark.parametrize("which", ["SA", "KE", "Ni"])
@covers("rfc7296/1.2/init-request-payloads", mutants=["fills-in-missing-payloads"])
def test_missing_payload(tester: Tester, which: str) -> None:
    """An IKE_SA_INIT request without SA, KE or nonce creates no IKE SA."""
    expect_refused(tester, edit=bad.omit(which))


@pytest.mark.parametrize("guess", ["not-offered", "unknown"])
@covers(
    "rfc7296/3.4/other-group-invalid-ke",
    "rfc7296/1.2/invalid-ke-names-group",
    mutants=["no-proposal-for-wrong-group", "init-group-little-endian"],
)
def test_wrong_group(tester: Tester, guess: str) -> None:
    """A KE payload of another group than the proposal's is answered by INVALID_KE_PAYLOAD with the proposal's group.

    unknown: a group that the device cannot know is offered first, beside one of its own, as a newer peer would do.
    """
    suite = first_suite(tester)
    if guess == "unknown":
        base = ike_proposal(suite)
        offer = replace(base, transforms=(Transform(TransformType.KE, UNKNOWN_GROUP), *base.transforms))
        init = tester.ike_sa_init(proposals=offer, ke=KePayload(UNKNOWN_GROUP, b"\2" * 64), retry_ke=False)
    else:
        foreign = next(group for group in METHODS if group not in (suite.group, Group.ML_KEM_768, Group.ML_KEM_1024))
        init = tester.ike_sa_init(proposals=suite, edit=bad.ke_group(foreign), retry_ke=False)
    tester.expects(init.reply, invalid_ke(suite))


@covers(
    "rfc7296/3.4/other-group-invalid-ke",
    "rfc7296/1.2/invalid-ke-names-group",
    mutants=["no-proposal-for-wrong-group", "init-group-little-endian"],
)
def test_group_of_refused_proposal(tester: Tester) -> None:
    """The group in INVALID_KE_PAYLOAD is that of the acceptable proposal, not that of an unacceptable one."""
    suite = first_suite(tester)
    proposals = [unacceptable(1), ike_proposal(suite, 2)]
    init = tester.ike_sa_init(proposals=proposals, ke=KePayload(Group.MODP_768, b"\2" * 96), retry_ke=False)
    tester.expects(init.reply, invalid_ke(suite))


@covers(
    "rfc7296/1.2/invalid-ke-names-group",
    "rfc7296/2.15/latest-message-signed",
    mutants=["remembers-refused-group"],
)
def test_retry_accepted(tester: Tester) -> None:
    """After INVALID_KE_PAYLOAD, the same request with the named group is accepted, and AUTH covers that request."""
    suite = first_suite(tester)
    guess = other_group(tester, suite).group
    attempt = tester.attempt(proposals=suite, group=guess)
    rounds = [observed(item.reply) for item in attempt.init.rounds]
    tester.check(attempt.init.accepted, "the retry is accepted", ", then ".join(rounds))
    tester.check(attempt.sa is not None, "the IKE SA is authenticated", attempt.problem)


@covers("rfc7296/1.2/init-request-payloads", role="initiator", mutants=["initiator-sends-two-nonces"])
def test_request_payloads(tester: Tester) -> None:
    """The initiator's IKE_SA_INIT request has exactly one SA, one KE and one nonce payload."""
    request = tester.await_initiation().request
    counts = [len(request.all(kind)) for kind in (SaPayload, KePayload, NoncePayload)]
    tester.check(counts == [1, 1, 1], "one SA, one KE and one nonce payload", observed(request))


@covers(
    "rfc7296/1.2/invalid-ke-retry",
    "rfc7296/1.2/retry-proposes-full-set",
    "rfc7296/3.3.6/retry-keeps-all-groups",
    "rfc7296/3.3.6/retry-uses-indicated-group",
    role="initiator",
    mutants=["initiator-ignores-invalid-ke", "narrows-offer-after-invalid-ke"],
)
def test_other_group_demanded(tester: Tester) -> None:
    """An initiator that is told another of its groups retries with that group and everything that it offered before."""
    peer = tester.await_initiation()
    first = peer.request
    wanted = next((item for item in offered_groups(offer_of(first)) if item != ke_of(first).group), None)
    if wanted is None:
        raise NotApplicable("the device offers one group only")
    data = int(wanted).to_bytes(2, "big")
    second = expect_retry(tester, peer, NotifyType.INVALID_KE_PAYLOAD, data, "rfc7296/1.2/invalid-ke-retry")
    got = ke_of(second).group
    tester.check(got == wanted, f"a KE payload of group {wanted}", f"group {got}")
    tester.check(
        offered_suites(second) >= offered_suites(first),
        "all proposals of the first request, in any order",
        observed(second),
        "rfc7296/1.2/retry-proposes-full-set",
    )
    peer.accept()


@covers("rfc7296/3.4/group-in-proposal", role="initiator", mutants=["follows-group-not-offered"])
def test_group_not_offered_demanded(tester: Tester) -> None:
    """An initiator never sends a KE payload of a group that it does not offer, even when it is told to."""
    peer = tester.await_initiation()
    offered = offered_groups(offer_of(peer.request))
    foreign = next(group for group in METHODS if group not in offered)
    start = tester.mark()
    tester.answers_to(lambda: peer.refuse_init(NotifyType.INVALID_KE_PAYLOAD, int(foreign).to_bytes(2, "big")))
    for item in tester.since(start):
        value = item.message.get(KePayload) if item.is_request and item.message else None
        if value is not None and item.message is not None:
            same = offered_groups(offer_of(item.message))
            tester.check(value.group in same, "a KE payload of a group of its offer", f"group {value.group}")
