"""IKEv2 messages, keys and AUTH payloads of the second adapter, composed from the RFC a second time.

Nothing of the reference implementation is used: hashes and signatures are those of `cryptography` and the standard
library.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.openssl_esp import Mac, sealed_for
from vectors.deterministic_keys import load_private_key

_HEADER = struct.Struct(">8s8sBBBBII")
_VERSION = 0x20
_RESPONSE = 0x20
_KE, _NOTIFY, _SKF = 34, 41, 53
_COOKIE, _INVALID_KE = 16390, 17
_SALTS = {"AES-CTR": 4, "CAMELLIA-CTR": 4, "AES-GCM": 4, "AES-CCM": 3, "AES-GMAC": 4, "CAMELLIA-CCM": 3}
_FIXED = {"CHACHA20-POLY1305": 36, "3DES-CBC": 24, "NULL": 0}
_INTEG_KEYS = {
    "HMAC-MD5-96": 16,
    "HMAC-SHA1-96": 20,
    "AES-XCBC-96": 16,
    "AES-CMAC-96": 16,
    "HMAC-SHA2-256-128": 32,
    "HMAC-SHA2-384-192": 48,
    "HMAC-SHA2-512-256": 64,
}
# RFC 7427, appendix A, and RFC 8420: the AlgorithmIdentifiers, length octet first
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_IDENTIFIERS = {
    "rsa-sha1": "0f300d06092a864886f70d0101050500",
    "rsa-sha256": "0f300d06092a864886f70d01010b0500",
    "rsa-sha384": "0f300d06092a864886f70d01010c0500",
    "rsa-sha512": "0f300d06092a864886f70d01010d0500",
    "ecdsa-sha1": "0b300906072a8648ce3d0401",
    "ecdsa-sha256": "0c300a06082a8648ce3d040302",
    "ecdsa-sha384": "0c300a06082a8648ce3d040303",
    "ecdsa-sha512": "0c300a06082a8648ce3d040304",
    "ed25519": "07300506032b6570",
    "ed448": "07300506032b6571",
    **{
        f"rsa-pss-sha{bits}": f"43304106092a864886f70d01010a3034a00f300d0609608648016503040{oid}0500"
        f"a11c301a06092a864886f70d010108300d0609608648016503040{oid}0500a2030201{bits // 8:02x}"
        for bits, oid in ((256, "201"), (384, "202"), (512, "203"))
    },
}
_CLASSIC_ECDSA = {9: ("ecdsa-sha256", 32), 10: ("ecdsa-sha384", 48), 11: ("ecdsa-sha512", 66)}
_RSA, _DIGITAL_SIGNATURE = 1, 14


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def _number(inputs: dict[str, Input], name: str) -> int:
    value = inputs.get(name, 0)
    assert isinstance(value, int)
    return value


def _prf(inputs: dict[str, Input], mac: Mac, name: str = "prf") -> Callable[[bytes, bytes], bytes]:
    chosen = str(inputs[name])
    return mac(f"{chosen}-PRF-128" if chosen.startswith("AES") else chosen)


def _prf_plus(prf: Callable[[bytes, bytes], bytes], key: bytes, seed: bytes) -> Iterator[int]:
    """The octets of prf+ (RFC 7296, section 2.13), without end."""
    block, counter = b"", 1
    while True:
        block = prf(key, block + seed + bytes([counter]))
        yield from block
        counter += 1


def _cut(stream: Iterator[int], sizes: list[int]) -> list[bytes]:
    return [bytes(next(stream) for _ in range(size)) for size in sizes]


def key_sizes(inputs: dict[str, Input]) -> tuple[int, int]:
    """Octets of keying material of cipher (salt included) and integrity algorithm."""
    name = str(inputs["cipher"])
    family = name.rpartition("-")[0] if name[-1].isdigit() else name
    bits = _number(inputs, "key_bits")
    if bits not in ((0,) if name in _FIXED else (128, 192, 256)):
        raise Unsupported(f"{name} with a key of {bits} bits")
    size = _FIXED[name] if name in _FIXED else bits // 8 + _SALTS.get(family, 0)
    return size, _INTEG_KEYS[str(inputs["integ"])] if "integ" in inputs else 0


def _split_payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from(">BH", data, position)
        yield kind, data[position + 3 : position + 3 + size]
        position += 3 + size


def _encode(payloads: list[tuple[int, bytes]]) -> tuple[int, bytes]:
    """(first type, the chain)."""
    kinds = [kind for kind, _ in payloads] + [0]
    encoded = b"".join(
        struct.pack(">BBH", following, 0, 4 + len(body)) + body
        for following, (_, body) in zip(kinds[1:], payloads, strict=True)
    )
    return kinds[0], encoded


def _decode(message: bytes) -> list[tuple[int, bytes]]:
    kind, position, payloads = message[16], 28, []
    while kind:
        following, _, size = struct.unpack_from(">BBH", message, position)
        if size < 4 or position + size > len(message):
            raise Refused("a payload's length does not fit")
        payloads.append((kind, message[position + 4 : position + size]))
        kind, position = following, position + size
    return payloads


def message(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    kind, content = _encode(list(_split_payloads(_octets(inputs, "payloads"))))
    fixed = (kind, _VERSION, _number(inputs, "exchange"), _number(inputs, "flags"), _number(inputs, "message_id"))
    header = _HEADER.pack(_octets(inputs, "spi_i"), _octets(inputs, "spi_r"), *fixed, 28 + len(content))
    return {"message": header + content}


def chain(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    kind, content = _encode(list(_split_payloads(_octets(inputs, "payloads"))))
    return {"first": kind, "octets": content}


def _notifications(payloads: list[tuple[int, bytes]]) -> dict[int, bytes]:
    return {struct.unpack_from(">H", body, 2)[0]: body[4 + body[1] :] for kind, body in payloads if kind == _NOTIFY}


def retry(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    request, response = _octets(inputs, "request"), _octets(inputs, "response")
    if response[:8] != request[:8] or not response[19] & _RESPONSE or response[20:24] != request[20:24]:
        raise Refused("not a response to the request")
    answer, payloads = _notifications(_decode(response)), _decode(request)
    if _COOKIE in answer:
        fixed = struct.pack(">BBH", 0, 0, _COOKIE)
        payloads = [(_NOTIFY, fixed + answer[_COOKIE])] + [
            (kind, body) for kind, body in payloads if kind != _NOTIFY or body[2:4] != fixed[2:]
        ]
    elif _INVALID_KE in answer:
        new = answer[_INVALID_KE] + b"\0\0" + _octets(inputs, "public")
        payloads = [(kind, new if kind == _KE else body) for kind, body in payloads]
    else:
        raise Refused("neither COOKIE nor INVALID_KE_PAYLOAD")
    kind, content = _encode(payloads)
    return {"retry": request[:16] + bytes([kind]) + request[17:24] + struct.pack(">I", 28 + len(content)) + content}


def nat_hash(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    hashed = hashlib.sha1(_octets(inputs, "spi_i") + _octets(inputs, "spi_r"), usedforsecurity=False)
    hashed.update(_octets(inputs, "address") + struct.pack(">H", _number(inputs, "port")))
    return {"hash": hashed.digest()}


def _ike_keys(inputs: dict[str, Input], mac: Mac, seed: bytes) -> dict[str, Input]:
    prf, (encr, integ) = _prf(inputs, mac), key_sizes(inputs)
    size = len(prf(bytes(16), b""))
    parts = b"".join(_octets(inputs, name) for name in ("ni", "nr", "spi_i", "spi_r"))
    keys = _cut(_prf_plus(prf, seed, parts), [size, integ, integ, encr, encr, size, size])
    names = ("sk_d", "sk_ai", "sk_ar", "sk_ei", "sk_er", "sk_pi", "sk_pr")
    return {"skeyseed": seed, **dict(zip(names, keys, strict=True))}


def keys(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    ni, nr = _octets(inputs, "ni"), _octets(inputs, "nr")
    if str(inputs["prf"]).startswith("AES"):  # a fixed key size of 128 bits: half from each nonce
        ni, nr = ni[:8], nr[:8]
    return _ike_keys(inputs, mac, _prf(inputs, mac)(ni + nr, _octets(inputs, "shared")))


def rekey_keys(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    data = _octets(inputs, "shared") + _octets(inputs, "ni") + _octets(inputs, "nr")
    return _ike_keys(inputs, mac, _prf(inputs, mac, "old_prf")(_octets(inputs, "sk_d"), data))


def child_keys(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    encr, integ = key_sizes(inputs)
    seed = _octets(inputs, "shared") + _octets(inputs, "ni") + _octets(inputs, "nr")
    cut = _cut(_prf_plus(_prf(inputs, mac), _octets(inputs, "sk_d"), seed), [encr, integ, encr, integ])
    return dict(zip(("encr_i", "integ_i", "encr_r", "integ_r"), cut, strict=True))


def signed_octets(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    maced = _prf(inputs, mac)(_octets(inputs, "sk_p"), _octets(inputs, "id"))
    return {"maced_id": maced, "octets": _octets(inputs, "message") + _octets(inputs, "nonce") + maced}


def psk_auth(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    prf = _prf(inputs, mac)
    return {"auth": prf(prf(_octets(inputs, "psk"), b"Key Pad for IKEv2"), _octets(inputs, "octets"))}


def _pss_signature(key: rsa.RSAPrivateKey, data: bytes, name: str, salt: bytes) -> bytes:
    """RSASSA-PSS-SIGN (RFC 8017, section 8.1.1) with this salt."""
    numbers, length = key.private_numbers(), (key.key_size + 6) // 8
    digest = hashlib.new(name, bytes(8) + hashlib.new(name, data).digest() + salt).digest()
    clear = (b"\1" + salt).rjust(length - len(digest) - 1, b"\0")
    stream = b"".join(hashlib.new(name, digest + struct.pack(">I", number)).digest() for number in range(20))
    hidden = int.from_bytes(clear) ^ int.from_bytes(stream[: len(clear)])
    hidden &= (1 << (key.key_size - 1 - 8 * (length - len(clear)))) - 1
    encoded = hidden.to_bytes(len(clear)) + digest + b"\xbc"
    return pow(int.from_bytes(encoded), numbers.d, numbers.public_numbers.n).to_bytes((key.key_size + 7) // 8)


def sign(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    method, scheme, data = _number(inputs, "method"), str(inputs["scheme"]), _octets(inputs, "octets")
    key = load_private_key(_octets(inputs, "private_key"))
    digest = _HASHES.get(scheme.rpartition("-")[2], hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        if scheme.startswith("rsa-pss"):
            signature = _pss_signature(key, data, digest.name, _octets(inputs, "salt"))
        else:
            signature = key.sign(data, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(data, ec.ECDSA(digest, deterministic_signing=True))
        if method in _CLASSIC_ECDSA:
            size = _CLASSIC_ECDSA[method][1]
            signature = b"".join(number.to_bytes(size) for number in decode_dss_signature(signature))
    elif isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        signature = key.sign(data)
    else:
        raise Unsupported(type(key).__name__)
    prefix = bytes.fromhex(_IDENTIFIERS[scheme]) if method == _DIGITAL_SIGNATURE else b""
    return {"auth": prefix + signature}


def _check(key: object, scheme: str, signature: bytes, data: bytes) -> None:
    digest = _HASHES.get(scheme.rpartition("-")[2], hashes.SHA256())
    if isinstance(key, rsa.RSAPublicKey) and scheme.startswith("rsa"):
        size = digest.digest_size
        pss = padding.PSS(padding.MGF1(digest), size) if "pss" in scheme else padding.PKCS1v15()
        key.verify(signature, data, pss, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.startswith("ecdsa"):
        key.verify(signature, data, ec.ECDSA(digest))
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and scheme.startswith("ed"):
        key.verify(signature, data)
    else:
        raise Refused("the key is not of this scheme's kind")


def verify(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    method, data, given = _number(inputs, "method"), _octets(inputs, "octets"), _octets(inputs, "auth")
    key = x509.load_der_x509_certificate(_octets(inputs, "certificate")).public_key()
    candidates: list[tuple[str, bytes]]
    if method == _DIGITAL_SIGNATURE:
        split = 1 + (given[0] if given else 0)
        candidates = [(name, given[split:]) for name, each in _IDENTIFIERS.items() if each == given[:split].hex()]
    elif method in _CLASSIC_ECDSA:
        scheme, size = _CLASSIC_ECDSA[method]
        if len(given) != 2 * size:
            raise Refused(f"{len(given)} octets of signature")
        pair = encode_dss_signature(int.from_bytes(given[:size]), int.from_bytes(given[size:]))
        candidates = [(scheme, pair)]
    elif method == _RSA:
        candidates = [(f"rsa-{name}", given) for name in _HASHES]
    else:
        raise Unsupported(f"method {method}")
    for scheme, signature in candidates:
        try:
            _check(key, scheme, signature, data)
        except InvalidSignature:
            continue
        return {"scheme": scheme}
    raise Refused("the signature does not verify")


def ca_hash(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    key = x509.load_der_x509_certificate(_octets(inputs, "certificate")).public_key()
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"hash": hashlib.sha1(info, usedforsecurity=False).digest()}


def sk_seal(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    algorithm = sealed_for(inputs, mac)
    head, iv = _octets(inputs, "head"), _octets(inputs, "iv")
    sealed = algorithm.seal(iv, _octets(inputs, "plaintext"), head)
    return {"message": head + iv + sealed, "icv": sealed[len(sealed) - algorithm.icv_size :]}


def skf_open(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    """The message must have the SKF payload alone."""
    data, algorithm = _octets(inputs, "message"), sealed_for(inputs, mac)
    if len(data) < 36 + algorithm.iv_size + 1 + algorithm.icv_size or data[16] != _SKF:
        raise Refused("no SKF payload after the IKE header")
    if struct.unpack_from(">I", data, 24)[0] != len(data) or struct.unpack_from(">H", data, 30)[0] != len(data) - 28:
        raise Refused("the lengths in the message do not fit it")
    number, total = struct.unpack_from(">HH", data, 32)
    start = 36 + algorithm.iv_size
    plaintext = algorithm.open(data[36:start], data[start:], data[:36])
    end = len(plaintext) - 1 - plaintext[-1]
    if end < 0:
        raise Refused("Pad Length is more than there is")
    return {"number": number, "total": total, "first": data[28], "plaintext": plaintext[:end]}


OPERATIONS: dict[str, Callable[[dict[str, Input], Mac], dict[str, Input]]] = {
    "ikev2-message": message,
    "ikev2-chain": chain,
    "ikev2-retry": retry,
    "ikev2-nat-hash": nat_hash,
    "ikev2-keys": keys,
    "ikev2-rekey-keys": rekey_keys,
    "ikev2-child-keys": child_keys,
    "ikev2-signed-octets": signed_octets,
    "ikev2-psk-auth": psk_auth,
    "ikev2-sign": sign,
    "ikev2-verify": verify,
    "ikev2-ca-hash": ca_hash,
    "ike-sk-seal": sk_seal,
    "ike-skf-open": skf_open,
}
