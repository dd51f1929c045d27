"""AH of the third adapter: scapy's security association and its rules for mutable fields.

Where those rules are not RFC 4302's the answer is `unsupported`, with the reason; tests/test_scapy_ah.py shows each of
these differences on a packet, so that one that scapy mends is noticed.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator

from cryptography.utils import CryptographyDeprecationWarning

from vectors.adapters import Input, Refused, Unsupported

with warnings.catch_warnings():
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from scapy.error import Scapy_Exception
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.ipsec import AH, IPSecIntegrityError, SecurityAssociation, zero_mutable_fields
    from scapy.packet import Packet

_NAMES = {
    "HMAC-MD5-96": "HMAC-MD5-96",
    "HMAC-SHA1-96": "HMAC-SHA1-96",
    "HMAC-SHA2-256-128": "SHA2-256-128",
    "HMAC-SHA2-384-192": "SHA2-384-192",
    "HMAC-SHA2-512-256": "SHA2-512-256",
    "AES-CMAC-96": "AES-CMAC-96",
}
_SOURCE_ROUTES = (131, 137)
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION = 0, 43, 44, 60
_IMMUTABLE_NUMBERS = (0, 1, 2, 5, 6, 20, 21)
_IMMUTABLE = (0, 1, 130, 133, 134, 148, 149)


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def _number(inputs: dict[str, Input], name: str) -> int:
    value = inputs.get(name, 0)
    assert isinstance(value, int)
    return value


def differences(packet: bytes) -> Iterator[str]:
    """Why scapy's answer for this packet is not RFC 4302's."""
    if packet[0] >> 4 == 4:
        if packet[6] & 0x3F or packet[7]:
            yield "does not refuse a fragment (RFC 4302, section 3.4.1)"
        place, end = 20, (packet[0] & 15) * 4
        while place < end and packet[place]:
            kind = packet[place]
            length = 1 if kind == 1 else packet[place + 1] if place + 1 < end else 0
            if kind != 1 and not 2 <= length <= end - place:
                yield "does not refuse a malformed option"
                return
            if kind in _SOURCE_ROUTES:
                yield "predicts no destination from a source route (section 3.3.3.1.1.1)"
            if kind & 31 in _IMMUTABLE_NUMBERS and kind not in _IMMUTABLE:
                yield "compares an option's number without class and copied flag (appendix A1)"
            place += length
        if place < end:
            yield "reads octets after the end of the option list as options"
        return
    protocol, offset = packet[6], 40
    while protocol in (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION):
        if protocol == _FRAGMENT:
            yield "does not skip a Fragment Header before AH (appendix A2)"
            return
        if offset + 8 > len(packet) or _after(packet, offset) > len(packet):
            yield "does not refuse a header that does not end in the packet"
            return
        if protocol in (_HOP_BY_HOP, _DESTINATION) and not _whole_options(packet[offset + 2 : _after(packet, offset)]):
            yield "does not refuse an option that does not end in its header"
            return
        left = packet[offset + 3]
        if protocol == _ROUTING and left:
            if packet[offset + 2]:
                yield "does not refuse a routing header of another type with segments left"
            elif left != packet[offset + 1] // 2:
                yield "moves the addresses as if every segment were left (appendix A2)"
        protocol, offset = packet[offset], _after(packet, offset)


def _after(packet: bytes, offset: int) -> int:
    """Where the IPv6 extension header at `offset` ends."""
    return offset + packet[offset + 1] * 8 + 8


def _whole_options(options: bytes) -> bool:
    place = 0
    while place < len(options):
        if options[place] == 0:
            place += 1
        elif place + 1 == len(options):
            return False
        else:
            place += 2 + options[place + 1]
    return place == len(options)


def _parse(packet: bytes) -> Packet:
    if len(packet) < 20 or packet[0] >> 4 not in (4, 6) or (packet[0] >> 4 == 6 and len(packet) < 40):
        raise Refused("no IP header")
    size = (
        struct.unpack_from(">H", packet, 2)[0] if packet[0] >> 4 == 4 else 40 + struct.unpack_from(">H", packet, 4)[0]
    )
    if size > len(packet) or (packet[0] >> 4 == 4 and size < (packet[0] & 15) * 4):
        raise Unsupported("scapy reads a packet whose lengths do not fit")
    for difference in differences(packet):
        raise Unsupported(f"scapy {difference}")
    return (IP if packet[0] >> 4 == 4 else IPv6)(packet[:size])


def _before(packet: Packet) -> bytes:
    """The headers before AH."""
    return bytes(packet)[: len(packet) - len(packet[AH])]


def mutable(inputs: dict[str, Input]) -> dict[str, Input]:
    packet = _parse(_octets(inputs, "packet"))
    if not packet.haslayer(AH):
        raise Refused("no AH")
    if packet.version == 4 and any(not hasattr(option, "option") for option in packet.options):
        raise Unsupported("scapy has no such option of this length")
    left = any(layer.segleft for layer in packet.iterpayloads() if hasattr(layer, "segleft"))
    return {"header": _before(zero_mutable_fields(packet, sending=left))}  # type: ignore[no-untyped-call]


def _association(inputs: dict[str, Input], spi: int) -> SecurityAssociation:
    name = str(inputs["algorithm"])
    if name not in _NAMES:
        raise Unsupported(f"scapy has no {name} for AH")
    return SecurityAssociation(  # type: ignore[no-untyped-call]
        AH,
        spi=spi,
        auth_algo=_NAMES[name],
        auth_key=_octets(inputs, "key"),
        esn_en=bool(inputs.get("esn", False)),
        esn=_number(inputs, "seq_high"),
    )


def seal(inputs: dict[str, Input]) -> dict[str, Input]:
    if any(_octets(inputs, "icv_padding")):
        raise Unsupported("scapy pads with zeros")
    header, payload = _octets(inputs, "header"), _octets(inputs, "payload")
    association = _association(inputs, int.from_bytes(_octets(inputs, "spi")))
    whole = _complete(header, payload, _number(inputs, "next_header"))
    sealed = association.encrypt(_parse(whole), seq_num=_number(inputs, "seq"))  # type: ignore[no-untyped-call]
    packet = bytes(sealed)
    if not packet.startswith(header[:1]) or packet[len(header) : len(header) + 1] != bytes(
        [_number(inputs, "next_header")]
    ):
        raise Unsupported("scapy puts AH at another place")
    return {"packet": packet}


def _complete(header: bytes, payload: bytes, next_header: int) -> bytes:
    """The packet without AH: its next header and lengths."""
    size = len(header) + len(payload)
    if header[0] >> 4 == 4:
        return header[:2] + struct.pack(">H", size) + header[4:9] + bytes((next_header,)) + header[10:] + payload
    place, following = 6, 40
    while following < len(header):
        place, following = following, following + 8 * header[following + 1] + 8
    raw = header[:4] + struct.pack(">H", size - 40) + header[6:]
    return raw[:place] + bytes((next_header,)) + raw[place + 1 :] + payload


def open_(inputs: dict[str, Input]) -> dict[str, Input]:
    packet = _parse(_octets(inputs, "packet"))
    if not packet.haslayer(AH):
        raise Refused("no AH")
    header = packet[AH]
    association = _association(inputs, header.spi)
    size = 12 + association.auth_algo.icv_size
    size += -size % (8 if packet.version == 6 else 4)
    if (header.payloadlen + 2) * 4 != size:
        raise Unsupported("scapy takes an AH of any length")
    if len(header) < size:
        raise Refused("AH does not end in the packet")
    next_header, payload = header.nh, bytes(header.payload)
    try:
        association.decrypt(packet)  # type: ignore[no-untyped-call]
    except IPSecIntegrityError as error:
        raise Refused("the ICV does not match") from error
    return {"payload": payload, "next_header": next_header}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "ip-mutable": mutable,
    "ah-seal": seal,
    "ah-open": open_,
}
ERRORS = (Scapy_Exception, ValueError, struct.error)
