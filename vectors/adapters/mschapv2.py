"""EAP of the second adapter: MS-CHAP-V2 (RFC 2759, section 8; RFC 3079, section 3) with an MD4 (RFC 1320), EAP-MD5."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from vectors.adapters import Input, openssl_eap_tls

_MAGIC_1 = b"Magic server to client signing constant"
_MAGIC_2 = b"Pad to make it do more than one iteration"
_WORD = 0xFFFFFFFF

# RFC 1320, section 3.4: per round the order of the words, the shifts and the added constant
_ROUNDS = (
    (tuple(range(16)), (3, 7, 11, 19), 0),
    ((0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13), 0x5A827999),
    ((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15), 0x6ED9EBA1),
)


def _mix(number: int, x: int, y: int, z: int) -> int:
    if number == 0:
        return (x & y) | (~x & z)
    return (x & y) | (x & z) | (y & z) if number == 1 else x ^ y ^ z


def md4(message: bytes) -> bytes:
    """RFC 1320."""
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64) + struct.pack("<Q", len(message) * 8)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for start in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, start)
        a, b, c, d = state
        for number, (order, shifts, constant) in enumerate(_ROUNDS):
            for step, index in enumerate(order):
                total = (a + _mix(number, b, c, d) + words[index] + constant) & _WORD
                shift = shifts[step % 4]
                a, b, c, d = d, (total << shift | total >> (32 - shift)) & _WORD, b, c
        state = [(old + new) & _WORD for old, new in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state)


def _des(key: bytes, block: bytes) -> bytes:
    """One DES block under 56 key bits, spread over eight octets; the parity bits are left zero and ignored."""
    bits = int.from_bytes(key)
    spread = bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7))
    return Cipher(TripleDES(spread * 3), modes.ECB()).encryptor().update(block)


def respond(inputs: dict[str, Input]) -> dict[str, Input]:
    """mschapv2: what the peer sends and what the authenticator answers."""
    user, password, ours, theirs = (
        inputs[name] for name in ("user_name", "password", "authenticator_challenge", "peer_challenge")
    )
    assert isinstance(user, bytes)
    assert isinstance(password, bytes)
    assert isinstance(ours, bytes)
    assert isinstance(theirs, bytes)
    challenge = hashlib.sha1(theirs + ours + user).digest()[:8]
    password_hash = md4(password)
    keys = password_hash.ljust(21, b"\0")
    response = b"".join(_des(keys[start : start + 7], challenge) for start in (0, 7, 14))
    digest = hashlib.sha1(md4(password_hash) + response + _MAGIC_1).digest()
    proof = hashlib.sha1(digest + challenge + _MAGIC_2).digest()
    return {
        "challenge": challenge,
        "password_hash": password_hash,
        "nt_response": response,
        "authenticator_response": b"S=" + proof.hex().upper().encode(),
    }


def master_session_key(inputs: dict[str, Input]) -> dict[str, Input]:
    """mschapv2-msk: RFC 3079, section 3.4; SHSpad1 is forty zeros, SHSpad2 forty times F2."""
    password, response = inputs["password"], inputs["nt_response"]
    assert isinstance(password, bytes)
    assert isinstance(response, bytes)
    hash_hash = md4(md4(password))
    master = hashlib.sha1(hash_hash + response + b"This is the MPPE Master Key").digest()[:16]
    start_keys = {}
    for name, client, server in (("receive_key", "send", "receive"), ("send_key", "receive", "send")):
        magic = f"On the client side, this is the {client} key; on the server side, it is the {server} key."
        padded = master + b"\0" * 40 + magic.encode() + b"\xf2" * 40
        start_keys[name] = hashlib.sha1(padded).digest()[:16]
    msk = start_keys["receive_key"] + start_keys["send_key"] + bytes(32)
    return {"password_hash_hash": hash_hash, "master_key": master, **start_keys, "msk": msk}


def md5_challenge(inputs: dict[str, Input]) -> dict[str, Input]:
    """eap-md5: MD5 over identifier, secret and challenge (RFC 1994, section 4.1)."""
    digest = hashlib.md5(usedforsecurity=False)
    identifier, secret, challenge = (inputs[name] for name in ("identifier", "secret", "challenge"))
    assert isinstance(identifier, int)
    digest.update(bytes([identifier]))
    for part in (secret, challenge):
        assert isinstance(part, bytes)
        digest.update(part)
    return {"response": digest.digest()}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "mschapv2": respond,
    "mschapv2-msk": master_session_key,
    "eap-md5": md5_challenge,
    "eap-tls-msk": openssl_eap_tls.master_session_key,
}
