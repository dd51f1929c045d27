"""Reading certificates and private keys, PEM or DER."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from reference_impl.pki.errors import CertificateError, LoadError, Reason

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

MAX_FILE_SIZE = 1 << 20
# All that the library raises for octets that are not the certificate they should be; these have no common base.
PARSE_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def parse_certificate(der: bytes) -> x509.Certificate:
    """One DER certificate, as in a CERT payload. Raises CertificateError(MALFORMED), also for a broken extension."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        # Parsed lazily by the library: force it, so that nothing later meets an unexpected error.
        certificate.extensions  # noqa: B018
        certificate.subject  # noqa: B018
        certificate.issuer  # noqa: B018
    except PARSE_ERRORS as error:
        raise CertificateError(Reason.MALFORMED, "?", _reason(error)) from None
    # The library takes a signature BIT STRING that does not end at an octet; no signature algorithm makes one.
    if der[-len(certificate.signature) - 1] != 0:
        raise CertificateError(Reason.MALFORMED, subject_text(certificate), "the signature is not whole octets")
    return certificate


def public_key(certificate: x509.Certificate) -> PublicKey:
    """The certificate's public key. Raises CertificateError(MALFORMED) for one that IKE has no signature method for."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(Reason.MALFORMED, subject_text(certificate), _reason(error)) from None
    if not isinstance(key, PublicKey):
        raise CertificateError(Reason.MALFORMED, subject_text(certificate), "no RSA, EC, Ed25519 or Ed448 key")
    return key


def subject_text(certificate: x509.Certificate) -> str:
    """The subject as one line of text (RFC 4514)."""
    return certificate.subject.rfc4514_string()


def load_certificates(path: str | Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a file: one in DER, or any number in PEM, in order. Raises LoadError."""
    data = _read(path, "certificate")
    try:
        if b"-----BEGIN" in data:
            certificates = tuple(x509.load_pem_x509_certificates(data))
        else:
            certificates = (x509.load_der_x509_certificate(data),)
    except PARSE_ERRORS as error:
        hint = "it holds a private key, not a certificate" if b"PRIVATE KEY-----" in data else _reason(error)
        raise LoadError(f"{path}: not a certificate in PEM or DER: {hint}") from None
    for certificate in certificates:
        try:
            certificate.extensions  # noqa: B018
        except PARSE_ERRORS as error:
            raise LoadError(f"{path}: certificate {subject_text(certificate)!r}: {_reason(error)}") from None
    return certificates


def load_private_key(path: str | Path, password: bytes | None = None) -> PrivateKey:
    """The private key of a PEM or DER file (PKCS#8, PKCS#1, SEC 1). Raises LoadError."""
    data = _read(path, "private key")
    try:
        load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
        key = load(data, password)
    except TypeError:
        need = "is encrypted: give its password" if password is None else "is not encrypted: give no password"
        raise LoadError(f"{path}: the private key {need}") from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's text may quote what it read: only the kind of failure is passed on.
        hint = ", or the password is wrong" if password is not None else ""
        if b"BEGIN CERTIFICATE" in data:
            hint = ": it holds a certificate"
        raise LoadError(f"{path}: not a private key in PEM or DER that can be used{hint}") from None
    if not isinstance(key, PrivateKey):
        raise LoadError(f"{path}: the key is not RSA, EC, Ed25519 or Ed448, which IKE can sign with")
    return key


def load_credentials(
    certificate_path: str | Path, key_path: str | Path, password: bytes | None = None
) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
    """A chain, end entity first, and its private key. Raises LoadError, also when the two do not belong together."""
    certificates = load_certificates(certificate_path)
    key = load_private_key(key_path, password)
    if certificates[0].public_key() != key.public_key():
        raise LoadError(f"{key_path}: not the private key of the first certificate in {certificate_path}")
    return certificates, key


def _read(path: str | Path, what: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise LoadError(f"{path}: cannot read the {what} file: {error.strerror or type(error).__name__}") from None
    if not data:
        raise LoadError(f"{path}: the {what} file is empty")
    if len(data) > MAX_FILE_SIZE:
        raise LoadError(f"{path}: the {what} file is larger than {MAX_FILE_SIZE} octets")
    return data


def _reason(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0] or type(error).__name__
