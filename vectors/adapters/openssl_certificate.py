"""Certificates of the second adapter: the signature over tbsCertificate (RFC 5280, section 4.1.1.3)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from vectors.adapters import Input, Refused
from vectors.deterministic_keys import load_private_key

_PROBE = b"the same key on both sides"


def _check_signature(signed: x509.Certificate, signer: x509.Certificate) -> None:
    key = signer.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or signed.signature_hash_algorithm is None:
        raise Refused("the authority's key is not RSA")
    if signed.issuer != signer.subject:
        raise Refused("the issuer has another name")
    key.verify(signed.signature, signed.tbs_certificate_bytes, padding.PKCS1v15(), signed.signature_hash_algorithm)


def _check_pair(certificate: x509.Certificate, private: bytes) -> None:
    """What the private key signs, the certificate's key accepts; an EC key's point is computed anew."""
    key, public = load_private_key(private), certificate.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        same = key.public_key() == public
    elif isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(public, ec.EllipticCurvePublicKey):
        point = ec.derive_private_key(key.private_numbers().private_value, public.curve).public_key()
        same = point.public_numbers() == public.public_numbers() == key.public_key().public_numbers()
    elif isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        if not isinstance(public, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            raise Refused("keys of two kinds")
        public.verify(key.sign(_PROBE), _PROBE)
        same = True
    else:
        same = False
    if not same:
        raise Refused("two different keys")


def check(inputs: dict[str, Input]) -> dict[str, Input]:
    octets = {name: value for name, value in inputs.items() if isinstance(value, bytes)}
    certificate, authority = (x509.load_der_x509_certificate(octets[name]) for name in ("certificate", "authority"))
    try:
        _check_signature(certificate, authority)
        _check_signature(authority, authority)
        if "private_key" in octets:
            _check_pair(certificate, octets["private_key"])
    except InvalidSignature as error:
        raise Refused("a signature does not fit") from error
    return {"verified": True}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {"certificate": check}
