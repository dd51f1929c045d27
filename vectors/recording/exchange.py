"""Our end of an exchange with a real peer: UDP sockets around the deterministic engine, and a list of what passed."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.ikev2.engine import Engine
from reference_impl.ikev2.events import ChildInstalled, IkeEstablished
from reference_impl.wire import udp
from reference_impl.wire.header import Header
from vectors.recording.observer import Seen
from vectors.transcripts.engine import OTHER, perform

PORTS = (500, 4500)
STEP = 0.01


class ExchangeError(Exception):
    """The exchange did not take the course that the recipe says."""


class OurEnd:
    """Sockets on ports 500 and 4500 of `address`. The engine's clock goes on by one step with every message."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._sockets = {}
        for port in PORTS:
            each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((address, port))
            self._sockets[port] = each

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets.values():
            each.close()

    def begin(self, engine: Engine, role: str) -> None:
        """A new transcript; whatever still lies in the sockets belongs to the last one."""
        while readable := select.select(list(self._sockets.values()), [], [], 0)[0]:
            for each in readable:
                each.recv(65536)
        self.engine, self.role = engine, role
        self.seen: list[Seen] = []
        self.script: list[dict[str, Any]] = []
        self.events: list[object] = []
        self._known: set[bytes] = set()

    @property
    def now(self) -> float:
        """The transcript's clock."""
        return round(len(self.seen) * STEP, 2)

    def command(self, command: Mapping[str, Any]) -> None:
        """Have the engine do something."""
        self.script.append({"before": len(self.seen) + 1, **command})
        perform(self.engine, command, self.now)
        self._flush()

    def leave_half_open(self) -> None:
        """Start an IKE SA and do not go on: the peer has a half-open IKE SA then, and asks others for a cookie."""
        perform(self.engine, {"command": "initiate"}, 0.0)
        for each in self.engine.take_output():
            self._sockets[each.local.port].sendto(each.data, (each.remote.address, each.remote.port))
        if not select.select(list(self._sockets.values()), [], [], 5)[0]:
            raise ExchangeError("no answer to the request for a half-open IKE SA")

    def _flush(self) -> None:
        if self.engine.last_internal_error is not None:
            raise ExchangeError(f"the engine failed: {self.engine.last_internal_error!r}")
        self.events += self.engine.take_events()
        for each in self.engine.take_output():
            marker = each.local.port == PORTS[1]
            data = each.data[4:] if marker else each.data
            self.seen.append(Seen(self.role, self.now, data, marker, str(each.local), str(each.remote)))
            # charon ignores what comes while it is still busy with its own last message
            time.sleep(0.02)
            self._sockets[each.local.port].sendto(each.data, (each.remote.address, each.remote.port))

    def settle(self, quiet: float, enough: Callable[[], bool] = lambda: True, timeout: float = 8.0) -> None:
        """Receive until nothing has come for `quiet` seconds and `enough` is true. Raises ExchangeError."""
        end, last = time.monotonic() + timeout, time.monotonic()
        while time.monotonic() < last + quiet or not enough():
            if time.monotonic() > end:
                raise ExchangeError(f"no end of the exchange after {len(self.seen)} messages: {self.rejected()}")
            for each in select.select(list(self._sockets.values()), [], [], 0.02)[0]:
                data, (address, port) = each.recvfrom(65536)
                if self._receive(data, each.getsockname()[1], address, port):
                    last = time.monotonic()

    def _receive(self, data: bytes, local: int, address: str, port: int) -> bool:
        marker = local == PORTS[1]
        if marker and udp.classify(data) is not udp.DatagramKind.IKE:
            return False
        message = data[4:] if marker else data
        if message in self._known or len(message) < 28 or Header.parse(message).major != 2:
            return False
        self._known.add(message)
        here, there = Endpoint(self.address, local), Endpoint(address, port)
        now = self.now
        self.seen.append(Seen(OTHER[self.role], now, message, marker, str(there), str(here)))
        self.engine.receive(now, data, here, there)
        self._flush()
        return True

    def rejected(self) -> str:
        """What the engine did not like, for an error message."""
        self.events += self.engine.take_events()
        return "; ".join(str(each) for each in self.events if type(each).__name__ not in ("IkeKeysDerived",))[-600:]

    def established(self) -> bool:
        """Whether an IKE SA and a Child SA have come about."""
        kinds = {type(each) for each in self.events}
        return {IkeEstablished, ChildInstalled} <= kinds
