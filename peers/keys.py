"""Session keys of a capture: read from the peers' logs, matched to the SAs, written for Wireshark.

Logs print keys in orders and words of their own, mix threads and leave out SPIs. So a log gives *candidates* only; a
candidate belongs to an SA if it verifies the integrity check of one of its packets (:func:`match`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from peers.pcap import Datagram, read

IKE_FILE = "ikev2_decryption_table"
ESP_FILE = "esp_sa"
_HASHES: dict[int, tuple[hashes.HashAlgorithm, int, str, str]] = {
    20: (hashes.SHA1(), 12, "HMAC_SHA1_96 [RFC2404]", "HMAC-SHA-1-96 [RFC2404]"),
    32: (hashes.SHA256(), 16, "HMAC_SHA2_256_128 [RFC4868]", "HMAC-SHA-256-128 [RFC4868]"),
    48: (hashes.SHA384(), 24, "HMAC_SHA2_384_192 [RFC4868]", "HMAC-SHA-384-192 [RFC4868]"),
    64: (hashes.SHA512(), 32, "HMAC_SHA2_512_256 [RFC4868]", "HMAC-SHA-512-256 [RFC4868]"),
}
_SK, _SKF = 46, 53


@dataclass(frozen=True, slots=True)
class IkeCandidate:
    """Keys of one IKE SA, ``encr`` with the salt at its end; ``integ`` is empty for an AEAD cipher."""

    encr: tuple[bytes, bytes]
    integ: tuple[bytes, bytes] = (b"", b"")


@dataclass(frozen=True, slots=True)
class EspCandidate:
    """Keys of one direction of a Child SA."""

    encr: bytes
    integ: bytes = b""


# -- candidates from logs ---------------------------------------------------------------------------------------

_CHARON = re.compile(r"^\S+ (\d+)\[(?:IKE|CHD)\] (?P<what>[\w ]+?) => (?P<size>\d+) bytes @ \S+$")
_CHARON_HEX = re.compile(r"^\S+ (\d+)\[(?:IKE|CHD)\] +\d+: (?P<hex>(?:[0-9A-F]{2} )+)")


def charon_secrets(log: str) -> Iterator[tuple[str, bytes]]:
    """Every named dump; dumps of several threads may be interleaved."""
    open_dumps: dict[str, tuple[str, int, bytes]] = {}
    for line in log.splitlines():
        if match := _CHARON.match(line):
            open_dumps[match[1]] = (match["what"], int(match["size"]), b"")
        elif match := _CHARON_HEX.match(line):
            what, size, data = open_dumps.get(match[1], ("", 0, b""))
            data += bytes.fromhex(match["hex"])[: size - len(data)]
            open_dumps[match[1]] = (what, size, data)
            if what and len(data) == size:
                yield f"{match[1]} {what}", data
                open_dumps[match[1]] = ("", 0, b"")


def from_charon(log: str) -> tuple[list[IkeCandidate], list[EspCandidate]]:
    """Candidates of a charon log with ``ike`` and ``chd`` at level 4."""
    ike: list[IkeCandidate] = []
    esp: list[EspCandidate] = []
    seen: dict[str, bytes] = {}
    for name, data in charon_secrets(log):
        thread, _, what = name.partition(" ")
        seen[name] = data
        if what == "SKEYSEED":
            for part in ("Sk_ai", "Sk_ar"):
                seen.pop(f"{thread} {part} secret", None)
        elif what == "Sk_er secret":
            integ = tuple(seen.get(f"{thread} {part} secret", b"") for part in ("Sk_ai", "Sk_ar"))
            ike.append(IkeCandidate((seen.get(f"{thread} Sk_ei secret", b""), data), (integ[0], integ[1])))
        elif what in ("encryption initiator key", "encryption responder key"):
            esp.append(EspCandidate(data))
        elif what in ("integrity initiator key", "integrity responder key"):
            esp.append(EspCandidate(seen.get(f"{thread} {what.replace('integrity', 'encryption')}", b""), data))
    return ike, esp


_PLUTO_LINE = re.compile(
    r"\| ikev2 ([IR]) (0x\w+ 0x\w+) (\w+):(?:0x([0-9a-f]+))? ([\w_]+):0x([0-9a-f]+)|"
    r"\| ikev2 ([IR]) (0x\w+ 0x\w+) none: ([\w_]+):0x([0-9a-f]+)"
)
_PLUTO_DUMP = re.compile(r"\| (?P<what>ESP (?:encrypt|integrity) key):$")
_PLUTO_HEX = re.compile(r"\|   ((?:[0-9a-f]{2} +)+)")


def from_pluto(log: str) -> tuple[list[IkeCandidate], list[EspCandidate]]:
    """Candidates of a pluto log with ``plutodebug=private``.

    The salts of AEAD ciphers are not printed: such IKE SAs need the other end's log.
    """
    ike: list[IkeCandidate] = []
    esp: list[EspCandidate] = []
    halves: dict[tuple[str, str], tuple[bytes, bytes]] = {}
    what, dumps = "", {"ESP encrypt key": b"", "ESP integrity key": b""}
    for line in log.splitlines():
        if match := _PLUTO_LINE.search(line):
            role, spis = match[1] or match[7], match[2] or match[8]
            integ = bytes.fromhex(match[4] or "")
            halves[spis, role] = (bytes.fromhex(match[6] or match[10]), integ)
            if (spis, "I") in halves and (spis, "R") in halves:
                first, second = halves[spis, "I"], halves[spis, "R"]
                ike.append(IkeCandidate((first[0], second[0]), (first[1], second[1])))
        if match := _PLUTO_DUMP.search(line):
            if match["what"] == "ESP encrypt key":
                dumps = {"ESP encrypt key": b"", "ESP integrity key": b""}
            what = match["what"]
        elif what and (match := _PLUTO_HEX.search(line)):
            dumps[what] += bytes.fromhex(match[1])
        elif what == "ESP integrity key":
            if dumps["ESP encrypt key"]:
                esp.append(EspCandidate(dumps["ESP encrypt key"], dumps["ESP integrity key"]))
                dumps = {"ESP encrypt key": b"", "ESP integrity key": b""}
            what = ""
    return ike, esp


def from_kernel(xfrm: str) -> list[EspCandidate]:
    """Candidates of the output of ``ip xfrm state``."""
    found: list[EspCandidate] = []
    for block in re.split(r"^src ", xfrm, flags=re.MULTILINE):
        if aead := re.search(r"\baead \S+ 0x([0-9a-f]+)", block):
            found.append(EspCandidate(bytes.fromhex(aead[1])))
        elif encr := re.search(r"\benc \S+ 0x([0-9a-f]+)", block):
            auth = re.search(r"\bauth(?:-trunc)? \S+ 0x([0-9a-f]+)", block)
            found.append(EspCandidate(bytes.fromhex(encr[1]), bytes.fromhex(auth[1]) if auth else b""))
    return found


# -- matching with a capture -------------------------------------------------------------------------------------


def _aead_ike(key: bytes) -> Iterator[tuple[str, AESGCM | AESCCM | ChaCha20Poly1305, bytes]]:
    """Ciphers that an IKE key of this size may belong to: Wireshark's name, cipher, salt."""
    if len(key) in (20, 28, 36):
        yield f"AES-GCM-{len(key) * 8 - 32} with 16 octet ICV [RFC5282]", AESGCM(key[:-4]), key[-4:]
    if len(key) in (19, 27, 35):
        yield f"AES-CCM-{len(key) * 8 - 24} with 16 octet ICV [RFC5282]", AESCCM(key[:-3]), key[-3:]
    if len(key) == 36:
        yield "", ChaCha20Poly1305(key[:-4]), key[-4:]


def _opens(cipher: AESGCM | AESCCM | ChaCha20Poly1305, nonce: bytes, data: bytes, aad: bytes) -> bool:
    try:
        cipher.decrypt(nonce, data, aad)
    except (InvalidTag, ValueError):
        return False
    return True


def _mac_fits(key: bytes, data: bytes, extra: bytes = b"") -> tuple[str, str] | None:
    algorithm, size, ike_name, esp_name = _HASHES[len(key)]
    mac = hmac.HMAC(key, algorithm)
    mac.update(data[:-size] + extra)
    return (ike_name, esp_name) if mac.finalize()[:size] == data[-size:] else None


def _sk_offset(message: bytes) -> int | None:
    """Where the SK or SKF payload's generic header begins."""
    kind, offset = message[16], 28
    while kind not in (_SK, _SKF):
        if kind == 0 or offset + 4 > len(message):
            return None
        length = int.from_bytes(message[offset + 2 : offset + 4], "big")
        if length < 4:
            return None
        kind, offset = message[offset], offset + length
    return offset


def _ike_names(candidate: IkeCandidate, message: bytes) -> tuple[str, str] | None:
    """Wireshark's names of cipher and integrity algorithm if the candidate verifies this message."""
    offset = _sk_offset(message)
    if offset is None:
        return None
    start = offset + (8 if message[offset + 1] == 0 and _is_fragment(message, offset) else 4)
    side = 0 if message[19] & 0x08 else 1
    encr, integ = candidate.encr[side], candidate.integ[side]
    if integ:
        fits = _mac_fits(integ, message) if len(integ) in _HASHES else None
        if not fits:
            return None
        name = f"AES-CBC-{len(encr) * 8} [RFC3602]" if len(encr) % 8 == 0 else f"AES-CTR-{len(encr) * 8 - 32} [RFC5930]"
        return name, fits[0]
    for name, cipher, salt in _aead_ike(encr):
        iv = message[start : start + 8]
        if _opens(cipher, salt + iv, message[start + 8 :], message[:start]):
            return name, "NONE [RFC4306]"
    return None


def _is_fragment(message: bytes, offset: int) -> bool:
    kind, position = message[16], 28
    while position < offset:
        length = int.from_bytes(message[position + 2 : position + 4], "big")
        kind, position = message[position], position + length
    return kind == _SKF


def _esp_names(candidate: EspCandidate, packet: bytes) -> tuple[str, str] | None:
    for high in (b"", bytes(4)):
        if candidate.integ:
            fits = _mac_fits(candidate.integ, packet, high) if len(candidate.integ) in _HASHES else None
            if fits:
                name = "AES-CBC [RFC3602]" if len(candidate.encr) % 8 == 0 else "AES-CTR [RFC3686]"
                return name, fits[1]
            continue
        aad = packet[:4] + high + packet[4:8]
        for name, cipher, salt in _aead_ike(candidate.encr):
            if _opens(cipher, salt + packet[8:16], packet[16:], aad):
                return ("AES-GCM with 16 octet ICV [RFC4106]" if "GCM" in name else ""), "NULL"
    return None


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Lines of Wireshark's tables, and the SAs of the capture that no key was found for."""

    ike: tuple[str, ...]
    esp: tuple[str, ...]
    missing: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """tshark's ``-o`` options."""
        options: list[str] = []
        for line in self.ike:
            options += ["-o", f"uat:{IKE_FILE}:{line}"]
        for line in self.esp:
            options += ["-o", f"uat:{ESP_FILE}:{line}"]
        for name in ("enable_encryption_decode", "enable_authentication_check"):
            options += ["-o", f"esp.{name}:TRUE"]
        return options

    def write(self, folder: Path) -> list[Path]:
        """Write the tables under the names that Wireshark reads in a profile folder; owner-only."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, lines in ((IKE_FILE, self.ike), (ESP_FILE, self.esp)):
            path = folder / name
            path.touch(mode=0o600)
            path.write_text("".join(f"{line}\n" for line in lines))
            paths.append(path)
        return paths


def from_wireshark(text: str) -> KeyTable:
    """The lines of tables that the reference or the tester wrote."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return KeyTable(
        tuple(line for line in lines if not line.startswith('"')), tuple(line for line in lines if line.startswith('"'))
    )


def match(
    capture: Path, ike: Iterable[IkeCandidate], esp: Iterable[EspCandidate], known: KeyTable | None = None
) -> KeyTable:
    """Find the keys of every IKE SA and ESP SA in a capture; ``known`` lines are taken over as they are."""
    return match_datagrams(list(read(capture)), list(dict.fromkeys(ike)), list(dict.fromkeys(esp)), known)


def match_datagrams(
    datagrams: list[Datagram], ike: list[IkeCandidate], esp: list[EspCandidate], known: KeyTable | None = None
) -> KeyTable:
    """As :func:`match`, on datagrams."""
    ike_lines = {line[:33]: line for line in (known.ike if known else ())}
    esp_lines = {tuple(line.split(",")[1:4]): line for line in (known.esp if known else ())}
    missing: dict[str, None] = {}
    for datagram in datagrams:
        if (message := datagram.ike) and len(message) >= 32 and _sk_offset(message) is not None:
            spis = f"{message[:8].hex()},{message[8:16].hex()}"
            if spis not in ike_lines and (line := _ike_line(spis, message, ike)) is not None:
                ike_lines[spis] = line
            if not ike_lines.get(spis):
                missing[f"IKE SA {spis}"] = None
        elif (packet := datagram.esp) and len(packet) >= 24:
            place = (f'"{datagram.source}"', f'"{datagram.destination}"', f'"0x{packet[:4].hex()}"')
            if place not in esp_lines and (line := _esp_line(place, packet, esp)) is not None:
                esp_lines[place] = line
            if not esp_lines.get(place):
                missing[f"ESP SA {packet[:4].hex()} to {datagram.destination}"] = None
    return KeyTable(tuple(filter(None, ike_lines.values())), tuple(filter(None, esp_lines.values())), tuple(missing))


def _ike_line(spis: str, message: bytes, candidates: list[IkeCandidate]) -> str | None:
    """The table's line; empty if the cipher has no name in Wireshark; None if no candidate fits."""
    for each in candidates:
        if names := _ike_names(each, message):
            if not names[0]:
                return ""
            fields = [spis, each.encr[0].hex(), each.encr[1].hex(), f'"{names[0]}"']
            return ",".join([*fields, each.integ[0].hex(), each.integ[1].hex(), f'"{names[1]}"'])
    return None


def _esp_line(place: tuple[str, str, str], packet: bytes, candidates: list[EspCandidate]) -> str | None:
    for each in candidates:
        if names := _esp_names(each, packet):
            if not names[0]:
                return ""
            family = "IPv6" if ":" in place[0] else "IPv4"
            keys = [f'"0x{each.encr.hex()}"', f'"{names[1]}"', f'"0x{each.integ.hex()}"' if each.integ else '""']
            return ",".join([f'"{family}"', *place, f'"{names[0]}"', *keys])
    return None
