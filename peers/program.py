"""A program of a peer's image, run in an idle container without network and spoken to line by line."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import docker
from docker.errors import APIError, NotFound

from peers.errors import PeerError

_HEADER = 8  # of a frame of Docker's stream: stream number, three zeros, length
_STDOUT, _STDERR = 1, 2


class Program:
    """A running program; its standard error is kept for error messages alone."""

    def __init__(
        self, client: docker.DockerClient, container: str, command: Sequence[str], timeout: float = 10.0
    ) -> None:
        """Start ``command`` in ``container``; a line is due within ``timeout`` seconds. Raises PeerError."""
        self.name = command[0].rpartition("/")[2]
        self._api, self._timeout = client.api, timeout
        try:
            self._id = self._api.exec_create(container, list(command), stdin=True)["Id"]
            stream: Any = self._api.exec_start(self._id, socket=True)
        except (APIError, NotFound) as error:
            raise PeerError(f"{self.name} cannot be started in {container}: {error}") from None
        self._stream, self._socket = stream, getattr(stream, "_sock", stream)
        self._frames = b""
        self._output: dict[int, bytes] = {_STDOUT: b"", _STDERR: b""}
        self._errors: deque[str] = deque(maxlen=5)

    def send(self, text: str) -> None:
        """Write to the program's standard input."""
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(text.encode())
        except OSError as error:
            raise PeerError(f"{self.name} does not read: {error}") from None

    def line(self) -> str:
        """The next line of its standard output. Raises PeerError when the program ends or is silent."""
        deadline = time.monotonic() + self._timeout
        while b"\n" not in self._output[_STDOUT]:
            self._receive(deadline)
        line, _, self._output[_STDOUT] = self._output[_STDOUT].partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def _receive(self, deadline: float) -> None:
        try:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = self._socket.recv(65536)
        except TimeoutError:
            raise PeerError(f"{self.name} did not answer within {self._timeout:g} s{self._words()}") from None
        except OSError as error:
            raise PeerError(f"{self.name} cannot be read: {error}") from None
        if not chunk:
            status = self._api.exec_inspect(self._id).get("ExitCode")
            raise PeerError(f"{self.name} ended (exit status {status}){self._words()}")
        self._frames += chunk
        while len(self._frames) >= _HEADER:
            size = int.from_bytes(self._frames[4:_HEADER], "big")
            if len(self._frames) < _HEADER + size:
                break
            self._output[self._frames[0]] += self._frames[_HEADER : _HEADER + size]
            self._frames = self._frames[_HEADER + size :]
        *lines, self._output[_STDERR] = self._output[_STDERR].split(b"\n")
        self._errors += [line.decode(errors="replace").strip() for line in lines if line.strip()]

    def _words(self) -> str:
        """What it said on standard error last."""
        return f": {' | '.join(self._errors)}" if self._errors else ""

    def close(self) -> None:
        """Close its standard input, at whose end it ends."""
        with contextlib.suppress(OSError):
            self._stream.close()
            self._socket.close()
