"""Mutants of IKE_AUTH: how the device proves itself, and what it takes for a proof of the other end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.mutants._auth import before_auth, change_proof
from conformance.mutants.registry import Patch, mutant

# -- our own proof ----------------------------------------------------------------------------------------------------


@mutant("wrong-psk-pad", breaks="rfc7296/2.15/key-pad-17-characters")
def wrong_psk_pad(patch: Patch) -> None:
    """Takes the terminator of the C string for a part of the key pad."""
    from reference_impl.crypto.auth import KEY_PAD

    def change(payload: Any, sa: Any, local: Any, octets: bytes) -> Any:
        return replace(payload, data=sa.prf(sa.prf(local.psk, KEY_PAD + b"\0"), octets)) if local.psk else payload

    change_proof(patch, change)


@mutant("signs-own-nonce", breaks="rfc7296/2.15/responder-signed-octets")
def signs_own_nonce(patch: Patch) -> None:
    """Proves its own nonce instead of the initiator's."""
    _sign_with_nonce(patch, initiator=False)


@mutant("initiator-signs-own-nonce", breaks="rfc7296/2.15/initiator-signed-octets")
def initiator_signs_own_nonce(patch: Patch) -> None:
    """As initiator, proves its own nonce instead of the responder's."""
    _sign_with_nonce(patch, initiator=True)


def _sign_with_nonce(patch: Patch, *, initiator: bool) -> None:
    from reference_impl.crypto import auth
    from reference_impl.ikev2 import authenticate

    def own_octets(original: Any, sa: Any, id_body: bytes) -> Any:
        if sa.initiator is not initiator:
            return original(sa, id_body)
        message, nonce = (sa.init_request, sa.nonce_i) if initiator else (sa.init_response, sa.nonce_r)
        return auth.signed_octets(message, nonce, sa.prf, sa.own_sk_p, id_body)

    patch.wrap(authenticate, "own_octets", own_octets)


@mutant("signs-non-esp-marker", breaks="rfc7296/2.15/marker-not-signed")
def signs_non_esp_marker(patch: Patch) -> None:
    """Takes the four zero octets of port 4500 for a part of its IKE_SA_INIT message."""
    from reference_impl.ikev2 import sa_init

    def create(original: Any, engine: Any, message: Any, data: bytes, key: bytes, path: Any, *rest: Any) -> None:
        original(engine, message, data, key, path, *rest)
        if path.local.port == engine.config.natt_port:
            sa = engine.init_requests[key]
            sa.init_response = bytes(4) + sa.init_response

    patch.wrap(sa_init, "create", create)


@mutant("wrong-psk-method-number", breaks="rfc7296/3.8/shared-key-method")
def wrong_psk_method_number(patch: Patch) -> None:
    """Sends its shared-key proof under the number of RSA signatures."""
    from reference_impl.wire.registries import AuthMethod

    def change(payload: Any, sa: Any, local: Any, octets: bytes) -> Any:
        return replace(payload, method=AuthMethod.RSA_DIGITAL_SIGNATURE) if local.psk else payload

    change_proof(patch, change)


@mutant("reserved-in-auth-set", breaks="rfc7296/3.8/reserved-sent-zero")
def reserved_in_auth_set(patch: Patch) -> None:
    """Leaves octets of an older buffer in the reserved field of AUTH."""
    change_proof(patch, lambda payload, sa, local, octets: replace(payload, reserved2=0x00C0DE))


@mutant("classic-rsa-with-pss", breaks="rfc7296/3.8/rsa-pkcs1-v15")
def classic_rsa_with_pss(patch: Patch) -> None:
    """Makes RSASSA-PSS signatures under method 1."""
    from reference_impl.crypto.signatures import RSA_PSS
    from reference_impl.wire.registries import AuthMethod, HashAlgorithm

    def change(payload: Any, sa: Any, local: Any, octets: bytes) -> Any:
        if payload.method != AuthMethod.RSA_DIGITAL_SIGNATURE:
            return payload
        return replace(payload, data=RSA_PSS[HashAlgorithm.SHA2_256].sign(local.private_key, octets))

    change_proof(patch, change)


# -- the peer's proof -------------------------------------------------------------------------------------------------


@mutant("accepts-any-psk", breaks="rfc7296/1.2/verifies-auth")
def accepts_any_psk(patch: Patch) -> None:
    """Does not look at the AUTH payload of the shared-key method."""
    from reference_impl.ikev2 import authenticate

    patch(authenticate, "verify_shared_key", lambda *args: None)


@mutant("accepts-any-signature", breaks="rfc7296/1.2/verifies-auth")
def accepts_any_signature(patch: Patch) -> None:
    """Checks the certificate, but not the signature."""
    from reference_impl.crypto import auth

    patch(auth, "verify", lambda *args: None)


def _accept_also(patch: Patch, fits: Any) -> None:
    """A shared-key proof is taken, too, when `fits(sa, psk, octets, expected, data)`."""
    from reference_impl.crypto import auth
    from reference_impl.ikev2 import authenticate

    def verify(original: Any, sa: Any, remote: Any, payload: Any, octets: bytes) -> None:
        if not fits(sa, remote.psk, octets, auth.psk_auth(sa.prf, remote.psk, octets), payload.data):
            original(sa, remote, payload, octets)

    patch.wrap(authenticate, "verify_shared_key", verify)


@mutant("accepts-unpadded-psk", breaks="rfc7296/2.15/psk-auth-formula")
def accepts_unpadded_psk(patch: Patch) -> None:
    """Also takes prf(key, octets), without the key pad."""
    _accept_also(patch, lambda sa, psk, octets, expected, data: data == sa.prf(psk, octets))


@mutant("compares-auth-prefix", breaks="rfc7296/1.2/verifies-auth")
def compares_auth_prefix(patch: Patch) -> None:
    """Compares as many octets of AUTH as the peer sent."""
    _accept_also(patch, lambda sa, psk, octets, expected, data: expected.startswith(data))


@mutant("ignores-auth-tail", breaks="rfc7296/1.2/verifies-auth")
def ignores_auth_tail(patch: Patch) -> None:
    """Ignores what follows after the octets that it compares."""
    _accept_also(patch, lambda sa, psk, octets, expected, data: data.startswith(expected))


@mutant("ignores-auth-method", breaks="rfc7296/3.8/shared-key-method")
def ignores_auth_method(patch: Patch) -> None:
    """Takes a shared-key proof for good under any method number."""
    from reference_impl.crypto import auth
    from reference_impl.ikev2 import authenticate, selection

    def verify(sa: Any, remote: Any, payload: Any, octets: bytes) -> None:
        auth.verify_psk(sa.prf, remote.psk, octets, payload.data)

    patch(authenticate, "verify_shared_key", verify)
    patch(selection, "method_fits", lambda connection, method: True)


def _seen(patch: Patch, look: Any) -> None:
    """What is signed by the peer goes through `look(message, id_body)` first."""
    from reference_impl.crypto import auth
    from reference_impl.ikev2 import authenticate

    def peer_octets(sa: Any, id_body: bytes) -> bytes:
        message, nonce = (sa.init_response, sa.nonce_i) if sa.initiator else (sa.init_request, sa.nonce_r)
        message, id_body = look(message, id_body)
        return auth.signed_octets(message, nonce, sa.prf, sa.peer_sk_p, id_body)

    patch(authenticate, "peer_octets", peer_octets)


@mutant("verifies-known-payloads-only", breaks="rfc7296/2.15/unknown-payloads-signed")
def verifies_known_payloads_only(patch: Patch) -> None:
    """Builds the peer's IKE_SA_INIT message again from the payloads that it knows, and verifies that."""
    from reference_impl.wire.message import Message
    from reference_impl.wire.raw import UnknownPayload

    def look(message: bytes, id_body: bytes) -> tuple[bytes, bytes]:
        parsed = Message.parse(message)
        kept = tuple(item for item in parsed.payloads if not isinstance(item, UnknownPayload))
        return replace(parsed, payloads=kept, length=None, next_payload=None).to_bytes(), id_body

    _seen(patch, look)


@mutant("macs-id-without-reserved", breaks="rfc7296/2.15/id-mac-covers-reserved")
def macs_id_without_reserved(patch: Patch) -> None:
    """Takes the reserved octets of the peer's ID payload for zero when it verifies AUTH."""
    _seen(patch, lambda message, id_body: (message, id_body[:1] + bytes(3) + id_body[4:]))


@mutant("takes-first-auth", breaks="rfc7296/1.2/verifies-auth")
def takes_first_auth(patch: Patch) -> None:
    """Looks at the first of several AUTH payloads only."""
    _allow_two_auth(patch)


@mutant("takes-last-auth", breaks="rfc7296/1.2/verifies-auth")
def takes_last_auth(patch: Patch) -> None:
    """Looks at the last of several AUTH payloads only."""
    from reference_impl.wire.simple import AuthPayload

    _allow_two_auth(patch)

    def last_only(engine: Any, sa: Any, message: Any) -> Any:
        found = message.all(AuthPayload)[-1:]
        others = tuple(item for item in message.payloads if not isinstance(item, AuthPayload))
        return replace(message, payloads=(*found, *others))

    before_auth(patch, last_only)


def _allow_two_auth(patch: Patch) -> None:
    from reference_impl.ikev2 import ike_auth
    from reference_impl.wire.registries import PayloadType

    patch(ike_auth, "ONCE", tuple(kind for kind in ike_auth.ONCE if kind != PayloadType.AUTH))


@mutant("accepts-missing-auth", breaks="rfc7296/1.2/verifies-auth")
def accepts_missing_auth(patch: Patch) -> None:
    """Verifies the AUTH payload only when there is one."""
    from reference_impl.ikev2 import authenticate, ike_auth
    from reference_impl.wire.simple import AuthPayload

    def select(original: Any, sa: Any, message: Any, *rest: Any) -> Any:
        return original(sa, message, *rest) if message.get(AuthPayload) else sa.candidates[0]

    def verify_peer(original: Any, engine: Any, sa: Any, connection: Any, peer: Any, body: bytes, message: Any) -> None:
        if message.get(AuthPayload):
            original(engine, sa, connection, peer, body, message)

    patch.wrap(ike_auth, "select", select)
    patch.wrap(authenticate, "verify_peer", verify_peer)


@mutant("accepts-missing-idi", breaks="rfc7296/2.21.2/malformed-auth-rejected")
def accepts_missing_idi(patch: Patch) -> None:
    """Takes a peer that does not say who it is for a guest."""
    from reference_impl.ikev2 import authenticate
    from reference_impl.wire.registries import IdType
    from reference_impl.wire.simple import IdiPayload

    guest = IdiPayload(IdType.ID_FQDN, b"guest")

    def look(engine: Any, sa: Any, message: Any) -> Any:
        return message if message.get(IdiPayload) else replace(message, payloads=(guest, *message.payloads))

    def verify(original: Any, engine: Any, sa: Any, connection: Any, peer: Any, *rest: Any) -> None:
        if peer.data != guest.data:
            original(engine, sa, connection, peer, *rest)

    before_auth(patch, look)
    patch.wrap(authenticate, "verify_peer", verify)


@mutant("initiator-accepts-any-auth", breaks="rfc7296/1.2/verifies-auth")
def initiator_accepts_any_auth(patch: Patch) -> None:
    """As initiator, does not look at the responder's AUTH payload."""
    from reference_impl.ikev2 import ike_auth, ike_auth_request
    from reference_impl.ikev2.identity import Identity
    from reference_impl.wire.registries import AuthMethod
    from reference_impl.wire.simple import AuthPayload

    def verify(engine: Any, sa: Any, idr: Any, message: Any) -> None:
        ike_auth.note_peer(sa, message, Identity(idr.id_type, idr.data))

    def response(original: Any, self: Any, engine: Any, sa: Any, message: Any) -> None:
        if message.get(AuthPayload) is None:
            empty = AuthPayload(AuthMethod.SHARED_KEY_MIC, b"")
            message = replace(message, payloads=(*message.payloads, empty))
        original(self, engine, sa, message)

    patch(ike_auth_request, "verify", verify)
    patch.wrap(ike_auth_request.IkeAuth, "response", response)


# -- after a failure --------------------------------------------------------------------------------------------------


def _not_fatal(patch: Patch) -> None:
    from reference_impl.ikev2 import ike_auth

    def failed(original: Any, error: Any) -> Any:
        refusal = original(error)
        refusal.fatal = False
        return refusal

    patch.wrap(ike_auth, "authentication_failed", failed)


@mutant("second-try-after-failed-auth", breaks="rfc7296/1.2/auth-failure-no-ike-sa")
def second_try_after_failed_auth(patch: Patch) -> None:
    """Keeps the IKE SA half open after a failed authentication, for another try."""
    _not_fatal(patch)


@mutant("keeps-sa-after-failed-auth", breaks="rfc7296/1.2/auth-failure-no-ike-sa")
def keeps_sa_after_failed_auth(patch: Patch) -> None:
    """Says AUTHENTICATION_FAILED and goes on with the IKE SA."""
    from reference_impl.ikev2 import protected

    _not_fatal(patch)
    patch(protected, "is_allowed", lambda sa, exchange: True)


@mutant("auth-failed-with-reason", breaks="rfc7296/3.10.1/auth-failed-no-data")
def auth_failed_with_reason(patch: Patch) -> None:
    """Tells in the data of AUTHENTICATION_FAILED what was wrong."""
    from reference_impl.ikev2 import ike_auth

    def failed(original: Any, error: Any) -> Any:
        refusal = original(error)
        refusal.data = b"wrong shared key"
        return refusal

    patch.wrap(ike_auth, "authentication_failed", failed)


@mutant("auth-failed-with-identity", breaks="rfc7296/2.21.2/auth-failed-in-response")
def auth_failed_with_identity(patch: Patch) -> None:
    """Tells its identity to a peer that failed to prove its own."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType
    from reference_impl.wire.simple import IdrPayload

    def respond(original: Any, engine: Any, sa: Any, header: Any, payloads: Any, path: Any) -> None:
        kinds = [item.notify for item in payloads if isinstance(item, NotifyPayload)]
        if NotifyType.AUTHENTICATION_FAILED in kinds:
            own = sa.candidates[0].local_id
            payloads = [IdrPayload(own.id_type, own.data), *payloads]
        original(engine, sa, header, payloads, path)

    patch.wrap(protected, "respond", respond)


@mutant("initiator-ignores-auth-failed", breaks="rfc7296/1.2/auth-failure-no-ike-sa")
def initiator_ignores_auth_failed(patch: Patch) -> None:
    """As initiator, goes on with the IKE SA although the responder says AUTHENTICATION_FAILED."""
    from reference_impl.ikev2 import ike_auth_request

    patch(ike_auth_request, "refused", lambda engine, sa, error: engine.authenticated(sa))
