"""IKEv1 operations of the first adapter, from reference_impl.crypto.ikev1_kdf and its ciphers."""

from __future__ import annotations

import struct
from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from reference_impl.crypto import ikev1_kdf
from reference_impl.crypto.cipher import RawCipher
from reference_impl.crypto.ikev1_kdf import HASHES, Ikev1Hash
from vectors import isakmp
from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.ours_esp import find_cipher, number, octets
from vectors.deterministic_keys import load_private_key

_BY_NAME = {algorithm.name: algorithm for algorithm in HASHES.values()}
_ECDSA: dict[str, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm, int]] = {
    "ECDSA-256": (ec.SECP256R1, hashes.SHA256(), 32),
    "ECDSA-384": (ec.SECP384R1, hashes.SHA384(), 48),
    "ECDSA-521": (ec.SECP521R1, hashes.SHA512(), 66),
}


def _hash(inputs: dict[str, Input]) -> Ikev1Hash:
    """The hash function itself, or the one that the prf is the HMAC of."""
    name = str(inputs.get("algorithm", inputs.get("prf"))).removeprefix("HMAC-")
    if name not in _BY_NAME:
        raise Unsupported(name)
    return _BY_NAME[name]


def _derive(inputs: dict[str, Input], skeyid: bytes) -> dict[str, Input]:
    keys = ikev1_kdf.skeyids(
        _hash(inputs), skeyid, octets(inputs, "shared"), octets(inputs, "cky_i"), octets(inputs, "cky_r")
    )
    return {"skeyid": keys.skeyid, "skeyid_d": keys.d, "skeyid_a": keys.a, "skeyid_e": keys.e}


def psk_kdf(inputs: dict[str, Input]) -> dict[str, Input]:
    psk, ni, nr = (octets(inputs, name) for name in ("psk", "ni", "nr"))
    return _derive(inputs, ikev1_kdf.skeyid_psk(_hash(inputs), psk, ni, nr))


def sig_kdf(inputs: dict[str, Input]) -> dict[str, Input]:
    ni, nr, shared = (octets(inputs, name) for name in ("ni", "nr", "shared"))
    return _derive(inputs, ikev1_kdf.skeyid_signature(_hash(inputs), ni, nr, shared))


def encryption_key(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"key": ikev1_kdf.encryption_key(_hash(inputs), octets(inputs, "skeyid_e"), number(inputs, "size"))}


def phase1_iv(inputs: dict[str, Input]) -> dict[str, Input]:
    publics = octets(inputs, "public_i"), octets(inputs, "public_r")
    return {"iv": ikev1_kdf.phase1_iv(_hash(inputs), *publics, number(inputs, "size"))}


def phase2_iv(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"iv": ikev1_kdf.phase2_iv(_hash(inputs), octets(inputs, "last_block"), octets(inputs, "message_id"))}


def phase1_hash(inputs: dict[str, Input]) -> dict[str, Input]:
    own, peer = ((octets(inputs, f"{end}_public"), octets(inputs, f"{end}_cookie")) for end in ("own", "peer"))
    skeyid, sa, identity = (octets(inputs, name) for name in ("skeyid", "sa", "identity"))
    return {"hash": ikev1_kdf.phase1_hash(_hash(inputs), skeyid, own, peer, sa, identity)}


def phase2_hash(inputs: dict[str, Input]) -> dict[str, Input]:
    algorithm, key, message_id = _hash(inputs), octets(inputs, "skeyid_a"), octets(inputs, "message_id")
    ni, nr, payloads = octets(inputs, "ni"), octets(inputs, "nr"), octets(inputs, "payloads")
    if number(inputs, "number") == 1:
        return {"hash": ikev1_kdf.hash_1(algorithm, key, message_id, payloads)}
    if number(inputs, "number") == 2:
        return {"hash": ikev1_kdf.hash_2(algorithm, key, message_id, ni, payloads)}
    if number(inputs, "number") == 3:
        return {"hash": ikev1_kdf.hash_3(algorithm, key, message_id, ni, nr)}
    raise Refused(f"there is no HASH({number(inputs, 'number')})")


def keymat(inputs: dict[str, Input]) -> dict[str, Input]:
    key, spi, ni, nr, shared = (octets(inputs, name) for name in ("skeyid_d", "spi", "ni", "nr", "shared"))
    protocol, size = number(inputs, "protocol"), number(inputs, "size")
    return {"keymat": ikev1_kdf.keymat(_hash(inputs), key, protocol, spi, ni, nr, size, shared)}


def nat_d(inputs: dict[str, Input]) -> dict[str, Input]:
    cky_i, cky_r, address = (octets(inputs, name) for name in ("cky_i", "cky_r", "address"))
    return {"hash": ikev1_kdf.nat_d(_hash(inputs), cky_i, cky_r, address, number(inputs, "port"))}


def sign(inputs: dict[str, Input]) -> dict[str, Input]:
    key = load_private_key(octets(inputs, "private_key"))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unsupported("a key that is not RSA")
    size = (key.key_size + 7) // 8
    digest = octets(inputs, "hash")
    # PKCS #1 block type 1 around the bare hash: no library call signs without a DigestInfo
    block = b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + digest
    private = key.private_numbers()
    signature = pow(int.from_bytes(block, "big"), private.d, private.public_numbers.n)
    return {"signature": signature.to_bytes(size, "big")}


def verify(inputs: dict[str, Input]) -> dict[str, Input]:
    key = x509.load_der_x509_certificate(octets(inputs, "certificate")).public_key()
    name, digest, signature = str(inputs["algorithm"]), octets(inputs, "hash"), octets(inputs, "signature")
    if name == "RSA":
        if not isinstance(key, rsa.RSAPublicKey):
            raise Refused("the certificate has no RSA key")
        try:
            recovered = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
        except InvalidSignature as error:
            raise Refused("the signature is no PKCS #1 block") from error
        if recovered != digest:
            raise Refused("the signature is over another hash")
        return {"verified": True}
    curve, function, size = _ECDSA[name]
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, curve):
        raise Refused(f"the certificate has no key for {name}")
    if len(signature) != 2 * size:
        raise Refused(f"a signature of {len(signature)} octets")
    r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
    if len(digest) != function.digest_size:
        raise Refused(f"a hash of {len(digest)} octets")
    try:
        # HASH_I and HASH_R are what is signed: they are not hashed again
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(function)))
    except InvalidSignature as error:
        raise Refused("the signature does not fit") from error
    return {"verified": True}


def message(inputs: dict[str, Input]) -> dict[str, Input]:
    payloads = isakmp.from_records(octets(inputs, "payloads"))
    cky_i, cky_r, message_id = (octets(inputs, name) for name in ("cky_i", "cky_r", "message_id"))
    first = payloads[0].type if payloads else 0
    head = isakmp.Header(cky_i, cky_r, first, number(inputs, "exchange"), number(inputs, "flags"), message_id, 0)
    return {"message": isakmp.build(head, isakmp.chain(payloads) + octets(inputs, "padding"))}


def payloads(inputs: dict[str, Input]) -> dict[str, Input]:
    found, rest = isakmp.split(number(inputs, "first"), octets(inputs, "octets"))
    return {"payloads": isakmp.records(found), "padding": rest}


def attributes(inputs: dict[str, Input]) -> dict[str, Input]:
    found = isakmp.attributes(octets(inputs, "octets"))
    return {"attributes": b"".join(struct.pack(">HH", kind, len(value)) + value for kind, value in found)}


def _cipher(inputs: dict[str, Input]) -> tuple[RawCipher, int]:
    algorithm = find_cipher(str(inputs["cipher"]), len(octets(inputs, "key")))
    if algorithm.make_raw is None:
        raise Unsupported(algorithm.name)
    return algorithm.make_raw(octets(inputs, "key")), algorithm.block_size


def seal(inputs: dict[str, Input]) -> dict[str, Input]:
    cipher, block = _cipher(inputs)
    plaintext = octets(inputs, "plaintext")
    if not plaintext or len(plaintext) % block:
        raise Refused(f"{len(plaintext)} octets are not whole blocks")
    made = octets(inputs, "header") + cipher.encrypt(octets(inputs, "iv"), plaintext)
    isakmp.header(made)
    return {"message": made, "next_iv": made[-block:]}


def open_(inputs: dict[str, Input]) -> dict[str, Input]:
    cipher, block = _cipher(inputs)
    whole = octets(inputs, "message")
    head, body = isakmp.header(whole), whole[isakmp.HEADER_SIZE :]
    if not head.encrypted or not body or len(body) % block:
        raise Refused(f"flags {head.flags:#x}, {len(body)} octets after the header")
    return {"plaintext": cipher.decrypt(octets(inputs, "iv"), body), "next_iv": body[-block:]}


def _refusing(
    function: Callable[[dict[str, Input]], dict[str, Input]],
) -> Callable[[dict[str, Input]], dict[str, Input]]:
    def answer(inputs: dict[str, Input]) -> dict[str, Input]:
        try:
            return function(inputs)
        except ValueError as error:
            raise Refused(str(error)) from error

    return answer


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    name: _refusing(function)
    for name, function in {
        "ikev1-psk-kdf": psk_kdf,
        "ikev1-sig-kdf": sig_kdf,
        "ikev1-encryption-key": encryption_key,
        "ikev1-phase1-iv": phase1_iv,
        "ikev1-phase2-iv": phase2_iv,
        "ikev1-phase1-hash": phase1_hash,
        "ikev1-hash": phase2_hash,
        "ikev1-keymat": keymat,
        "ikev1-nat-d": nat_d,
        "ikev1-sign": sign,
        "ikev1-verify": verify,
        "ikev1-message": message,
        "ikev1-payloads": payloads,
        "ikev1-attributes": attributes,
        "ikev1-seal": seal,
        "ikev1-open": open_,
    }.items()
}
