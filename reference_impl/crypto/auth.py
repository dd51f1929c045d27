"""What the AUTH payload carries: shared-key codes and signatures (RFC 7296, 2.15; RFC 4754; RFC 7427; RFC 8420)."""

import hmac
from collections.abc import Collection, Sequence

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from reference_impl.crypto import signatures
from reference_impl.crypto.errors import InvalidSignature, UnsupportedAlgorithm
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.crypto.signatures import SignatureScheme
from reference_impl.wire.registries import AuthMethod, HashAlgorithm

KEY_PAD = b"Key Pad for IKEv2"

# RFC 4754, section 2: the curve and hash that each classic ECDSA method fixes.
ECDSA_METHODS: dict[AuthMethod, tuple[str, HashAlgorithm]] = {
    AuthMethod.ECDSA_SHA256_P256: ("secp256r1", HashAlgorithm.SHA2_256),
    AuthMethod.ECDSA_SHA384_P384: ("secp384r1", HashAlgorithm.SHA2_384),
    AuthMethod.ECDSA_SHA512_P521: ("secp521r1", HashAlgorithm.SHA2_512),
}


def signed_octets(message: bytes, nonce: bytes, prf: PrfAlgorithm, sk_p: bytes, id_body: bytes) -> bytes:
    """InitiatorSignedOctets or ResponderSignedOctets (RFC 7296, section 2.15).

    `message` is the signer's own IKE_SA_INIT message, `nonce` the *other* side's nonce, `sk_p` the signer's
    SK_pi or SK_pr, `id_body` the signer's ID payload without its generic header.
    """
    return message + nonce + prf(sk_p, id_body)


def psk_auth(prf: PrfAlgorithm, psk: bytes, octets: bytes) -> bytes:
    """AUTH data of method 2: prf(prf(Shared Secret, "Key Pad for IKEv2"), octets)."""
    return prf(prf(psk, KEY_PAD), octets)


def verify_psk(prf: PrfAlgorithm, psk: bytes, octets: bytes, auth_data: bytes) -> None:
    """Raise InvalidSignature unless `auth_data` is the code of `octets` under the shared key."""
    if not hmac.compare_digest(psk_auth(prf, psk, octets), auth_data):
        raise InvalidSignature("shared key message integrity code does not match")


def choose_scheme(
    key: PrivateKeyTypes | PublicKeyTypes, hash_algorithms: Sequence[HashAlgorithm], *, pss: bool = True
) -> SignatureScheme:
    """The RFC 7427 scheme for a key among hashes the peer accepts, in our order of preference.

    ECDSA takes the hash of its curve's size when that is among them. Raises UnsupportedAlgorithm when nothing fits.
    """
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        candidates = {HashAlgorithm.IDENTITY: signatures.ED25519}
    elif isinstance(key, ed448.Ed448PrivateKey | ed448.Ed448PublicKey):
        candidates = {HashAlgorithm.IDENTITY: signatures.ED448}
    elif isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        candidates = signatures.RSA_PSS if pss else signatures.RSA_PKCS1
    elif isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        candidates = signatures.ECDSA
        for curve, algorithm in ECDSA_METHODS.values():
            if curve == key.curve.name and algorithm in hash_algorithms:
                return candidates[algorithm]
    else:
        raise UnsupportedAlgorithm("keys of this type have no signature scheme in IKEv2")
    for algorithm in hash_algorithms:
        if algorithm in candidates:
            return candidates[algorithm]
    raise UnsupportedAlgorithm("the peer accepts no hash algorithm that fits this key")


def classic_method(key: PrivateKeyTypes | PublicKeyTypes) -> AuthMethod:
    """The method of RFC 7296 or RFC 4754 for a key, for peers without RFC 7427. Raises UnsupportedAlgorithm."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return AuthMethod.RSA_DIGITAL_SIGNATURE
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        for method, (curve, _) in ECDSA_METHODS.items():
            if curve == key.curve.name:
                return method
    raise UnsupportedAlgorithm("keys of this type need a peer that supports RFC 7427")


def sign(
    method: AuthMethod,
    key: PrivateKeyTypes,
    octets: bytes,
    hash_algorithms: Sequence[HashAlgorithm] = (),
    *,
    pss: bool = True,
    scheme: SignatureScheme | None = None,
) -> bytes:
    """Authentication data of a signature method over `signed_octets`.

    Method 14 uses `scheme`, or else chooses one from `hash_algorithms`. Method 1 signs with SHA-1 unless an
    RSA PKCS#1 v1.5 `scheme` says otherwise. Raises UnsupportedAlgorithm when these do not fit together.
    """
    if method == AuthMethod.DIGITAL_SIGNATURE:
        chosen = scheme or choose_scheme(key, hash_algorithms, pss=pss)
        return bytes([len(chosen.identifier)]) + chosen.identifier + chosen.sign(key, octets)
    if method == AuthMethod.RSA_DIGITAL_SIGNATURE:
        return (scheme or signatures.RSA_PKCS1[HashAlgorithm.SHA1]).sign(key, octets)
    if method in ECDSA_METHODS:
        curve, algorithm = ECDSA_METHODS[method]
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != curve:
            raise UnsupportedAlgorithm(f"authentication method {int(method)} needs a key on {curve}")
        size = (key.key_size + 7) // 8
        r, s = decode_dss_signature(signatures.ECDSA[algorithm].sign(key, octets))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    raise UnsupportedAlgorithm(f"authentication method {int(method)} is not a supported signature method")


def verify(
    method: AuthMethod,
    public_key: PublicKeyTypes,
    octets: bytes,
    auth_data: bytes,
    hash_algorithms: Collection[HashAlgorithm] | None = None,
) -> SignatureScheme:
    """Check authentication data of a signature method; returns the scheme that the peer used.

    `hash_algorithms` are those we announced, of which the peer must have used one with method 14; None allows all.
    Raises InvalidSignature, and UnsupportedAlgorithm for a method or algorithm that is not known.
    """
    if method == AuthMethod.DIGITAL_SIGNATURE:
        if not auth_data or len(auth_data) < 1 + auth_data[0]:
            raise InvalidSignature("authentication data ends within the AlgorithmIdentifier")
        end = 1 + auth_data[0]
        scheme = signatures.parse_identifier(auth_data[1:end])
        if hash_algorithms is not None and scheme.hash not in hash_algorithms:
            raise InvalidSignature(f"{scheme.name} uses a hash algorithm that was not announced")
        scheme.verify(public_key, auth_data[end:], octets)
        return scheme
    if method == AuthMethod.RSA_DIGITAL_SIGNATURE:
        return _verify_rsa(public_key, octets, auth_data)
    if method in ECDSA_METHODS:
        curve, algorithm = ECDSA_METHODS[method]
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != curve:
            raise InvalidSignature(f"authentication method {int(method)} needs a key on {curve}")
        size = (public_key.key_size + 7) // 8
        if len(auth_data) != 2 * size:
            raise InvalidSignature(f"ECDSA signature has {len(auth_data)} octets, r and s have {size} each")
        r, s = int.from_bytes(auth_data[:size], "big"), int.from_bytes(auth_data[size:], "big")
        signatures.ECDSA[algorithm].verify(public_key, encode_dss_signature(r, s), octets)
        return signatures.ECDSA[algorithm]
    raise UnsupportedAlgorithm(f"authentication method {int(method)} is not a supported signature method")


def _verify_rsa(public_key: PublicKeyTypes, octets: bytes, signature: bytes) -> SignatureScheme:
    # The hash is not negotiated with method 1: the signature itself says which one it is (RFC 7296, section 3.8).
    failure: InvalidSignature | None = None
    for scheme in signatures.RSA_PKCS1.values():
        try:
            scheme.verify(public_key, signature, octets)
        except InvalidSignature as error:
            failure = failure or error
        else:
            return scheme
    raise failure or InvalidSignature("no hash algorithm to try")
