"""Certificates of the first adapter, by reference_impl.pki."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reference_impl.pki.chain import validate_chain
from reference_impl.pki.errors import PkiError
from reference_impl.pki.load import parse_certificate
from vectors.adapters import Input, Refused
from vectors.adapters.ours_esp import octets
from vectors.deterministic_keys import load_private_key

# within the validity of what the transcripts use
AT = datetime(2026, 1, 1, tzinfo=UTC)


def _public(private: bytes) -> bytes:
    """SubjectPublicKeyInfo of a private key, computed from its private part."""
    key = load_private_key(private)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        # the file also holds the public point, which is not to be trusted
        derived = ec.derive_private_key(key.private_numbers().private_value, key.curve)
        if derived.public_key() != key.public_key():
            raise Refused("the private key's point is another one")
        key = derived
    if not isinstance(
        key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)
    ):
        raise Refused("a key of another kind")
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check(inputs: dict[str, Input]) -> dict[str, Input]:
    try:
        certificate, authority = (parse_certificate(octets(inputs, name)) for name in ("certificate", "authority"))
        validate_chain(certificate, [], [authority], AT)
        authority.verify_directly_issued_by(authority)
        own = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if "private_key" in inputs and _public(octets(inputs, "private_key")) != own:
            raise Refused("the private key is not the certificate's")
    except (PkiError, InvalidSignature, ValueError) as error:
        raise Refused(str(error) or type(error).__name__) from error
    return {"verified": True}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {"certificate": check}
