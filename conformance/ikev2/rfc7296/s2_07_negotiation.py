"""RFC 7296 section 2.7: cryptographic algorithm negotiation."""

from conformance.tester import Notify, Tester, covers
from conformance.tester.proposals import is_subset, one_transform_per_type
from conformance.tester.tester import REFUSED_KE, refused_offer
from reference_impl.wire.registries import NotifyType


@covers("rfc7296/2.7/responder-picks-one", "rfc7296/2.7/one-transform-per-type", mutants=["answers-all-proposals"])
def test_one_proposal(tester: Tester) -> None:
    """A responder that accepts an SA payload answers with one proposal and one transform of each type."""
    init = tester.ike_sa_init(proposals=list(tester.profile.ike))
    tester.check(init.accepted, "one of the proposals is accepted", str(init.error))
    chosen = init.sa.proposals
    tester.check(len(chosen) == 1, "one proposal", f"{len(chosen)} proposals")
    tester.check(
        one_transform_per_type(chosen[0]),
        "one transform of each type",
        f"{len(chosen[0].transforms)} transforms",
        "rfc7296/2.7/one-transform-per-type",
    )
    offered = [item for item in init.draft.message().payloads if item.type_id == init.sa.type_id]
    tester.check(
        any(is_subset(chosen[0], proposal) for sa in offered for proposal in sa.proposals),  # type: ignore[attr-defined]
        "transforms that were offered",
        "a transform that no proposal has",
    )


@covers("rfc7296/2.7/no-proposal-chosen", mutants=["accepts-any-proposal"])
def test_no_proposal_chosen(tester: Tester) -> None:
    """A responder that accepts none of the proposals answers NO_PROPOSAL_CHOSEN."""
    init = tester.ike_sa_init(proposals=refused_offer(), ke=REFUSED_KE)
    tester.expects(init.reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))
