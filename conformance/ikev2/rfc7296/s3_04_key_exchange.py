"""RFC 7296 section 3.4: the KE payload."""

import pytest

from conformance.ikev2.offers import (
    BRAINPOOL,
    MODP,
    NIST_CURVES,
    expect_accepted,
    first_suite,
    ke_of,
    merged,
    offer_of,
    other_group,
    suites,
    with_group,
)
from conformance.tester import Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.proposals import offered_groups
from reference_impl.crypto.ke import METHODS, key_exchange, public_size
from reference_impl.wire.registries import Group, TransformType

GROUPS = (*MODP[:3], *NIST_CURVES, *BRAINPOOL, Group.CURVE25519, Group.CURVE448)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
@covers("rfc7296/3.4/layout", "rfc7296/3.4/modp-value-padded", mutants=["ke-value-one-octet-longer"])
def test_value_length(tester: Tester, group: Group) -> None:
    """The responder's public value is of the group that it chose, and as long as values of this group are."""
    suite = with_group(tester, group)
    value = ke_of(expect_accepted(tester, proposals=suite).reply)
    tester.check(value.group == group, f"a KE payload of group {group}", f"group {value.group}")
    size = public_size(group, response=True)
    tester.check(
        len(value.data) == size, f"{size} octets", f"{len(value.data)} octets", "rfc7296/3.4/modp-value-padded"
    )


@covers("rfc7296/3.4/modp-value-padded", mutants=["refuses-padded-ke"])
def test_padded_value(tester: Tester) -> None:
    """A MODP public value that begins with zero octets is accepted, and gives the right keys."""
    suite = with_group(tester, *MODP)
    bits = METHODS[suite.group].public_size * 8
    exponent = bits - 20  # 2^exponent is smaller than p, so that the value has two leading octets of zero
    value = key_exchange(suite.group, private=exponent.to_bytes(4, "big"))
    assert value.public[:2] == bytes(2)
    attempt = tester.attempt(proposals=suite, private=exponent.to_bytes(4, "big"))
    tester.check(attempt.sa is not None, "an IKE SA", attempt.problem)


@covers("rfc7296/2.5/reserved-ignored-on-receipt", mutants=["checks-ke-reserved"])
def test_reserved(tester: Tester) -> None:
    """The reserved field of the KE payload is ignored, and zero in the answer."""
    init = expect_accepted(tester, edit=bad.ke_reserved())
    value = ke_of(init.reply).reserved2
    tester.check(value == 0, "a reserved field of zero", f"{value:#x}", "rfc7296/2.5/reserved-sent-zero")


@covers("rfc7296/3.4/group-in-proposal", mutants=["answers-ke-of-default-group"])
def test_group_of_answer(tester: Tester) -> None:
    """From a proposal with several groups, the one of the answer is the one of its KE payload."""
    base = first_suite(tester)
    same = [item for item in suites(tester) if item.integ == base.integ]
    init = expect_accepted(tester, proposals=merged(1, *same), group=other_group(tester, base).group)
    chosen = [item.id for item in init.proposal.of(TransformType.KE)]
    group = ke_of(init.reply).group
    tester.check(chosen == [group], f"a KE payload of group {chosen}", f"group {group}")


@covers(
    "rfc7296/3.4/group-in-proposal",
    "rfc7296/3.4/group-first-of-first",
    role="initiator",
    mutants=["initiator-ke-of-other-group"],
)
def test_initiator_group(tester: Tester) -> None:
    """The initiator's KE payload is of a group that it offers, preferably of the first one."""
    request = tester.await_initiation().request
    offered, group = offered_groups(offer_of(request)), ke_of(request).group
    tester.check(group in offered, "a KE payload of an offered group", f"group {group}")
    first = f"a KE payload of group {offered[0]}"
    tester.check(group == offered[0], first, f"group {group}", "rfc7296/3.4/group-first-of-first")
