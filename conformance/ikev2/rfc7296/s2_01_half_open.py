"""RFC 7296 section 2.1: retransmissions of IKE_SA_INIT, which belong to no IKE SA by their SPIs yet."""

from conformance.tester import InitExchange, Tester, covers
from conformance.tester.expect import observed
from conformance.tester.verdicts import Inconclusive


def accepted(tester: Tester, **overrides: object) -> InitExchange:
    """An accepted IKE_SA_INIT as set-up."""
    init = tester.ike_sa_init(**overrides)
    if not init.accepted:
        raise Inconclusive(f"IKE_SA_INIT: {observed(init.reply)}")
    return init


@covers("rfc7296/2.1/half-open-retransmission-same-response", mutants=["answers-init-anew"])
def test_init_retransmitted(tester: Tester) -> None:
    """A retransmitted IKE_SA_INIT request of a half-open IKE SA gets the same response, octet for octet."""
    init = accepted(tester)
    again = None
    for _ in range(2):  # as the device may still be at work with the first one
        if again is None:
            tester.send(init.request)
            again = tester.wait(lambda item: item.is_response and item.octets[:8] == init.spi_i)
    if again is None:
        tester.fail("an answer to the retransmission", "no answer")
    same = init.received is not None and again.octets == init.received.octets
    tester.check(same, "the octets of the first response", f"other octets: {again.text()}")


@covers("rfc7296/2.1/new-init-gets-fresh-response", mutants=["init-found-by-spi"])
def test_same_spi_other_nonce(tester: Tester) -> None:
    """An IKE_SA_INIT request with the same initiator SPI and another nonce is a new one, with a response of its own."""
    first = accepted(tester)
    second = tester.ike_sa_init(spi_i=first.spi_i)
    tester.check(second.accepted, "the second request is accepted", observed(second.reply))
    tester.check(second.spi_r != first.spi_r, "another responder SPI", "the responder SPI of the first response")
    tester.check(second.nonce_r != first.nonce_r, "another nonce", "the nonce of the first response")


@covers("rfc7296/2.1/init-lookup-by-content", mutants=["init-found-by-spi"])
def test_same_spi_two_peers(tester: Tester) -> None:
    """Two peers that happen to choose the same initiator SPI both get an IKE SA."""
    first = accepted(tester)
    second = tester.ike_sa_init(spi_i=first.spi_i, port=tester.open_port())
    tester.check(second.accepted, "the second request is accepted", observed(second.reply))
    tester.check(second.spi_r != first.spi_r, "another responder SPI", "the responder SPI of the first response")
    for init in (second, first):
        attempt = tester.ike_auth(init, need_child=False)
        tester.check(attempt.sa is not None, "both IKE SAs are authenticated", attempt.problem)


@covers("rfc7296/2.1/init-after-auth-ignored", mutants=["answers-init-anew"])
def test_init_after_auth(tester: Tester) -> None:
    """A late copy of the IKE_SA_INIT request of an IKE SA that is already authenticated is ignored."""
    init = accepted(tester)
    sa = tester.ike_auth(init, need_child=False).sa
    if sa is None:
        raise Inconclusive("the IKE SA was not authenticated")
    tester.expect_silence(init.request)
    sa.liveness()


@covers("rfc7296/2.1/response-only-on-request", mutants=["sends-init-response-twice"])
def test_one_response(tester: Tester) -> None:
    """One IKE_SA_INIT request gets one response."""
    draft = accepted(tester).draft
    draft.spi_i = bytes([draft.spi_i[0] ^ 0x80 | 1]) + draft.spi_i[1:]
    start = tester.mark()
    tester.send(draft)
    tester.wait(lambda item: item.is_response and item.octets[:8] == draft.spi_i)
    tester.answers_to(lambda: None)
    answers = [item.text() for item in tester.since(start) if item.is_response and item.octets[:8] == draft.spi_i]
    tester.check(len(answers) == 1, "one response", f"{len(answers)}: {', '.join(answers)}")
