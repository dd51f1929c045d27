"""Mutants of IKE_AUTH: certificates, certificate requests, and signatures of RFC 7427 and RFC 8420."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from conformance.mutants._auth import change_proof, refuse_if
from conformance.mutants.registry import Patch, mutant

# -- our certificates -------------------------------------------------------------------------------------------------


def _change_certificates(patch: Patch, change: Callable[[Any, Any, list[Any]], list[Any]]) -> None:
    """`change(sa, local, payloads)` are the CERT payloads that we send."""
    from reference_impl.ikev2 import authenticate

    def certificate_payloads(original: Any, sa: Any, local: Any) -> Any:
        return change(sa, local, list(original(sa, local)))

    patch.wrap(authenticate, "certificate_payloads", certificate_payloads)


@mutant("issuer-certificate-first", breaks="rfc7296/1.2/first-cert-verifies-auth")
def issuer_certificate_first(patch: Patch) -> None:
    """Sends the certificate of its CA before its own."""
    from cryptography.hazmat.primitives.serialization import Encoding

    def change(sa: Any, local: Any, payloads: list[Any]) -> list[Any]:
        anchors = sa.settled_connection.remote_auth.trust_anchors
        return [
            replace(payloads[0], data=each.public_bytes(Encoding.DER)) for each in anchors[:1] if payloads
        ] + payloads

    _change_certificates(patch, change)


@mutant("certificate-in-pem", breaks="rfc7296/3.6/x509-signature-der")
def certificate_in_pem(patch: Patch) -> None:
    """Sends its certificate as it is in the file."""
    from cryptography.hazmat.primitives.serialization import Encoding

    def change(sa: Any, local: Any, payloads: list[Any]) -> list[Any]:
        texts = [each.public_bytes(Encoding.PEM) for each in local.certificates]
        return [replace(item, data=text) for item, text in zip(payloads, texts, strict=False)]

    _change_certificates(patch, change)


@mutant("certificate-only-when-asked", breaks="rfc7296/3.6/certificates-included")
def certificate_only_when_asked(patch: Patch) -> None:
    """Sends its certificate only to a peer that sent CERTREQ."""
    _change_certificates(patch, lambda sa, local, payloads: [] if sa.certificate_authorities is None else payloads)


# -- the peer's certificates ------------------------------------------------------------------------------------------


@mutant("accepts-untrusted-certificates", breaks="rfc7296/1.2/verifies-auth")
def accepts_untrusted_certificates(patch: Patch) -> None:
    """Takes any certificate, whoever issued it."""
    from reference_impl.pki import chain

    patch(chain, "validate_chain", lambda *args: None)


def _look_at_certificates(patch: Patch, wrong: Callable[[list[Any]], bool]) -> None:
    """Refuse when `wrong(payloads)` is true of the peer's CERT payloads."""
    from reference_impl.wire.simple import CertPayload

    refuse_if(patch, lambda message: wrong(list(message.all(CertPayload))), notify="AUTHENTICATION_FAILED")


@mutant("one-certificate-only", breaks="rfc7296/3.6/four-certificates")
def one_certificate_only(patch: Patch) -> None:
    """Refuses more than one certificate."""
    _look_at_certificates(patch, lambda payloads: len(payloads) > 1)


@mutant("chain-in-order-only", breaks="rfc7296/3.6/others-any-order")
def chain_in_order_only(patch: Patch) -> None:
    """Demands that every certificate is that of the issuer of the one before it."""
    from cryptography import x509

    def wrong(payloads: list[Any]) -> bool:
        chain = [x509.load_der_x509_certificate(item.data) for item in payloads]
        return any(lower.issuer != upper.subject for lower, upper in pairwise(chain))

    _look_at_certificates(patch, wrong)


def _trust_instead(patch: Patch, fits: Callable[[Any], bool]) -> None:
    """Where `fits(first CERT payload)`, the peer needs no valid certificate and no signature."""
    from reference_impl.ikev2 import authenticate
    from reference_impl.wire.simple import CertPayload

    def verify(
        original: Any, engine: Any, sa: Any, remote: Any, peer: Any, payload: Any, octets: Any, message: Any
    ) -> Any:
        found = message.get(CertPayload)
        if found is None or not fits(found):
            original(engine, sa, remote, peer, payload, octets, message)

    patch.wrap(authenticate, "verify_signature", verify)


@mutant("takes-garbage-for-raw-key", breaks="rfc7296/1.2/verifies-auth")
def takes_garbage_for_raw_key(patch: Patch) -> None:
    """Forgets to refuse when a certificate cannot be parsed."""
    from cryptography import x509

    def is_garbage(item: Any) -> bool:
        try:
            x509.load_der_x509_certificate(item.data)
        except ValueError:
            return True
        return False

    _trust_instead(patch, is_garbage)


@mutant("takes-any-encoding-for-x509", breaks="rfc7296/1.2/verifies-auth")
def takes_any_encoding_for_x509(patch: Patch) -> None:
    """Verifies nothing when the certificate has an encoding that it does not know."""
    from reference_impl.wire.registries import CertEncoding

    _trust_instead(patch, lambda item: item.encoding != CertEncoding.X509_SIGNATURE)


def _loose_identity(patch: Patch, fits: Callable[[bytes, bytes], bool]) -> None:
    """The peer's identity belongs to the certificate when `fits(name in the certificate, identity)`."""
    from cryptography import x509

    from reference_impl.ikev2 import authenticate

    def check(original: Any, certificate: Any, peer: Any) -> None:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [name.encode() for name in names.get_values_for_type(x509.DNSName)]
        if not any(fits(name, peer.data) for name in found):
            original(certificate, peer)

    patch.wrap(authenticate, "check_identity", check)


@mutant("identity-need-not-match", breaks="rfc7296/2.21.2/auth-failure-notified")
def identity_need_not_match(patch: Patch) -> None:
    """Does not ask whether the certificate is for the identity of the ID payload."""
    _loose_identity(patch, lambda name, identity: True)


@mutant("identity-matches-prefix", breaks="rfc7296/2.21.2/auth-failure-notified")
def identity_matches_prefix(patch: Patch) -> None:
    """Compares the identity over the length of the certificate's name, or to the first null octet."""
    from reference_impl.wire.simple import IdiPayload

    def parse(original: Any, body: bytes, **options: Any) -> Any:
        return original(body, **{**options, "strict": False})

    patch.wrap(IdiPayload, "parse_body", parse)
    _loose_identity(patch, lambda name, identity: identity.startswith(name))


@mutant("identity-matches-suffix", breaks="rfc7296/2.21.2/auth-failure-notified")
def identity_matches_suffix(patch: Patch) -> None:
    """Takes a certificate for a name as good for all names below it."""
    _loose_identity(patch, lambda name, identity: identity.endswith(name))


# -- certificate requests ---------------------------------------------------------------------------------------------


@mutant("certreq-must-match", breaks="rfc7296/3.7/certreq-is-suggestion")
def certreq_must_match(patch: Patch) -> None:
    """Refuses a peer whose CERTREQ does not name the CA of its own certificate."""
    from reference_impl.ikev2 import ike_auth
    from reference_impl.ikev2.authenticate import AuthenticationError
    from reference_impl.ikev2.events import Reason
    from reference_impl.pki import certreq
    from reference_impl.wire.simple import CertReqPayload

    def own_proof(original: Any, sa: Any, connection: Any, message: Any) -> Any:
        asked = message.all(CertReqPayload)
        known = certreq.authorities(connection.remote_auth.trust_anchors)
        if asked and not any(each in known for item in asked for each in item.authorities):
            raise AuthenticationError(Reason.CERTIFICATE, "mutant")
        return original(sa, connection, message)

    patch.wrap(ike_auth, "own_proof", own_proof)


@mutant("http-lookup-refused", breaks="rfc7296/3.7/http-lookup-announced")
def http_lookup_refused(patch: Patch) -> None:
    """Refuses a peer that announces HTTP_CERT_LOOKUP_SUPPORTED."""
    from reference_impl.wire.registries import NotifyType

    refuse_if(patch, lambda message: message.notify(NotifyType.HTTP_CERT_LOOKUP_SUPPORTED) is not None)


def _change_request(patch: Patch, change: Callable[[Any, Any], Any]) -> None:
    """`change(payload, anchors)` is the CERTREQ that we send."""
    from reference_impl.ikev2 import authenticate

    def certificate_request(original: Any, candidates: Any) -> Any:
        made = original(candidates)
        anchors = [anchor for each in candidates for anchor in each.remote_auth.trust_anchors]
        return made and change(made, anchors)

    patch.wrap(authenticate, "certificate_request", certificate_request)


@mutant("certreq-with-names", breaks="rfc7296/3.7/ca-is-spki-hashes")
def certreq_with_names(patch: Patch) -> None:
    """Names its CAs in CERTREQ as IKEv1 did, by their distinguished names."""

    def change(payload: Any, anchors: list[Any]) -> Any:
        name: bytes = anchors[0].subject.public_bytes()
        return replace(payload, data=name if len(name) % 20 else name + b"\0")

    _change_request(patch, change)


@mutant("certreq-unspecified-encoding", breaks="rfc7296/3.7/only-x509-encodings")
def certreq_unspecified_encoding(patch: Patch) -> None:
    """Asks for PKCS #7 certificates, an encoding that nobody has specified."""
    from reference_impl.wire.registries import CertEncoding

    _change_request(patch, lambda payload, anchors: replace(payload, encoding=CertEncoding(1)))


# -- RFC 7427: the signature ------------------------------------------------------------------------------------------


def _change_signature(patch: Patch, change: Callable[[bytes, bytes, Any, bytes], tuple[int, bytes]]) -> None:
    """`change(identifier, signature, key, octets)` gives method and data of our Digital Signatures."""
    from reference_impl.wire.registries import AuthMethod

    def proof(payload: Any, sa: Any, local: Any, octets: bytes) -> Any:
        if payload.method != AuthMethod.DIGITAL_SIGNATURE:
            return payload
        end = 1 + payload.data[0]
        method, data = change(payload.data[1:end], payload.data[end:], local.private_key, octets)
        return replace(payload, method=AuthMethod(method), data=data)

    change_proof(patch, proof)


def _digital(identifier: bytes, signature: bytes) -> tuple[int, bytes]:
    return 14, bytes([len(identifier)]) + identifier + signature


@mutant("classic-signature-always", breaks="rfc7427/3/method-when-both-announced")
def classic_signature_always(patch: Patch) -> None:
    """Announces hash algorithms, and sends the bare signature under a method of RFC 7296 or RFC 4754."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    _change_signature(
        patch, lambda identifier, signature, key, octets: (1 if isinstance(key, RSAPrivateKey) else 9, signature)
    )


@mutant("signature-identifier-without-length", breaks="rfc7427/3/identifier-length-octet")
def signature_identifier_without_length(patch: Patch) -> None:
    """Leaves the length octet before the AlgorithmIdentifier out."""
    _change_signature(patch, lambda identifier, signature, key, octets: (14, identifier + signature))


@mutant("signature-padded", breaks="rfc7427/3/no-padding")
def signature_padded(patch: Patch) -> None:
    """Aligns the signature value to four octets."""
    _change_signature(patch, lambda identifier, signature, key, octets: _digital(identifier, bytes(4) + signature))


@mutant("identifier-parameters-unpreferred", breaks="rfc7427/3/preferred-encoding")
def identifier_parameters_unpreferred(patch: Patch) -> None:
    """Leaves the NULL out with RSA, and writes one with ECDSA and EdDSA."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from reference_impl.crypto.signatures import RSA_PKCS1
    from reference_impl.wire.registries import HashAlgorithm

    scheme = RSA_PKCS1[HashAlgorithm.SHA2_256]

    def change(identifier: bytes, signature: bytes, key: Any, octets: bytes) -> tuple[int, bytes]:
        if isinstance(key, RSAPrivateKey):
            contents = scheme.identifier[2:-2]
            return _digital(b"\x30" + bytes([len(contents)]) + contents, scheme.sign(key, octets))
        contents = identifier[2:] + b"\5\0"
        return _digital(b"\x30" + bytes([len(contents)]) + contents, signature)

    _change_signature(patch, change)


@mutant("ed25519-with-null", breaks="rfc8420/A.1/ed25519-identifier")
def ed25519_with_null(patch: Patch) -> None:
    """Writes NULL parameters into the AlgorithmIdentifier of Ed25519."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def change(identifier: bytes, signature: bytes, key: Any, octets: bytes) -> tuple[int, bytes]:
        null = bytes.fromhex("300706032b65700500")
        return _digital(null if isinstance(key, Ed25519PrivateKey) else identifier, signature)

    _change_signature(patch, change)


@mutant("digital-signature-always", breaks="rfc7427/3/only-when-both-announced")
def digital_signature_always(patch: Patch) -> None:
    """Uses method 14 with every peer."""
    from reference_impl.ikev2 import authenticate
    from reference_impl.wire.registries import AuthMethod

    def usable(original: Any, sa: Any, local: Any) -> Any:
        return original(sa, local) or local.hash_algorithms

    patch(authenticate, "signature_method", lambda sa, local: AuthMethod.DIGITAL_SIGNATURE)
    patch.wrap(authenticate, "usable_hashes", usable)


def _verify_first(patch: Patch, verify: Callable[[Any, bytes, bytes], bool]) -> None:
    """A Digital Signature for which `verify(key, data, octets)` is true is good; others are checked as they should."""
    from reference_impl.crypto import auth
    from reference_impl.wire.registries import AuthMethod

    def check(original: Any, method: Any, key: Any, octets: bytes, data: bytes, *rest: Any) -> Any:
        if method == AuthMethod.DIGITAL_SIGNATURE and verify(key, data, octets):
            return None
        return original(method, key, octets, data, *rest)

    patch.wrap(auth, "verify", check)


def _verifies(key: Any, signature: bytes, octets: bytes) -> bool:
    from reference_impl.crypto.errors import CryptoError
    from reference_impl.crypto.signatures import SCHEMES

    for scheme in SCHEMES.values():
        try:
            scheme.verify(key, signature, octets)
        except CryptoError:
            continue
        return True
    return False


@mutant("ignores-identifier", breaks="rfc7427/3/identifier-before-signature")
def ignores_identifier(patch: Patch) -> None:
    """Tries every algorithm that fits the key, whatever the AlgorithmIdentifier says."""
    _verify_first(patch, lambda key, data, octets: bool(data) and _verifies(key, data[1 + data[0] :], octets))


# -- RFC 7427 and RFC 8420: hash algorithms ---------------------------------------------------------------------------


def _change_usable(patch: Patch, change: Callable[[Any, Any, Any], Any]) -> None:
    """`change(sa, local, usable)` are the hashes that we choose from."""
    from reference_impl.ikev2 import authenticate

    def usable(original: Any, sa: Any, local: Any) -> Any:
        return tuple(change(sa, local, original(sa, local)))

    patch.wrap(authenticate, "usable_hashes", usable)


@mutant("ignores-announced-hashes", breaks="rfc7427/4/hash-of-the-peer")
def ignores_announced_hashes(patch: Patch) -> None:
    """Signs with a hash of its own choice, even one that the peer did not announce."""

    def change(sa: Any, local: Any, usable: Any) -> Any:
        return [each for each in local.hash_algorithms if each not in sa.peer_hashes] or usable

    _change_usable(patch, change)


@mutant("signs-with-sha1", breaks="rfc7427/4/hash-of-the-peer")
def signs_with_sha1(patch: Patch) -> None:
    """Signs with SHA-1, as before RFC 7427."""
    from reference_impl.wire.registries import HashAlgorithm

    _change_usable(patch, lambda sa, local, usable: (HashAlgorithm.SHA1, HashAlgorithm.IDENTITY))


@mutant("eddsa-without-identity", breaks="rfc8420/2/eddsa-needs-identity")
def eddsa_without_identity(patch: Patch) -> None:
    """Takes support of Ed25519 for granted."""
    from reference_impl.wire.registries import HashAlgorithm

    _change_usable(patch, lambda sa, local, usable: (*usable, HashAlgorithm.IDENTITY))


@mutant("fails-on-unknown-hash", breaks="rfc7427/4/notify-data")
def fails_on_unknown_hash(patch: Patch) -> None:
    """Forgets the whole announcement for a hash algorithm that it does not know."""
    from reference_impl.ikev2 import authenticate
    from reference_impl.wire.registries import HashAlgorithm

    def parse(original: Any, message: Any) -> Any:
        found = original(message)
        return (HashAlgorithm(0),) if any(each.name.startswith("UNKNOWN") for each in found) else found

    patch.wrap(authenticate, "parse_hashes", parse)


def _change_announcement(patch: Patch, change: Callable[[Any], Any]) -> None:
    from reference_impl.ikev2 import sa_init

    patch.wrap(sa_init, "hash_notify", lambda original, hashes: change(original(hashes)))


@mutant("announces-no-hashes", breaks="rfc7427/4/both-send-their-list")
def announces_no_hashes(patch: Patch) -> None:
    """Uses Digital Signatures, but announces its hash algorithms under a private number."""
    from reference_impl.wire.registries import NotifyType

    _change_announcement(patch, lambda notify: replace(notify, notify=NotifyType(40961)))


@mutant("announces-hashes-for-ike", breaks="rfc7427/4/notify-header")
def announces_hashes_for_ike(patch: Patch) -> None:
    """Sends SIGNATURE_HASH_ALGORITHMS with the Protocol ID of IKE."""
    from reference_impl.wire.registries import ProtocolId

    _change_announcement(patch, lambda notify: replace(notify, protocol=ProtocolId.IKE))


@mutant("identity-not-announced", breaks="rfc8420/3/identity-announced")
def identity_not_announced(patch: Patch) -> None:
    """Supports Ed25519, and does not announce Identity."""
    from reference_impl.ikev2 import authenticate
    from reference_impl.wire.registries import HashAlgorithm

    def announced(original: Any, candidates: Any) -> Any:
        return tuple(each for each in original(candidates) if each != HashAlgorithm.IDENTITY)

    patch.wrap(authenticate, "announced_hashes", announced)
