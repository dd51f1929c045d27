"""MS-CHAP-V2 (RFC 2759, section 8) and the keys after it (RFC 3079, section 3), as EAP-MSCHAPv2 uses them."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

CHALLENGE_SIZE = 16
MSK_SIZE = 64
_SIGNING = b"Magic server to client signing constant"
_PADDING = b"Pad to make it do more than one iteration"
_MASTER = b"This is the MPPE Master Key"
_CLIENT_SENDS = b"On the client side, this is the send key; on the server side, it is the receive key."
_SERVER_SENDS = b"On the client side, this is the receive key; on the server side, it is the send key."
_ORDER = (
    tuple(range(16)),
    tuple(4 * (step % 4) + step // 4 for step in range(16)),
    (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
)
_SHIFTS = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))
_CONSTANTS = (0, 0x5A827999, 0x6ED9EBA1)
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)


def md4(data: bytes) -> bytes:
    """MD4 (RFC 1320), which libraries no longer offer."""
    data += b"\x80" + bytes((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "little")
    state = list(_START)
    for block in range(0, len(data), 64):
        words, values = struct.unpack_from("<16I", data, block), list(state)
        for step in range(48):
            turn, place = divmod(step, 16)
            b, c, d = values[1:]
            mixed = ((b & c) | (~b & d), (b & c) | (b & d) | (c & d), b ^ c ^ d)[turn]
            total = (values[0] + mixed + words[_ORDER[turn][place]] + _CONSTANTS[turn]) & 0xFFFFFFFF
            shift = _SHIFTS[turn][place % 4]
            values = [d, (total << shift | total >> 32 - shift) & 0xFFFFFFFF, b, c]
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, values, strict=True)]
    return struct.pack("<4I", *state)


def _des(key: bytes, block: bytes) -> bytes:
    """DES under 56 bits: every seven of them get a parity bit, which DES ignores."""
    bits = int.from_bytes(key, "big")
    full = bytes(((bits >> 7 * (7 - place)) & 0x7F) << 1 for place in range(8))
    return Cipher(TripleDES(full * 3), modes.ECB()).encryptor().update(block)


@dataclass(frozen=True, slots=True)
class Responses:
    """What a password answers to a pair of challenges; `authenticator` is the text that begins with ``S=``."""

    challenge: bytes
    password_hash: bytes = field(repr=False)
    nt_response: bytes
    authenticator: bytes


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys after success; send and receive as the authenticator uses them. `msk` has 64 octets."""

    password_hash_hash: bytes = field(repr=False)
    master_key: bytes = field(repr=False)
    receive_key: bytes = field(repr=False)
    send_key: bytes = field(repr=False)

    @property
    def msk(self) -> bytes:
        """The Master Session Key: receive key, send key, filled with zeros."""
        return (self.receive_key + self.send_key).ljust(MSK_SIZE, b"\x00")


def respond(user_name: bytes, password: bytes, authenticator_challenge: bytes, peer_challenge: bytes) -> Responses:
    """NT-Response and the authenticator's response (RFC 2759, 8.1 to 8.7); the password in UTF-16, little-endian."""
    challenge = hashlib.sha1(peer_challenge + authenticator_challenge + user_name).digest()[:8]
    password_hash = md4(password)
    padded = password_hash + bytes(5)
    nt_response = _des(padded[:7], challenge) + _des(padded[7:14], challenge) + _des(padded[14:], challenge)
    signed = hashlib.sha1(md4(password_hash) + nt_response + _SIGNING).digest()
    proof = hashlib.sha1(signed + challenge + _PADDING).hexdigest().upper()
    return Responses(challenge, password_hash, nt_response, b"S=" + proof.encode())


def session_keys(password: bytes, nt_response: bytes) -> SessionKeys:
    """Master key and the 128-bit start keys of both directions (RFC 3079, sections 3.3 and 3.4)."""
    password_hash_hash = md4(md4(password))
    master = hashlib.sha1(password_hash_hash + nt_response + _MASTER).digest()[:16]
    receive, send = (
        hashlib.sha1(master + bytes(40) + magic + b"\xf2" * 40).digest()[:16]
        for magic in (_CLIENT_SENDS, _SERVER_SENDS)
    )
    return SessionKeys(password_hash_hash, master, receive, send)
