"""AES-XCBC-MAC (RFC 3566) and AES-CMAC (RFC 4493), which two integrity algorithms and two PRFs stand on."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK_SIZE = 16


def aes_ecb(key: bytes, blocks: bytes) -> bytes:
    """Encrypt whole 16-octet blocks independently."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(blocks)


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def aes_xcbc_mac(key: bytes, data: bytes) -> bytes:
    """The untruncated 16-octet AES-XCBC-MAC with a 16-octet key (RFC 3566, section 4)."""
    derived = aes_ecb(key, b"\x01" * 16 + b"\x02" * 16 + b"\x03" * 16)
    k1, k2, k3 = derived[:16], derived[16:32], derived[32:]
    whole = max(0, (len(data) - 1) // BLOCK_SIZE) * BLOCK_SIZE
    last = data[whole:]
    padded = (last + b"\x80").ljust(BLOCK_SIZE, b"\0")
    final = _xor(last, k2) if len(last) == BLOCK_SIZE else _xor(padded, k3)
    chain = Cipher(algorithms.AES(k1), modes.CBC(bytes(BLOCK_SIZE))).encryptor()
    chain.update(data[:whole])
    return chain.update(final)


def aes_cmac(key: bytes, data: bytes) -> bytes:
    """The untruncated 16-octet AES-CMAC with a 16-octet key (RFC 4493)."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()
