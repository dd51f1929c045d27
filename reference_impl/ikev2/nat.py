"""NAT detection and what follows from it (RFC 7296 section 2.23)."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from .endpoint import Endpoint


def detection_hash(spi_i: bytes, spi_r: bytes, endpoint: Endpoint) -> bytes:
    """SHA-1 of the SPIs in the order of the header, the address and the port."""
    port = endpoint.port.to_bytes(2, "big")
    return hashlib.sha1(spi_i + spi_r + packed(endpoint.address) + port, usedforsecurity=False).digest()


@lru_cache(maxsize=1024)
def packed(address: str) -> bytes:
    """The 4 or 16 octets of an address."""
    return ipaddress.ip_address(address).packed


def claimed_hash(spi_i: bytes, spi_r: bytes, endpoint: Endpoint) -> bytes:
    """A source hash that matches no endpoint, so that the peer sees a NAT and UDP encapsulation is used."""
    nowhere = Endpoint("::" if ":" in endpoint.address else "0.0.0.0", 0)
    return detection_hash(spi_i, spi_r, nowhere)


def source_is_translated(hashes: Sequence[bytes], spi_i: bytes, spi_r: bytes, seen: Endpoint) -> bool:
    """Whether the peer is behind a NAT: it sent source hashes and none fits where its datagram came from."""
    return bool(hashes) and detection_hash(spi_i, spi_r, seen) not in hashes


def destination_is_translated(hashes: Sequence[bytes], spi_i: bytes, spi_r: bytes, own: Endpoint) -> bool:
    """Whether this host is behind a NAT: the peer sent its datagram to another address or port."""
    return bool(hashes) and detection_hash(spi_i, spi_r, own) not in hashes


def may_follow_peer(nat_local: bool) -> bool:
    """Only a host that is not behind a NAT updates the peer's address from authenticated packets."""
    return not nat_local


def must_float(nat_local: bool, nat_remote: bool) -> bool:
    """An initiator that detects a NAT on either side goes on from port 4500."""
    return nat_local or nat_remote
