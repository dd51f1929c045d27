"""RFC 7296 section 2.6: cookies that a responder demands, and those that nobody demanded."""

import pytest

from conformance.ikev2.offers import LOAD_LIMIT, cookie_of, demanded_cookie, under_load
from conformance.tester import Accepted, Inconclusive, InitExchange, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType


def retry(tester: Tester, init: InitExchange, cookie: bytes) -> Message | None:
    """The answer to the request of `init`, sent again with this cookie as first payload."""
    draft = init.draft
    draft.payloads.insert(0, NotifyPayload(NotifyType.COOKIE, cookie))
    start = tester.mark()
    tester.send(draft)
    del draft.payloads[0]
    received = tester.wait(lambda item: item.is_response and item.octets[:8] == draft.spi_i, since=start)
    return received.message if received else None


@covers("rfc7296/2.6/cookie-under-load", needs=("cookies",), mutants=["never-demands-cookies"])
def test_demanded_under_load(tester: Tester) -> None:
    """With many half-open IKE SAs, a responder answers IKE_SA_INIT with COOKIE."""
    tester.check(under_load(tester) is not None, "COOKIE", f"no cookie with {LOAD_LIMIT} half-open IKE SAs")


@covers("rfc7296/2.6/cookie-size", needs=("cookies",), mutants=["cookie-of-65-octets"])
def test_cookie_size(tester: Tester) -> None:
    """A cookie has 1 to 64 octets."""
    _, cookie = demanded_cookie(tester)
    tester.check(1 <= len(cookie) <= 64, "1 to 64 octets", f"{len(cookie)} octets")


@covers(
    "rfc7296/2.6/failed-init-responder-spi-zero",
    "rfc7296/2.6/cookie-message-ids",
    needs=("cookies",),
    mutants=["spi-in-init-errors"],
)
def test_cookie_response_header(tester: Tester) -> None:
    """The response that demands a cookie has a responder SPI of zero and Message ID 0."""
    init, _ = demanded_cookie(tester)
    tester.check(init.spi_r == bytes(8), "a responder SPI of zero", init.spi_r.hex())
    number = init.reply.message_id if init.reply else -1
    tester.check(number == 0, "Message ID 0", f"Message ID {number}", "rfc7296/2.6/cookie-message-ids")


@covers("rfc7296/2.6/cookie-message-ids", needs=("cookies",), mutants=["never-accepts-cookies"])
def test_right_cookie(tester: Tester) -> None:
    """The request with the demanded cookie is accepted, and IKE_AUTH follows with Message ID 1."""
    demanded_cookie(tester)
    attempt = tester.attempt()
    rounds = [observed(item.reply) for item in attempt.init.rounds]
    tester.check(attempt.init.accepted, "the request with the cookie is accepted", ", then ".join(rounds))
    tester.check(attempt.sa is not None, "the IKE SA is authenticated", attempt.problem)


@covers("rfc7296/2.6/wrong-cookie-as-none", needs=("cookies",), mutants=["accepts-any-cookie", "drops-wrong-cookie"])
def test_wrong_cookie(tester: Tester) -> None:
    """Under load, a request with a wrong cookie is answered like one without: a cookie is demanded again."""
    init, cookie = demanded_cookie(tester)
    reply = retry(tester, init, cookie[:-1] + bytes([cookie[-1] ^ 1]))
    if cookie_of(tester.ike_sa_init(cookies=False).reply) is None:
        raise Inconclusive("the load is over: the device demands no cookies any more")
    tester.expects(reply, Notify(NotifyType.COOKIE))


@covers("rfc7296/2.6/wrong-cookie-as-none", needs=("cookies",), mutants=["drops-wrong-cookie"])
def test_right_after_wrong_cookie(tester: Tester) -> None:
    """A wrong cookie does no harm: the same request with the right cookie is still accepted."""
    init, cookie = demanded_cookie(tester)
    answer = cookie_of(retry(tester, init, b"not the cookie that was demanded"))
    tester.check(answer is not None, "N(COOKIE)", "no cookie demanded")
    tester.expects(retry(tester, init, answer or cookie), Accepted())


@covers("rfc7296/2.6/cookie-commits-no-state", needs=("cookies",), mutants=["cookie-state-is-kept"])
def test_cookie_without_state(tester: Tester) -> None:
    """A cookie is demanded for each of two requests with the same SPI, and the first one's still works after that."""
    first, cookie = demanded_cookie(tester)
    second = tester.ike_sa_init(spi_i=first.spi_i, cookies=False)
    if cookie_of(second.reply) is None:
        raise Inconclusive(f"no cookie is demanded any more: {observed(second.reply)}")
    tester.expects(retry(tester, first, cookie), Accepted())


@pytest.mark.parametrize("octets", [1, 33, 64])
@covers("rfc7296/2.6/wrong-cookie-as-none", mutants=["refuses-unexpected-cookie"])
def test_unexpected_cookie(tester: Tester, octets: int) -> None:
    """A request with a cookie that the responder never made is processed as if it had none."""
    init = tester.ike_sa_init(edit=bad.bogus_cookie(bytes(range(octets))), cookies=False)
    tester.expects(init.reply, {Accepted(), Notify(NotifyType.COOKIE)})
