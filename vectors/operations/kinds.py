"""What an operation is, and the names of the algorithms that operations take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How a value stands in the JSON."""

    OCTETS = "octets"  # hexadecimal, two digits an octet
    NUMBER = "number"
    NAME = "name"  # a keyword of the operation's algorithm list
    FLAG = "flag"


@dataclass(frozen=True)
class Operation:
    """One operation: `inputs` an adapter is given (`optional` ones may be absent), `outputs` it returns."""

    name: str
    sentence: str
    inputs: dict[str, Kind]
    outputs: dict[str, Kind]
    optional: frozenset[str] = frozenset()
    algorithms: frozenset[str] = frozenset()


CIPHERS = frozenset({"AES-CBC", "AES-CTR", "3DES-CBC", "DES-CBC", "CAMELLIA-CBC", "CAMELLIA-CTR", "NULL"})
AEADS = frozenset(
    {f"{cipher}-{octets}" for cipher in ("AES-GCM", "AES-CCM", "CAMELLIA-CCM") for octets in (8, 12, 16)}
    | {"CHACHA20-POLY1305"}
)
MACS = frozenset(
    {
        "HMAC-MD5", "HMAC-MD5-96", "HMAC-SHA1", "HMAC-SHA1-96", "HMAC-SHA2-256", "HMAC-SHA2-384", "HMAC-SHA2-512",
        "HMAC-SHA2-256-128", "HMAC-SHA2-384-192", "HMAC-SHA2-512-256", "AES-XCBC", "AES-XCBC-96", "AES-CMAC",
        "AES-CMAC-96", "AES-XCBC-PRF-128", "AES-CMAC-PRF-128",
    }
)  # fmt: skip
PRFS = frozenset({"HMAC-SHA1", "HMAC-SHA2-256", "HMAC-SHA2-384", "HMAC-SHA2-512", "AES-XCBC", "AES-CMAC", "HMAC-MD5"})
GROUPS = frozenset(
    {f"MODP-{bits}" for bits in (768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)}
    | {"MODP-1024-160", "MODP-2048-224", "MODP-2048-256", "ECP-192", "ECP-224", "ECP-256", "ECP-384", "ECP-521"}
    | {f"BRAINPOOL-P{bits}R1" for bits in (224, 256, 384, 512)}
    | {"CURVE25519", "CURVE448", "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"}
)
ESP_CIPHERS = (
    CIPHERS | AEADS | {f"{aead}-IIV" for aead in ("AES-GCM-16", "AES-CCM-8", "CHACHA20-POLY1305")} | {"AES-GMAC"}
)
