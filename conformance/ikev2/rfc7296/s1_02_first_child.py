"""RFC 7296 section 1.2: the Child SA that IKE_AUTH creates, and what its failure leaves."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.authenticating import family, only_proposal, refused_esp
from conformance.tester import AuthExchange, Notify, Tester, covers
from conformance.tester.expect import observed
from conformance.tester.proposals import encr, esn, esp_proposal, esp_transforms, group, integ
from reference_impl.crypto.suite import parse_esp
from reference_impl.wire.registries import Encr, Esn, Group, Integ, NotifyType, ProtocolId, TransformType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import AuthPayload, IdrPayload

SPI = b"\x5a\x01\x02\x03"
ONLY_NONE = "rfc7296/1.2/auth-without-ke-nonce"


def proposal(tester: Tester, *extra: object, number: int = 1, protocol: ProtocolId = ProtocolId.ESP) -> Proposal:
    """The profile's first Child SA suite as a proposal, with further transforms."""
    transforms = (*esp_transforms(parse_esp(tester.profile.child[0])), *extra)
    return Proposal(number, protocol, SPI, transforms)  # type: ignore[arg-type]


def expect_ike_sa_without_child(tester: Tester, attempt: AuthExchange, *kinds: NotifyType) -> None:
    """Fail unless the IKE SA was established with one of these errors instead of a Child SA, and is usable."""
    reply = attempt.reply
    tester.check(reply is not None, "an answer", "no answer", "rfc7296/1/every-request-answered")
    assert reply is not None
    authenticated = reply.get(IdrPayload) is not None and reply.get(AuthPayload) is not None
    tester.check(authenticated and attempt.sa is not None, "IDr and AUTH", attempt.problem or observed(reply))
    tester.expects(reply, {Notify(kind) for kind in kinds})
    assert attempt.sa is not None
    attempt.sa.liveness()


# -- failure of the Child SA ----------------------------------------------------------------------------------------


@covers(
    "rfc7296/1.2/child-failure-creates-ike",
    "rfc7296/1.2/child-errors-not-fatal",
    "rfc7296/2.21.2/child-failure-keeps-ike",
    "rfc7296/1/ike-sa-without-child",
    mutants=["child-failure-fails-auth", "child-failure-closes-ike"],
)
def test_no_proposal_chosen(tester: Tester) -> None:
    """When no ESP proposal is acceptable, the device proves itself, says NO_PROPOSAL_CHOSEN and keeps the IKE SA."""
    attempt = tester.attempt(child=refused_esp(SPI), need_child=False)
    expect_ike_sa_without_child(tester, attempt, NotifyType.NO_PROPOSAL_CHOSEN)


@covers(
    "rfc7296/1.2/child-failure-creates-ike",
    "rfc7296/1.2/child-errors-not-fatal",
    "rfc7296/2.21.2/child-failure-keeps-ike",
    mutants=["child-failure-fails-auth", "child-failure-closes-ike"],
)
def test_ts_unacceptable(tester: Tester) -> None:
    """When no Traffic Selector is acceptable, the device proves itself, says TS_UNACCEPTABLE and keeps the IKE SA."""
    attempt = tester.attempt(tsr=[family(tester).elsewhere], need_child=False)
    expect_ike_sa_without_child(tester, attempt, NotifyType.TS_UNACCEPTABLE)


@covers("rfc7296/1.2/child-failure-creates-ike", mutants=["child-failure-blocks-children"], needs=("additional_child",))
def test_child_after_failed_child(tester: Tester) -> None:
    """After IKE_AUTH without Child SA, a Child SA is created by CREATE_CHILD_SA."""
    attempt = tester.attempt(child=refused_esp(SPI), need_child=False)
    tester.check(attempt.sa is not None, "an IKE SA", attempt.problem)
    assert attempt.sa is not None
    attempt.sa.create_child()


# -- the ESP proposal -----------------------------------------------------------------------------------------------


@covers(ONLY_NONE, mutants=["answers-group-in-ike-auth"])
def test_group_not_answered(tester: Tester) -> None:
    """A key exchange group offered in IKE_AUTH is not taken: the answer has none, or the proposal is refused."""
    attempt = tester.attempt(child=proposal(tester, group(Group.ECP_256)), need_child=False)
    tester.check(attempt.sa is not None, "an IKE SA", attempt.problem, "rfc7296/1.2/child-failure-creates-ike")
    assert attempt.reply is not None
    accepted = attempt.reply.get(SaPayload)
    groups = [item.id for each in (accepted.proposals if accepted else ()) for item in each.of(TransformType.KE)]
    tester.check(not any(groups), "no group but NONE", f"groups {groups}")


@covers(ONLY_NONE, mutants=["refuses-group-none"])
def test_group_none_accepted(tester: Tester) -> None:
    """A proposal in IKE_AUTH that names the group NONE is as good as one that names none."""
    sa = tester.establish(child=proposal(tester, group(Group.NONE)))
    assert sa.auth_reply is not None
    groups = [item.id for item in only_proposal(tester, sa.auth_reply).of(TransformType.KE)]
    tester.check(not any(groups), "no group but NONE", f"groups {groups}")


@covers("rfc7296/3.3.6/chooses-single-transform", "rfc7296/3.3/same-type-is-or", mutants=["answers-both-esn"])
def test_one_esn_choice(tester: Tester) -> None:
    """Offered both kinds of sequence numbers, the device picks exactly one."""
    suite = parse_esp(tester.profile.child[0])
    both = esn(Esn.NO_ESN if suite.esn else Esn.ESN)
    sa = tester.establish(child=proposal(tester, both))
    assert sa.auth_reply is not None
    found = only_proposal(tester, sa.auth_reply).of(TransformType.ESN)
    tester.check(len(found) == 1, "one ESN transform", f"{len(found)}")


@covers("rfc7296/3.3.2/single-esn-means-required", mutants=["answers-normal-sequence-numbers"])
def test_esn_required(tester: Tester) -> None:
    """Offered extended sequence numbers only, the device takes them or refuses the proposal."""
    suite = parse_esp(tester.profile.child[0])
    transforms = [item for item in esp_transforms(suite) if item.type != TransformType.ESN]
    offer = Proposal(1, ProtocolId.ESP, SPI, (*transforms, esn(Esn.ESN)))
    attempt = tester.attempt(child=offer, need_child=False)
    if attempt.reply is not None and attempt.reply.get(SaPayload) is not None:
        found = [item.id for item in only_proposal(tester, attempt.reply).of(TransformType.ESN)]
        tester.check(found == [Esn.ESN], "extended sequence numbers", f"ESN transforms {found}")
    else:
        tester.expects(attempt.reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))


@covers("rfc7296/3.3/aead-integrity-none", mutants=["answers-esp-aead-with-integrity"])
def test_aead_with_integrity(tester: Tester) -> None:
    """A combined-mode cipher is never accepted together with an integrity algorithm."""
    offer = Proposal(
        1, ProtocolId.ESP, SPI, (encr(Encr.AES_GCM_16, 128), integ(Integ.HMAC_SHA2_256_128), esn(Esn.NO_ESN))
    )
    attempt = tester.attempt(child=offer, need_child=False)
    accepted = attempt.reply.get(SaPayload) if attempt.reply is not None else None
    if accepted is None:
        tester.expects(attempt.reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))
        return
    found = [item.id for item in only_proposal(tester, attempt.reply).of(TransformType.INTEG)]
    tester.check(not any(found), "no integrity algorithm but NONE", f"integrity {found}")


@covers("rfc7296/3.3/aead-integrity-none", mutants=["refuses-esp-integrity-none"])
def test_aead_with_integrity_none(tester: Tester) -> None:
    """A combined-mode cipher with the single integrity algorithm NONE is accepted."""
    suites = [text for text in tester.profile.child if parse_esp(text).integ == Integ.NONE]
    if not suites:
        from conformance.tester import NotApplicable

        raise NotApplicable("the profile has no Child SA suite with a combined-mode cipher")
    suite = parse_esp(suites[0])
    offer = Proposal(1, ProtocolId.ESP, SPI, (*esp_transforms(suite), integ(Integ.NONE)))
    tester.establish(child=offer)


@covers(
    "rfc7296/3.3.6/chooses-single-proposal", "rfc7296/3.3.1/accepted-number-matches", mutants=["answers-esp-number-one"]
)
def test_ah_before_esp(tester: Tester) -> None:
    """Offered AH first and ESP second, the device answers with the protocol and number of the one that it takes."""
    ah = Proposal(1, ProtocolId.AH, SPI, (integ(Integ.HMAC_SHA2_256_128), esn(Esn.NO_ESN)))
    esp = esp_proposal(tester.profile.child[0], SPI, 2)
    chosen = only_proposal(tester, tester.attempt(child=[ah, esp], need_child=False).reply)
    got = (chosen.number, chosen.protocol)
    tester.check(
        got in {(1, ProtocolId.AH), (2, ProtocolId.ESP)}, "1 AH or 2 ESP", f"{chosen.number} {chosen.protocol.name}"
    )


@covers("rfc7296/3.3.1/later-spi-size", mutants=["takes-any-spi-size"])
@pytest.mark.parametrize("size", [0, 3, 8])
def test_spi_size(tester: Tester, size: int) -> None:
    """An ESP proposal whose SPI has another size than 4 octets is not accepted."""
    offer = Proposal(1, ProtocolId.ESP, bytes(range(1, size + 1)), proposal(tester).transforms)
    reply = tester.attempt(child=offer, need_child=False).reply
    tester.check(reply is not None, "an answer", "no answer", "rfc7296/1/every-request-answered")
    assert reply is not None
    tester.check(reply.get(SaPayload) is None, "a refusal", observed(reply))
