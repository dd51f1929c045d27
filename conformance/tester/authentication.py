"""AUTH payloads: the tester's own, and the check of the device's (RFC 7296 §2.15, RFC 7427)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from conformance.profile import Credential, Profile
from conformance.tester.verdicts import Inconclusive
from reference_impl.crypto import auth
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.wire.message import Message
from reference_impl.wire.registries import AuthMethod, CertEncoding, HashAlgorithm, NotifyType
from reference_impl.wire.simple import AuthPayload, CertPayload, CertReqPayload, IdPayload

# What the tester announces and accepts (RFC 7427 §4).
HASHES = (HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512, HashAlgorithm.IDENTITY)
HASHES_DATA = b"".join(value.to_bytes(2, "big") for value in HASHES)


class AuthenticationProblem(ValueError):
    """The device's AUTH payload does not prove what it should; the text says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One side's proof over its signed octets."""

    prf: PrfAlgorithm
    credential: Credential
    peer_hashes: Sequence[HashAlgorithm] = ()

    def auth(self, octets: bytes) -> AuthPayload:
        """The AUTH payload: PSK, RFC 7427 when the peer announced hashes that fit, else the classic method."""
        if self.credential.method == "psk":
            return AuthPayload(AuthMethod.SHARED_KEY_MIC, auth.psk_auth(self.prf, self.credential.psk, octets))
        key = private_key(self.credential.key)
        method = AuthMethod.DIGITAL_SIGNATURE if self.peer_hashes else auth.classic_method(key)
        hashes_both = [item for item in HASHES if item in self.peer_hashes]
        return AuthPayload(method, auth.sign(method, key, octets, hashes_both))


def tester_credential(profile: Profile, method: str) -> Credential:
    """What the tester proves itself with; the PSK is the device's unless the profile says otherwise."""
    found = profile.tester_auth.get(method) or (profile.dut_auth.get("psk") if method == "psk" else None)
    if found is None:
        raise Inconclusive(f"the profile has no [tester.auth.{method}]: the tester cannot authenticate with it")
    return found


def certificates(credential: Credential) -> list[CertPayload]:
    """The CERT payloads that go with a signature."""
    if not credential.cert:
        return []
    return [
        CertPayload(CertEncoding.X509_SIGNATURE, item.public_bytes(Encoding.DER))
        for item in load_certificates(credential.cert)
    ]


def certificate_request(ca: bytes) -> CertReqPayload:
    """A CERTREQ with the SHA-1 hash of each trust anchor's public key (RFC 7296 §3.7)."""
    digests = []
    for item in load_certificates(ca):
        info = item.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = hashes.Hash(hashes.SHA1())
        digest.update(info)
        digests.append(digest.finalize())
    return CertReqPayload(CertEncoding.X509_SIGNATURE, b"".join(digests))


def announced_hashes(message: Message) -> list[HashAlgorithm]:
    """What a SIGNATURE_HASH_ALGORITHMS notification lists; empty without one."""
    found = message.notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
    if found is None:
        return []
    data = found.data
    return [HashAlgorithm(int.from_bytes(data[at : at + 2], "big")) for at in range(0, len(data) - 1, 2)]


def verify_device(message: Message, identity: IdPayload, octets: bytes, prf: PrfAlgorithm, profile: Profile) -> None:
    """Check the device's AUTH payload over its signed octets. Raises AuthenticationProblem."""
    proof = message.get(AuthPayload)
    if proof is None:
        raise AuthenticationProblem("no AUTH payload")
    try:
        if proof.method == AuthMethod.SHARED_KEY_MIC:
            credential = profile.dut_auth.get("psk")
            if credential is None:
                raise AuthenticationProblem("the device proves itself with a shared key that the profile does not have")
            auth.verify_psk(prf, credential.psk, octets, proof.data)
            return
        certificate = message.get(CertPayload)
        if certificate is None:
            raise AuthenticationProblem("a signature, but no CERT payload")
        leaf = x509.load_der_x509_certificate(certificate.data)
        auth.verify(proof.method, leaf.public_key(), octets, proof.data, HASHES)
    except (CryptoError, ValueError) as error:
        if isinstance(error, AuthenticationProblem):
            raise
        raise AuthenticationProblem(f"AUTH payload of method {proof.method.name} does not verify: {error}") from None
    _check_issuer(leaf, profile)


def _check_issuer(leaf: x509.Certificate, profile: Profile) -> None:
    anchors = [item.ca for item in profile.dut_auth.values() if item.ca]
    if not anchors:
        return
    for anchor in anchors:
        for issuer in load_certificates(anchor):
            try:
                leaf.verify_directly_issued_by(issuer)
            except Exception as error:  # noqa: BLE001 - cryptography raises several kinds, each means "not this one"
                del error
                continue
            return
    raise AuthenticationProblem("the device's certificate is not issued by the CA of the profile")


@lru_cache(maxsize=32)
def private_key(data: bytes) -> PrivateKeyTypes:
    """A private key in PEM or DER. Raises Inconclusive when it is neither."""
    try:
        return load_pem_private_key(data, None) if data.lstrip().startswith(b"-") else load_der_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise Inconclusive(f"the tester's private key cannot be read: {error}") from None


@lru_cache(maxsize=32)
def load_certificates(data: bytes) -> list[x509.Certificate]:
    """The certificates in PEM or DER, at least one. Raises Inconclusive when it is neither."""
    try:
        if data.lstrip().startswith(b"-"):
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise Inconclusive(f"a certificate of the profile cannot be read: {error}") from None
