"""RFC 6989 section 2.1: public values of MODP groups."""

import pytest

from conformance.ikev2.offers import MODP, with_group
from conformance.ikev2.values import MODP_VALUES, expect_value_refused, modp_value
from conformance.tester import Tester, covers
from reference_impl.wire.registries import Group


@pytest.mark.parametrize("value", list(MODP_VALUES))
@covers("rfc6989/2/tests-for-all", "rfc6989/2.1/modp-range", mutants=["accepts-any-modp-value"])
def test_out_of_range(tester: Tester, value: str) -> None:
    """A MODP public value r that is not in the range 1 < r < p-1 makes no IKE SA."""
    suite = with_group(tester, *MODP)
    expect_value_refused(tester, suite, modp_value(suite.group, value), "rfc6989/2.1/modp-range")


@pytest.mark.parametrize("group", MODP[1:3], ids=lambda group: group.name)
@covers("rfc6989/2/tests-for-all", "rfc6989/2.1/modp-range", mutants=["accepts-any-modp-value"])
def test_every_prime(tester: Tester, group: Group) -> None:
    """The range ends at p-1 with the prime of each MODP group that the device has."""
    suite = with_group(tester, group)
    expect_value_refused(tester, suite, modp_value(suite.group, "p-minus-1"), "rfc6989/2.1/modp-range")
