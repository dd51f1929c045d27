"""Keys in the formats of Wireshark's preferences `ikev2_decryption_table` and `esp_sa`.

The two files have the names that Wireshark reads in a profile folder. Off unless configured. A cipher that the
released Wireshark versions have no common name for (ChaCha20-Poly1305, ESP with CCM) gives no line: an unknown name
would make Wireshark refuse the whole file.
"""

from __future__ import annotations

import os
from pathlib import Path

from reference_impl.crypto.kdf import IkeKeys
from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.wire.registries import Encr, Integ

from .errors import StartError

_AEAD_ICV = {
    Encr.AES_CCM_8: 8,
    Encr.AES_CCM_12: 12,
    Encr.AES_CCM_16: 16,
    Encr.AES_GCM_8: 8,
    Encr.AES_GCM_12: 12,
    Encr.AES_GCM_16: 16,
}
_IKE_INTEG = {
    Integ.NONE: "NONE [RFC4306]",
    Integ.HMAC_SHA1_96: "HMAC_SHA1_96 [RFC2404]",
    Integ.HMAC_SHA2_256_128: "HMAC_SHA2_256_128 [RFC4868]",
    Integ.HMAC_SHA2_384_192: "HMAC_SHA2_384_192 [RFC4868]",
    Integ.HMAC_SHA2_512_256: "HMAC_SHA2_512_256 [RFC4868]",
}
_ESP_INTEG = {
    Integ.NONE: "NULL",
    Integ.HMAC_SHA1_96: "HMAC-SHA-1-96 [RFC2404]",
    Integ.HMAC_SHA2_256_128: "HMAC-SHA-256-128 [RFC4868]",
    Integ.HMAC_SHA2_384_192: "HMAC-SHA-384-192 [RFC4868]",
    Integ.HMAC_SHA2_512_256: "HMAC-SHA-512-256 [RFC4868]",
}
# what Wireshark cannot compute it can still decrypt, when it knows the size of the ICV
_ANY_96 = "ANY 96-bits of Authentication [No Checking]"


def ike_encryption(suite: IkeSuite) -> str | None:
    """Wireshark's name of an IKE cipher, None when it has none."""
    encr, bits = suite.encr, suite.key_bits
    if encr in _AEAD_ICV:
        family = "GCM" if "GCM" in encr.name else "CCM"
        return f"AES-{family}-{bits} with {_AEAD_ICV[encr]} octet ICV [RFC5282]"
    return {
        Encr.AES_CBC: f"AES-CBC-{bits} [RFC3602]",
        Encr.AES_CTR: f"AES-CTR-{bits} [RFC5930]",
        Encr.TRIPLE_DES: "3DES [RFC2451]",
    }.get(encr)


def esp_encryption(suite: EspSuite) -> str | None:
    """Wireshark's name of an ESP cipher, None when it has none."""
    encr = suite.encr
    if encr in (Encr.AES_GCM_8, Encr.AES_GCM_12, Encr.AES_GCM_16):
        return f"AES-GCM with {_AEAD_ICV[encr]} octet ICV [RFC4106]"
    return {
        Encr.NULL: "NULL",
        Encr.AES_CBC: "AES-CBC [RFC3602]",
        Encr.AES_CTR: "AES-CTR [RFC3686]",
        Encr.TRIPLE_DES: "TripleDES-CBC [RFC2451]",
    }.get(encr)


def ike_line(spi_i: bytes, spi_r: bytes, suite: IkeSuite, keys: IkeKeys) -> str | None:
    """One line of `ikev2_decryption_table`; None for a cipher that Wireshark does not know."""
    encryption = ike_encryption(suite)
    if encryption is None:
        return None
    integrity = _IKE_INTEG.get(suite.integ, _ANY_96)
    hexes = [value.hex() for value in (spi_i, spi_r, keys.sk_ei, keys.sk_er)]
    return ",".join([*hexes, f'"{encryption}"', keys.sk_ai.hex(), keys.sk_ar.hex(), f'"{integrity}"'])


def esp_line(
    source: str, destination: str, spi: bytes, suite: EspSuite, encr_key: bytes, integ_key: bytes
) -> str | None:
    """One line of `esp_sa`; None for a cipher that Wireshark does not know."""
    encryption = esp_encryption(suite)
    if encryption is None:
        return None
    integrity = _ESP_INTEG.get(suite.integ, _ANY_96)
    family = "IPv6" if ":" in source else "IPv4"
    secrets = [f"0x{key.hex()}" if key else "" for key in (encr_key, integ_key)]
    fields = (family, source, destination, f"0x{spi.hex()}", encryption, secrets[0], integrity, secrets[1])
    return ",".join(f'"{field}"' for field in fields)


class KeyLog:
    """Appends lines to the two files in `folder`, readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        """Raises StartError when the files cannot be written."""
        self._files: dict[str, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("ikev2_decryption_table", "esp_sa"):
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._files[name] = os.open(folder / name, flags, 0o600)
        except OSError as error:
            self.close()
            raise StartError(f"key log {folder}: {error.strerror}") from None

    def write_ike(self, line: str | None) -> None:
        self._write("ikev2_decryption_table", line)

    def write_esp(self, line: str | None) -> None:
        self._write("esp_sa", line)

    def _write(self, name: str, line: str | None) -> None:
        if line is not None:
            os.write(self._files[name], line.encode() + b"\n")

    def close(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()
