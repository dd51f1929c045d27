"""Cutting keying material into the keys of an SA (RFC 7296, sections 2.14 and 2.17)."""

from __future__ import annotations

from vectors.adapters import Input
from vectors.adapters.openssl_ikev2 import key_sizes


def ike_sizes(inputs: dict[str, Input], prf: int) -> dict[str, int]:
    """The octets of each key of an IKE SA; `prf` is the size of the prf's output and of its preferred key."""
    encr, integ = key_sizes(inputs)
    return {"sk_d": prf, "sk_ai": integ, "sk_ar": integ, "sk_ei": encr, "sk_er": encr, "sk_pi": prf, "sk_pr": prf}


def child_sizes(inputs: dict[str, Input]) -> dict[str, int]:
    """The octets of each key of a pair of Child SAs."""
    encr, integ = key_sizes(inputs)
    return {"encr_i": encr, "integ_i": integ, "encr_r": encr, "integ_r": integ}


def cut(material: bytes, sizes: dict[str, int]) -> dict[str, Input]:
    """The keys in their order."""
    keys: dict[str, Input] = {}
    for name, size in sizes.items():
        keys[name], material = material[:size], material[size:]
    return keys
