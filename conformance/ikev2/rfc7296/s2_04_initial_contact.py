"""RFC 7296 section 2.4: INITIAL_CONTACT, which may end other IKE SAs of the same peer, and no others."""

from __future__ import annotations

from conformance.ikev2.rfc7296.authenticating import expect_refused, require_any_identity
from conformance.tester import NoError, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.identity import Identity
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, IdType, NotifyType

CONTACT = NotifyPayload(NotifyType.INITIAL_CONTACT)


@covers("rfc7296/2.4/initial-contact-meaning", mutants=["initial-contact-refused"])
def test_initial_contact_accepted(tester: Tester) -> None:
    """An IKE_AUTH request with INITIAL_CONTACT is accepted like any other."""
    tester.establish(extra=[CONTACT]).liveness()


@covers(
    "rfc7296/2.4/initial-contact-deletes-others",
    "rfc7296/2.4/initial-contact-meaning",
    mutants=["initial-contact-ends-all"],
)
def test_initial_contact_of_another_identity(tester: Tester) -> None:
    """INITIAL_CONTACT ends no IKE SA of another identity, though it comes from the same address."""
    require_any_identity(tester)
    first = tester.establish()
    other = Identity(IdType.ID_FQDN, b"other-" + tester.identity.data)
    tester.establish(identity=other, extra=[CONTACT])
    tester.expects(first.liveness(requirement="rfc7296/2.4/initial-contact-meaning"), NoError())


@covers("rfc7296/2.4/initial-contact-meaning", mutants=["initial-contact-before-proof"])
def test_initial_contact_unproved(tester: Tester) -> None:
    """INITIAL_CONTACT from a peer that does not prove its identity ends no IKE SA of that identity."""
    first = tester.establish()
    attempt = tester.attempt(extra=[CONTACT], edit_auth=bad.corrupt_auth())
    expect_refused(tester, attempt)
    first.liveness(requirement="rfc7296/2.4/initial-contact-meaning")


@covers("rfc7296/2.4/initial-contact-deletes-others", mutants=["initial-contact-half-done"])
def test_initial_contact_of_same_identity(tester: Tester) -> None:
    """After INITIAL_CONTACT the older IKE SA of the same identity is there as it was, or is gone altogether."""
    first = tester.establish()
    second = tester.establish(extra=[CONTACT])
    found = tester.answers_to(lambda: first.send(first.draft(), note="is the older IKE SA there?"))
    replies = [item.message for item in found if item.sa is first and item.is_response and item.opened]
    for reply in replies:
        tester.expects(reply, NoError())
    if not replies:
        first.closed = True
    second.liveness(requirement="rfc7296/2.4/initial-contact-meaning")


@covers(
    "rfc7296/2.4/initial-contact-in-first-auth",
    mutants=["initial-contact-everywhere"],
    role="initiator",
    needs=("initiator",),
)
def test_initiator_sends_initial_contact_in_auth(tester: Tester) -> None:
    """An initiator sends INITIAL_CONTACT, if at all, in IKE_AUTH and nowhere else."""
    peer = tester.await_initiation()
    where = "in IKE_SA_INIT: " + observed(peer.request)
    tester.check(peer.request.notify(NotifyType.INITIAL_CONTACT) is None, "none in IKE_SA_INIT", where)
    sa = peer.accept()
    sa.run(0.05)
    for item in sa.requests:
        assert item.message is not None
        if item.message.exchange != ExchangeType.IKE_AUTH:
            tester.check(item.message.notify(NotifyType.INITIAL_CONTACT) is None, "none later", item.text())
