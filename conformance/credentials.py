"""What the two sides prove themselves with: read from a profile, checked as far as that is possible before a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

# More than any profile or credential has; a device file or the wrong file is not read to its end.
MAX_OCTETS = 1024 * 1024
PARTS = ("psk", "cert", "key", "ca")


class ProfileError(ValueError):
    """A profile that cannot be used; the text names the file, the place and what to do."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What one side proves itself with. Secrets are left out of `repr`.

    identity: as written in the profile ("fqdn:gw.example"); psk, cert, key and ca: contents of the files, PEM or DER.
    """

    method: str
    identity: str
    psk: bytes = field(default=b"", repr=False)
    cert: bytes = b""
    key: bytes = field(default=b"", repr=False)
    ca: bytes = b""


def read_file(path: Path) -> bytes:
    """The contents of a file of a sensible size. Raises OSError, and ValueError with the reason."""
    if "\0" in str(path):
        raise ValueError("a file name has no NUL character")
    with path.open("rb") as file:
        content = file.read(MAX_OCTETS + 1)
    if len(content) > MAX_OCTETS:
        raise ValueError(f"is larger than {MAX_OCTETS} octets: this is another kind of file")
    return content


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the credentials of the profile `source`; file names in it are relative to `base`."""

    source: str
    base: Path

    def credentials(self, part: Mapping[str, Any], place: str) -> dict[str, Credential]:
        """The credentials of `[dut.auth]` or `[tester.auth]`, by method. Raises ProfileError."""
        return {name: self._credential(name, item, f"{place}.{name}") for name, item in part.items()}

    def _credential(self, method: str, part: Mapping[str, Any], place: str) -> Credential:
        identity = part.get("identity", "")
        if identity:
            self.check_identity(identity, place)
        values = {key: self._octets(part[key], f"{place}.{key}") for key in PARTS if key in part}
        credential = Credential(method, identity, **values)
        self._check(credential, place)
        return credential

    def check_identity(self, identity: str, place: str) -> None:
        """An identity can be put into an ID payload. Raises ProfileError."""
        from conformance.tester.identity import parse_identity

        try:
            parse_identity(identity.replace("%d", "1"))
        except ValueError as error:
            raise ProfileError(f"{self.source}: {place}.identity: {error}") from None

    def _octets(self, part: Mapping[str, str], place: str) -> bytes:
        """The contents that `{value=}`, `{env=}` or `{file=}` stands for."""
        if "value" in part:
            content, origin = part["value"].encode(), "the value"
        elif "env" in part:
            name = part["env"]
            if name not in os.environ:
                raise ProfileError(f"{self.source}: {place}: the environment variable {name} is not set; export it")
            content, origin = os.fsencode(os.environ[name]), f"the environment variable {name}"
        else:
            path = self.base / part["file"]
            try:
                content, origin = read_file(path), str(path)
            except OSError as error:
                reason = error.strerror or "cannot be read"
                advice = "make it readable" if isinstance(error, PermissionError) else "put the credential there"
                raise ProfileError(f"{self.source}: {place}: {path}: {reason}; {advice}") from None
            except ValueError as error:
                raise ProfileError(f"{self.source}: {place}: {part['file']!r}: {error}") from None
            if place.endswith(".psk"):
                content = content.rstrip(b"\r\n")
        if not content:
            raise ProfileError(f"{self.source}: {place}: {origin} is empty")
        return content

    def _check(self, credential: Credential, place: str) -> None:
        if credential.method == "psk":
            if not credential.psk and place.startswith("dut."):
                raise ProfileError(f"{self.source}: {place}: psk is missing; give it as value, env or file")
            return
        if place.startswith("tester."):
            self._check_signer(credential, place)
        if credential.ca:
            self._certificates(credential.ca, f"{place}.ca")

    def _check_signer(self, credential: Credential, place: str) -> None:
        """The tester's own certificate and key exist, are of the method and belong together."""
        from conformance.tester.authentication import private_key
        from conformance.tester.verdicts import Inconclusive

        for name in ("cert", "key"):
            if not getattr(credential, name):
                raise ProfileError(f"{self.source}: {place}: {name} is missing: the tester signs with it")
        certificate = self._certificates(credential.cert, f"{place}.cert")[0]
        try:
            key = private_key(credential.key)
        except Inconclusive:
            reason = "is no private key in PEM or DER without a passphrase"
            raise ProfileError(f"{self.source}: {place}.key: {reason}") from None
        if _kind(key) != credential.method:
            raise ProfileError(f"{self.source}: {place}.key: is of the kind {_kind(key)}, not {credential.method}")
        if key.public_key() != certificate.public_key():
            raise ProfileError(
                f"{self.source}: {place}.key: does not belong to the certificate in {place}.cert"
                f" ({certificate.subject.rfc4514_string()})"
            )

    def _certificates(self, data: bytes, place: str) -> list[x509.Certificate]:
        from conformance.tester.authentication import load_certificates
        from conformance.tester.verdicts import Inconclusive

        try:
            return load_certificates(data)
        except Inconclusive:
            raise ProfileError(f"{self.source}: {place}: is no certificate in PEM or DER") from None


def _kind(key: object) -> str:
    """The method of a private key as profiles call it, or its type."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    kinds = {
        "rsa": rsa.RSAPrivateKey,
        "ecdsa": ec.EllipticCurvePrivateKey,
        "ed25519": ed25519.Ed25519PrivateKey,
    }
    return next((name for name, kind in kinds.items() if isinstance(key, kind)), type(key).__name__)
