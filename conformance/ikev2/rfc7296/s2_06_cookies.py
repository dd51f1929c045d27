"""RFC 7296 section 2.6: IKE SA SPIs and cookies."""

from conformance.tester import Tester, covers
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType


@covers("rfc7296/2.6/cookie-retry", role="initiator", mutants=["initiator-ignores-cookie"])
def test_cookie_returned(tester: Tester) -> None:
    """An initiator that gets a COOKIE repeats its request with the cookie first and all else unchanged."""
    peer = tester.await_initiation()
    first = peer.request
    second = peer.demand_cookie(b"ikeproof-cookie")
    expected = (NotifyPayload(NotifyType.COOKIE, b"ikeproof-cookie"), *first.payloads)
    tester.check(second.payloads == expected, "the cookie, then the same payloads", "other payloads")
    peer.accept().liveness()
