"""RFC 7296 section 2.5: what the device as initiator tolerates in responses, and what it does not."""

from __future__ import annotations

import pytest

from conformance.ikev2.offers import expect_not_continued
from conformance.ikev2.rfc7296.s2_01_initiator_retransmits import expect_auth
from conformance.tester import NoError, Tester, covers
from conformance.tester import misbehaviour as bad

NEEDS = ("initiator",)
UNKNOWN_PAYLOAD = 203

# Of each oddity: the misbehaviour, and the requirement that makes the device ignore it.
IN_HEADER = {
    "minor-version": (bad.minor_version(3), "rfc7296/2.5/higher-minor-ignored"),
    "undefined-flags": (bad.reserved_flags(), "rfc7296/3.1/x-flags-ignored"),
    "version-flag": (bad.version_flag(), "rfc7296/3.1/version-flag-ignored"),
}
IN_PAYLOADS = {
    "reserved-bits": (bad.reserved_bits_everywhere(), "rfc7296/2.5/reserved-ignored-on-receipt"),
    "unknown-payload": (bad.unknown_payload(UNKNOWN_PAYLOAD), "rfc7296/2.5/undefined-payloads-skipped"),
    "unknown-payload-first": (bad.unknown_payload_first(UNKNOWN_PAYLOAD), "rfc7296/2.5/undefined-payloads-skipped"),
    "unknown-status": (bad.unknown_status_notify(), "rfc7296/3.10.1/unknown-status-ignored"),
    "critical-known-payloads": (bad.critical_everywhere(), "rfc7296/3.2/critical-known-ignored"),
    "reverse-order": (bad.reverse_order(), "rfc7296/2.5/any-payload-order-accepted"),
}
ODDITIES = IN_HEADER | IN_PAYLOADS
MUTANTS = ["initiator-strict-about-headers", "initiator-strict-about-payloads"]
IDS = (
    "rfc7296/2.5/higher-minor-ignored",
    "rfc7296/3.1/x-flags-ignored",
    "rfc7296/3.1/version-flag-ignored",
    "rfc7296/2.5/reserved-ignored-on-receipt",
    "rfc7296/2.5/undefined-payloads-skipped",
    "rfc7296/3.10.1/unknown-status-ignored",
    "rfc7296/3.2/critical-known-ignored",
    "rfc7296/2.5/any-payload-order-accepted",
)


@pytest.mark.parametrize("oddity", ODDITIES)
@covers(*IDS, needs=NEEDS, role="initiator", mutants=MUTANTS)
def test_initiator_tolerates_in_init(tester: Tester, oddity: str) -> None:
    """An initiator takes an IKE_SA_INIT response with what it has to ignore, and the SA comes about."""
    edit, requirement = ODDITIES[oddity]
    peer = tester.await_initiation()
    peer.answer_init(edit=edit)
    expect_auth(peer, requirement)
    tester.expects(peer.answer_auth().liveness(requirement=requirement), NoError(), requirement)


@pytest.mark.parametrize("oddity", ODDITIES)
@covers(*IDS, needs=NEEDS, role="initiator", mutants=["initiator-strict-about-auth-response"])
def test_initiator_tolerates_in_auth(tester: Tester, oddity: str) -> None:
    """An initiator takes an IKE_AUTH response with what it has to ignore."""
    edit, requirement = ODDITIES[oddity]
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    tester.expects(peer.answer_auth(edit=edit).liveness(requirement=requirement), NoError(), requirement)


@covers("rfc7296/2.5/critical-unknown-rejected", needs=NEEDS, role="initiator", mutants=["ignores-critical-bit"])
def test_initiator_critical_in_init_response(tester: Tester) -> None:
    """An initiator does not go on with an IKE_SA_INIT response that has an unknown critical payload."""
    peer = tester.await_initiation()
    edit = bad.unknown_critical_payload(UNKNOWN_PAYLOAD)
    expect_not_continued(tester, lambda: peer.answer_init(edit=edit))


@covers("rfc7296/2.5/higher-major-dropped", needs=NEEDS, role="initiator", mutants=["initiator-takes-higher-major"])
def test_initiator_higher_major(tester: Tester) -> None:
    """An initiator drops an IKE_SA_INIT response of major version 3, and takes that of version 2 that follows."""
    peer = tester.await_initiation()
    expect_not_continued(tester, lambda: peer.answer_init(edit=bad.major_version(3)))
    peer.answer_init()
    expect_auth(peer)
