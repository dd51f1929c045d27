"""RFC 7296 section 2.6: an initiator that is asked for a cookie."""

from functools import partial

import pytest

from conformance.ikev2.offers import encoded, expect_retry
from conformance.tester import Inconclusive, Tester, covers
from conformance.tester.expect import observed
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType

MANY = 30


@pytest.mark.parametrize("octets", [1, 64])
@covers(
    "rfc7296/2.6/cookie-retry",
    role="initiator",
    mutants=["initiator-ignores-cookie", "cookie-goes-last", "new-nonce-with-cookie"],
)
def test_cookie_first_rest_unchanged(tester: Tester, octets: int) -> None:
    """The retry has the cookie as first payload and all other payloads unchanged, and the SA comes about."""
    peer = tester.await_initiation()
    first = peer.request
    cookie = bytes(range(1, octets + 1))
    second = expect_retry(tester, peer, NotifyType.COOKIE, cookie, "rfc7296/2.6/cookie-retry")
    expected = encoded((NotifyPayload(NotifyType.COOKIE, cookie), *first.payloads))
    tester.check(encoded(second.payloads) == expected, "the cookie, then the same payloads", observed(second))
    tester.check(second.spi_i == first.spi_i, "the same initiator SPI", second.spi_i.hex())
    peer.accept()


@covers("rfc7296/2.6/cookie-message-ids", role="initiator", mutants=["counts-cookie-retries"])
def test_message_ids_with_cookie(tester: Tester) -> None:
    """The retry with the cookie has Message ID 0, and IKE_AUTH after it has 1."""
    peer = tester.await_initiation()
    second = expect_retry(tester, peer, NotifyType.COOKIE, b"a cookie", "rfc7296/2.6/cookie-retry")
    tester.check(second.message_id == 0, "Message ID 0", f"Message ID {second.message_id}")
    peer.answer_init()
    auth = peer.receive_auth()
    tester.check(auth.message_id == 1, "Message ID 1 in IKE_AUTH", f"Message ID {auth.message_id}")


@covers("rfc7296/2.6/cookie-retry", role="initiator", mutants=["keeps-first-cookie"])
def test_new_cookie(tester: Tester) -> None:
    """When another cookie is demanded, the next retry has the new one, and only that."""
    peer = tester.await_initiation()
    expect_retry(tester, peer, NotifyType.COOKIE, b"the first cookie", "rfc7296/2.6/cookie-retry")
    third = expect_retry(tester, peer, NotifyType.COOKIE, b"the second cookie", "rfc7296/2.6/cookie-retry")
    cookies = [item.data for item in third.all(NotifyPayload) if item.notify == NotifyType.COOKIE]
    tester.check(cookies == [b"the second cookie"], "the second cookie alone", f"{cookies}")


@covers("rfc7296/2.6/limits-cookie-exchanges", role="initiator", mutants=["obeys-cookies-for-ever"])
def test_cookie_exchanges_limited(tester: Tester) -> None:
    """An initiator does not go on for ever when each retry is answered by a new cookie."""
    peer = tester.await_initiation()
    for number in range(MANY):
        sent = tester.mark()
        demand = NotifyPayload(NotifyType.COOKIE, number.to_bytes(4, "big"))
        tester.answers_to(partial(peer.reply, [demand]))
        if not any(item.is_request for item in tester.since(sent)):
            return
        try:
            peer.receive_ike_sa_init(0.0)
        except Inconclusive:
            return
    tester.fail(f"an end before {MANY} cookie exchanges", "a retry for every cookie")
