"""AUTH payloads, certificates and certificate requests (RFC 7296 sections 2.15, 3.6 to 3.8; RFC 7427)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reference_impl.crypto import auth
from reference_impl.crypto.errors import CryptoError
from reference_impl.pki import certreq, chain, identity, load
from reference_impl.pki.errors import CertificateError
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import AuthMethod, CertEncoding, HashAlgorithm, NotifyType
from reference_impl.wire.simple import AuthPayload, CertPayload, CertReqPayload

from .config import AuthConfig, AuthKind, ConnectionConfig
from .events import Reason
from .identity import Identity

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

CERTIFICATE_LIMIT = 16


class AuthenticationError(Exception):
    """The peer is not who it says, or cannot prove it. ``detail`` is for our own log, not for the peer."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def parse_hashes(message: Message) -> tuple[HashAlgorithm, ...]:
    """The peer's SIGNATURE_HASH_ALGORITHMS; empty without one, which means no RFC 7427 support."""
    notify = message.notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
    if notify is None:
        return ()
    return _hashes(notify.data)


@lru_cache(maxsize=64)
def _hashes(data: bytes) -> tuple[HashAlgorithm, ...]:
    return tuple([HashAlgorithm(int.from_bytes(data[at : at + 2], "big")) for at in range(0, len(data) - 1, 2)])


def announced_hashes(candidates: Sequence[ConnectionConfig]) -> tuple[HashAlgorithm, ...]:
    """The hash algorithms that we accept in the peer's signatures; empty when RFC 7427 is switched off."""
    if not any(each.local_auth.use_rfc7427 and each.remote_auth.use_rfc7427 for each in candidates):
        return ()
    return tuple(dict.fromkeys(hash_ for each in candidates for hash_ in each.remote_auth.hash_algorithms))


def certificate_request(candidates: Sequence[ConnectionConfig]) -> CertReqPayload | None:
    """The trust anchors of all candidates that authenticate their peer by certificate."""
    anchors = [
        anchor
        for each in candidates
        if each.remote_auth.kind is AuthKind.PUBKEY
        for anchor in each.remote_auth.trust_anchors
    ]
    if not anchors:
        return None
    return CertReqPayload(CertEncoding.X509_SIGNATURE, certreq.authorities(anchors))


def certificate_payloads(sa: IkeSa, local: AuthConfig) -> list[Payload]:
    """Our chain: the certificate of the signing key first (section 3.6). Sent also unasked: peers may not ask."""
    if local.kind is not AuthKind.PUBKEY:
        return []
    return [CertPayload(CertEncoding.X509_SIGNATURE, each.public_bytes(Encoding.DER)) for each in local.certificates]


def own_octets(sa: IkeSa, id_body: bytes) -> bytes:
    """What our AUTH covers: our IKE_SA_INIT message, the peer's nonce and our identity (section 2.15)."""
    message, nonce = (sa.init_request, sa.nonce_r) if sa.initiator else (sa.init_response, sa.nonce_i)
    return auth.signed_octets(message, nonce, sa.prf, sa.own_sk_p, id_body)


def peer_octets(sa: IkeSa, id_body: bytes) -> bytes:
    """What the peer's AUTH covers."""
    message, nonce = (sa.init_response, sa.nonce_i) if sa.initiator else (sa.init_request, sa.nonce_r)
    return auth.signed_octets(message, nonce, sa.prf, sa.peer_sk_p, id_body)


def make_auth(sa: IkeSa, local: AuthConfig, id_body: bytes) -> AuthPayload:
    """Our AUTH payload. Raises AuthenticationError when our key cannot sign in a way the peer understands."""
    octets = own_octets(sa, id_body)
    if local.kind is AuthKind.PSK:
        return AuthPayload(AuthMethod.SHARED_KEY_MIC, auth.psk_auth(sa.prf, local.psk, octets))
    if local.private_key is None:
        raise AuthenticationError(Reason.AUTHENTICATION, "no private key is configured")
    try:
        method = signature_method(sa, local)
        return AuthPayload(method, auth.sign(method, local.private_key, octets, usable_hashes(sa, local)))
    except CryptoError as error:
        raise AuthenticationError(Reason.AUTHENTICATION, str(error)) from error


def signature_method(sa: IkeSa, local: AuthConfig) -> AuthMethod:
    """DIGITAL_SIGNATURE when both sides announced it (RFC 7427 section 3), else the key's classic method."""
    if local.use_rfc7427 and sa.peer_hashes:
        return AuthMethod.DIGITAL_SIGNATURE
    assert local.private_key is not None
    return auth.classic_method(local.private_key)


def usable_hashes(sa: IkeSa, local: AuthConfig) -> tuple[HashAlgorithm, ...]:
    """Only hashes that the peer sent (RFC 7427 section 4), in our order."""
    return tuple([each for each in local.hash_algorithms if each in sa.peer_hashes])


def verify_peer(
    engine: Engine, sa: IkeSa, connection: ConnectionConfig, peer: Identity, id_body: bytes, message: Message
) -> None:
    """Check the peer's AUTH payload, and its certificate chain with signatures. Raises AuthenticationError."""
    payload = message.get(AuthPayload)
    if payload is None:
        raise AuthenticationError(Reason.MISSING_PAYLOAD, "no AUTH payload; EAP is not supported")
    octets = peer_octets(sa, id_body)
    if connection.remote_auth.kind is AuthKind.PSK:
        verify_shared_key(sa, connection.remote_auth, payload, octets)
    else:
        verify_signature(engine, sa, connection.remote_auth, peer, payload, octets, message)


def verify_shared_key(sa: IkeSa, remote: AuthConfig, payload: AuthPayload, octets: bytes) -> None:
    """Method 2. Raises AuthenticationError."""
    if payload.method != AuthMethod.SHARED_KEY_MIC:
        raise AuthenticationError(Reason.AUTHENTICATION, f"method {payload.method.name} where a shared key is due")
    try:
        auth.verify_psk(sa.prf, remote.psk, octets, payload.data)
    except CryptoError as error:
        raise AuthenticationError(Reason.AUTHENTICATION, str(error)) from error


def verify_signature(
    engine: Engine,
    sa: IkeSa,
    remote: AuthConfig,
    peer: Identity,
    payload: AuthPayload,
    octets: bytes,
    message: Message,
) -> None:
    """Signature methods: the chain, the identity, then the signature. Raises AuthenticationError."""
    if payload.method == AuthMethod.SHARED_KEY_MIC or (remote.methods and payload.method not in remote.methods):
        raise AuthenticationError(Reason.AUTHENTICATION, f"method {payload.method.name} is not allowed")
    if payload.method == AuthMethod.DIGITAL_SIGNATURE and not sa.announced_hashes:
        raise AuthenticationError(Reason.AUTHENTICATION, "RFC 7427 was not announced")
    try:
        end_entity = verify_certificates(engine, remote, message)
        check_identity(end_entity, peer)
        auth.verify(payload.method, load.public_key(end_entity), octets, payload.data, sa.announced_hashes or None)
    except CertificateError as error:
        raise AuthenticationError(Reason.CERTIFICATE, str(error)) from error
    except CryptoError as error:
        raise AuthenticationError(Reason.AUTHENTICATION, str(error)) from error


def verify_certificates(engine: Engine, remote: AuthConfig, message: Message) -> x509.Certificate:
    """The end-entity certificate of a valid chain. Raises AuthenticationError, CertificateError."""
    payloads = message.all(CertPayload)
    encoded = [each.data for each in payloads if each.encoding == CertEncoding.X509_SIGNATURE]
    if not encoded:
        raise AuthenticationError(Reason.CERTIFICATE, "no X.509 certificate was sent")
    if len(encoded) > CERTIFICATE_LIMIT:
        raise AuthenticationError(Reason.CERTIFICATE, f"{len(encoded)} certificates")
    certificates = [load.parse_certificate(each) for each in encoded]
    chain.validate_chain(certificates[0], certificates[1:], remote.trust_anchors, engine.config.wall_clock())
    return certificates[0]


def check_identity(certificate: x509.Certificate, peer: Identity) -> None:
    """The certificate must hold the identity of the ID payload (RFC 4945 section 3.1). Raises CertificateError."""
    identity.check_identity(certificate, peer.id_type, peer.data)
