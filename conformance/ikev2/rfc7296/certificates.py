"""Certificates that a device must not trust, made for one test, and what tests say about those it sends."""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conformance.profile import SIGNATURE_METHODS, Credential
from conformance.tester import NotApplicable, Tester
from conformance.tester.authentication import tester_credential

DAY = datetime.timedelta(days=1)


@cache
def fresh_key() -> ec.EllipticCurvePrivateKey:
    """A key that no device knows; one per run is enough."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 PEM."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def name(common_name: str) -> x509.Name:
    """A subject of one attribute."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    alternative: x509.SubjectAlternativeName | None = None,
    is_ca: bool = False,
) -> x509.Certificate:
    """A certificate that is valid now."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if alternative is not None:
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(item: x509.Certificate) -> bytes:
    """PEM of a certificate."""
    return item.public_bytes(serialization.Encoding.PEM)


def der(item: x509.Certificate) -> bytes:
    """DER of a certificate."""
    return item.public_bytes(serialization.Encoding.DER)


def own(tester: Tester) -> Credential:
    """The tester's certificate and key, of the first method that the device claims."""
    for method in SIGNATURE_METHODS:
        if tester.claims(method) and method in tester.profile.tester_auth:
            return tester_credential(tester.profile, method)
    raise NotApplicable("the profile has no certificate of the tester that the device accepts")


def leaf(credential: Credential) -> x509.Certificate:
    """The end-entity certificate of a credential."""
    data = credential.cert
    return (
        x509.load_pem_x509_certificate(data) if data.lstrip().startswith(b"-") else x509.load_der_x509_certificate(data)
    )


def _alternative(item: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return item.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def self_signed(like: Credential) -> Credential:
    """The same subject and names in a certificate that its own, unknown key has signed."""
    model, key = leaf(like), fresh_key()
    made = certificate(model.subject, model.subject, key, key, alternative=_alternative(model))
    return replace(like, cert=pem(made), key=key_pem(key))


def by_impostor(like: Credential) -> Credential:
    """The same subject and names, issued by a CA that has the name of the true one, but another key; with that CA."""
    model, key = leaf(like), fresh_key()
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = certificate(model.issuer, model.issuer, ca_key, ca_key, is_ca=True)
    made = certificate(model.subject, model.issuer, key, ca_key, alternative=_alternative(model))
    return replace(like, cert=pem(made) + pem(ca), key=key_pem(key))


def by_end_entity(like: Credential) -> Credential:
    """The same names, issued by an unknown end entity that is no CA itself; with that end entity's certificate."""
    model, key = leaf(like), fresh_key()
    other_key = ec.generate_private_key(ec.SECP256R1())
    other = certificate(name("no CA"), model.issuer, other_key, other_key)
    made = certificate(model.subject, name("no CA"), key, other_key, alternative=_alternative(model))
    return replace(like, cert=pem(made) + pem(other), key=key_pem(key))


def with_other_key(like: Credential) -> Credential:
    """The true certificate, and a key that does not belong to it."""
    return replace(like, key=key_pem(fresh_key()))


def unrelated(common_name: str = "unrelated.example") -> x509.Certificate:
    """A self-signed certificate that has nothing to do with anybody."""
    key = fresh_key()
    return certificate(name(common_name), name(common_name), key, key)
