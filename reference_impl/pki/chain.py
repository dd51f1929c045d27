"""Certificate path building and validation: the part of RFC 5280, section 6, that RFC 4945 needs.

Not `cryptography.x509.verification`: its profile is the web's. It refuses Ed25519 and Ed448, knows TLS servers and
clients only, and gives its reasons as text, where events and verdicts need them typed. Certificate policies are
not processed: a critical extension about them refuses the certificate. Revocation is not looked at here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from reference_impl.pki import names
from reference_impl.pki.errors import CertificateError, Reason
from reference_impl.pki.load import subject_text

MAX_PATH = 10
MAX_SIGNATURES = 64

PROCESSED_EXTENSIONS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
)
IKE_USAGES = (ExtendedKeyUsageOID.IPSEC_IKE, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)

Path = tuple[x509.Certificate, ...]
Extension = TypeVar("Extension", bound=x509.ExtensionType)


@dataclass(slots=True)
class _Budget:
    signatures: int = MAX_SIGNATURES


def validate_chain(
    end_entity: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime,
    *,
    extended_key_usage: bool = True,
) -> Path:
    """The path from the end entity to a trust anchor, both included, that is valid at the aware time `at`.

    An end-entity certificate that is itself an anchor is a path of one. `extended_key_usage` applies the rule of
    RFC 4945, section 5.1.3.12. Raises CertificateError with the reason of the first path that failed, or
    UNKNOWN_ISSUER.
    """
    budget = _Budget()
    failure: CertificateError | None = None
    for path in _paths((end_entity,), intermediates, anchors, budget):
        try:
            check_path(path, at, extended_key_usage=extended_key_usage)
        except CertificateError as error:
            failure = failure or error
        else:
            return path
    if budget.signatures <= 0:
        raise CertificateError(
            Reason.TOO_COMPLEX, subject_text(end_entity), f"more than {MAX_SIGNATURES} signatures to check"
        )
    raise failure or _no_path(end_entity, intermediates, anchors)


def check_path(path: Path, at: datetime, *, extended_key_usage: bool = True) -> None:
    """Check a path whose signatures are verified already. Raises CertificateError."""
    for certificate in path:
        check_validity(certificate, at)
        check_critical_extensions(certificate)
    check_end_entity(path[0], extended_key_usage=extended_key_usage)
    below = 0
    for depth, certificate in enumerate(path[1:], start=1):
        check_issuer(certificate, below)
        constraints = _extension(certificate, x509.NameConstraints)
        if constraints is not None:
            for subject in path[:depth]:
                # RFC 5280, section 6.1.3 (b): not applied to self-issued certificates, unless it is the last one.
                if subject is path[0] or subject.subject != subject.issuer:
                    names.check_name_constraints(subject, constraints)
        below += certificate.subject != certificate.issuer


def check_validity(certificate: x509.Certificate, at: datetime) -> None:
    """Raise CertificateError unless `at` lies between notBefore and notAfter, both included."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < start:
        raise CertificateError(Reason.NOT_YET_VALID, subject_text(certificate), f"valid from {start.isoformat()}")
    if at > end:
        raise CertificateError(Reason.EXPIRED, subject_text(certificate), f"was valid until {end.isoformat()}")


def check_critical_extensions(certificate: x509.Certificate) -> None:
    """Raise CertificateError for a critical extension that is not processed here."""
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in PROCESSED_EXTENSIONS:
            raise CertificateError(
                Reason.CRITICAL_EXTENSION,
                subject_text(certificate),
                f"critical extension {extension.oid.dotted_string} is not supported",
            )


def check_end_entity(certificate: x509.Certificate, *, extended_key_usage: bool = True) -> None:
    """keyUsage and extendedKeyUsage of a certificate that signs in IKE (RFC 4945, sections 5.1.3.2 and 5.1.3.12)."""
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise CertificateError(
            Reason.KEY_USAGE, subject_text(certificate), "neither digitalSignature nor nonRepudiation is set"
        )
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    if extended_key_usage and purposes is not None and not any(oid in purposes for oid in IKE_USAGES):
        raise CertificateError(
            Reason.EXTENDED_KEY_USAGE,
            subject_text(certificate),
            "neither id-kp-ipsecIKE nor anyExtendedKeyUsage is listed",
        )


def check_issuer(certificate: x509.Certificate, below: int) -> None:
    """Whether a certificate may issue; `below` counts the CA certificates under it that are not self-issued.

    Raises CertificateError.
    """
    subject = subject_text(certificate)
    basic = _extension(certificate, x509.BasicConstraints)
    if basic is None or not basic.ca:
        raise CertificateError(Reason.BASIC_CONSTRAINTS, subject, "issued a certificate, but is not a CA certificate")
    if basic.path_length is not None and below > basic.path_length:
        raise CertificateError(
            Reason.PATH_LENGTH, subject, f"{below} CA certificates below it, pathLenConstraint is {basic.path_length}"
        )
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise CertificateError(Reason.KEY_USAGE, subject, "issued a certificate, but keyCertSign is not set")


def _paths(
    path: Path, intermediates: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], budget: _Budget
) -> Iterator[Path]:
    """All paths whose names chain and whose signatures verify, shortest choices first."""
    last = path[-1]
    if last in anchors:
        yield path
        return
    for issuer in _issuers(last, anchors):
        if _signed(last, issuer, budget):
            yield (*path, issuer)
    if len(path) < MAX_PATH:
        for issuer in _issuers(last, intermediates):
            if issuer not in path and issuer not in anchors and _signed(last, issuer, budget):
                yield from _paths((*path, issuer), intermediates, anchors, budget)


def _issuers(certificate: x509.Certificate, candidates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Candidates with the issuer's name; those whose key identifier is the one asked for come first."""
    wanted = _extension(certificate, x509.AuthorityKeyIdentifier)
    named = [candidate for candidate in candidates if candidate.subject == certificate.issuer]

    def other_key(candidate: x509.Certificate) -> bool:
        identifier = _extension(candidate, x509.SubjectKeyIdentifier)
        return None in (wanted, identifier) or wanted.key_identifier != identifier.digest  # type: ignore[union-attr]

    return sorted(named, key=other_key)


def _signed(certificate: x509.Certificate, issuer: x509.Certificate, budget: _Budget) -> bool:
    if budget.signatures <= 0:
        return False
    budget.signatures -= 1
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _no_path(
    end_entity: x509.Certificate, intermediates: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> CertificateError:
    """Why no path was found, following the issuer's names as far as they lead."""
    current = end_entity
    seen = [current]
    while True:
        candidates = _issuers(current, (*anchors, *intermediates))
        if not candidates:
            detail = f"no certificate of its issuer {current.issuer.rfc4514_string()!r} is known"
            return CertificateError(Reason.UNKNOWN_ISSUER, subject_text(current), detail)
        signers = [issuer for issuer in candidates if _signed(current, issuer, _Budget())]
        if not signers:
            detail = f"its signature is not by the key of {current.issuer.rfc4514_string()!r}"
            return CertificateError(Reason.BAD_SIGNATURE, subject_text(current), detail)
        current = signers[0]
        if current in seen or len(seen) >= MAX_PATH:
            return CertificateError(Reason.UNKNOWN_ISSUER, subject_text(current), "leads to no trust anchor")
        seen.append(current)


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
