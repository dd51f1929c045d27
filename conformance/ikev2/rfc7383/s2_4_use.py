"""RFC 7383 section 2.4: when messages are fragmented."""

from __future__ import annotations

from conformance.ikev2.rfc7383.pieces import (
    big_answer,
    certificate_method,
    is_fragment,
    negotiated,
    pieces_of,
    text,
)
from conformance.tester import Inconclusive, NoError, Tester, covers

LARGEST_ETHERNET = 1500


@covers("rfc7383/2.4/only-when-both-support", needs=("certificates",), mutants=["fragments-without-negotiation"])
def test_response_whole_without_negotiation(tester: Tester) -> None:
    """A responder does not fragment a long response when the initiator has not announced fragmentation."""
    found = pieces_of(big_answer(tester, fragmentation=False))
    tester.check(not found, "no Encrypted Fragment payload", ", ".join(text(item) for item in found))


@covers("rfc7383/2.4/only-when-both-support", needs=("certificates",), mutants=["answers-fragments-by-fragments"])
def test_fragments_without_negotiation(tester: Tester) -> None:
    """Without negotiation, a fragmented request is not answered by fragments, but in one message or not at all."""
    mark = tester.mark()
    tester.attempt(auth=certificate_method(tester), fragmentation=False, fragment=400, silent=True)
    found = pieces_of(tester.since(mark))
    tester.check(not found, "no Encrypted Fragment payload", ", ".join(text(item) for item in found))


@covers("rfc7383/2.4/not-for-small-messages", needs=("fragmentation",), mutants=["fragments-everything"])
def test_liveness_whole(tester: Tester) -> None:
    """The answer to a liveness check is not fragmented."""
    sa = negotiated(tester)
    tester.expects(sa.liveness(), NoError())
    assert sa.last is not None
    tester.check(not is_fragment(sa.last), "an Encrypted payload", "an Encrypted Fragment payload")


@covers("rfc7383/2.4/used-again-after-use", needs=("fragmentation", "certificates"), mutants=["never-fragments"])
def test_long_response_fragmented(tester: Tester) -> None:
    """A long response to a fragmented request is fragmented, too, when it does not fit an Ethernet frame.

    The device's threshold is its own affair, but no path is known that carries more without IP fragments.
    """
    found = big_answer(tester, bigger=True, fragment=400)
    largest = max(len(item.octets) for item in found)
    if len(found) == 1 and not is_fragment(found[0]) and largest + 32 <= LARGEST_ETHERNET:
        raise Inconclusive(f"the device's response has {largest} octets: too short to need fragments")
    tester.check(bool(pieces_of(found)), "Encrypted Fragment payloads", f"one message of {largest} octets")
