"""Captures for Wireshark: a pcap from the transcript, and the key tables that make Wireshark decrypt it.

The IP and UDP headers are made from the transcript's endpoints. Where the device listens on other ports than
500 and 4500, the capture shows those two, because Wireshark finds IKE by its ports.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.tester import raw_esp
from conformance.tester.transcript import Entry
from reference_impl.crypto.kdf import IkeKeys
from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.wire.ip import checksum
from reference_impl.wire.registries import Encr, Integ

LINKTYPE_RAW = 101
UDP = 17

_IKE_CIPHERS = {
    Encr.AES_CBC: "AES-CBC-{bits} [RFC3602]",
    Encr.AES_GCM_8: "AES-GCM-{bits} with 8 octet ICV [RFC5282]",
    Encr.AES_GCM_12: "AES-GCM-{bits} with 12 octet ICV [RFC5282]",
    Encr.AES_GCM_16: "AES-GCM-{bits} with 16 octet ICV [RFC5282]",
    Encr.AES_CCM_8: "AES-CCM-{bits} with 8 octet ICV [RFC5282]",
    Encr.AES_CCM_12: "AES-CCM-{bits} with 12 octet ICV [RFC5282]",
    Encr.AES_CCM_16: "AES-CCM-{bits} with 16 octet ICV [RFC5282]",
    Encr.TRIPLE_DES: "3DES [RFC2451]",
    Encr.CHACHA20_POLY1305: "ChaCha20-Poly1305 [RFC7634]",
}
_IKE_INTEGS = {
    Integ.NONE: "NONE [RFC4306]",
    Integ.HMAC_SHA1_96: "HMAC_SHA1_96 [RFC2404]",
    Integ.HMAC_SHA2_256_128: "HMAC_SHA2_256_128 [RFC4868]",
    Integ.HMAC_SHA2_384_192: "HMAC_SHA2_384_192 [RFC4868]",
    Integ.HMAC_SHA2_512_256: "HMAC_SHA2_512_256 [RFC4868]",
}
_ESP_CIPHERS = {
    Encr.NULL: "NULL",
    Encr.AES_CBC: "AES-CBC [RFC3602]",
    Encr.AES_CTR: "AES-CTR [RFC3686]",
    Encr.TRIPLE_DES: "TripleDES-CBC [RFC2451]",
    Encr.AES_GCM_8: "AES-GCM with 8 octet ICV [RFC4106]",
    Encr.AES_GCM_12: "AES-GCM with 12 octet ICV [RFC4106]",
    Encr.AES_GCM_16: "AES-GCM with 16 octet ICV [RFC4106]",
    Encr.CHACHA20_POLY1305: "ChaCha20 with Poly1305 [RFC7634]",
}
_ESP_INTEGS = {
    Integ.NONE: "NULL",
    Integ.HMAC_SHA1_96: "HMAC-SHA-1-96 [RFC2404]",
    Integ.HMAC_SHA2_256_128: "HMAC-SHA-256-128 [RFC4868]",
    Integ.HMAC_SHA2_384_192: "HMAC-SHA-384-192 [RFC4868]",
    Integ.HMAC_SHA2_512_256: "HMAC-SHA-512-256 [RFC4868]",
}


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Collected while a test runs: lines for Wireshark's ikev2_decryption_table and esp_sa."""

    ike: list[str]
    esp: list[str]

    def add_ike(self, spi_i: bytes, spi_r: bytes, suite: IkeSuite, keys: IkeKeys) -> None:
        """The keys of an IKE SA; left out for algorithms that Wireshark does not know."""
        cipher, integ = _IKE_CIPHERS.get(suite.encr), _IKE_INTEGS.get(suite.integ)
        if cipher and integ:
            fields = [spi_i.hex(), spi_r.hex(), keys.sk_ei.hex(), keys.sk_er.hex()]
            fields += [f'"{cipher.format(bits=suite.key_bits)}"', keys.sk_ai.hex(), keys.sk_ar.hex(), f'"{integ}"']
            self.ike.append(",".join(fields))

    def add_esp(self, src: str, dst: str, spi: bytes, suite: EspSuite, encr_key: bytes, integ_key: bytes) -> None:
        """The keys of one direction of a Child SA."""
        cipher, integ = _ESP_CIPHERS.get(suite.encr), _ESP_INTEGS.get(suite.integ)
        if cipher and integ:
            family = "IPv6" if ":" in src else "IPv4"
            fields = [family, src, dst, f"0x{spi.hex()}", cipher, _hex(encr_key), integ, _hex(integ_key)]
            self.esp.append(",".join(f'"{field}"' for field in fields))


def _hex(key: bytes) -> str:
    return f"0x{key.hex()}" if key else ""


def write_capture(path: Path, entries: Iterable[Entry], epoch: float, ports: Mapping[tuple[str, int], int]) -> None:
    """Write a pcap. `epoch` is the wall time of transcript time 0; `ports` replaces (address, port) by a port."""
    with path.open("wb") as file:
        file.write(struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, LINKTYPE_RAW))
        for entry in entries:
            if entry.src[1] == entry.dst[1] == raw_esp.NO_PORT:
                packet = ip(entry.src[0], entry.dst[0], raw_esp.PROTOCOL, entry.data)
            else:
                packet = ip_udp(_shown(entry.src, ports), _shown(entry.dst, ports), entry.data)
            seconds, micros = divmod(int((epoch + entry.time) * 1_000_000), 1_000_000)
            file.write(struct.pack("!IIII", seconds, micros, len(packet), len(packet)) + packet)


def _shown(address: tuple[str, int], ports: Mapping[tuple[str, int], int]) -> tuple[str, int]:
    return address[0], ports.get(address, address[1])


def ip_udp(src: tuple[str, int], dst: tuple[str, int], data: bytes) -> bytes:
    """An IPv4 or IPv6 packet that carries the UDP datagram. A zero UDP checksum over IPv4 means: none."""
    size = 8 + len(data)
    udp = struct.pack("!HHHH", src[1], dst[1], size & 0xFFFF, 0) + data
    if ":" in src[0]:
        pseudo = ipaddress.ip_address(src[0]).packed + ipaddress.ip_address(dst[0]).packed
        check = checksum(pseudo + struct.pack("!II", size, UDP) + udp) or 0xFFFF
        udp = udp[:6] + struct.pack("!H", check) + udp[8:]
    return ip(src[0], dst[0], UDP, udp)


def ip(src: str, dst: str, protocol: int, data: bytes) -> bytes:
    """An IPv4 or IPv6 packet."""
    source, target = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    if len(source) == 16:
        return struct.pack("!IHBB", 0x60000000, len(data) & 0xFFFF, protocol, 64) + source + target + data
    size = (20 + len(data)) & 0xFFFF
    header = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0x4000, 64, protocol, 0) + source + target
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + data
