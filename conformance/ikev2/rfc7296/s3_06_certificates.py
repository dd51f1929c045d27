"""RFC 7296 section 3.6: Certificate payloads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509

from conformance.ikev2.rfc7296 import certificates
from conformance.ikev2.rfc7296.authenticating import SYNTAX, expect_refused, require
from conformance.profile import SIGNATURE_METHODS, Credential
from conformance.tester import Inconclusive, Tester, covers
from conformance.tester.expect import observed
from conformance.tester.identity import Identity, parse_identity
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import AuthMethod, CertEncoding, IdType
from reference_impl.wire.simple import AuthPayload, CertPayload


def established(tester: Tester, method: str) -> Message:
    """The answer to IKE_AUTH with this method, whose first certificate has the key of AUTH."""
    require(tester, method)
    reply = tester.establish(auth=method).auth_reply
    assert reply is not None
    return reply


# -- the device's certificates --------------------------------------------------------------------------------------


@covers(
    "rfc7296/1.2/first-cert-verifies-auth",
    "rfc7296/3.6/first-certificate-signs",
    "rfc7296/3.7/answered-with-certificate",
    mutants=["issuer-certificate-first"],
    needs=("certificates",),
)
@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_first_certificate(tester: Tester, method: str) -> None:
    """Asked for it, the device sends its certificate, and the first one has the key that verifies AUTH."""
    reply = established(tester, method)
    if reply.get(AuthPayload) is not None:
        found = reply.get(CertPayload)
        tester.check(found is not None, "a certificate", observed(reply), "rfc7296/3.7/answered-with-certificate")


@covers("rfc7296/3.6/x509-signature-der", mutants=["certificate-in-pem"], needs=("certificates",))
@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_certificates_are_der(tester: Tester, method: str) -> None:
    """Every certificate of encoding 4 is one X.509 certificate in DER."""
    require(tester, method)
    reply = tester.attempt(auth=method).reply
    found = [item for item in (reply.all(CertPayload) if reply else ()) if item.encoding == CertEncoding.X509_SIGNATURE]
    tester.check(bool(found), "a certificate", observed(reply), "rfc7296/3.6/certificates-included")
    for item in found:
        try:
            whole = certificates.der(x509.load_der_x509_certificate(item.data)) == item.data
        except ValueError:
            whole = False
        tester.check(whole, "one certificate in DER", f"{len(item.data)} octets that are none")


@covers("rfc7296/3.6/certificates-included", mutants=["certificate-only-when-asked"], needs=("certificates",))
def test_certificate_unasked(tester: Tester) -> None:
    """The device includes its certificate though no CERTREQ asked for it."""
    credential = certificates.own(tester)
    reply = tester.attempt(auth=credential.method, edit_auth=_without_request).reply
    proof = reply.get(AuthPayload) if reply is not None else None
    if proof is None or proof.method == AuthMethod.SHARED_KEY_MIC:
        raise Inconclusive(f"the device did not prove itself by a signature: {observed(reply)}")
    assert reply is not None
    tester.check(reply.get(CertPayload) is not None, "a certificate", observed(reply))


def _without_request(payloads: list[Payload]) -> list[Payload]:
    return [item for item in payloads if item.type_id != 38]


# -- the tester's certificates --------------------------------------------------------------------------------------


def with_certificates(*extra: CertPayload, first: int | None = None) -> Callable[[list[Payload]], list[Payload]]:
    """An edit: further CERT payloads after the tester's own."""
    del first

    def edit(payloads: list[Payload]) -> list[Payload]:
        place = max(index for index, item in enumerate(payloads) if isinstance(item, CertPayload)) + 1
        return [*payloads[:place], *extra, *payloads[place:]]

    return edit


def x509_payload(item: x509.Certificate) -> CertPayload:
    """A CERT payload of encoding 4."""
    return CertPayload(CertEncoding.X509_SIGNATURE, certificates.der(item))


@covers(
    "rfc7296/3.6/others-any-order",
    "rfc7296/3.6/four-certificates",
    mutants=["chain-in-order-only", "one-certificate-only"],
    needs=("certificates",),
)
@pytest.mark.parametrize("count", [1, 3])
def test_other_certificates(tester: Tester, count: int) -> None:
    """Certificates after the first one, up to four in all, may be any: those that are not needed do no harm."""
    credential = certificates.own(tester)
    extra = [x509_payload(certificates.unrelated(f"unrelated-{number}.example")) for number in range(count)]
    tester.establish(auth=credential.method, edit_auth=with_certificates(*extra))


Make = Callable[[Credential], Credential]

IMPOSTORS: dict[str, Make] = {
    "self-signed": certificates.self_signed,
    "ca-of-the-same-name": certificates.by_impostor,
    "issued-by-no-ca": certificates.by_end_entity,
    "key-of-another": certificates.with_other_key,
}


@covers(
    "rfc7296/1.2/verifies-auth",
    "rfc7296/1.2/auth-failure-no-ike-sa",
    mutants=["accepts-untrusted-certificates", "accepts-any-signature"],
    needs=("certificates",),
)
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_untrusted(tester: Tester, kind: str) -> None:
    """A certificate that no trusted CA has issued, or whose key did not sign, proves nothing."""
    own = certificates.own(tester)
    expect_refused(tester, tester.attempt(auth=own.method, credential=IMPOSTORS[kind](own)))


@covers("rfc7296/1.2/verifies-auth", mutants=["takes-garbage-for-raw-key"], needs=("certificates",))
@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", bytes(64), b"\x30\x84\xff\xff\xff\xff" + bytes(32)],
    ids=["empty", "one-octet", "zeros", "absurd-length"],
)
def test_not_a_certificate(tester: Tester, data: bytes) -> None:
    """A CERT payload that holds no certificate proves nothing."""
    own = certificates.own(tester)

    def edit(payloads: list[Payload]) -> list[Payload]:
        return [CertPayload(item.encoding, data) if isinstance(item, CertPayload) else item for item in payloads]

    attempt = tester.attempt(auth=own.method, credential=certificates.self_signed(own), edit_auth=edit)
    expect_refused(tester, attempt, SYNTAX)


@covers("rfc7296/1.2/verifies-auth", mutants=["takes-any-encoding-for-x509"], needs=("certificates",))
@pytest.mark.parametrize("encoding", [0, 1, 2, 7, 11, 12, 200])
def test_other_encoding(tester: Tester, encoding: int) -> None:
    """A certificate of an unknown CA under another encoding proves nothing either, and is answered."""
    own = certificates.own(tester)

    def edit(payloads: list[Payload]) -> list[Payload]:
        return [
            CertPayload(CertEncoding(encoding), item.data) if isinstance(item, CertPayload) else item
            for item in payloads
        ]

    attempt = tester.attempt(auth=own.method, credential=certificates.self_signed(own), edit_auth=edit)
    expect_refused(tester, attempt, SYNTAX)


FOREIGN: dict[str, Callable[[bytes], Identity]] = {
    "another-name": lambda name: Identity(IdType.ID_FQDN, b"another.example"),
    "name-below": lambda name: Identity(IdType.ID_FQDN, b"sub." + name),
    "name-with-suffix": lambda name: Identity(IdType.ID_FQDN, name + b".example"),
    "parent-name": lambda name: Identity(IdType.ID_FQDN, name.partition(b".")[2]),
    "name-with-null": lambda name: Identity(IdType.ID_FQDN, name + b"\0.example"),
    "address": lambda name: Identity(IdType.ID_IPV4_ADDR, b"\xc0\x00\x02\x07"),
    "mail-address": lambda name: Identity(IdType.ID_RFC822_ADDR, b"somebody@" + name),
}


@covers(
    "rfc7296/1.2/auth-failure-no-ike-sa",
    "rfc7296/2.21.2/auth-failure-notified",
    mutants=["identity-need-not-match", "identity-matches-prefix", "identity-matches-suffix"],
    needs=("certificates",),
)
@pytest.mark.parametrize("kind", FOREIGN)
def test_wrong_identity(tester: Tester, kind: str) -> None:
    """A valid certificate is no proof of an identity that it does not hold."""
    own = certificates.own(tester)
    name = parse_identity(own.identity.replace("%d", str(tester.number)))
    if name.id_type != IdType.ID_FQDN:
        raise Inconclusive("the tester's certificate is for no domain name")
    attempt = tester.attempt(auth=own.method, identity=FOREIGN[kind](name.data))
    expect_refused(tester, attempt, SYNTAX)
