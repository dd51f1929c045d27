"""Camellia-CTR and -CCM of the second adapter: RFC 5528 and RFC 3610 composed a second time over OpenSSL's ECB."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from vectors.adapters import Refused

Block = Callable[[bytes], bytes]


def _block(key: bytes) -> Block:
    cipher = Cipher(Camellia(key), modes.ECB())
    return lambda block: cipher.encryptor().update(block)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=False))


def _blocks(data: bytes) -> Iterator[bytes]:
    """Octets by sixteen, the last ones filled up with zeros."""
    for start in range(0, len(data), 16):
        yield data[start : start + 16].ljust(16, b"\0")


def counter_mode(key: bytes, counter: bytes, data: bytes) -> bytes:
    """The 16-octet `counter` goes up by one from block to block."""
    block, first = _block(key), int.from_bytes(counter)
    stream = b"".join(block((first + number).to_bytes(16)) for number in range((len(data) + 15) // 16))
    return _xor(data, stream)


def _mac(block: Block, first: bytes, rest: Iterator[bytes]) -> bytes:
    state = block(first)
    for each in rest:
        state = block(_xor(state, each))
    return state


def _tag(key: bytes, nonce: bytes, data: bytes, aad: bytes, size: int) -> bytes:
    count_size = 15 - len(nonce)  # L of RFC 3610
    flags = (bool(aad) << 6) + ((size - 2) // 2 << 3) + count_size - 1
    prefix = len(aad).to_bytes(2) if len(aad) < 0xFF00 else b"\xff\xfe" + len(aad).to_bytes(4)

    def rest() -> Iterator[bytes]:
        if aad:
            yield from _blocks(prefix + aad)
        yield from _blocks(data)

    block = _block(key)
    value = _mac(block, bytes([flags]) + nonce + len(data).to_bytes(count_size), rest())
    return _xor(value, block(bytes([count_size - 1]) + nonce + bytes(count_size)))[:size]


def _keystream_start(nonce: bytes) -> bytes:
    count_size = 15 - len(nonce)
    return bytes([count_size - 1]) + nonce + (1).to_bytes(count_size)


def ccm_seal(key: bytes, nonce: bytes, data: bytes, aad: bytes, size: int) -> bytes:
    """Ciphertext and a tag of `size` octets. Raises Refused for a nonce that CCM does not take."""
    if not 7 <= len(nonce) <= 13:
        raise Refused(f"a nonce of {len(nonce)} octets")
    return counter_mode(key, _keystream_start(nonce), data) + _tag(key, nonce, data, aad, size)


def ccm_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes, size: int) -> bytes:
    """The plaintext. Raises Refused."""
    if not 7 <= len(nonce) <= 13 or len(sealed) < size:
        raise Refused(f"a nonce of {len(nonce)} octets, {len(sealed)} octets of data")
    data = counter_mode(key, _keystream_start(nonce), sealed[: len(sealed) - size])
    if not hmac.compare_digest(_tag(key, nonce, data, aad, size), sealed[len(sealed) - size :]):
        raise Refused("the tag does not match")
    return data
