"""RFC 7296 section 1.3.1: modes and properties of Child SAs, as IKE_AUTH negotiates them."""

from __future__ import annotations

from conformance.ikev2.rfc7296.authenticating import only_proposal
from conformance.tester import Inconclusive, Tester, covers
from conformance.tester.expect import observed
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType

TRANSPORT = NotifyPayload(NotifyType.USE_TRANSPORT_MODE)


@covers("rfc7296/1.3.1/tunnel-by-default", mutants=["transport-mode-unasked"])
def test_tunnel_by_default(tester: Tester) -> None:
    """Transport mode that was not asked for is not answered."""
    reply = tester.establish().auth_reply
    assert reply is not None
    tester.check(reply.notify(NotifyType.USE_TRANSPORT_MODE) is None, "no USE_TRANSPORT_MODE", observed(reply))


@covers("rfc7296/1.3.1/transport-acceptance-echoed", mutants=["transport-not-echoed"], needs=("transport",))
def test_transport_echoed(tester: Tester) -> None:
    """A device that accepts transport mode says so by USE_TRANSPORT_MODE."""
    reply = tester.establish(mode="transport").auth_reply
    assert reply is not None
    tester.check(reply.notify(NotifyType.USE_TRANSPORT_MODE) is not None, "USE_TRANSPORT_MODE", observed(reply))


@covers(
    "rfc7296/1.3.1/transport-acceptance-echoed",
    mutants=["transport-not-echoed"],
    needs=("transport", "data_plane"),
)
def test_transport_traffic(tester: Tester) -> None:
    """In transport mode an echo request to the device itself is answered in transport mode."""
    sa = tester.establish(mode="transport")
    tester.check(sa.child.mode == "transport", "transport mode", sa.child.mode)
    sa.child.expect_ping()


@covers("rfc7296/1.3.1/transport-declined-is-tunnel", mutants=["transport-declined-is-error"], needs=("tunnel",))
def test_transport_declined(tester: Tester) -> None:
    """A device that does not do transport mode between networks makes the Child SA in tunnel mode."""
    if tester.profile.traffic is None:
        raise Inconclusive("the profile has no [dut.traffic]")
    # Behind a NAT a responder may give up instead of falling back (section 2.23.1).
    attempt = tester.attempt(extra=[TRANSPORT], nat=False)
    only_proposal(tester, attempt.reply)
    assert attempt.reply is not None
    if not tester.claims("transport"):
        granted = attempt.reply.notify(NotifyType.USE_TRANSPORT_MODE) is not None
        tester.check(not granted, "no USE_TRANSPORT_MODE", observed(attempt.reply))
