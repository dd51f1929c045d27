"""RFC 6989 section 2.3: public values of elliptic curve groups."""

import pytest

from conformance.ikev2.offers import BRAINPOOL, NIST_CURVES, with_group
from conformance.ikev2.values import CURVE_VALUES, curve_value, expect_value_refused
from conformance.tester import Tester, covers
from reference_impl.wire.registries import Group

CURVES = (*NIST_CURVES, *BRAINPOOL, Group.BRAINPOOL_P224R1)


@pytest.mark.parametrize("value", list(CURVE_VALUES))
@covers("rfc6989/2/tests-for-all", "rfc6989/2.3/point-on-curve", mutants=["accepts-any-curve-point"])
def test_no_point(tester: Tester, value: str) -> None:
    """A public value that is no encoding of a point of the curve makes no IKE SA."""
    suite = with_group(tester, *NIST_CURVES)
    expect_value_refused(tester, suite, curve_value(suite.group, value), "rfc6989/2.3/point-on-curve")


@pytest.mark.parametrize("group", CURVES[1:], ids=lambda group: group.name)
@covers("rfc6989/2/tests-for-all", "rfc6989/2.3/point-on-curve", mutants=["accepts-any-curve-point"])
def test_every_curve(tester: Tester, group: Group) -> None:
    """A point that is not on the curve makes no IKE SA, for each curve that the device has."""
    suite = with_group(tester, group)
    expect_value_refused(tester, suite, curve_value(group, "off-curve"), "rfc6989/2.3/point-on-curve")
