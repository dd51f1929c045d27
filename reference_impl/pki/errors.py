"""Why a key file or a certificate is refused."""

from enum import StrEnum


class PkiError(Exception):
    """Base of all errors raised by `reference_impl.pki`."""


class LoadError(PkiError):
    """A key or certificate that cannot be read; the message names the file and what to do, never the contents."""


class Reason(StrEnum):
    """Stable names of the reasons for refusing a certificate, for events, counters and reports."""

    MALFORMED = "malformed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    UNKNOWN_ISSUER = "unknown-issuer"
    BAD_SIGNATURE = "bad-signature"
    BASIC_CONSTRAINTS = "basic-constraints"
    PATH_LENGTH = "path-length"
    KEY_USAGE = "key-usage"
    EXTENDED_KEY_USAGE = "extended-key-usage"
    NAME_CONSTRAINTS = "name-constraints"
    CRITICAL_EXTENSION = "critical-extension"
    TOO_COMPLEX = "too-complex"
    IDENTITY_MISMATCH = "identity-mismatch"


class CertificateError(PkiError):
    """A certificate that is refused: `reason`, the `subject` of the one it is about, and a sentence in `detail`."""

    def __init__(self, reason: Reason, subject: str, detail: str) -> None:
        super().__init__(reason, subject, detail)
        self.reason = reason
        self.subject = subject
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: certificate {self.subject!r}: {self.detail}"
