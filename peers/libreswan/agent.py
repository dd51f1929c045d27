"""The client of the agent that runs in libreswan's machine (``images/libreswan/agent.py``)."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from peers.errors import PeerError

PORT = 7600


class Agent:
    """One connection to the agent; thread-safe, reconnects once when the connection was lost."""

    def __init__(self, name: str, address: str, token: str) -> None:
        self.name = name
        self._address = address
        self._token = token
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._reader: Any = None

    def connect(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the agent; PeerError if it does not answer."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._open()
                return
            except OSError as error:
                self.close()
                if time.monotonic() > deadline:
                    raise PeerError(
                        f"{self.name}: the agent at {self._address}:{PORT} does not answer ({error})",
                        "The container's log says why",
                    ) from None
                time.sleep(0.03)

    def _open(self) -> None:
        self._socket = socket.create_connection((self._address, PORT), timeout=0.5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(30)
        self._reader = self._socket.makefile("r", encoding="utf-8")
        self._socket.sendall(self._token.encode() + b"\n")
        if not self._reader.readline():
            raise ConnectionError("the agent closed the connection")

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            for attempt in (1, 2):
                try:
                    if self._socket is None:
                        self._open()
                    assert self._socket is not None
                    self._socket.sendall(json.dumps(request).encode() + b"\n")
                    if line := self._reader.readline():
                        answer: dict[str, Any] = json.loads(line)
                        return answer
                    raise ConnectionError("the agent closed the connection")
                except (OSError, ValueError) as error:
                    self.close()
                    if attempt == 2:
                        raise PeerError(f"{self.name}: the agent failed ({error})") from None
        raise AssertionError("unreachable")

    def run(self, command: Sequence[str], *, timeout: float = 20) -> tuple[int, str]:
        """Run a command in the machine: exit status (124 on timeout) and output."""
        answer = self._exchange({"run": list(command), "timeout": timeout})
        return int(answer["status"]), str(answer["output"])

    def write(self, path: str, text: str) -> None:
        """Write a file in the machine, readable by its root only."""
        self._exchange({"write": path, "text": text})

    def restart(self) -> str:
        """Start pluto again when it has died; says with which status it had ended."""
        return str(self._exchange({"restart": True})["output"])

    def close(self) -> None:
        """Close the connection; a later command opens it again."""
        if self._socket:
            self._socket.close()
            self._socket = None
