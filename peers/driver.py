"""What every implementation looks like to the suites: one protocol, views of its state, and a DUT's handle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from peers.errors import LabError, NotSupported, PeerError
from peers.scenario import Connection

__all__ = ["ChildSaView", "Driver", "DutHandle", "IkeSaView", "LabError", "NotSupported", "PeerError", "PingResult"]


@dataclass(frozen=True, slots=True)
class ChildSaView:
    """A Child SA as the peer reports it. SPIs are 8 hex digits; ``spi_in`` is the peer's inbound SPI."""

    name: str
    spi_in: str
    spi_out: str
    state: str
    mode: str
    protocol: str = "ESP"
    encap: bool = False
    suite: str = ""
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()
    bytes_in: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    packets_out: int = 0


@dataclass(frozen=True, slots=True)
class IkeSaView:
    """An IKE SA as the peer reports it. SPIs are 16 hex digits; ``state`` is ``established`` or the peer's word."""

    connection: str
    spi_i: str
    spi_r: str
    state: str
    initiator: bool
    local_id: str = ""
    remote_id: str = ""
    local: str = ""
    remote: str = ""
    nat_local: bool = False
    nat_remote: bool = False
    suite: str = ""
    children: tuple[ChildSaView, ...] = ()
    handle: str = ""

    @property
    def established(self) -> bool:
        """Whether the peer calls the SA established."""
        return self.state == "established"


@dataclass(frozen=True, slots=True)
class PingResult:
    """Echo requests sent and replies received."""

    sent: int
    received: int

    @property
    def ok(self) -> bool:
        """Every request was answered."""
        return self.sent > 0 and self.received == self.sent


class Driver(Protocol):
    """One implementation under control. ``spi_i`` selects an IKE SA by its initiator SPI (16 hex digits)."""

    name: str
    version: str

    def load(self, connection: Connection) -> None:
        """Add (or replace) a connection with its credentials."""

    def unload(self, name: str) -> None:
        """Remove a connection; its SAs end with it."""

    def initiate(self, connection: str) -> None:
        """Start a connection; returns at once."""

    def rekey_ike(self, spi_i: str) -> None:
        """Start a rekey of the IKE SA."""

    def rekey_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start a rekey of the Child SA with the peer's inbound SPI ``spi_in`` (None: the first one)."""

    def delete_ike(self, spi_i: str) -> None:
        """Start the deletion of the IKE SA."""

    def delete_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start the deletion of a Child SA."""

    def liveness(self, spi_i: str) -> None:
        """Start a liveness check (an empty INFORMATIONAL request)."""

    def state(self) -> list[IkeSaView]:
        """Every IKE SA that the peer has."""

    def counters(self) -> dict[str, int]:
        """The peer's own counters, by its own names."""

    def ping(self, destination: str, source: str, count: int = 3) -> PingResult:
        """Echo requests from the peer's protected address ``source`` through its tunnel."""

    def keys(self) -> str:
        """The text that :mod:`peers.keys` reads session keys from (the peer's log or kernel state)."""

    def logs(self) -> str:
        """The peer's log."""

    def reset(self) -> None:
        """Drop every SA without telling the other end where the peer can; keep the connections."""

    def close(self) -> None:
        """Leave the peer running, close the control channel."""


@dataclass(frozen=True)
class DutHandle:
    """A started DUT, JSON-able: other processes attach to it with :func:`peers.attach`."""

    name: str
    profile: dict[str, Any]
    workdir: str
    control: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    engine: str = ""
    container: str = ""
    interface: str = ""

    def to_json(self) -> str:
        """The handle as JSON text (it names files with secrets, but holds none)."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DutHandle:
        """The inverse of :meth:`to_json`; LabError if the text is not a handle."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise LabError(f"not a DUT handle: {error}", "Start the DUT again") from None
