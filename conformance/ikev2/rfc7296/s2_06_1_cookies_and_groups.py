"""RFC 7296 section 2.6.1: COOKIE and INVALID_KE_PAYLOAD in one set-up."""

from conformance.ikev2.offers import (
    cookie_of,
    demanded_cookie,
    expect_retry,
    first_suite,
    ke_of,
    offer_of,
    other_group,
)
from conformance.tester import DutInitiator, Inconclusive, NotApplicable, Tester, covers
from conformance.tester.expect import observed
from conformance.tester.proposals import offered_groups
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType


@covers("rfc7296/2.6.1/cookie-in-all-retries", needs=("cookies",), mutants=["cookie-covers-ke"])
def test_cookie_kept(tester: Tester) -> None:
    """A cookie stays valid when the request is sent again with the KE payload of the group that was named."""
    demanded_cookie(tester)
    suite = first_suite(tester)
    init = tester.ike_sa_init(proposals=suite, group=other_group(tester, suite).group)
    answers = [observed(item.reply) for item in init.rounds]
    kinds = [cookie_of(item.reply) is not None for item in init.rounds]
    if not kinds[0]:
        raise Inconclusive(f"the device demands no cookie first: {', then '.join(answers)}")
    tester.check(init.accepted, "the third request is accepted", ", then ".join(answers))


@covers("rfc7296/2.6.1/without-shorter-exchange-works", needs=("cookies",), mutants=["cookie-once-per-spi"])
def test_cookie_left_out(tester: Tester) -> None:
    """An initiator that leaves the cookie out after INVALID_KE_PAYLOAD is asked for one again, and gets its IKE SA."""
    demanded_cookie(tester)
    suite = first_suite(tester)
    guess = other_group(tester, suite).group
    first = tester.ike_sa_init(proposals=suite, group=guess, retry_ke=False)
    if first.error != NotifyType.INVALID_KE_PAYLOAD:
        raise Inconclusive(f"no INVALID_KE_PAYLOAD: {observed(first.reply)}")
    second = tester.ike_sa_init(proposals=suite, spi_i=first.spi_i, nonce=first.nonce_i)
    answers = [observed(item.reply) for item in second.rounds]
    tester.check(second.accepted, "the request is accepted with a cookie", ", then ".join(answers))


def cookie_then_group(tester: Tester, peer: DutInitiator) -> tuple[Message, int]:
    """Demand "a cookie", then another of its groups: the device's third request, and the group."""
    wanted = next((g for g in offered_groups(offer_of(peer.request)) if g != ke_of(peer.request).group), None)
    if wanted is None:
        raise NotApplicable("the device offers one group only")
    expect_retry(tester, peer, NotifyType.COOKIE, b"a cookie", "rfc7296/2.6/cookie-retry")
    data = int(wanted).to_bytes(2, "big")
    return expect_retry(tester, peer, NotifyType.INVALID_KE_PAYLOAD, data, "rfc7296/1.2/invalid-ke-retry"), wanted


@covers("rfc7296/2.6.1/cookie-in-all-retries", role="initiator", mutants=["forgets-cookie-after-invalid-ke"])
def test_initiator_keeps_cookie(tester: Tester) -> None:
    """An initiator that has got a cookie sends it also in the retry after INVALID_KE_PAYLOAD."""
    peer = tester.await_initiation()
    third, _ = cookie_then_group(tester, peer)
    tester.check(
        third.payloads[0] == NotifyPayload(NotifyType.COOKIE, b"a cookie"),
        "the cookie as first payload",
        observed(third),
    )
    peer.accept()


@covers("rfc7296/2.6.1/without-shorter-exchange-works", role="initiator", mutants=["fails-on-cookie-after-invalid-ke"])
def test_initiator_asked_again(tester: Tester) -> None:
    """An initiator copes with a responder that demands a new cookie after INVALID_KE_PAYLOAD."""
    peer = tester.await_initiation()
    _, wanted = cookie_then_group(tester, peer)
    fourth = expect_retry(
        tester, peer, NotifyType.COOKIE, b"another cookie", "rfc7296/2.6.1/without-shorter-exchange-works"
    )
    got = ke_of(fourth).group
    tester.check(got == wanted, f"a KE payload of group {wanted}, as demanded before", f"group {got}")
    peer.accept()
