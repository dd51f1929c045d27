"""RFC 7296 sections 3.3.3 and 3.3.4: transform types of a proposal, and the suites that policy allows."""

from dataclasses import replace

import pytest

from conformance.ikev2.offers import classic, expect_refused, expect_refused_or_proper, first_suite
from conformance.tester import Notify, Tester, covers
from conformance.tester.proposals import encr, esn, ike_proposal, integ
from reference_impl.wire.registries import Encr, Esn, Integ, NotifyType, Prf, TransformType
from reference_impl.wire.sa import Transform

TYPES = [TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE]


@pytest.mark.parametrize("missing", TYPES, ids=lambda kind: kind.name)
@covers("rfc7296/3.3.3/mandatory-types", "rfc7296/3.3.6/unknown-type-unacceptable", mutants=["fills-in-missing-types"])
def test_mandatory_type_missing(tester: Tester, missing: TransformType) -> None:
    """An IKE proposal without encryption, PRF, group, or (with a normal cipher) integrity is not accepted."""
    base = ike_proposal(classic(tester))
    short = replace(base, transforms=tuple(item for item in base.transforms if item.type != missing))
    expect_refused(tester, proposals=short, group=classic(tester).group)


@covers("rfc7296/3.3.3/mandatory-types", mutants=["accepts-any-proposal"])
def test_classic_with_integrity_none(tester: Tester) -> None:
    """A normal cipher with the integrity algorithm NONE is not accepted for an IKE SA."""
    base = ike_proposal(classic(tester))
    bare = tuple(integ(Integ.NONE) if item.type == TransformType.INTEG else item for item in base.transforms)
    expect_refused(tester, proposals=replace(base, transforms=bare))


@covers("rfc7296/2.7/one-transform-per-type", mutants=["skips-unknown-types"])
def test_esn_in_ike_proposal(tester: Tester) -> None:
    """An IKE proposal with an ESN transform, which IKE does not have, is refused, or answered with one."""
    base = ike_proposal(first_suite(tester))
    expect_refused_or_proper(tester, proposals=replace(base, transforms=(*base.transforms, esn(Esn.NO_ESN))))


@covers("rfc7296/3.3.4/rejects-unauthorized-suites", "rfc7296/3.3.4/compares-with-local-policy",
        mutants=["accepts-any-proposal"])  # fmt: skip
@pytest.mark.parametrize("weak", ["null-encryption", "des", "md5-prf", "md5-integrity"])
def test_weak_algorithm(tester: Tester, weak: str) -> None:
    """A proposal that differs from an acceptable one in a single algorithm that is not allowed is refused."""
    replacements = {
        "null-encryption": encr(Encr.NULL),
        "des": encr(Encr.DES),
        "md5-prf": Transform(TransformType.PRF, Prf.HMAC_MD5),
        "md5-integrity": integ(Integ.HMAC_MD5_96),
    }
    new = replacements[weak]
    base = ike_proposal(classic(tester))
    transforms = tuple(new if item.type == new.type else item for item in base.transforms)
    init = tester.ike_sa_init(proposals=replace(base, transforms=transforms))
    tester.expects(init.reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))
