"""IKEv1 operations of the second adapter: OpenSSL's primitives, everything around them from the RFCs a second time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes

from vectors.adapters import Input, Refused, Unsupported
from vectors.deterministic_keys import load_private_key

Answer = dict[str, Input]
_DIGESTS = {"MD5": "md5", "SHA1": "sha1", "SHA2-256": "sha256", "SHA2-384": "sha384", "SHA2-512": "sha512"}
_CIPHERS: dict[str, Callable[[bytes], BlockCipherAlgorithm]] = {
    "AES-CBC": algorithms.AES,
    "3DES-CBC": TripleDES,
    "CAMELLIA-CBC": Camellia,
}
_HASH_OF_CURVE: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "ECDSA-256": ("secp256r1", hashes.SHA256()),
    "ECDSA-384": ("secp384r1", hashes.SHA384()),
    "ECDSA-521": ("secp521r1", hashes.SHA512()),
}


class _Inputs:
    """A question's inputs by kind."""

    def __init__(self, inputs: dict[str, Input]) -> None:
        self._inputs = inputs

    def __getitem__(self, name: str) -> bytes:
        value = self._inputs.get(name, b"")
        assert isinstance(value, bytes)
        return value

    def number(self, name: str) -> int:
        value = self._inputs[name]
        assert isinstance(value, int)
        return value

    def name(self, name: str) -> str:
        return str(self._inputs[name])

    def prf(self, key: bytes, *parts: bytes) -> bytes:
        return hmac.digest(key, b"".join(parts), _DIGESTS[self.name("prf").removeprefix("HMAC-")])

    def digest(self, *parts: bytes) -> bytes:
        return hashlib.new(_DIGESTS[self.name("algorithm")], b"".join(parts), usedforsecurity=False).digest()


def _three(q: _Inputs, skeyid: bytes) -> Answer:
    made: Answer = {"skeyid": skeyid}
    previous = b""
    for octet, name in enumerate(("skeyid_d", "skeyid_a", "skeyid_e")):
        previous = q.prf(skeyid, previous, q["shared"], q["cky_i"], q["cky_r"], bytes([octet]))
        made[name] = previous
    return made


def psk_kdf(q: _Inputs) -> Answer:
    return _three(q, q.prf(q["psk"], q["ni"], q["nr"]))


def sig_kdf(q: _Inputs) -> Answer:
    return _three(q, q.prf(q["ni"] + q["nr"], q["shared"]))


def encryption_key(q: _Inputs) -> Answer:
    """Ka = K1 | K2 | …, K1 = prf(SKEYID_e, 0), where SKEYID_e is too short."""
    size, key = q.number("size"), q["skeyid_e"]
    if len(key) < size:
        blocks = [q.prf(key, bytes(1))]
        while sum(map(len, blocks)) < size:
            blocks.append(q.prf(key, blocks[-1]))
        key = b"".join(blocks)
    return {"key": key[:size]}


def phase1_iv(q: _Inputs) -> Answer:
    return {"iv": q.digest(q["public_i"], q["public_r"])[: q.number("size")]}


def phase2_iv(q: _Inputs) -> Answer:
    return {"iv": q.digest(q["last_block"], q["message_id"])[: len(q["last_block"])]}


def phase1_hash(q: _Inputs) -> Answer:
    order = ("own_public", "peer_public", "own_cookie", "peer_cookie", "sa", "identity")
    return {"hash": q.prf(q["skeyid"], *(q[name] for name in order))}


def phase2_hash(q: _Inputs) -> Answer:
    which, message_id = q.number("number"), q["message_id"]
    data = {
        1: message_id + q["payloads"],
        2: message_id + q["ni"] + q["payloads"],
        3: b"\0" + message_id + q["ni"] + q["nr"],
    }
    if which not in data:
        raise Refused(f"HASH({which})")
    return {"hash": q.prf(q["skeyid_a"], data[which])}


def keymat(q: _Inputs) -> Answer:
    fixed = q["shared"] + bytes([q.number("protocol")]) + q["spi"] + q["ni"] + q["nr"]
    size, made, block = q.number("size"), b"", b""
    while len(made) < size:
        block = q.prf(q["skeyid_d"], block, fixed)
        made += block
    return {"keymat": made[:size]}


def nat_d(q: _Inputs) -> Answer:
    return {"hash": q.digest(q["cky_i"], q["cky_r"], q["address"], q.number("port").to_bytes(2))}


def sign(q: _Inputs) -> Answer:
    key = load_private_key(q["private_key"])
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unsupported("a key that is not RSA")
    numbers = key.private_numbers()
    modulus_size = -(-key.key_size // 8)
    number = int.from_bytes(b"\1" + q["hash"].rjust(modulus_size - 2, b"\0"))
    # octets FF up to the zero octet before the hash
    for place in range(len(q["hash"]) + 1, modulus_size - 2):
        number |= 0xFF << 8 * place
    # the Chinese remainder form, so that the key's second half takes part
    m_p, m_q = pow(number, numbers.dmp1, numbers.p), pow(number, numbers.dmq1, numbers.q)
    signature = m_q + numbers.q * (numbers.iqmp * (m_p - m_q) % numbers.p)
    return {"signature": signature.to_bytes(modulus_size)}


def verify(q: _Inputs) -> Answer:
    key = x509.load_der_x509_certificate(q["certificate"]).public_key()
    name, digest, signature = q.name("algorithm"), q["hash"], q["signature"]
    if name == "RSA" and isinstance(key, rsa.RSAPublicKey):
        public = key.public_numbers()
        if len(signature) != -(-key.key_size // 8):
            raise Refused("the signature is not as long as the modulus")
        block = pow(int.from_bytes(signature), public.e, public.n).to_bytes(len(signature))
        if block != b"\0\1" + b"\xff" * (len(block) - 3 - len(digest)) + b"\0" + digest:
            raise Refused("the block is another one")
        return {"verified": True}
    curve, function = _HASH_OF_CURVE.get(name, ("", hashes.SHA1()))
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != curve:
        raise Refused(f"no key for {name} in the certificate")
    half = -(-key.curve.key_size // 8)
    if len(signature) != 2 * half:
        raise Refused("the signature has not the curve's length")
    pair = utils.encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    if len(digest) != function.digest_size:
        raise Refused("the hash is not of the signature's hash function")
    key.verify(pair, digest, ec.ECDSA(utils.Prehashed(function)))
    return {"verified": True}


def _records(octets: bytes) -> list[tuple[int, bytes]]:
    found = []
    while octets:
        size = int.from_bytes(octets[1:3])
        if len(octets) < 3 + size:
            raise Refused("a record is cut")
        found.append((octets[0], octets[3 : 3 + size]))
        octets = octets[3 + size :]
    return found


def message(q: _Inputs) -> Answer:
    """The header of RFC 2408, section 3.1, then each payload with its generic header (section 3.2)."""
    body = b""
    following = 0
    for kind, content in reversed(_records(q["payloads"])):
        body = bytes([following, 0]) + (4 + len(content)).to_bytes(2) + content + body
        following = kind
    head = q["cky_i"] + q["cky_r"] + bytes([following, 0x10, q.number("exchange"), q.number("flags")])
    body += q["padding"]
    return {"message": head + q["message_id"] + (28 + len(body)).to_bytes(4) + body}


def payloads(q: _Inputs) -> Answer:
    kind, rest, made = q.number("first"), q["octets"], b""
    while kind:
        size = int.from_bytes(rest[2:4])
        if size < 4 or len(rest) < size or rest[1]:
            raise Refused("a payload's header is wrong")
        made += bytes([kind]) + (size - 4).to_bytes(2) + rest[4:size]
        kind, rest = rest[0], rest[size:]
    return {"payloads": made, "padding": rest}


def attributes(q: _Inputs) -> Answer:
    rest, made = q["octets"], b""
    while rest:
        short = bool(rest[0] & 0x80)
        size = 0 if short else int.from_bytes(rest[2:4])
        if len(rest) < 4 + size:
            raise Refused("an attribute is cut")
        value = rest[2:4] if short else rest[4 : 4 + size]
        made += bytes([rest[0] & 0x7F, rest[1]]) + len(value).to_bytes(2) + value
        rest = rest[4 + size :]
    return {"attributes": made}


def _block_cipher(q: _Inputs) -> Cipher[modes.CBC]:
    return Cipher(_CIPHERS[q.name("cipher")](q["key"]), modes.CBC(q["iv"]))


def _length_is_right(whole: bytes) -> bool:
    return len(whole) > 28 and whole[17] == 0x10 and bool(whole[19] & 1) and int.from_bytes(whole[24:28]) == len(whole)


def seal(q: _Inputs) -> Answer:
    context = _block_cipher(q).encryptor()
    whole = q["header"] + context.update(q["plaintext"]) + context.finalize()
    if not _length_is_right(whole):
        raise Refused("the header is not of this message")
    return {"message": whole, "next_iv": whole[-len(q["iv"]) :]}


def open_(q: _Inputs) -> Answer:
    whole = q["message"]
    if not _length_is_right(whole):
        raise Refused("the header is wrong")
    context = _block_cipher(q).decryptor()
    return {"plaintext": context.update(whole[28:]) + context.finalize(), "next_iv": whole[-len(q["iv"]) :]}


def _bound(function: Callable[[_Inputs], Answer]) -> Callable[[dict[str, Input]], Answer]:
    def answer(inputs: dict[str, Input]) -> Answer:
        try:
            return function(_Inputs(inputs))
        except InvalidSignature as error:
            raise Refused("the signature does not fit") from error

    return answer


_FUNCTIONS: dict[str, Callable[[_Inputs], Answer]] = {
    "psk-kdf": psk_kdf,
    "sig-kdf": sig_kdf,
    "encryption-key": encryption_key,
    "phase1-iv": phase1_iv,
    "phase2-iv": phase2_iv,
    "phase1-hash": phase1_hash,
    "hash": phase2_hash,
    "keymat": keymat,
    "nat-d": nat_d,
    "sign": sign,
    "verify": verify,
    "message": message,
    "payloads": payloads,
    "attributes": attributes,
    "seal": seal,
    "open": open_,
}
OPERATIONS = {f"ikev1-{name}": _bound(function) for name, function in _FUNCTIONS.items()}
