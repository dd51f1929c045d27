"""Addresses and datagrams as the engine sees them."""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.wire.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a UDP path: a textual IPv4 or IPv6 address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@quick_init
@dataclass(frozen=True, slots=True)
class Outgoing:
    """A UDP payload to send as it is: on the NAT traversal port it already has its non-ESP marker."""

    data: bytes
    local: Endpoint
    remote: Endpoint
