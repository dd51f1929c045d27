"""The second adapter: OpenSSL's primitives as the `cryptography` package gives them, nothing of ours between.

Where OpenSSL has only the pieces (IKE's key derivation, AES-XCBC, ESP's framing), the composition here is written
from the RFC a second time, so that an error in the reference's composition does not confirm itself.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vectors.adapters import (
    Input,
    Refused,
    Unsupported,
    mschapv2,
    openssl_certificate,
    openssl_esp,
    openssl_ikev1,
    openssl_ikev2,
    openssl_modp,
)
from vectors.adapters import openssl_brainpool224 as brainpool224
from vectors.adapters import openssl_camellia as camellia
from vectors.adapters.openssl_ah import OPERATIONS as AH_OPERATIONS
from vectors.adapters.openssl_ipcomp import OPERATIONS as IPCOMP_OPERATIONS

_HASHES = {"MD5": "md5", "SHA1": "sha1", "SHA2-256": "sha256", "SHA2-384": "sha384", "SHA2-512": "sha512"}
_TRUNCATED = {
    "HMAC-MD5-96": ("md5", 12),
    "HMAC-SHA1-96": ("sha1", 12),
    "HMAC-SHA2-256-128": ("sha256", 16),
    "HMAC-SHA2-384-192": ("sha384", 24),
    "HMAC-SHA2-512-256": ("sha512", 32),
}
_BLOCK_CIPHERS: dict[str, Callable[[bytes], BlockCipherAlgorithm]] = {
    "AES": algorithms.AES,
    "CAMELLIA": Camellia,
    "3DES": TripleDES,
    "DES": lambda key: TripleDES(key * 3),  # three equal keys make 3DES the single DES
}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ECP-192": ec.SECP192R1,
    "ECP-224": ec.SECP224R1,
    "ECP-256": ec.SECP256R1,
    "ECP-384": ec.SECP384R1,
    "ECP-521": ec.SECP521R1,
    "BRAINPOOL-P256R1": ec.BrainpoolP256R1,
    "BRAINPOOL-P384R1": ec.BrainpoolP384R1,
    "BRAINPOOL-P512R1": ec.BrainpoolP512R1,
}


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def _aes_ecb(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _xcbc(key: bytes, message: bytes) -> bytes:
    """AES-XCBC-MAC (RFC 3566, section 4)."""
    keys = [_aes_ecb(key, bytes([number]) * 16) for number in (1, 2, 3)]
    blocks = [message[start : start + 16] for start in range(0, len(message), 16)] or [b""]
    last, whole = blocks[-1], len(blocks[-1]) == 16
    padded = last if whole else (last + b"\x80").ljust(16, b"\0")
    state = bytes(16)
    for block in [*blocks[:-1], padded]:
        final = block is padded
        mixed = int.from_bytes(state) ^ int.from_bytes(block)
        if final:
            mixed ^= int.from_bytes(keys[1] if whole else keys[2])
        state = _aes_ecb(keys[0], mixed.to_bytes(16))
    return state


def _cmac(key: bytes, message: bytes) -> bytes:
    context = CMAC(algorithms.AES(key))
    context.update(message)
    return context.finalize()


def _xcbc_prf(key: bytes, message: bytes) -> bytes:
    return _xcbc(key.ljust(16, b"\0") if len(key) <= 16 else _xcbc(bytes(16), key), message)


def _cmac_prf(key: bytes, message: bytes) -> bytes:
    return _cmac(key if len(key) == 16 else _cmac(bytes(16), key), message)


def _mac_function(name: str) -> Callable[[bytes, bytes], bytes]:
    if name in _TRUNCATED:
        digest, size = _TRUNCATED[name]
        return lambda key, message: hmac.digest(key, message, digest)[:size]
    if name.removeprefix("HMAC-") in _HASHES:
        digest = _HASHES[name.removeprefix("HMAC-")]
        return lambda key, message: hmac.digest(key, message, digest)
    special: dict[str, Callable[[bytes, bytes], bytes]] = {
        "AES-XCBC": _xcbc,
        "AES-XCBC-96": lambda key, message: _xcbc(key, message)[:12],
        "AES-CMAC": _cmac,
        "AES-CMAC-96": lambda key, message: _cmac(key, message)[:12],
        "AES-XCBC-PRF-128": _xcbc_prf,
        "AES-CMAC-PRF-128": _cmac_prf,
    }
    if name not in special:
        raise Unsupported(name)
    return special[name]


def _prf(name: str) -> Callable[[bytes, bytes], bytes]:
    return _mac_function(f"{name}-PRF-128" if name.startswith("AES") else name)


def mac(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"mac": _mac_function(str(inputs["algorithm"]))(_octets(inputs, "key"), _octets(inputs, "message"))}


def encrypt(inputs: dict[str, Input]) -> dict[str, Input]:
    name, key = str(inputs["algorithm"]), _octets(inputs, "key")
    iv, plaintext = _octets(inputs, "iv"), _octets(inputs, "plaintext")
    if name == "NULL":
        return {"ciphertext": plaintext}
    family, _, mode = name.rpartition("-")
    if mode == "CTR":  # keying material ends in the 4-octet nonce (RFC 3686, RFC 5528)
        key, iv = key[:-4], key[-4:] + iv + b"\0\0\0\1"
    if family == "CAMELLIA" and mode == "CTR":
        return {"ciphertext": camellia.counter_mode(key, iv, plaintext)}
    algorithm = _BLOCK_CIPHERS[family](key)
    chosen = modes.CTR(iv) if mode == "CTR" else modes.CBC(iv)
    return {"ciphertext": Cipher(algorithm, chosen).encryptor().update(plaintext)}


def _seal_open(inputs: dict[str, Input], seal: bool) -> bytes:
    name, key, nonce, aad = str(inputs["algorithm"]), *(_octets(inputs, part) for part in ("key", "nonce", "aad"))
    tag_size = int(name.rsplit("-", 1)[1]) if name.startswith(("AES", "CAMELLIA")) else 16
    data = _octets(inputs, "plaintext") if seal else _octets(inputs, "ciphertext") + _octets(inputs, "tag")
    if name.startswith("AES-GCM"):
        if seal:
            sealed = AESGCM(key).encrypt(nonce, data, aad)
            return sealed[: len(sealed) - 16 + tag_size]
        context = Cipher(
            algorithms.AES(key), modes.GCM(nonce, _octets(inputs, "tag"), min_tag_length=tag_size)
        ).decryptor()
        context.authenticate_additional_data(aad)
        return context.update(_octets(inputs, "ciphertext")) + context.finalize()
    if name.startswith("AES-CCM"):
        ccm = AESCCM(key, tag_size)
        return ccm.encrypt(nonce, data, aad) if seal else ccm.decrypt(nonce, data, aad)
    if name.startswith("CAMELLIA-CCM"):
        return (camellia.ccm_seal if seal else camellia.ccm_open)(key, nonce, data, aad, tag_size)
    if name == "CHACHA20-POLY1305":
        chacha = ChaCha20Poly1305(key)
        return chacha.encrypt(nonce, data, aad) if seal else chacha.decrypt(nonce, data, aad)
    raise Unsupported(name)


def aead_seal(inputs: dict[str, Input]) -> dict[str, Input]:
    sealed, size = _seal_open(inputs, seal=True), len(_octets(inputs, "plaintext"))
    return {"ciphertext": sealed[:size], "tag": sealed[size:]}


def aead_open(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"plaintext": _seal_open(inputs, seal=False)}


def public(inputs: dict[str, Input]) -> dict[str, Input]:
    name, private = str(inputs["group"]), _octets(inputs, "private")
    if name == "CURVE25519":
        return {"public": x25519.X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()}
    if name == "CURVE448":
        return {"public": x448.X448PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()}
    if name.startswith("MODP-"):
        return {"public": openssl_modp.public(name, private)}
    if name == brainpool224.NAME:
        return {"public": brainpool224.public(private)}
    if name not in _CURVES:
        raise Unsupported(name)
    key = ec.derive_private_key(int.from_bytes(private), _CURVES[name]())
    return {"public": key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]}


def shared(inputs: dict[str, Input]) -> dict[str, Input]:
    name, private, peer = str(inputs["group"]), _octets(inputs, "private"), _octets(inputs, "peer")
    if name == "CURVE25519":
        return {
            "shared": x25519.X25519PrivateKey.from_private_bytes(private).exchange(
                x25519.X25519PublicKey.from_public_bytes(peer)
            )
        }
    if name == "CURVE448":
        return {
            "shared": x448.X448PrivateKey.from_private_bytes(private).exchange(
                x448.X448PublicKey.from_public_bytes(peer)
            )
        }
    if name.startswith("MODP-"):
        return {"shared": openssl_modp.shared(name, private, peer)}
    if name == brainpool224.NAME:
        return {"shared": brainpool224.shared(private, peer)}
    if name not in _CURVES:
        raise Unsupported(name)
    curve = _CURVES[name]()
    point = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + peer)
    return {"shared": ec.derive_private_key(int.from_bytes(private), curve).exchange(ec.ECDH(), point)}


def kem_decapsulate(inputs: dict[str, Input]) -> dict[str, Input]:
    kinds: dict[str, type[mlkem.MLKEM768PrivateKey] | type[mlkem.MLKEM1024PrivateKey]] = {
        "ML-KEM-768": mlkem.MLKEM768PrivateKey,
        "ML-KEM-1024": mlkem.MLKEM1024PrivateKey,
    }
    if str(inputs["group"]) not in kinds:
        raise Unsupported(str(inputs["group"]))
    key = kinds[str(inputs["group"])].from_seed_bytes(_octets(inputs, "seed"))
    return {"public": key.public_key().public_bytes_raw(), "shared": key.decapsulate(_octets(inputs, "ciphertext"))}


def _plus(prf: Callable[[bytes, bytes], bytes], key: bytes, seed: bytes, size: int) -> bytes:
    stream, block, counter = b"", b"", 0
    while len(stream) < size:
        counter += 1
        block = prf(key, block + seed + struct.pack("B", counter))
        stream += block
    return stream[:size]


def prf_plus(inputs: dict[str, Input]) -> dict[str, Input]:
    size = inputs["size"]
    assert isinstance(size, int)
    return {"keystream": _plus(_prf(str(inputs["prf"])), _octets(inputs, "key"), _octets(inputs, "seed"), size)}


def ikev2_kdf(inputs: dict[str, Input]) -> dict[str, Input]:
    prf, ni, nr = _prf(str(inputs["prf"])), _octets(inputs, "ni"), _octets(inputs, "nr")
    new, child_size, dkm_size = _octets(inputs, "shared_new"), inputs["child_size"], inputs["dkm_size"]
    assert isinstance(child_size, int)
    assert isinstance(dkm_size, int)
    short = str(inputs["prf"]).startswith("AES")
    skeyseed = prf(ni[:8] + nr[:8] if short else ni + nr, _octets(inputs, "shared"))
    dkm = _plus(prf, skeyseed, ni + nr + _octets(inputs, "spi_i") + _octets(inputs, "spi_r"), dkm_size)
    sk_d = dkm[: len(prf(b"key of any size.", b""))]
    return {
        "skeyseed": skeyseed,
        "dkm": dkm,
        "child": _plus(prf, sk_d, ni + nr, child_size),
        "child_dh": _plus(prf, sk_d, new + ni + nr, child_size),
        "skeyseed_rekey": prf(sk_d, new + ni + nr),
    }


_OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "encrypt": encrypt,
    "aead-seal": aead_seal,
    "aead-open": aead_open,
    "mac": mac,
    "public": public,
    "shared": shared,
    "kem-decapsulate": kem_decapsulate,
    "prf-plus": prf_plus,
    "ikev2-kdf": ikev2_kdf,
    "group": openssl_modp.group,
    **IPCOMP_OPERATIONS,
    **openssl_ikev1.OPERATIONS,
    **mschapv2.OPERATIONS,
    **openssl_certificate.OPERATIONS,
    **{
        name: openssl_esp.bound(function, _mac_function)
        for name, function in {**openssl_esp.OPERATIONS, **openssl_ikev2.OPERATIONS, **AH_OPERATIONS}.items()
    },
}


class OpensslAdapter:
    """Replays against `cryptography` (OpenSSL) and the standard library's HMAC."""

    name = "openssl"

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        function = _OPERATIONS.get(operation)
        if function is None:
            raise Unsupported(operation)
        try:
            return function(inputs)
        except (ValueError, InvalidTag) as error:
            raise Refused(str(error) or type(error).__name__) from error

    def close(self) -> None:
        pass
