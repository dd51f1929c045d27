"""The keys and certificates of the transcripts: committed, made for them only, valid for decades.

`python -m vectors.recording.credentials` makes all of them anew, after which every transcript with certificates has to
be recorded again.
"""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FILE = Path(__file__).parent / "credentials.json"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
KINDS = ("rsa", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519", "ed448")
_CURVES: dict[str, ec.EllipticCurve] = {
    "ecdsa256": ec.SECP256R1(),
    "ecdsa384": ec.SECP384R1(),
    "ecdsa521": ec.SECP521R1(),
}
_FROM = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
_TO = datetime.datetime(2049, 1, 1, tzinfo=datetime.UTC)


def load(role: str, kind: str) -> tuple[bytes, bytes]:
    """(certificate in DER, private key in PKCS #8) of one end, `initiator` or `responder`."""
    entry = json.loads(FILE.read_text(encoding="utf-8"))[role][kind]
    return bytes.fromhex(entry["certificate"]), bytes.fromhex(entry["private_key"])


def authority() -> bytes:
    """The CA's certificate in DER."""
    return bytes.fromhex(json.loads(FILE.read_text(encoding="utf-8"))["authority"]["certificate"])


def identity(role: str, kind: str) -> str:
    """The name in a certificate's subjectAltName."""
    return f"{kind}.{role}.example"


def _generate(kind: str) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind])


def _der(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(name: str, key: PrivateKey, issuer: x509.Name | None, signer: rsa.RSAPrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(b"\x01" + os.urandom(7), "big"))
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        builder = (
            builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.IPSEC_IKE, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
    return builder.sign(signer, hashes.SHA256())


def make() -> None:
    """A fresh CA and fresh credentials of every kind for both ends."""
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ca = _certificate("ikeproof transcripts CA", signer, None, signer)
    result: dict[str, dict[str, object]] = {
        "authority": {"certificate": ca.public_bytes(serialization.Encoding.DER).hex()}
    }
    for role in ("initiator", "responder"):
        result[role] = {}
        for kind in KINDS:
            key = _generate(kind)
            certificate = _certificate(identity(role, kind), key, ca.subject, signer)
            result[role][kind] = {
                "certificate": certificate.public_bytes(serialization.Encoding.DER).hex(),
                "private_key": _der(key).hex(),
            }
    FILE.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make()
