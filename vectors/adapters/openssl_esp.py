"""ESP packets and SK payloads of the second adapter: RFC 4303, 4106, 4309, 4543, 7634 and 5282 composed a second time.

Nothing of the reference implementation is used: the primitives are those of `cryptography`.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters import openssl_camellia as camellia

Mac = Callable[[str], Callable[[bytes, bytes], bytes]]

_BLOCKS: dict[str, Callable[[bytes], BlockCipherAlgorithm]] = {
    "AES-CBC": algorithms.AES,
    "CAMELLIA-CBC": Camellia,
    "3DES-CBC": TripleDES,
    "DES-CBC": lambda key: TripleDES(key * 3),
}
_ESP_HEADER, _IKE_HEADER, _GENERIC_HEADER = 8, 28, 4
_SK = 46
_IMPLICIT = "-IIV"


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def _number(inputs: dict[str, Input], name: str) -> int:
    value = inputs.get(name, 0)
    assert isinstance(value, int)
    return value


@dataclass
class _Sealed:
    """What a combined-mode algorithm does with the octets after the header."""

    iv_size: int
    icv_size: int
    block: int
    seal: Callable[[bytes, bytes, bytes], bytes]  # (iv, plaintext, associated data)
    open: Callable[[bytes, bytes, bytes], bytes]


def _gcm_open(key: bytes, nonce: bytes, data: bytes, aad: bytes, size: int) -> bytes:
    tag = data[len(data) - size :]
    context = Cipher(algorithms.AES(key), modes.GCM(nonce, tag, min_tag_length=size)).decryptor()
    context.authenticate_additional_data(aad)
    return context.update(data[: len(data) - size]) + context.finalize()


def _combined(name: str, material: bytes) -> _Sealed | None:
    """An AEAD by its name, or None."""
    if name == "CHACHA20-POLY1305":
        key, salt = material[:32], material[32:]
        chacha = ChaCha20Poly1305(key)
        return _Sealed(
            8, 16, 1,
            lambda iv, data, aad: chacha.encrypt(salt + iv, data, aad),
            lambda iv, data, aad: chacha.decrypt(salt + iv, data, aad),
        )  # fmt: skip
    if name == "AES-GMAC":  # RFC 4543: everything is associated data, the IV too
        key, salt = material[:-4], material[-4:]

        def gmac(iv: bytes, data: bytes, aad: bytes) -> bytes:
            return data + AESGCM(key).encrypt(salt + iv, b"", aad + iv + data)

        def check(iv: bytes, data: bytes, aad: bytes) -> bytes:
            AESGCM(key).decrypt(salt + iv, data[-16:], aad + iv + data[:-16])
            return data[:-16]

        return _Sealed(8, 16, 1, gmac, check)
    family, _, size_text = name.rpartition("-")
    if family == "AES-GCM":
        key, salt, size = material[:-4], material[-4:], int(size_text)
        gcm = AESGCM(key)
        return _Sealed(
            8, size, 1,
            lambda iv, data, aad: gcm.encrypt(salt + iv, data, aad)[: len(data) + size],
            lambda iv, data, aad: _gcm_open(key, salt + iv, data, aad, size),
        )  # fmt: skip
    if family == "CAMELLIA-CCM":
        key, salt, size = material[:-3], material[-3:], int(size_text)
        return _Sealed(
            8, size, 1,
            lambda iv, data, aad: camellia.ccm_seal(key, salt + iv, data, aad, size),
            lambda iv, data, aad: camellia.ccm_open(key, salt + iv, data, aad, size),
        )  # fmt: skip
    if family == "AES-CCM":
        key, salt, size = material[:-3], material[-3:], int(size_text)
        ccm = AESCCM(key, size)
        return _Sealed(
            8, size, 1,
            lambda iv, data, aad: ccm.encrypt(salt + iv, data, aad),
            lambda iv, data, aad: ccm.decrypt(salt + iv, data, aad),
        )  # fmt: skip
    return None


def _cipher(name: str, key: bytes) -> tuple[int, int, Callable[[bytes, bool, bytes], bytes]]:
    """(IV size, block size, run(iv, encrypting, data)) of a cipher without integrity."""
    if name == "NULL":
        return 0, 1, lambda iv, encrypting, data: data
    if name == "CAMELLIA-CTR":
        nonce = key[-4:]
        return 8, 1, lambda iv, encrypting, data: camellia.counter_mode(key[:-4], nonce + iv + b"\0\0\0\1", data)
    if name == "AES-CTR":
        counter = Cipher
        return (
            8,
            1,
            lambda iv, encrypting, data: (
                counter(algorithms.AES(key[:-4]), modes.CTR(key[-4:] + iv + b"\0\0\0\1")).encryptor().update(data)
            ),
        )
    if name not in _BLOCKS:
        raise Unsupported(name)
    algorithm = _BLOCKS[name](key)
    size = algorithm.block_size // 8

    def run(iv: bytes, encrypting: bool, data: bytes) -> bytes:
        if len(data) % size:
            raise Refused(f"{len(data)} octets are not whole blocks of {size}")
        context = Cipher(algorithm, modes.CBC(iv))
        return (context.encryptor() if encrypting else context.decryptor()).update(data)

    return size, size, run


def _separate(inputs: dict[str, Input], mac: Mac, high: bytes) -> _Sealed:
    """A cipher and a MAC over everything before the ICV and, in ESP with ESN, `high` after it."""
    iv_size, block, run = _cipher(str(inputs["cipher"]), _octets(inputs, "key"))
    key = _octets(inputs, "integ_key")
    sign = mac(str(inputs["integ"])) if "integ" in inputs else lambda _key, _data: b""
    icv_size = len(sign(key, b""))

    def seal(iv: bytes, data: bytes, before: bytes) -> bytes:
        ciphertext = run(iv, True, data)
        return ciphertext + sign(key, before + iv + ciphertext + high)

    def open_(iv: bytes, data: bytes, before: bytes) -> bytes:
        ciphertext, icv = data[: len(data) - icv_size], data[len(data) - icv_size :]
        if not hmac.compare_digest(sign(key, before + iv + ciphertext + high), icv):
            raise Refused("the ICV does not match")
        return run(iv, False, ciphertext)

    return _Sealed(iv_size, icv_size, block, seal, open_)


def _esp(inputs: dict[str, Input], mac: Mac) -> tuple[_Sealed, Callable[[bytes], bytes]]:
    """(the algorithm, the function that makes the associated data of an 8-octet ESP header)."""
    esn, high = bool(inputs.get("esn", False)), struct.pack(">I", _number(inputs, "seq_high"))
    combined = _combined(str(inputs["cipher"]).removesuffix(_IMPLICIT), _octets(inputs, "key"))
    if combined is None:
        return _separate(inputs, mac, high if esn else b""), lambda header: header
    return combined, lambda header: header[:4] + high + header[4:] if esn else header


def _implicit_iv(inputs: dict[str, Input], header: bytes) -> bytes | None:
    """The IV that is not sent: the 64-bit sequence number (RFC 8750, section 4). None where the IV is sent."""
    if not str(inputs["cipher"]).endswith(_IMPLICIT):
        return None
    return struct.pack(">I", _number(inputs, "seq_high") if inputs.get("esn", False) else 0) + header[4:]


def seal(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    algorithm, associated = _esp(inputs, mac)
    header = _octets(inputs, "spi") + struct.pack(">I", _number(inputs, "seq"))
    iv, padding = _octets(inputs, "iv"), _octets(inputs, "padding")
    plaintext = _octets(inputs, "payload") + padding + struct.pack("BB", len(padding), _number(inputs, "next_header"))
    implicit = _implicit_iv(inputs, header)
    return {"packet": header + iv + algorithm.seal(iv if implicit is None else implicit, plaintext, associated(header))}


def open_(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    algorithm, associated = _esp(inputs, mac)
    packet = _octets(inputs, "packet")
    header, rest = packet[:_ESP_HEADER], packet[_ESP_HEADER:]
    implicit = _implicit_iv(inputs, header)
    sent = algorithm.iv_size if implicit is None else 0
    if len(rest) < sent + 2 + algorithm.icv_size:
        raise Refused("too short for an ESP packet")
    iv = rest[:sent] if implicit is None else implicit
    plaintext = algorithm.open(iv, rest[sent:], associated(header))
    body, (length, next_header) = plaintext[:-2], plaintext[-2:]
    if length > len(body):
        raise Refused("Pad Length is more than there is")
    end = len(body) - length
    if any(octet != place for place, octet in enumerate(body[end:], 1)):
        raise Refused("the padding is not 1, 2, 3 …")
    return {"payload": body[:end], "next_header": next_header}


def sealed_for(inputs: dict[str, Input], mac: Mac) -> _Sealed:
    """The algorithm of an SK or SKF payload under its keys."""
    return _combined(str(inputs["cipher"]), _octets(inputs, "key")) or _separate(inputs, mac, b"")


def sk_open(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    """The message must have the SK payload alone, as every message after IKE_SA_INIT that fits one has."""
    message = _octets(inputs, "message")
    if len(message) < _IKE_HEADER + _GENERIC_HEADER or message[16] != _SK:
        raise Refused("no SK payload after the IKE header")
    length, payload_length = struct.unpack_from(">I", message, 24)[0], struct.unpack_from(">H", message, 30)[0]
    if length != len(message) or payload_length != length - _IKE_HEADER:
        raise Refused("the lengths in the message do not fit it")
    algorithm = sealed_for(inputs, mac)
    head, content = message[:32], message[32:]
    if len(content) < algorithm.iv_size + 1 + algorithm.icv_size:
        raise Refused("too short for IV, Pad Length and ICV")
    plaintext = algorithm.open(content[: algorithm.iv_size], content[algorithm.iv_size :], head)
    if plaintext[-1] > len(plaintext) - 1:
        raise Refused("Pad Length is more than there is")
    return {"plaintext": plaintext[: len(plaintext) - 1 - plaintext[-1]]}


OPERATIONS: dict[str, Callable[[dict[str, Input], Mac], dict[str, Input]]] = {
    "esp-seal": seal,
    "esp-open": open_,
    "ike-sk-open": sk_open,
}


def bound(
    function: Callable[[dict[str, Input], Mac], dict[str, Input]], mac: Mac
) -> Callable[[dict[str, Input]], dict[str, Input]]:
    """The operation with its MAC algorithms filled in."""
    return lambda inputs: function(inputs, mac)
