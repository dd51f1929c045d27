"""RFC 7296 section 3.8: the Authentication payload."""

from __future__ import annotations

from conformance.tester import Inconclusive, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from reference_impl.wire.registries import AuthMethod, NotifyType
from reference_impl.wire.simple import AuthPayload


def auth_of(tester: Tester, **options: object) -> AuthPayload:
    """The device's AUTH payload; fails without it."""
    reply = tester.attempt(**options).reply
    found = reply.get(AuthPayload) if reply is not None else None
    if found is None:
        tester.fail("an AUTH payload", observed(reply), "rfc7296/1.2/auth-response-payloads")
    return found


@covers("rfc7296/3.8/reserved-ignored", mutants=["rejects-reserved-in-auth"])
def test_reserved_ignored(tester: Tester) -> None:
    """The reserved octets of AUTH are ignored."""
    tester.establish(edit_auth=bad.auth_reserved())


@covers("rfc7296/3.8/reserved-sent-zero", mutants=["reserved-in-auth-set"])
def test_reserved_sent_zero(tester: Tester) -> None:
    """The reserved octets of AUTH are sent as zero, also when the request had them set."""
    found = auth_of(tester, edit_auth=bad.auth_reserved())
    tester.check(found.reserved2 == 0, "reserved octets zero", f"{found.reserved2:#08x}")


@covers("rfc7296/3.8/shared-key-method", mutants=["wrong-psk-method-number"], needs=("psk",))
def test_shared_key_method(tester: Tester) -> None:
    """A shared key is proved under method 2, with as many octets as the negotiated PRF makes."""
    attempt = tester.attempt()
    found = attempt.reply.get(AuthPayload) if attempt.reply is not None else None
    tester.check(found is not None, "an AUTH payload", observed(attempt.reply))
    assert found is not None
    tester.check(found.method == AuthMethod.SHARED_KEY_MIC, "method 2", f"method {int(found.method)}")
    size = attempt.init.suite.prf_algorithm().output_size
    tester.check(len(found.data) == size, f"{size} octets", f"{len(found.data)} octets")


@covers("rfc7296/3.8/rsa-pkcs1-v15", mutants=["classic-rsa-with-pss"], needs=("rsa",))
def test_classic_rsa(tester: Tester) -> None:
    """Without RFC 7427 an RSA signature goes under method 1 and is RSASSA-PKCS1-v1_5."""
    edit = bad.omit_notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
    attempt = tester.attempt(auth="rsa", edit_init=edit)
    proof = attempt.reply.get(AuthPayload) if attempt.reply is not None else None
    if proof is None:
        raise Inconclusive(f"the device does not take the tester's classic RSA signature: {observed(attempt.reply)}")
    tester.check(proof.method == AuthMethod.RSA_DIGITAL_SIGNATURE, "method 1", f"method {int(proof.method)}")
    tester.check(attempt.sa is not None, "a signature that verifies", attempt.problem)
