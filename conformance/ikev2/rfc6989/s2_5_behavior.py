"""RFC 6989 section 2.5: what follows from a bad public value in IKE_SA_INIT."""

from conformance.ikev2.offers import (
    MODP,
    NIST_CURVES,
    expect_not_continued,
    ke_of,
    try_init,
    with_group,
)
from conformance.ikev2.values import curve_value, modp_value
from conformance.tester import Accepted, DutInitiator, NotApplicable, Tester, covers
from conformance.tester.expect import accepts_sa
from reference_impl.wire.registries import Group
from reference_impl.wire.simple import KePayload


@covers(
    "rfc6989/2.5/init-message-dropped",
    "rfc6989/2.5/init-goes-on-waiting",
    mutants=["remembers-spi-of-bad-value"],
)
def test_good_value_after_bad(tester: Tester) -> None:
    """A dropped message with a bad public value leaves nothing behind: the same peer and SPI get an IKE SA afterwards.

    A device that answers the bad value has not dropped it; sections 2.1 to 2.3 judge that.
    """
    suite = with_group(tester, *NIST_CURVES, *MODP)
    bad = _bad_value(suite.group)
    spi, nonce = b"badvalue", bytes(range(32))
    first = try_init(tester, proposals=suite, ke=KePayload(suite.group, bad), spi_i=spi, nonce=nonce)
    if first is not None and accepts_sa(first):
        raise NotApplicable("the device answers the bad value, which is judged in sections 2.1 and 2.3")
    init = tester.ike_sa_init(proposals=suite, spi_i=spi, nonce=nonce)
    reply = init.reply
    if not init.accepted:  # perhaps this is the answer to the first request, which came late
        later = tester.wait(lambda item: item.is_response and item.octets[:8] == spi)
        reply = later.message if later else reply
    tester.expects(reply, Accepted())


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


def _bad_response(peer: DutInitiator) -> KePayload:
    group = Group(ke_of(peer.request).group)
    return KePayload(group, _bad_value(group))


def _bad_value(group: Group) -> bytes:
    if group in MODP:
        return modp_value(group, "p-minus-1")
    if group in NIST_CURVES:
        return curve_value(group, "off-curve")
    raise NotApplicable(f"no public value of group {group.name} is known to be bad")
