"""RFC 6989 section 2.5: what follows from a bad public value in IKE_SA_INIT."""

from conformance.ikev2.offers import (
    MODP,
    NIST_CURVES,
    expect_not_continued,
    goes_on,
    ke_of,
    try_init,
    with_group,
)
from conformance.ikev2.values import curve_value, modp_value
from conformance.tester import DutInitiator, NotApplicable, Tester, covers
from conformance.tester.expect import observed
from reference_impl.wire.registries import Group
from reference_impl.wire.simple import KePayload


@covers("rfc6989/2.5/init-goes-on-waiting", mutants=["remembers-spi-of-bad-value"])
def test_good_value_after_bad(tester: Tester) -> None:
    """A bad public value leaves nothing behind: the same peer with the same SPI is accepted with a good one."""
    suite = with_group(tester, *NIST_CURVES, *MODP)
    bad = _bad_value(suite.group)
    spi, nonce = b"badvalue", bytes(range(32))
    try_init(tester, proposals=suite, ke=KePayload(suite.group, bad), spi_i=spi, nonce=nonce)
    init = tester.ike_sa_init(proposals=suite, spi_i=spi, nonce=nonce)
    tester.check(init.accepted, "the request with a good value is accepted", observed(init.reply))


@covers(
    "rfc6989/2/tests-for-all",
    "rfc6989/2.5/init-message-unused",
    role="initiator",
    mutants=["accepts-any-curve-point"],
)
def test_bad_value_in_response(tester: Tester) -> None:
    """An initiator does not go on with a responder's public value that fails the tests."""
    peer = tester.await_initiation()
    value = _bad_response(peer)
    expect_not_continued(tester, lambda: peer.answer_init(ke=value))


@covers("rfc6989/2.5/init-goes-on-waiting", role="initiator", mutants=["gives-up-on-bad-value"])
def test_good_response_after_bad(tester: Tester) -> None:
    """An initiator that ignored a bad public value goes on with a good one that follows, or starts again."""
    peer = tester.await_initiation()
    value = _bad_response(peer)
    sent = tester.mark()
    tester.answers_to(lambda: peer.answer_init(ke=value))
    if any(item.is_request for item in tester.since(sent)):
        return
    tester.check(goes_on(tester, peer.answer_init) is not None, "IKE_AUTH after the good value", "nothing")


def _bad_response(peer: DutInitiator) -> KePayload:
    group = Group(ke_of(peer.request).group)
    return KePayload(group, _bad_value(group))


def _bad_value(group: Group) -> bytes:
    if group in MODP:
        return modp_value(group, "p-minus-1")
    if group in NIST_CURVES:
        return curve_value(group, "off-curve")
    raise NotApplicable(f"no public value of group {group.name} is known to be bad")
