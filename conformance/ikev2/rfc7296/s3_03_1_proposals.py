"""RFC 7296 sections 3.3.1 and 3.3.2: proposal and transform substructures."""

from dataclasses import replace

import pytest

from conformance.ikev2.offers import (
    classic,
    expect_accepted,
    expect_refused_or_proper,
    first_suite,
    offer_of,
    unacceptable,
)
from conformance.tester import Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.proposals import ike_proposal


@pytest.mark.parametrize("place", [2, 5])
@covers("rfc7296/3.3.1/accepted-number-matches", mutants=["answers-number-one"])
def test_accepted_number(tester: Tester, place: int) -> None:
    """The accepted proposal has the number that it was offered with."""
    proposals = [unacceptable(number) for number in range(1, place)]
    suite = first_suite(tester)
    init = expect_accepted(tester, proposals=[*proposals, ike_proposal(suite, place)], group=suite.group)
    number = init.proposal.number
    tester.check(number == place, f"proposal number {place}", f"proposal number {number}")


@pytest.mark.parametrize("number", [0, 2, 255])
@covers("rfc7296/3.3.1/accepted-number-matches", mutants=["answers-number-one", "lenient-about-sa-lengths"])
def test_odd_number(tester: Tester, number: int) -> None:
    """A single proposal that has not the number 1 is refused, or accepted under its own number."""
    expect_refused_or_proper(tester, edit=bad.proposal_number(number))


@covers("rfc7296/3.3.1/initial-spi-size-zero", mutants=["answers-with-spi"])
def test_spi_in_proposal(tester: Tester) -> None:
    """A proposal with an SPI in IKE_SA_INIT is refused, or accepted without an SPI."""
    expect_refused_or_proper(tester, edit=bad.proposal_spi(bytes(range(1, 9))))


@covers("rfc7296/3.3.1/initial-spi-size-zero", role="initiator", mutants=["initiator-sends-spi-in-proposal"])
def test_initiator_spi_size(tester: Tester) -> None:
    """The proposals of an initiator have no SPI in IKE_SA_INIT."""
    sizes = [len(item.spi) for item in offer_of(tester.await_initiation().request).proposals]
    tester.check(set(sizes) == {0}, "an SPI Size of zero", f"SPI Sizes {sizes}")


@covers("rfc7296/3.3.1/reserved-ignored", mutants=["checks-reserved-of-sa"])
def test_proposal_reserved(tester: Tester) -> None:
    """The reserved octet of a proposal is ignored, and zero in the answer."""
    init = expect_accepted(tester, edit=bad.proposal_reserved(0xFF))
    value = init.proposal.reserved
    tester.check(value == 0, "a reserved octet of zero", f"{value:#x}", "rfc7296/3.3.1/reserved-sent-zero")


@covers("rfc7296/3.3.1/reserved-sent-zero", "rfc7296/3.3.2/reserved-sent-zero", mutants=["sends-reserved-of-sa"])
def test_reserved_sent(tester: Tester) -> None:
    """The reserved octets of the answer's proposal and transforms are zero."""
    chosen = expect_accepted(tester).proposal
    values = [chosen.reserved, *(item.reserved1 | item.reserved2 for item in chosen.transforms)]
    tester.check(not any(values), "reserved octets of zero", f"{values}")


@covers(
    "rfc7296/3.3.1/last-substruc",
    "rfc7296/3.3.2/last-substruc",
    "rfc7296/3.3.1/proposal-length",
    "rfc7296/3.3.1/num-transforms",
    mutants=["last-substruc-wrong"],
)
def test_answer_well_formed(tester: Tester) -> None:
    """The answer's SA payload is well formed: Last Substruc, lengths and counts agree."""
    init = tester.ike_sa_init()
    malformed = init.received.malformed if init.received else ""
    tester.check(init.accepted and not malformed, "a well-formed SA payload", malformed or observed(init.reply))


@covers("rfc7296/2.7/single-suite", mutants=["demands-usual-transform-order"])
def test_transform_order(tester: Tester) -> None:
    """The order of the transforms in a proposal has no meaning."""
    base = ike_proposal(classic(tester))
    expect_accepted(tester, proposals=replace(base, transforms=base.transforms[::-1]))


@covers("rfc7296/3.3.2/reserved-ignored", mutants=["checks-reserved-of-sa"])
def test_transform_reserved(tester: Tester) -> None:
    """The reserved octets of a transform are ignored, and zero in the answer."""
    init = expect_accepted(tester, edit=bad.transform_reserved(0xFF))
    values = [item.reserved1 | item.reserved2 for item in init.proposal.transforms]
    tester.check(not any(values), "reserved octets of zero", f"{values}", "rfc7296/3.3.2/reserved-sent-zero")


@covers("rfc7296/3.3.1/last-substruc", "rfc7296/3.3.2/last-substruc", role="initiator",
        mutants=["last-substruc-wrong"])  # fmt: skip
def test_initiator_well_formed(tester: Tester) -> None:
    """The initiator's SA payload is well formed: Last Substruc, lengths and counts agree."""
    received = tester.await_initiation().received
    tester.check(not received.malformed, "a well-formed request", received.malformed)
