"""EAP operations of the first adapter, from reference_impl.crypto."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from reference_impl.crypto import mschapv2
from reference_impl.crypto.ikev1_kdf import HASHES, Ikev1Hash
from vectors.adapters import Input, Refused
from vectors.adapters.ours_esp import number, octets
from vectors.deterministic_keys import load_private_key


def responses(inputs: dict[str, Input]) -> dict[str, Input]:
    names = ("user_name", "password", "authenticator_challenge", "peer_challenge")
    made = mschapv2.respond(*(octets(inputs, name) for name in names))
    return {
        "challenge": made.challenge,
        "password_hash": made.password_hash,
        "nt_response": made.nt_response,
        "authenticator_response": made.authenticator,
    }


def msk(inputs: dict[str, Input]) -> dict[str, Input]:
    keys = mschapv2.session_keys(octets(inputs, "password"), octets(inputs, "nt_response"))
    return {
        "password_hash_hash": keys.password_hash_hash,
        "master_key": keys.master_key,
        "receive_key": keys.receive_key,
        "send_key": keys.send_key,
        "msk": keys.msk,
    }


def eap_md5(inputs: dict[str, Input]) -> dict[str, Input]:
    identifier = number(inputs, "identifier").to_bytes(1, "big")
    data = identifier + octets(inputs, "secret") + octets(inputs, "challenge")
    return {"response": hashlib.md5(data, usedforsecurity=False).digest()}


def _tls_prf(algorithm: Ikev1Hash, secret: bytes, seed: bytes, size: int) -> bytes:
    """P_hash of TLS 1.2 (RFC 5246, section 5)."""
    made, a = b"", seed
    while len(made) < size:
        a = algorithm.prf(secret, a)
        made += algorithm.prf(secret, a + seed)
    return made[:size]


def tls_msk(inputs: dict[str, Input]) -> dict[str, Input]:
    algorithm = next(each for each in HASHES.values() if f"HMAC-{each.name}" == inputs["prf"])
    try:
        key = load_private_key(octets(inputs, "private_key"))
        assert isinstance(key, rsa.RSAPrivateKey)
        premaster = key.decrypt(octets(inputs, "encrypted"), padding.PKCS1v15())
    except (ValueError, AssertionError) as error:
        raise Refused(str(error)) from error
    client, server = octets(inputs, "client_random"), octets(inputs, "server_random")
    master = _tls_prf(algorithm, premaster, b"master secret" + client + server, 48)
    msk_ = _tls_prf(algorithm, master, octets(inputs, "label") + client + server, 64)
    return {"premaster_secret": premaster, "master_secret": master, "msk": msk_}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "mschapv2": responses,
    "mschapv2-msk": msk,
    "eap-md5": eap_md5,
    "eap-tls-msk": tls_msk,
}
