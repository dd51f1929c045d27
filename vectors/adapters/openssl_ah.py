"""AH of the second adapter: RFC 4302 with its appendix A, RFC 4543 and RFC 2085 composed a second time."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vectors.adapters import Input, Refused

Mac = Callable[[str], Callable[[bytes, bytes], bytes]]

_AH = 51
_HOP, _ROUTE, _FRAGMENT, _OPTIONS = 0, 43, 44, 60
# Copied flag, class and number of the immutable options in RFC 4302, appendix A1
_KEPT = {flag << 7 | group << 5 | number for flag, group, number in (
    (0, 0, 0), (0, 0, 1), (1, 0, 2), (1, 0, 5), (1, 0, 6), (1, 0, 20), (1, 0, 21),
)}  # fmt: skip


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def _number(inputs: dict[str, Input], name: str) -> int:
    value = inputs.get(name, 0)
    assert isinstance(value, int)
    return value


@dataclass
class _Parts:
    """A packet cut at AH: the headers before it as they count, and the octets from AH on."""

    counted: bytes
    rest: bytes


def _need(condition: object, reason: str) -> None:
    if not condition:
        raise Refused(reason)


def cut(packet: bytes) -> _Parts:
    """Raises Refused for what has no AH or cannot be read."""
    _need(packet, "no octets")
    version = packet[0] >> 4
    _need(version in (4, 6), f"IP version {version}")
    return _cut4(packet) if version == 4 else _cut6(packet)


def _cut4(packet: bytes) -> _Parts:
    _need(len(packet) >= 20, "short of an IPv4 header")
    head = (packet[0] & 15) * 4
    (total,) = struct.unpack_from(">H", packet, 2)
    _need(20 <= head <= total <= len(packet), "the IPv4 lengths do not fit the packet")
    _need(struct.unpack_from(">H", packet, 6)[0] & 0x3FFF == 0, "a fragment")
    _need(packet[9] == _AH, "no AH")
    destination = packet[16:20]
    options = b""
    for kind, whole in _options4(packet[20:head]):
        if kind in (131, 137):
            _need(len(whole) >= 3 and len(whole) % 4 == 3, "a source route of another length")
            if whole[2] <= len(whole):
                destination = whole[-4:]
        options += whole if kind in _KEPT else bytes(len(whole))
    counted = packet[:1] + b"\0" + packet[2:6] + b"\0\0\0" + packet[9:10] + b"\0\0" + packet[12:16] + destination
    return _Parts(counted + options, packet[head:total])


def _options4(options: bytes) -> Iterator[tuple[int, bytes]]:
    while options:
        if options[0] == 0:  # nothing after the end of the list is an option
            yield 0, options
            return
        size = 1 if options[0] == 1 else options[1] if len(options) > 1 else 0
        _need(size == 1 or 2 <= size <= len(options), "an IPv4 option does not end in the header")
        _need(size != 1 or options[0] == 1, "an IPv4 option of one octet")
        yield options[0], options[:size]
        options = options[size:]


def _cut6(packet: bytes) -> _Parts:
    _need(len(packet) >= 40, "short of an IPv6 header")
    (length,) = struct.unpack_from(">H", packet, 4)
    _need(40 + length <= len(packet), "the payload length does not fit the packet")
    rest, following = packet[40 : 40 + length], packet[6]
    destination, chain = packet[24:40], []
    while following in (_HOP, _ROUTE, _FRAGMENT, _OPTIONS):
        _need(len(rest) >= 8, "an extension header does not end in the packet")
        if following == _FRAGMENT:
            _need(rest[2] == 0 and rest[3] & 0xF9 == 0, "a fragment")
            following, rest, length = rest[0], rest[8:], length - 8
            continue
        size = 8 * rest[1] + 8
        _need(len(rest) >= size, "an extension header does not end in the packet")
        body = rest[1:size]  # without its next header, which is written when the chain is put together
        if following == _ROUTE:
            destination, body = _last_node(destination, body)
        else:
            body = body[:1] + b"".join(_options6(body[1:]))
        chain.append((following, body))
        following, rest = rest[0], rest[size:]
    _need(following == _AH, "no AH")
    kinds = [kind for kind, _ in (*chain, (_AH, b""))][1:]
    first = chain[0][0] if chain else _AH
    headers = b"".join(bytes((kind,)) + body for kind, (_, body) in zip(kinds, chain, strict=True))
    counted = b"\x60\0\0\0" + struct.pack(">HBB", length, first, 0) + packet[8:24] + destination + headers
    return _Parts(counted, rest)


def _options6(options: bytes) -> Iterator[bytes]:
    while options:
        if options[0] == 0:
            yield options[:1]
            options = options[1:]
            continue
        _need(len(options) >= 2 and len(options) >= 2 + options[1], "an IPv6 option does not end in its header")
        size = options[1]
        yield options[:2] + (bytes(size) if options[0] & 0x20 else options[2 : 2 + size])
        options = options[2 + size :]


def _last_node(destination: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Destination and routing header (without its first octet) as they arrive at the last node."""
    kind, left = body[1], body[2]
    if left == 0:
        return destination, body
    _need(kind == 0, f"no rule for routing type {kind} with segments left")
    nodes = [body[start : start + 16] for start in range(7, len(body), 16)]
    _need(nodes and len(nodes[-1]) == 16 and left <= len(nodes), "a routing header of another length")
    visited, ahead = nodes[: len(nodes) - left], nodes[len(nodes) - left :]
    # each node puts itself where the address of the next one stood
    route = [*visited, destination, *ahead[:-1]]
    return ahead[-1], body[:2] + b"\0" + body[3:7] + b"".join(route)


def _gmac(key: bytes, iv: bytes, data: bytes) -> bytes:
    return AESGCM(key[:-4]).encrypt(key[-4:] + iv, b"", data)


def _sizes(name: str, mac: Mac) -> tuple[int, int, int]:
    """Octets of the sequence number, of the IV and of the ICV."""
    if name == "AES-GMAC":
        return 4, 8, 16
    if name == "HMAC-MD5-REPLAY":
        return 8, 0, 16
    return 4, 0, len(mac(name)(bytes(16), b""))


def _icv(inputs: dict[str, Input], mac: Mac, iv: bytes, data: bytes) -> bytes:
    name, key = str(inputs["algorithm"]), _octets(inputs, "key")
    _need(key, "a key of no octets")
    covers = data + (struct.pack(">I", _number(inputs, "seq_high")) if inputs.get("esn", False) else b"")
    if name == "AES-GMAC":
        return _gmac(key, iv, covers)
    return mac("HMAC-MD5" if name == "HMAC-MD5-REPLAY" else name)(key, covers)


def _with_lengths(header: bytes, size: int) -> bytes:
    """The header for a packet of so many octets that goes on with AH."""
    if header[0] >> 4 == 4:
        raw = header[:2] + struct.pack(">H", size) + header[4:9] + bytes((_AH, 0, 0)) + header[12:]
        total = sum(struct.unpack(f">{len(raw) // 2}H", raw))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return raw[:10] + struct.pack(">H", 0xFFFF - total) + raw[12:]
    place = 6
    following = 40
    while following < len(header):
        place, following = following, following + 8 * header[following + 1] + 8
    fixed = header[:4] + struct.pack(">H", size - 40) + header[6:]
    return fixed[:place] + bytes((_AH,)) + fixed[place + 1 :]


def mutable(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    return {"header": cut(_octets(inputs, "packet")).counted}


def seal(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    name, header, payload = str(inputs["algorithm"]), _octets(inputs, "header"), _octets(inputs, "payload")
    unit = 8 if header[0] >> 4 == 6 else 4
    sequence_size, iv_size, icv_size = _sizes(name, mac)
    needed = -(8 + sequence_size + iv_size + icv_size) % unit
    padding = _octets(inputs, "icv_padding") if "icv_padding" in inputs else bytes(needed)
    _need(len(padding) == needed, "ICV padding in excess of the minimum is prohibited")
    size = 8 + sequence_size + iv_size + icv_size + needed
    fixed = struct.pack(">BBH", _number(inputs, "next_header"), size // 4 - 2, 0) + _octets(inputs, "spi")
    if sequence_size == 8:
        fixed += struct.pack(">I", _number(inputs, "seq_high"))
    fixed += struct.pack(">I", _number(inputs, "seq"))
    iv = _octets(inputs, "iv")
    _need(len(iv) == iv_size, "an IV of another length")
    whole = _with_lengths(header, len(header) + size + len(payload))
    blank = cut(whole + fixed + iv + bytes(icv_size) + padding + payload)
    return {"packet": whole + fixed + iv + _icv(inputs, mac, iv, blank.counted + blank.rest) + padding + payload}


def open_(inputs: dict[str, Input], mac: Mac) -> dict[str, Input]:
    parts = cut(_octets(inputs, "packet"))
    rest = parts.rest
    sequence_size, iv_size, icv_size = _sizes(str(inputs["algorithm"]), mac)
    least = 8 + sequence_size + iv_size + icv_size
    size = least + -least % (8 if parts.counted[0] >> 4 == 6 else 4)
    _need(len(rest) >= size and rest[1] == size // 4 - 2, "AH is of another length")
    place = least - icv_size
    iv, received = rest[place - iv_size : place], rest[place:least]
    expected = _icv(inputs, mac, iv, parts.counted + rest[:place] + bytes(icv_size) + rest[least:])
    _need(hmac.compare_digest(expected, received), "the ICV does not match")
    return {"payload": rest[size:], "next_header": rest[0]}


OPERATIONS: dict[str, Callable[[dict[str, Input], Mac], dict[str, Input]]] = {
    "ip-mutable": mutable,
    "ah-seal": seal,
    "ah-open": open_,
}
