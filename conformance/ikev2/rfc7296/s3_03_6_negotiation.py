"""RFC 7296 section 3.3.6: what is not understood in an offer, and answers that do not fit the offer."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from conformance.ikev2.offers import (
    classic,
    expect_accepted,
    expect_continued,
    expect_not_continued,
    expect_refused,
    first_suite,
    ke_of,
    offer_of,
    variable,
)
from conformance.tester import NotApplicable, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.draft import on_payloads
from conformance.tester.proposals import ike_proposal, ike_transforms, integ, select_ike
from reference_impl.crypto.ke import METHODS, key_exchange
from reference_impl.crypto.suite import parse_ike
from reference_impl.wire.base import Payload
from reference_impl.wire.registries import Encr, Group, Integ, ProtocolId, TransformType
from reference_impl.wire.sa import Attribute, Proposal, SaPayload, Transform, key_length
from reference_impl.wire.simple import KePayload

TYPES = [TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE]
PRIVATE_TYPE = TransformType(242)
UNKNOWN_ATTRIBUTE = Attribute(100, b"\0\1", True)
BY_NAME = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)


@covers("rfc7296/3.3.6/unknown-type-unacceptable", mutants=["skips-unknown-types"])
def test_unknown_type(tester: Tester) -> None:
    """A proposal with a transform type that nobody knows is not accepted."""
    expect_refused(tester, edit=bad.unknown_transform_type())


@covers("rfc7296/3.3.6/unknown-type-unacceptable", mutants=["one-bad-proposal-spoils-offer"])
def test_unknown_type_then_good(tester: Tester) -> None:
    """Behind a proposal with an unknown transform type, an acceptable one is taken."""
    suite = first_suite(tester)
    strange = ike_proposal(suite, 1)
    strange = replace(strange, transforms=(*strange.transforms, Transform(PRIVATE_TYPE, 1)))
    init = expect_accepted(tester, proposals=[strange, ike_proposal(suite, 2)])
    tester.check(init.proposal.number == 2, "proposal 2", f"proposal {init.proposal.number}")


@BY_NAME
@covers("rfc7296/3.3.6/unknown-type-unacceptable", mutants=["one-bad-proposal-spoils-offer"])
def test_missing_type_then_good(tester: Tester, kind: TransformType) -> None:
    """Behind a proposal without a mandatory transform type, an acceptable one is taken."""
    suite = classic(tester)
    short = tuple(item for item in ike_transforms(suite) if item.type != kind)
    first = replace(ike_proposal(suite, 1), transforms=short)
    init = expect_accepted(tester, proposals=[first, ike_proposal(suite, 2)], group=suite.group)
    tester.check(init.proposal.number == 2, "proposal 2", f"proposal {init.proposal.number}")


@BY_NAME
@covers("rfc7296/3.3.6/unknown-transform-unacceptable", mutants=["first-transform-only"])
def test_unknown_transform_beside_known(tester: Tester, kind: TransformType) -> None:
    """Beside a transform that nobody knows, an acceptable one of the same type is taken."""
    suite = classic(tester)
    expect_accepted(
        tester,
        proposals=replace(ike_proposal(suite), transforms=(Transform(kind, 65001), *ike_transforms(suite))),
        group=suite.group,
    )


@BY_NAME
@covers("rfc7296/3.3.6/unknown-transform-unacceptable", mutants=["accepts-any-proposal"])
def test_unknown_transform_alone(tester: Tester, kind: TransformType) -> None:
    """A proposal whose only transform of a type is unknown is not accepted."""
    suite = classic(tester)
    transforms = [Transform(kind, 65001) if item.type == kind else item for item in ike_transforms(suite)]
    expect_refused(tester, proposals=replace(ike_proposal(suite), transforms=tuple(transforms)), group=suite.group)


@covers("rfc7296/3.3.6/unknown-transform-unacceptable", mutants=["ignores-unknown-attributes"])
def test_unknown_attribute(tester: Tester) -> None:
    """A transform with an attribute of unknown type is not accepted."""
    expect_refused(tester, proposals=variable(tester), edit=bad.unknown_attribute())


@covers("rfc7296/3.3.6/unknown-transform-unacceptable", mutants=["ignores-unknown-attributes", "first-transform-only"])
def test_unknown_attribute_beside_known(tester: Tester) -> None:
    """Beside a transform with an unknown attribute, the same transform without it is taken."""
    suite = variable(tester)
    base = ike_proposal(suite)
    strange = Transform(TransformType.ENCR, suite.encr, (key_length(suite.key_bits or 128), UNKNOWN_ATTRIBUTE))
    init = expect_accepted(tester, proposals=replace(base, transforms=(strange, *base.transforms)))
    found = [item.attributes for item in init.proposal.of(TransformType.ENCR)]
    tester.check(found == [base.transforms[0].attributes], "the transform with Key Length alone", f"{found}")


# -- answers to the device's offer -------------------------------------------------------------------------------


def _replaced(kind: TransformType, number: int) -> Callable[[Proposal], list[Proposal]]:
    def change(chosen: Proposal) -> list[Proposal]:
        new = tuple(replace(item, id=number) if item.type == kind else item for item in chosen.transforms)
        return [replace(chosen, transforms=new)]

    return change


def _without(kind: TransformType) -> Callable[[Proposal], list[Proposal]]:
    return lambda chosen: [replace(chosen, transforms=tuple(t for t in chosen.transforms if t.type != kind))]


def _key_bits(bits: int) -> Callable[[Proposal], list[Proposal]]:
    def change(chosen: Proposal) -> list[Proposal]:
        new = tuple(
            replace(item, attributes=(key_length(bits),)) if item.type == TransformType.ENCR else item
            for item in chosen.transforms
        )
        return [replace(chosen, transforms=new)]

    return change


def _also(*more: Transform) -> Callable[[Proposal], list[Proposal]]:
    return lambda chosen: [replace(chosen, transforms=(*chosen.transforms, *more))]


WRONG_ANSWERS: dict[str, Callable[[Proposal], list[Proposal]]] = {
    "encryption-not-offered": _replaced(TransformType.ENCR, Encr.DES),
    "prf-not-offered": _replaced(TransformType.PRF, 65001),
    "group-not-offered": _replaced(TransformType.KE, Group.MODP_768),
    "key-length-not-offered": _key_bits(129),
    "encryption-missing": _without(TransformType.ENCR),
    "group-missing": _without(TransformType.KE),
    "integrity-not-offered": _also(integ(Integ.HMAC_MD5_96)),
    "two-prfs": _also(Transform(TransformType.PRF, 65001)),
    "number-not-offered": lambda chosen: [replace(chosen, number=200)],
    "other-protocol": lambda chosen: [replace(chosen, protocol=ProtocolId.ESP, spi=b"ikep")],
    "two-proposals": lambda chosen: [chosen, replace(chosen, number=chosen.number + 1)],
    "no-proposal": lambda chosen: [],
}


@pytest.mark.parametrize("answer", sorted(WRONG_ANSWERS))
@covers(
    "rfc7296/3.3.6/initiator-checks-offer",
    "rfc7296/3.3.6/inconsistent-offer-terminates",
    role="initiator",
    mutants=["takes-any-answer", "lenient-about-sa-lengths"],
)
def test_answer_not_offered(tester: Tester, answer: str) -> None:
    """An initiator does not go on with an answer that is no choice from one of its proposals."""
    peer = tester.await_initiation()

    def wrong(payloads: list[Payload]) -> list[Payload]:
        return [_answer(item, answer) if isinstance(item, SaPayload) else item for item in payloads]

    expect_not_continued(tester, lambda: peer.answer_init(edit=on_payloads(wrong, answer)))


def _answer(item: SaPayload, name: str) -> SaPayload:
    return SaPayload(tuple(WRONG_ANSWERS[name](item.proposals[0])))


@covers("rfc7296/3.3.6/initiator-checks-offer", role="initiator", mutants=["takes-ke-of-any-group"])
def test_answer_with_other_ke(tester: Tester) -> None:
    """An initiator does not go on when the responder's KE payload is of another group than the accepted proposal."""
    peer = tester.await_initiation()
    sent = ke_of(peer.request).group
    group = next(item for item in METHODS if item != sent)
    value = KePayload(group, key_exchange(group).public)
    expect_not_continued(tester, lambda: peer.answer_init(ke=value))


@covers("rfc7296/3.3.6/chooses-single-proposal", role="initiator", mutants=["takes-first-proposal-only"])
def test_last_proposal_answered(tester: Tester) -> None:
    """An initiator goes on with any of its proposals that the responder chooses, also the last."""
    peer = tester.await_initiation()
    offer = offer_of(peer.request)
    known = [parse_ike(text) for text in tester.profile.ike]
    found = [item for each in offer.proposals if (item := select_ike(SaPayload((each,)), known)) is not None]
    if len(found) < 2:
        raise NotApplicable("the device offers one proposal only")
    last = found[-1][1]
    expect_continued(peer, suites=[last])
