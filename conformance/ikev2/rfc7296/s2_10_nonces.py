"""RFC 7296 section 2.10: nonces."""

import os

import pytest

from conformance.ikev2.evidence import nonce_of
from conformance.ikev2.offers import expect_accepted, offer_of, suites
from conformance.tester import Inconclusive, Tester, covers
from reference_impl.crypto.prf import prf
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.registries import NotifyType, Prf, TransformType

RUNS = 6


def check_random(tester: Tester, nonces: list[bytes]) -> None:
    """Fail when nonces come twice or share a quarter at the same place, as counters and times do."""
    tester.check(len(set(nonces)) == len(nonces), "another nonce each time", "the same nonce twice")
    for start in range(0, 16, 4):
        parts = {nonce[start : start + 4] for nonce in nonces}
        what = f"the same octets {start} to {start + 3} each time"
        tester.check(len(parts) > 1, "nonces without a common part", what)


@covers("rfc7296/2.10/nonce-random", "rfc7296/3.9/nonce-not-reused", mutants=["nonce-constant", "nonce-counts"])
def test_responder_nonce_random(tester: Tester) -> None:
    """The responder's nonces of several exchanges are all different and have nothing in common."""
    check_random(tester, [tester.ike_sa_init().nonce_r for _ in range(RUNS)])


@covers("rfc7296/2.10/nonce-random", mutants=["nonce-constant"])
def test_responder_nonce_own(tester: Tester) -> None:
    """The responder's nonce does not follow from the initiator's: two requests with the same nonce get two others."""
    nonce = bytes(range(32))
    found = [tester.ike_sa_init(nonce=nonce).nonce_r for _ in range(2)]
    tester.check(nonce not in found, "a nonce of its own", "the initiator's nonce")
    tester.check(found[0] != found[1], "another nonce each time", "the same nonce twice")


@covers(
    "rfc7296/2.10/nonce-half-prf-key",
    "rfc7296/2.10/nonce-min-128-bits",
    "rfc7296/3.9/nonce-size",
    mutants=["nonce-of-16-octets"],
)
def test_responder_nonce_size(tester: Tester) -> None:
    """The responder's nonce has 16 to 256 octets, and at least half the key size of the PRF that it chose."""
    by_prf: dict[Prf, IkeSuite] = {}
    for suite in suites(tester):
        by_prf.setdefault(suite.prf, suite)
    for algorithm, suite in by_prf.items():
        size = len(expect_accepted(tester, proposals=suite).nonce_r)
        tester.check(16 <= size <= 256, "16 to 256 octets", f"{size} octets", "rfc7296/3.9/nonce-size")
        half = prf(algorithm).key_size / 2
        tester.check(size >= half, f"at least {half:g} octets for {algorithm.name}", f"{size} octets")


@pytest.mark.parametrize("octets", [16, 64, 256])
@covers("rfc7296/3.9/nonce-size", mutants=["nonce-of-32-octets-only"])
def test_nonce_accepted(tester: Tester, octets: int) -> None:
    """Nonces of 16 octets (or half the PRF's key, if that is more) to 256 are accepted: an IKE SA comes about."""
    suite = min(suites(tester), key=lambda item: prf(item.prf).key_size)
    size = max(octets, prf(suite.prf).key_size // 2)
    attempt = tester.attempt(proposals=suite, nonce=os.urandom(size))
    tester.check(attempt.sa is not None, "an IKE SA", attempt.problem)


@covers(
    "rfc7296/2.10/nonce-long-enough-for-all",
    "rfc7296/3.9/nonce-size",
    role="initiator",
    mutants=["nonce-of-16-octets"],
)
def test_initiator_nonce_size(tester: Tester) -> None:
    """The initiator's nonce has 16 to 256 octets, and at least half the key size of every PRF that it offers."""
    request = tester.await_initiation().request
    size = len(nonce_of(request))
    tester.check(16 <= size <= 256, "16 to 256 octets", f"{size} octets", "rfc7296/3.9/nonce-size")
    for proposal in offer_of(request).proposals:
        for item in proposal.of(TransformType.PRF):
            half = prf(Prf(item.id)).key_size / 2
            tester.check(size >= half, f"at least {half:g} octets for {Prf(item.id).name}", f"{size} octets")


@covers("rfc7296/2.10/nonce-random", role="initiator", mutants=["nonce-constant"])
def test_initiator_nonce_fresh(tester: Tester) -> None:
    """The initiator's nonces of two set-ups differ."""
    peer = tester.await_initiation()
    first = peer.request
    peer.refuse_init(NotifyType.NO_PROPOSAL_CHOSEN)
    second = tester.await_initiation().request
    if first.spi_i == second.spi_i:
        raise Inconclusive("the device did not initiate a second time")
    tester.check(nonce_of(first) != nonce_of(second), "another nonce", "the same nonce twice")
