"""Transcripts of exchanges that end in an error."""

from __future__ import annotations

from vectors.recording.recipes.common import both, recipe

FAMILY = "refusals"
_WRONG = b"another pre-shared key"
_OTHER_NETWORK = {"child": {"local_ts": ["10.9.0.0/24"], "remote_ts": ["10.8.0.0/24"]}}

RECIPES = (
    *both(
        "no-proposal-ike", FAMILY, "NO_PROPOSAL_CHOSEN in IKE_SA_INIT", "RFC 7296, sections 1.2 and 2.7",
        peer_ike=("aes256-sha512-ecp384",), outcome="NO_PROPOSAL_CHOSEN",
    ),
    *both(
        "no-proposal-child", FAMILY, "NO_PROPOSAL_CHOSEN for the Child SA in IKE_AUTH",
        "RFC 7296, sections 1.2 and 2.21.2", peer_esp=("aes256-sha512",), outcome="NO_PROPOSAL_CHOSEN",
    ),
    *both(
        "wrong-psk", FAMILY, "AUTHENTICATION_FAILED after a wrong pre-shared key", "RFC 7296, section 2.21.2",
        options={"psk": _WRONG}, outcome="AUTHENTICATION_FAILED",
    ),
    *both(
        "wrong-id", FAMILY, "AUTHENTICATION_FAILED for an identity that nobody knows", "RFC 7296, section 2.21.2",
        options={"identity_remote": "fqdn:somebody-else.example"}, outcome="AUTHENTICATION_FAILED",
    ),
    *both(
        "ts-unacceptable", FAMILY, "TS_UNACCEPTABLE in IKE_AUTH", "RFC 7296, section 2.9",
        options=_OTHER_NETWORK, outcome="TS_UNACCEPTABLE",
    ),
    recipe(
        "invalid-ke-child", FAMILY, "initiator", "INVALID_KE_PAYLOAD in a rekey with a key exchange",
        "RFC 7296, section 1.3", esp=("aes128gcm16-ecp384", "aes128gcm16-ecp256"), peer_esp=("aes128gcm16-ecp256",),
        steps=("initiate", ("ours", "rekey-child")), outcome="INVALID_KE_PAYLOAD",
    ),
    recipe(
        "invalid-ke-child", FAMILY, "responder", "INVALID_KE_PAYLOAD in a rekey with a key exchange",
        "RFC 7296, section 1.3", esp=("aes128gcm16-ecp256",), peer_esp=("aes128gcm16-ecp384-ecp256",),
        steps=("initiate", ("peer", "rekey-child")), outcome="INVALID_KE_PAYLOAD",
    ),
)  # fmt: skip
