"""The MSK of EAP-TLS and EAP-TTLS for the second adapter, from TLS 1.2 (RFC 5246, sections 5 and 8.1)."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.asymmetric import rsa

from vectors.adapters import Input, Refused
from vectors.deterministic_keys import load_private_key

_DIGESTS = {"HMAC-SHA2-256": "sha256", "HMAC-SHA2-384": "sha384"}


def _expand(digest: str, secret: bytes, label: bytes, seed: bytes, blocks: int) -> bytes:
    """PRF(secret, label, seed) = P_hash(secret, label + seed), so many blocks of it: A(0) is the seed."""
    whole = label + seed
    a = [whole]
    for _ in range(blocks):
        a.append(hmac.digest(secret, a[-1], digest))
    return b"".join(hmac.digest(secret, each + whole, digest) for each in a[1:])


def master_session_key(inputs: dict[str, Input]) -> dict[str, Input]:
    """eap-tls-msk: PKCS #1 opened by hand, because the library hides bad padding behind made-up octets."""
    octets = {name: value for name, value in inputs.items() if isinstance(value, bytes)}
    key = load_private_key(octets["private_key"])
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Refused("the key is not RSA")
    numbers, size = key.private_numbers(), key.key_size // 8
    block = pow(int.from_bytes(octets["encrypted"]), numbers.d, numbers.public_numbers.n).to_bytes(size)
    premaster = block[-48:]
    if len(octets["encrypted"]) != size or block[:2] != b"\0\2" or block[-49] or 0 in block[2:-49]:
        raise Refused("the key exchange is no PKCS #1 block with a premaster secret")
    digest = _DIGESTS[str(inputs["prf"])]
    randoms = octets["client_random"] + octets["server_random"]
    master = _expand(digest, premaster, b"master secret", randoms, 2)[:48]
    return {
        "premaster_secret": premaster,
        "master_secret": master,
        "msk": _expand(digest, master, octets["label"], randoms, 2)[:64],
    }
