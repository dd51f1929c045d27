"""A small certification authority in memory, for the default set-up, the lab and tests. Not for production use."""

import ipaddress
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reference_impl.pki.load import PrivateKey

KEY_TYPES: dict[str, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}

# Applied to the finished builder just before signing: the place to make a certificate wrong on purpose.
Alter = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate with its private key; `chain` are the CA certificates above it, without the root."""

    certificate: x509.Certificate
    private_key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """The certificate and the chain above it in DER, as CERT payloads carry them."""
        return (self.der, *(certificate.public_bytes(Encoding.DER) for certificate in self.chain))

    def key_pem(self) -> bytes:
        """The private key in unencrypted PKCS#8 PEM."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, directory: str | Path, stem: str) -> tuple[Path, Path]:
        """Write STEM.crt (certificate and chain) and STEM.key (mode 0600) in PEM; returns the two paths."""
        certificate, key = Path(directory) / f"{stem}.crt", Path(directory) / f"{stem}.key"
        whole = (self.certificate, *self.chain)
        certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in whole))
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(self.key_pem())
        return certificate, key


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA that issues end-entity and CA certificates; `chain` is its own way up, itself first, the root left out."""

    certificate: x509.Certificate
    private_key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The CA's own certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    def write(self, path: str | Path) -> Path:
        """Write the CA's own certificate in PEM; returns the path."""
        Path(path).write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return Path(path)

    def issue(
        self,
        common_name: str,
        identities: Iterable[str] = (),
        *,
        key_type: str = "ecdsa",
        private_key: PrivateKey | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        alter: Alter | None = None,
    ) -> Credential:
        """An end-entity certificate that signs in IKE; identities as `fqdn:gw.example`, `ip:192.0.2.1`, `email:a@b`."""
        key = private_key or KEY_TYPES[key_type]()
        builder = _builder(common_name, key, not_before, not_after)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(digital_signature=True), critical=True)
        names = [general_name(identity) for identity in identities]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Credential(self._sign(builder, alter), key, self.chain)

    def issue_ca(
        self,
        common_name: str,
        *,
        key_type: str = "ecdsa",
        path_length: int | None = None,
        name_constraints: x509.NameConstraints | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        alter: Alter | None = None,
    ) -> "CertificateAuthority":
        """A subordinate CA."""
        key = KEY_TYPES[key_type]()
        builder = _ca_extensions(_builder(common_name, key, not_before, not_after), path_length)
        if name_constraints is not None:
            builder = builder.add_extension(name_constraints, critical=True)
        certificate = self._sign(builder, alter)
        return CertificateAuthority(certificate, key, (certificate, *self.chain))

    def _sign(self, builder: x509.CertificateBuilder, alter: Alter | None) -> x509.Certificate:
        identifier = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = builder.issuer_name(self.certificate.subject).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        return _signed(alter(builder) if alter else builder, self.private_key)


def make_ca(
    common_name: str = "ikeproof test CA",
    *,
    key_type: str = "ecdsa",
    path_length: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> CertificateAuthority:
    """A self-signed root. Valid from an hour ago for ten years unless told otherwise, as all certificates here are."""
    key = KEY_TYPES[key_type]()
    builder = _ca_extensions(_builder(common_name, key, not_before, not_after), path_length)
    return CertificateAuthority(_signed(builder.issuer_name(_name(common_name)), key), key)


def general_name(identity: str) -> x509.GeneralName:
    """`fqdn:`, `email:` or `ip:` identity as subjectAltName. Raises ValueError for anything else."""
    prefix, _, value = identity.partition(":")
    if prefix == "fqdn":
        return x509.DNSName(value)
    if prefix == "email":
        return x509.RFC822Name(value)
    if prefix == "ip":
        return x509.IPAddress(ipaddress.ip_address(value))
    raise ValueError(f"identity {identity!r}: a certificate can hold fqdn:, email: and ip:")


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ikeproof"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    common_name: str, key: PrivateKey, not_before: datetime | None, not_after: datetime | None
) -> x509.CertificateBuilder:
    start = not_before or datetime.now(UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(not_after or start + timedelta(days=3652))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _ca_extensions(builder: x509.CertificateBuilder, path_length: int | None) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    edwards = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(key, None if edwards else hashes.SHA256())
