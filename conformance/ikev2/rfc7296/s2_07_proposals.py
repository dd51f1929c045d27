"""RFC 7296 section 2.7: which suite a responder chooses, and which answers an initiator takes."""

from dataclasses import replace

import pytest

from conformance.ikev2.offers import (
    REFUSED,
    classic,
    combined,
    expect_accepted,
    expect_refused,
    expect_refused_or_proper,
    first_suite,
    merged,
    offer_of,
    suites,
    unacceptable,
)
from conformance.tester import Inconclusive, NotApplicable, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.proposals import ike_proposal, integ
from conformance.tester.tester import REFUSED_KE, refused_offer
from reference_impl.crypto.cipher import cipher
from reference_impl.crypto.errors import UnsupportedAlgorithm
from reference_impl.wire.registries import Encr, Integ, NotifyType, ProtocolId, TransformType
from reference_impl.wire.sa import Proposal


@covers(
    "rfc7296/2.7/responder-picks-one",
    "rfc7296/2.7/single-suite",
    "rfc7296/2.7/one-transform-per-type",
    mutants=["answers-all-proposals"],
)
def test_one_proposal(tester: Tester) -> None:
    """A responder that is offered all its suites at once answers with one proposal and one transform of each type."""
    expect_accepted(tester, proposals=list(tester.profile.ike))


@covers("rfc7296/2.7/no-proposal-chosen", mutants=["accepts-any-proposal"])
def test_no_proposal_chosen(tester: Tester) -> None:
    """A responder that accepts none of the proposals answers NO_PROPOSAL_CHOSEN."""
    init = tester.ike_sa_init(proposals=refused_offer(), ke=REFUSED_KE)
    tester.expects(init.reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))


@covers(
    "rfc7296/2.7/one-transform-per-type",
    "rfc7296/2.7/one-encr-one-integ",
    "rfc7296/3.3.6/chooses-single-transform",
    mutants=["answers-all-transforms"],
)
def test_several_transforms(tester: Tester) -> None:
    """From a proposal with several transforms of each type, a responder chooses one of each."""
    base = classic(tester)
    members = [item for item in suites(tester) if item.integ != Integ.NONE and item.group == base.group]
    if len(members) < 2:
        members = [item for item in suites(tester) if item.integ != Integ.NONE]
    if len(members) < 2:
        raise NotApplicable("the profile has one IKE suite with an integrity algorithm only")
    expect_accepted(tester, proposals=merged(1, *members))


@covers("rfc7296/2.7/responder-picks-one", "rfc7296/3.3.6/selects-complete-set", mutants=["first-proposal-only"])
def test_acceptable_proposal_last(tester: Tester) -> None:
    """An acceptable proposal is found behind many that are not."""
    proposals = [*(unacceptable(number) for number in range(1, 41)), ike_proposal(first_suite(tester), 41)]
    init = expect_accepted(tester, proposals=proposals, group=first_suite(tester).group)
    tester.check(init.proposal.number == 41, "proposal 41", f"proposal {init.proposal.number}")


@covers("rfc7296/2.7/aead-without-integrity", mutants=["answers-aead-with-integrity"])
def test_combined_beside_classic(tester: Tester) -> None:
    """From a proposal with a combined-mode cipher and one with a normal cipher, one is taken, unmixed."""
    expect_accepted(tester, proposals=[combined(tester), classic(tester)])
    expect_accepted(tester, proposals=[classic(tester), combined(tester)])


@covers(
    "rfc7296/2.7/aead-without-integrity",
    "rfc7296/2.7/one-transform-per-type",
    "rfc7296/3.3/aead-integrity-none",
    mutants=["drops-integrity-of-aead"],
)
def test_combined_with_integrity(tester: Tester) -> None:
    """A proposal with a combined-mode cipher and an integrity algorithm other than NONE is not acceptable.

    Whoever takes it breaks a rule either way: with the integrity algorithm the suite is not allowed, and without it the
    suite lacks a type of transform that the proposal has.
    """
    plain = ike_proposal(combined(tester))
    mixed = replace(plain, transforms=(*plain.transforms, integ(classic(tester).integ)))
    init = tester.ike_sa_init(proposals=mixed)
    requirement = None
    if init.accepted and not init.proposal.of(TransformType.INTEG):
        requirement = "rfc7296/2.7/one-transform-per-type"
    tester.expects(init.reply, set(REFUSED), requirement)


@covers("rfc7296/3.3/aead-integrity-none", mutants=["refuses-integrity-none"])
def test_combined_with_integrity_none(tester: Tester) -> None:
    """A combined-mode cipher may also be offered with the integrity algorithm NONE."""
    plain = ike_proposal(combined(tester))
    init = tester.ike_sa_init(proposals=replace(plain, transforms=(*plain.transforms, integ(Integ.NONE))))
    tester.check(init.accepted, "the request is accepted", observed(init.reply))
    chosen = [Integ(item.id).name for item in init.proposal.of(TransformType.INTEG)]
    tester.check(chosen in ([], ["NONE"]), "no integrity algorithm, or NONE", ", ".join(chosen))


@pytest.mark.parametrize(
    "protocol", [ProtocolId.ESP, ProtocolId.AH, ProtocolId(0), ProtocolId(201)], ids=lambda p: p.name
)
@covers("rfc7296/2.7/same-protocol", mutants=["ignores-protocol-id"])
def test_other_protocol(tester: Tester, protocol: ProtocolId) -> None:
    """A proposal for another protocol than IKE does not make an IKE SA."""
    spi = b"ikep" if protocol in (ProtocolId.ESP, ProtocolId.AH) else b""
    expect_refused(tester, edit=[bad.proposal_protocol(protocol), bad.proposal_spi(spi)])


@covers("rfc7296/2.7/same-protocol", mutants=["ignores-protocol-id"])
def test_other_protocol_first(tester: Tester) -> None:
    """Beside a proposal for ESP, the one for IKE is taken, or none."""
    good = ike_proposal(first_suite(tester), 2)
    proposals = [Proposal(1, ProtocolId.ESP, b"ikep", good.transforms), good]
    chosen = expect_refused_or_proper(tester, proposals=proposals)
    if chosen is not None:
        tester.check(chosen.number == 2, "proposal 2, for IKE", f"proposal {chosen.number}")


@covers("rfc7296/2.7/aead-in-own-proposal", role="initiator", mutants=["initiator-mixes-aead"])
def test_initiator_separates_aead(tester: Tester) -> None:
    """An initiator proposes combined-mode ciphers apart from normal ones, without integrity algorithms."""
    for proposal in offer_of(tester.await_initiation().request).proposals:
        kinds = {_is_aead(item.id, item.key_length) for item in proposal.of(TransformType.ENCR)}
        what = f"proposal {proposal.number} has both"
        tester.check(len(kinds) == 1, "ciphers of one kind in a proposal", what)
        integrity = [item.id for item in proposal.of(TransformType.INTEG) if item.id != Integ.NONE]
        if kinds == {True}:
            tester.check(
                not integrity,
                "no integrity algorithm with combined-mode ciphers",
                f"{integrity} in proposal {proposal.number}",
                "rfc7296/2.7/aead-without-integrity",
            )


def _is_aead(number: int, bits: int | None) -> bool:
    try:
        return cipher(Encr(number), bits).aead
    except UnsupportedAlgorithm as error:
        raise Inconclusive(f"the tester does not know the device's cipher {number}: {error}") from None
