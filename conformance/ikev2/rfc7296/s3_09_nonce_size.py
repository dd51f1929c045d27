"""RFC 7296 section 3.9: sizes that a nonce must not have."""

import pytest

from conformance.ikev2.offers import expect_not_continued, expect_refused
from conformance.tester import Tester, covers
from conformance.tester import misbehaviour as bad

SIZES = [0, 1, 15, 257, 1024]


@pytest.mark.parametrize("octets", SIZES)
@covers("rfc7296/3.9/nonce-size", "rfc7296/2.10/nonce-min-128-bits", mutants=["accepts-any-nonce-size"])
def test_bad_size(tester: Tester, octets: int) -> None:
    """A nonce of fewer than 16 or more than 256 octets is not accepted."""
    expect_refused(tester, edit=bad.nonce_size(octets))


@pytest.mark.parametrize("octets", [0, 15, 257])
@covers("rfc7296/3.9/nonce-size", role="initiator", mutants=["accepts-any-nonce-size"])
def test_bad_size_in_response(tester: Tester, octets: int) -> None:
    """An initiator does not go on with a responder's nonce of fewer than 16 or more than 256 octets."""
    peer = tester.await_initiation()
    expect_not_continued(tester, lambda: peer.answer_init(nonce=bytes(octets)))
