"""Signature schemes and their ASN.1 AlgorithmIdentifiers (RFC 7427, appendix A; RFC 4055; RFC 8420)."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from reference_impl.crypto import der
from reference_impl.crypto.errors import InvalidSignature, UnsupportedAlgorithm
from reference_impl.wire.registries import HashAlgorithm

HASHES: dict[HashAlgorithm, hashes.HashAlgorithm] = {
    HashAlgorithm.SHA1: hashes.SHA1(),
    HashAlgorithm.SHA2_256: hashes.SHA256(),
    HashAlgorithm.SHA2_384: hashes.SHA384(),
    HashAlgorithm.SHA2_512: hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How a signature is computed. `identifier` is the DER AlgorithmIdentifier, `hash` what is announced for it.

    `signer` and `verifier` get (key, octets) and (key, signature, octets); a key of the wrong type is refused before.
    """

    name: str
    identifier: bytes
    hash: HashAlgorithm
    private_type: type
    public_type: type
    signer: Callable[..., bytes]
    verifier: Callable[..., None]

    def fits(self, key: PrivateKeyTypes | PublicKeyTypes) -> bool:
        """Whether a key of this type can be used."""
        return isinstance(key, self.private_type | self.public_type)

    def sign(self, key: PrivateKeyTypes, octets: bytes) -> bytes:
        """The signature. Raises UnsupportedAlgorithm for a key that does not fit."""
        if not isinstance(key, self.private_type):
            raise UnsupportedAlgorithm(f"{self.name} cannot be used with this type of key")
        try:
            return self.signer(key, octets)
        except ValueError as error:
            raise UnsupportedAlgorithm(f"{self.name} cannot be used with this key: {error}") from None

    def verify(self, key: PublicKeyTypes, signature: bytes, octets: bytes) -> None:
        """Raise InvalidSignature unless `signature` is one of `octets` by the owner of `key`."""
        if not isinstance(key, self.public_type):
            raise InvalidSignature(f"{self.name} signature, but the peer's key is of another type")
        try:
            self.verifier(key, signature, octets)
        except (BadSignature, ValueError):
            raise InvalidSignature(f"{self.name} signature does not verify") from None


_OIDS = {
    "rsa-sha1": "1.2.840.113549.1.1.5",
    "rsa-sha256": "1.2.840.113549.1.1.11",
    "rsa-sha384": "1.2.840.113549.1.1.12",
    "rsa-sha512": "1.2.840.113549.1.1.13",
    "ecdsa-sha1": "1.2.840.10045.4.1",
    "ecdsa-sha256": "1.2.840.10045.4.3.2",
    "ecdsa-sha384": "1.2.840.10045.4.3.3",
    "ecdsa-sha512": "1.2.840.10045.4.3.4",
}
_SUFFIXES = {
    HashAlgorithm.SHA1: "sha1",
    HashAlgorithm.SHA2_256: "sha256",
    HashAlgorithm.SHA2_384: "sha384",
    HashAlgorithm.SHA2_512: "sha512",
}
_HASH_OIDS = {
    HashAlgorithm.SHA1: der.encode_oid("1.3.14.3.2.26"),
    HashAlgorithm.SHA2_256: der.encode_oid("2.16.840.1.101.3.4.2.1"),
    HashAlgorithm.SHA2_384: der.encode_oid("2.16.840.1.101.3.4.2.2"),
    HashAlgorithm.SHA2_512: der.encode_oid("2.16.840.1.101.3.4.2.3"),
}
_PSS = der.encode_oid("1.2.840.113549.1.1.10")
_MGF1 = der.encode_oid("1.2.840.113549.1.1.8")
_NULL = der.tlv(der.NULL)
_DEFAULT_SALT = 20
# No RSA key in use is longer than 16384 bits; the library fails with OverflowError on absurd lengths.
MAX_SALT = 2048


def _rsa_pkcs1(algorithm: HashAlgorithm) -> SignatureScheme:
    digest = HASHES[algorithm]
    name = f"rsa-{_SUFFIXES[algorithm]}"
    return SignatureScheme(
        name,
        der.tlv(der.SEQUENCE, der.encode_oid(_OIDS[name]), _NULL),
        algorithm,
        rsa.RSAPrivateKey,
        rsa.RSAPublicKey,
        lambda key, octets: key.sign(octets, padding.PKCS1v15(), digest),
        lambda key, signature, octets: key.verify(signature, octets, padding.PKCS1v15(), digest),
    )


def rsa_pss(
    algorithm: HashAlgorithm,
    *,
    mgf: HashAlgorithm | None = None,
    salt: int | None = None,
    identifier: bytes = b"",
) -> SignatureScheme:
    """RSASSA-PSS; the mask generation hash defaults to `algorithm`, the salt length to the hash's octets."""
    digest = HASHES[algorithm]
    mask = HASHES[algorithm if mgf is None else mgf]
    length = digest.digest_size if salt is None else salt
    pad = padding.PSS(padding.MGF1(mask), length)
    return SignatureScheme(
        f"rsa-pss-{_SUFFIXES[algorithm]}",
        identifier or _pss_identifier(algorithm, algorithm if mgf is None else mgf, length),
        algorithm,
        rsa.RSAPrivateKey,
        rsa.RSAPublicKey,
        lambda key, octets: key.sign(octets, pad, digest),
        lambda key, signature, octets: key.verify(signature, octets, pad, digest),
    )


def _pss_identifier(algorithm: HashAlgorithm, mgf: HashAlgorithm, salt: int) -> bytes:
    # DER leaves out what has its default value, trailerField included.
    fields = b""
    if algorithm != HashAlgorithm.SHA1:
        fields += der.tlv(0xA0, der.tlv(der.SEQUENCE, _HASH_OIDS[algorithm], _NULL))
    if mgf != HashAlgorithm.SHA1:
        fields += der.tlv(0xA1, der.tlv(der.SEQUENCE, _MGF1, der.tlv(der.SEQUENCE, _HASH_OIDS[mgf], _NULL)))
    if salt != _DEFAULT_SALT:
        fields += der.tlv(0xA2, der.tlv(der.INTEGER, salt.to_bytes(salt.bit_length() // 8 + 1, "big")))
    return der.tlv(der.SEQUENCE, _PSS, der.tlv(der.SEQUENCE, fields))


def _ecdsa(algorithm: HashAlgorithm) -> SignatureScheme:
    digest = HASHES[algorithm]
    name = f"ecdsa-{_SUFFIXES[algorithm]}"
    return SignatureScheme(
        name,
        der.tlv(der.SEQUENCE, der.encode_oid(_OIDS[name])),
        algorithm,
        ec.EllipticCurvePrivateKey,
        ec.EllipticCurvePublicKey,
        lambda key, octets: key.sign(octets, ec.ECDSA(digest)),
        lambda key, signature, octets: key.verify(signature, octets, ec.ECDSA(digest)),
    )


def _eddsa(name: str, dotted: str, private_type: type, public_type: type) -> SignatureScheme:
    return SignatureScheme(
        name,
        der.tlv(der.SEQUENCE, der.encode_oid(dotted)),
        HashAlgorithm.IDENTITY,
        private_type,
        public_type,
        lambda key, octets: key.sign(octets),
        lambda key, signature, octets: key.verify(signature, octets),
    )


ED25519 = _eddsa("ed25519", "1.3.101.112", ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)
ED448 = _eddsa("ed448", "1.3.101.113", ed448.Ed448PrivateKey, ed448.Ed448PublicKey)
RSA_PKCS1 = {algorithm: _rsa_pkcs1(algorithm) for algorithm in HASHES}
RSA_PSS = {algorithm: rsa_pss(algorithm) for algorithm in HASHES}
ECDSA = {algorithm: _ecdsa(algorithm) for algorithm in HASHES}

SCHEMES: dict[str, SignatureScheme] = {
    scheme.name: scheme for scheme in (*RSA_PSS.values(), *RSA_PKCS1.values(), *ECDSA.values(), ED25519, ED448)
}
_BY_IDENTIFIER = {scheme.identifier: scheme for scheme in SCHEMES.values()}
_KNOWN_OIDS = {
    der.tlv(der.OID, der.read(der.read_only(scheme.identifier, der.SEQUENCE), der.OID)[0]): scheme
    for scheme in SCHEMES.values()
}


def parse_identifier(identifier: bytes) -> SignatureScheme:
    """The scheme of a DER AlgorithmIdentifier.

    Raises UnsupportedAlgorithm for an unknown one, InvalidSignature for one that is not strict DER or has
    parameters that its algorithm forbids.
    """
    scheme = _BY_IDENTIFIER.get(identifier)
    if scheme is not None:
        return scheme
    try:
        contents = der.read_only(identifier, der.SEQUENCE)
        oid, parameters = der.read(contents, der.OID)
        oid = der.tlv(der.OID, oid)
        if oid == _PSS:
            return _parse_pss(parameters, identifier)
    except der.DerError as error:
        raise InvalidSignature(f"AlgorithmIdentifier: {error}") from None
    if oid in _KNOWN_OIDS:
        raise InvalidSignature(f"AlgorithmIdentifier of {_KNOWN_OIDS[oid].name} has the wrong parameters")
    raise UnsupportedAlgorithm(f"signature algorithm {identifier.hex()} is not supported")


def _parse_pss(parameters: bytes, identifier: bytes) -> SignatureScheme:
    rest = der.read_only(parameters, der.SEQUENCE)
    algorithm = mgf = HashAlgorithm.SHA1
    salt = _DEFAULT_SALT
    if rest[:1] == b"\xa0":
        field, rest = der.read(rest, 0xA0)
        algorithm = _parse_hash(field)
    if rest[:1] == b"\xa1":
        field, rest = der.read(rest, 0xA1)
        oid, mask = der.read(der.read_only(field, der.SEQUENCE), der.OID)
        if der.tlv(der.OID, oid) != _MGF1:
            raise UnsupportedAlgorithm("RSASSA-PSS with a mask generation function other than MGF1")
        mgf = _parse_hash(mask)
    if rest[:1] == b"\xa2":
        field, rest = der.read(rest, 0xA2)
        salt = der.read_integer(field)
        if salt > MAX_SALT:
            raise der.DerError(f"RSASSA-PSS saltLength is larger than {MAX_SALT}")
    if rest[:1] == b"\xa3":
        field, rest = der.read(rest, 0xA3)
        if der.read_integer(field) != 1:
            raise der.DerError("RSASSA-PSS trailerField is not 1")
    if rest:
        raise der.DerError("unknown or misplaced field in the RSASSA-PSS parameters")
    return rsa_pss(algorithm, mgf=mgf, salt=salt, identifier=identifier)


def _parse_hash(data: bytes) -> HashAlgorithm:
    # RFC 4055, section 2.1: absent parameters are accepted as well as NULL.
    oid, parameters = der.read(der.read_only(data, der.SEQUENCE), der.OID)
    if parameters not in (b"", _NULL):
        raise der.DerError("hash AlgorithmIdentifier has parameters")
    for algorithm, encoded in _HASH_OIDS.items():
        if encoded == der.tlv(der.OID, oid):
            return algorithm
    raise UnsupportedAlgorithm(f"hash algorithm {oid.hex()} is not supported")
