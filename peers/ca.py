"""A small certificate authority for the lab: one CA, end-entity certificates of three key types."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from peers.scenario import Credentials, Identity

KeyType = Literal["rsa", "ecdsa", "ed25519"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_DAY = datetime.timedelta(days=1)


def generate(key_type: KeyType) -> PrivateKey:
    """A new private key: RSA-2048, ECDSA P-256 or Ed25519."""
    if key_type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if key_type == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: PrivateKey) -> str:
    """A private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _general_name(identity: Identity) -> x509.GeneralName:
    if identity.kind == "fqdn":
        return x509.DNSName(identity.value)
    if identity.kind == "email":
        return x509.RFC822Name(identity.value)
    if identity.kind in ("ipv4", "ipv6"):
        return x509.IPAddress(ipaddress.ip_address(identity.value))
    raise ValueError(f"no subjectAltName for an identity of kind {identity.kind!r}")


@dataclass(frozen=True)
class TestCa:
    """A CA with an RSA key (the one signature that every peer can check)."""

    __test__ = False
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    organization: str = "ikeproof lab"

    @classmethod
    def create(cls, name: str = "ikeproof lab CA", organization: str = "ikeproof lab") -> TestCa:
        """A fresh CA, valid from yesterday for ten years. ``organization``: in the subject of what it issues."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 3650 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate, organization)

    @property
    def pem(self) -> str:
        """The CA certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, key_type: KeyType, identity: Identity) -> Credentials:
        """A certificate whose subjectAltName is ``identity``, with its key and this CA."""
        key = generate(key_type)
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization),
                x509.NameAttribute(NameOID.COMMON_NAME, identity.value),
            ]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 825 * _DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    # RFC 4945 section 5.1.3.12: a certificate with this extension must allow IKE in it
                    [ExtendedKeyUsageOID.IPSEC_IKE, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([_general_name(identity)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        text = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return Credentials(certificate=text, key=pem(key), ca=self.pem)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
