"""RFC 7296 section 2.15: authentication of the IKE SA."""

from conformance.tester import Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from reference_impl.wire.registries import NotifyType


@covers("rfc7296/2.15/psk-auth-formula", mutants=["accepts-any-psk"])
def test_corrupt_auth(tester: Tester) -> None:
    """An AUTH payload that does not verify is answered with AUTHENTICATION_FAILED."""
    attempt = tester.attempt(edit_auth=bad.corrupt_auth())
    tester.expects(attempt.reply, Notify(NotifyType.AUTHENTICATION_FAILED))


@covers("rfc7296/2.15/psk-auth-formula", mutants=["wrong-psk-pad"])
def test_psk(tester: Tester) -> None:
    """Both ends prove the shared key as prf(prf(key, pad), octets)."""
    tester.establish(auth="psk").liveness()
