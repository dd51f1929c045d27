"""RFC 7427 section 3: the Digital Signature authentication method."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.ikev2.rfc7296.authenticating import edit_auth_data, expect_refused, require
from conformance.ikev2.rfc7427.proofs import announce, auth_payload, proof_of
from conformance.profile import SIGNATURE_METHODS
from conformance.tester import Inconclusive, Tester, covers
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.signatures import ECDSA, ED25519, RSA_PKCS1, SCHEMES, parse_identifier
from reference_impl.wire.registries import HashAlgorithm

NEEDS = ("signature_auth", "certificates")
CLASSIC = {"rsa": {1}, "ecdsa": {9, 10, 11}}


@covers("rfc7427/3/method-when-both-announced", mutants=["classic-signature-always"], needs=NEEDS)
@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_method_14(tester: Tester, method: str) -> None:
    """When both ends have announced hash algorithms, the device signs under method 14."""
    require(tester, method)
    proof_of(tester, tester.attempt(auth=method))


@covers("rfc7427/3/only-when-both-announced", mutants=["digital-signature-always"], needs=("certificates",))
@pytest.mark.parametrize("method", ["rsa", "ecdsa"])
def test_not_method_14(tester: Tester, method: str) -> None:
    """When the tester has announced nothing, the device signs under the classic method of its key."""
    require(tester, method)
    found = auth_payload(tester.attempt(auth=method, edit_init=announce()))
    tester.check(int(found.method) in CLASSIC[method], f"method {CLASSIC[method]}", f"method {int(found.method)}")


@covers(
    "rfc7427/3/identifier-der",
    "rfc7427/3/identifier-before-signature",
    "rfc7427/3/identifier-length-octet",
    "rfc7427/3/no-padding",
    "rfc7427/3/signed-octets-of-ikev2",
    mutants=["signature-identifier-without-length", "signature-padded"],
    needs=NEEDS,
)
@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_layout(tester: Tester, method: str) -> None:
    """AUTH is a length octet, the DER AlgorithmIdentifier, and the signature of the octets of RFC 7296 section 2.15."""
    require(tester, method)
    attempt = tester.attempt(auth=method)
    proof = proof_of(tester, attempt)
    try:
        parse_identifier(proof.identifier)
    except CryptoError as error:
        tester.fail("the AlgorithmIdentifier of a signature in DER", f"{proof.identifier.hex()}: {error}")
    tester.check(
        attempt.sa is not None, "a signature that verifies", attempt.problem, "rfc7427/3/signed-octets-of-ikev2"
    )


@covers("rfc7427/3/preferred-encoding", mutants=["identifier-parameters-unpreferred"], needs=NEEDS)
@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_preferred_parameters(tester: Tester, method: str) -> None:
    """Parameters are NULL for RSA, absent for ECDSA and EdDSA, and spelled as appendix A has them."""
    require(tester, method)
    proof = proof_of(tester, tester.attempt(auth=method))
    # RSASSA-PSS has parameters with contents of their own, for which there is no such choice.
    if b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" in proof.identifier:
        return
    known = {scheme.identifier for scheme in SCHEMES.values()}
    tester.check(proof.identifier in known, "the preferred encoding", proof.identifier.hex())


# A receiver may find the end of the identifier by its DER, without the length octet; these lack the signature itself.
WRONG: dict[str, Callable[[bytes], bytes]] = {
    "beyond-payload": lambda data: b"\xff" + data[1:100],
    "no-signature": lambda data: data[: 1 + data[0]],
    "length-octet-only": lambda data: data[:1],
    "no-length-octet": lambda data: data[1:],
}


@covers(
    "rfc7296/1.2/verifies-auth",
    "rfc7427/3/identifier-length-octet",
    mutants=["accepts-any-signature"],
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", WRONG)
def test_signature_missing(tester: Tester, kind: str) -> None:
    """A Digital Signature of which the length octet or the signature value is missing is refused."""
    method = first_method(tester)
    attempt = tester.attempt(auth=method, edit_auth=edit_auth_data(WRONG[kind], kind))
    sent_by_14(attempt)
    expect_refused(tester, attempt)


@covers(
    "rfc7296/1.2/verifies-auth", "rfc7427/3/identifier-before-signature", mutants=["ignores-identifier"], needs=NEEDS
)
@pytest.mark.parametrize("kind", ["other-hash", "other-algorithm", "not-der", "unknown"])
def test_wrong_identifier(tester: Tester, kind: str) -> None:
    """A right signature under an AlgorithmIdentifier of something else is refused."""
    method = first_method(tester)
    same = {
        "rsa": RSA_PKCS1[HashAlgorithm.SHA2_512],
        "ecdsa": ECDSA[HashAlgorithm.SHA2_512],
        "ed25519": SCHEMES["ed448"],
    }
    other = RSA_PKCS1[HashAlgorithm.SHA2_256] if method != "rsa" else ED25519
    identifiers = {
        "other-hash": same[method].identifier,
        "other-algorithm": other.identifier,
        "not-der": b"\x30\x80\x06\x03\x2b\x65\x70\x00\x00",
        "unknown": b"\x30\x05\x06\x03\x2b\x65\x7f",
    }
    chosen = identifiers[kind]

    def change(data: bytes) -> bytes:
        return bytes([len(chosen)]) + chosen + data[1 + data[0] :]

    attempt = tester.attempt(auth=method, edit_auth=edit_auth_data(change, kind))
    sent_by_14(attempt)
    expect_refused(tester, attempt)


def first_method(tester: Tester) -> str:
    """The first kind of certificate that the device claims."""
    for method in SIGNATURE_METHODS:
        if tester.claims(method) and method in tester.profile.tester_auth:
            return method
    raise Inconclusive("the profile has no certificate of the tester")


def sent_by_14(attempt: object) -> None:
    """Raise Inconclusive when the tester could not use method 14, because the device did not announce it."""
    from conformance.tester import AuthExchange
    from conformance.tester.authentication import announced_hashes

    assert isinstance(attempt, AuthExchange)
    if attempt.init.reply is None or not announced_hashes(attempt.init.reply):
        raise Inconclusive("the device announced no hash algorithms, so that the tester used a classic method")
