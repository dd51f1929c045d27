"""RFC 7296 section 2.21.1: errors in IKE_SA_INIT, which nobody has authenticated."""

import pytest

from conformance.ikev2.offers import expect_continued, expect_not_continued
from conformance.tester import Tester, covers
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType

ERRORS = (NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.INVALID_SYNTAX, NotifyType.AUTHENTICATION_FAILED)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.name)
@covers(
    "rfc7296/2.21.1/unauthenticated-error-keeps-trying",
    "rfc7296/2.21.1/no-immediate-action-on-error",
    role="initiator",
    mutants=["gives-up-on-first-error"],
)
def test_error_is_not_the_end(tester: Tester, error: NotifyType) -> None:
    """An initiator that gets an error, which anybody may have sent, still takes the proper response that follows."""
    peer = tester.await_initiation()
    tester.answers_to(lambda: peer.refuse_init(error))
    expect_continued(peer)


@covers(
    "rfc7296/2.21.1/init-error-fails-exchange",
    "rfc7296/3.10.1/unknown-error-fails-request",
    role="initiator",
    mutants=["ignores-unknown-error-in-response"],
)
def test_unknown_error_with_sa(tester: Tester) -> None:
    """A response with an error notification of unknown type fails, whatever else is in it."""
    peer = tester.await_initiation()
    unknown = NotifyPayload(NotifyType(8192))
    expect_not_continued(
        tester, lambda: peer.answer_init(extra=[unknown]), "rfc7296/3.10.1/unknown-error-fails-request"
    )
