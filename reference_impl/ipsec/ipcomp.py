"""IP payload compression (RFC 3173) with DEFLATE (RFC 2394) and LZS (RFC 2395).

Compression comes before ESP or AH and before fragmentation, decompression after them; each packet stands alone.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from . import lzs, transport
from .discards import Discard, Discarded
from .flow import DESTINATION, FRAGMENT, HOP_BY_HOP, ROUTING, malformed, total_length

IPCOMP = 108
HEADER_SIZE = 4
# RFC 2394 section 3 and RFC 2395 section 4.4: what is smaller is not attempted
THRESHOLD = 90
LARGEST_PAYLOAD = 0xFFFF
_HEADER = struct.Struct(">BBH")
_RAW_DEFLATE = -15  # zlib's way to say: no zlib header, the full window


class Algorithm(IntEnum):
    """IPCOMP transform identifiers (RFC 2407 section 4.4.5), which are well-known CPIs too (RFC 3173 section 3.3)."""

    DEFLATE = 2
    LZS = 3


@dataclass(frozen=True, slots=True)
class IpCompHeader:
    """The 4-octet header; `flags` are sent as zero and ignored on receipt (section 3.3)."""

    next_header: int
    cpi: int
    flags: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises Discarded(IPCOMP_MALFORMED) for fewer than 4 octets."""
        if len(data) < HEADER_SIZE:
            raise Discarded(Discard.IPCOMP_MALFORMED, f"{len(data)} octets; the header has {HEADER_SIZE}")
        next_header, flags, cpi = _HEADER.unpack_from(data)
        return cls(next_header, cpi, flags)

    def to_bytes(self) -> bytes:
        return _HEADER.pack(self.next_header, self.flags, self.cpi)


def compress(algorithm: Algorithm, payload: bytes) -> bytes:
    """The payload compressed, whether or not that made it smaller."""
    if algorithm is Algorithm.LZS:
        return lzs.compress(payload)
    deflate = zlib.compressobj(wbits=_RAW_DEFLATE)
    return deflate.compress(payload) + deflate.flush()


def decompress(algorithm: Algorithm, data: bytes, limit: int = LARGEST_PAYLOAD) -> bytes:
    """At most `limit` octets, and no more memory than that. Raises Discarded: IPCOMP_MALFORMED, IPCOMP_TOO_LARGE."""
    if algorithm is Algorithm.LZS:
        try:
            return lzs.decompress(data, limit)
        except lzs.LzsError as error:
            raise Discarded(
                Discard.IPCOMP_TOO_LARGE if error.too_large else Discard.IPCOMP_MALFORMED, str(error)
            ) from None
    inflate = zlib.decompressobj(_RAW_DEFLATE)
    try:
        payload = inflate.decompress(data, limit + 1)
    except zlib.error as error:
        raise Discarded(Discard.IPCOMP_MALFORMED, str(error)) from None
    if len(payload) > limit:
        raise Discarded(Discard.IPCOMP_TOO_LARGE, f"more than {limit} octets")
    if not inflate.eof:
        raise Discarded(Discard.IPCOMP_MALFORMED, "the stream ends before its last block does")
    if inflate.unused_data:
        raise Discarded(Discard.IPCOMP_MALFORMED, f"{len(inflate.unused_data)} octets after the last block")
    return payload


def open_payload(algorithm: Algorithm, data: bytes, limit: int = LARGEST_PAYLOAD) -> tuple[IpCompHeader, bytes]:
    """IPComp header and decompressed payload of `data`, which begins with the header. Raises Discarded."""
    header = IpCompHeader.parse(data)
    return header, decompress(algorithm, data[HEADER_SIZE:], limit)


class Compressor:
    """One direction of an IPComp association: `cpi` is the one that the decompressing node chose.

    After `patience` packets in a row that did not become smaller, as many are sent without an attempt; each time that
    happens again it is `patience` more, until one succeeds (section 2.2).
    """

    def __init__(self, algorithm: Algorithm, cpi: int, *, threshold: int = THRESHOLD, patience: int = 8) -> None:
        self.algorithm, self.cpi, self.threshold, self.patience = algorithm, cpi, threshold, patience
        self._failures = self._rest = self._skip = 0

    def encapsulate(self, packet: bytes) -> bytes:
        """`packet` compressed, or as it is when that would not make it smaller. Raises Discarded for a fragment."""
        header, protocol, payload = transport.split(packet)
        if len(payload) < self.threshold or protocol == IPCOMP:
            return packet
        if self._rest:
            self._rest -= 1
            return packet
        compressed = compress(self.algorithm, payload)
        if len(compressed) + HEADER_SIZE >= len(payload):
            self._failures += 1
            if self._failures >= self.patience:
                self._failures = 0
                self._skip += self.patience
                self._rest = self._skip
            return packet
        self._failures = self._skip = 0
        return transport.outer_packet(header, IpCompHeader(protocol, self.cpi).to_bytes() + compressed, IPCOMP)


def decapsulate(packet: bytes, associations: dict[int, Algorithm]) -> bytes:
    """The packet without IPComp, if it has that; `associations` are the algorithms by CPI. Raises Discarded."""
    length = total_length(packet)
    offset = _ipcomp_at(packet[:length])
    if offset is None:
        return packet
    header = IpCompHeader.parse(packet[offset:length])
    algorithm = associations.get(header.cpi)
    if algorithm is None:
        raise Discarded(Discard.IPCOMP_NO_ASSOCIATION, f"CPI {header.cpi}", spi=header.cpi)
    limit = LARGEST_PAYLOAD - (offset if packet[0] >> 4 == 4 else offset - 40)
    _, payload = open_payload(algorithm, packet[offset:length], limit)
    return transport.outer_packet(packet[:offset], payload, header.next_header)


def _ipcomp_at(packet: bytes) -> int | None:
    """The offset of the IPComp header, which in IPv6 stands where a Fragment Header would (section 3.2)."""
    if packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4 if packet[9] == IPCOMP else None
    protocol, offset = packet[6], 40
    while protocol in (HOP_BY_HOP, ROUTING, DESTINATION):
        if offset + 8 > len(packet):
            raise malformed(f"IPv6 extension header {protocol} at octet {offset} does not end in the packet")
        protocol, offset = packet[offset], offset + (packet[offset + 1] + 1) * 8
    if protocol == FRAGMENT:
        raise Discarded(Discard.IPCOMP_MALFORMED, "fragments are reassembled before decompression")
    return offset if protocol == IPCOMP else None
