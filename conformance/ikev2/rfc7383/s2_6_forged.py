"""RFC 7383 section 2.6: fragments that anybody may have sent."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import expect_no_effect
from conformance.ikev2.rfc7383.pieces import negotiated, request
from conformance.tester import Tester, covers

FORGED = {"number-0": (0, 2), "total-0": (1, 0), "number-above-total": (3, 2)}


@pytest.mark.parametrize("kind", FORGED)
@covers(
    "rfc7383/2.6/invalid-fragment-discarded",
    "rfc7383/2.6/bad-icv-discarded",
    needs=("fragmentation",),
    mutants=["malformed-outside-ends-sa"],
)
def test_forged_numbers(tester: Tester, kind: str) -> None:
    """A fragment with impossible numbers and a wrong checksum, as anybody can send it, ends no IKE SA."""
    sa = negotiated(tester)
    number, total = FORGED[kind]
    forged = sa.fragment(request(sa), bytes(100), number, total)
    expect_no_effect(sa, forged[:-1] + bytes([forged[-1] ^ 1]))
