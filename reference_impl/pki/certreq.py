"""What a CERTREQ payload asks for: hashes of the trust anchors' keys (RFC 7296, section 3.7)."""

from collections.abc import Iterable, Sequence
from hashlib import sha1

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HASH_SIZE = 20


def spki_hash(certificate: x509.Certificate) -> bytes:
    """SHA-1 of the SubjectPublicKeyInfo element: 20 octets."""
    info = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha1(info, usedforsecurity=False).digest()


def authorities(anchors: Iterable[x509.Certificate]) -> bytes:
    """The Certification Authority field: the anchors' hashes one after the other, without separator or repetition."""
    return b"".join(dict.fromkeys(spki_hash(anchor) for anchor in anchors))


def requested(field: bytes) -> tuple[bytes, ...] | None:
    """The hashes in a received Certification Authority field; None when its length is not a multiple of 20."""
    if len(field) % HASH_SIZE:
        return None
    return tuple(field[start : start + HASH_SIZE] for start in range(0, len(field), HASH_SIZE))


def answers(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], field: bytes) -> bool:
    """Whether a chain, end entity first, comes from an authority asked for; an empty field asks for any.

    `anchors` are certificates of authorities that the chain may end at without containing them.
    """
    hashes = requested(field)
    if not hashes:
        return hashes is not None
    issuers = {certificate.issuer for certificate in chain}
    known = [*chain[1:], *(anchor for anchor in anchors if anchor.subject in issuers)]
    return any(spki_hash(certificate) in hashes for certificate in known)
