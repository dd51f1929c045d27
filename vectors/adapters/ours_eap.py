"""EAP operations of the first adapter, from reference_impl.crypto.mschapv2."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from reference_impl.crypto import mschapv2
from vectors.adapters import Input
from vectors.adapters.ours_esp import number, octets


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


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "mschapv2": responses,
    "mschapv2-msk": msk,
    "eap-md5": eap_md5,
}
