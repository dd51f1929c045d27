"""Integrity algorithms (transform type 3)."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from reference_impl.crypto.aes_mac import aes_cmac, aes_xcbc_mac
from reference_impl.crypto.errors import IntegrityError, UnsupportedAlgorithm
from reference_impl.wire.registries import Integ


@dataclass(frozen=True, slots=True)
class IntegAlgorithm:
    """One integrity algorithm; `key_size` and `icv_size` in octets."""

    id: Integ
    name: str
    key_size: int
    icv_size: int
    mac: Callable[[bytes, bytes], bytes]

    def sign(self, key: bytes, data: bytes) -> bytes:
        """The ICV over `data`: the MAC, truncated to `icv_size`."""
        return self.mac(key, data)[: self.icv_size]

    def verify(self, key: bytes, data: bytes, icv: bytes) -> None:
        """Raise IntegrityError unless `icv` is the one of `data`."""
        if not hmac.compare_digest(self.sign(key, data), icv):
            raise IntegrityError(f"{self.name} integrity check value does not match")


def _hmac(digest: str) -> Callable[[bytes, bytes], bytes]:
    return lambda key, data: hmac.digest(key, data, digest)


INTEGS: dict[Integ, IntegAlgorithm] = {
    algorithm.id: algorithm
    for algorithm in (
        IntegAlgorithm(Integ.HMAC_MD5_96, "HMAC-MD5-96", 16, 12, _hmac("md5")),  # RFC 2403
        IntegAlgorithm(Integ.HMAC_SHA1_96, "HMAC-SHA1-96", 20, 12, _hmac("sha1")),  # RFC 2404
        IntegAlgorithm(Integ.AES_XCBC_96, "AES-XCBC-96", 16, 12, aes_xcbc_mac),  # RFC 3566
        IntegAlgorithm(Integ.AES_CMAC_96, "AES-CMAC-96", 16, 12, aes_cmac),  # RFC 4494
        IntegAlgorithm(Integ.HMAC_SHA2_256_128, "HMAC-SHA2-256-128", 32, 16, _hmac("sha256")),  # RFC 4868
        IntegAlgorithm(Integ.HMAC_SHA2_384_192, "HMAC-SHA2-384-192", 48, 24, _hmac("sha384")),
        IntegAlgorithm(Integ.HMAC_SHA2_512_256, "HMAC-SHA2-512-256", 64, 32, _hmac("sha512")),
    )
}


def integ(transform: Integ) -> IntegAlgorithm:
    """The integrity algorithm with this transform ID. Raises UnsupportedAlgorithm, also for NONE."""
    try:
        return INTEGS[transform]
    except KeyError:
        raise UnsupportedAlgorithm(f"integrity transform {int(transform)} is not supported") from None
