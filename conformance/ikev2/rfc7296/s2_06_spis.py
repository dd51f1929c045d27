"""RFC 7296 section 2.6: the SPIs of IKE_SA_INIT."""

import pytest

from conformance.ikev2.offers import MODP, first_suite, unacceptable
from conformance.tester import Inconclusive, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.tester import fresh_spi
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType

NO_SPI = bytes(8)


@covers("rfc7296/2.6/spi-unique", "rfc7296/2.6/zero-spi-means-unknown", mutants=["responder-spi-constant"])
def test_responder_spi_fresh(tester: Tester) -> None:
    """The responder chooses another SPI for each IKE SA, never zero."""
    found = [init.spi_r for init in (tester.ike_sa_init() for _ in range(4)) if init.accepted]
    tester.check(NO_SPI not in found, "responder SPIs other than zero", "a responder SPI of zero")
    tester.check(len(found) == len(set(found)) == 4, "four different responder SPIs", f"{len(set(found))} different")


@pytest.mark.parametrize("error", [NotifyType.INVALID_KE_PAYLOAD, NotifyType.NO_PROPOSAL_CHOSEN], ids=lambda e: e.name)
@covers("rfc7296/2.6/failed-init-responder-spi-zero", mutants=["spi-in-init-errors"])
def test_responder_spi_in_error(tester: Tester, error: NotifyType) -> None:
    """The responder's SPI is zero in a response that refuses IKE_SA_INIT."""
    if error == NotifyType.INVALID_KE_PAYLOAD:
        suite = first_suite(tester)
        foreign = next(group for group in MODP if group != suite.group)
        init = tester.ike_sa_init(proposals=suite, edit=bad.ke_group(foreign), retry_ke=False)
    else:
        init = tester.ike_sa_init(proposals=unacceptable())
    if init.error != error:
        raise Inconclusive(f"no N({error.name}): {observed(init.reply)}")
    tester.check(init.spi_r == NO_SPI, "a responder SPI of zero", init.spi_r.hex())


@covers("rfc7296/2.6/first-message-responder-spi-zero", role="initiator", mutants=["initiator-guesses-responder-spi"])
def test_initiator_spis(tester: Tester) -> None:
    """The first message of an initiator has an SPI of its own, and zero for the responder's."""
    request = tester.await_initiation().request
    tester.check(request.spi_r == NO_SPI, "a responder SPI of zero", request.spi_r.hex())
    tester.check(request.spi_i != NO_SPI, "an initiator SPI other than zero", "zero", "rfc7296/2.6/spi-unique")


@covers("rfc7296/2.6/nonzero-spi-in-error-tolerated", role="initiator", mutants=["rejects-cookie-with-spi"])
def test_error_with_responder_spi(tester: Tester) -> None:
    """An initiator obeys a COOKIE response even when its responder SPI is not zero."""
    peer = tester.await_initiation()
    peer.reply([NotifyPayload(NotifyType.COOKIE, b"a cookie")], spi_r=fresh_spi())
    try:
        retried = peer.receive_ike_sa_init(tester.profile.timing.retransmit_first + tester.profile.timing.answer)
    except Inconclusive:
        tester.fail("the request again with the cookie", "nothing")
    tester.check(retried.notify(NotifyType.COOKIE) is not None, "the request with the cookie", observed(retried))
