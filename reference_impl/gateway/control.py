"""The control socket: one JSON object per line in, one per line out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import Awaitable, Callable
from typing import Any

from .errors import StartError
from .settings import ControlAddress

_LINE_LIMIT = 1 << 16
Handler = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Gives the JSON-able result of a command with its arguments, or raises CommandError."""


class CommandError(Exception):
    """A command that cannot be carried out; the text goes to the caller."""


class ControlServer:
    """Answers `{"command": NAME, …}` with `{"ok": true, "result": …}` or `{"ok": false, "error": TEXT}`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._path = ""
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, address: ControlAddress) -> ControlAddress:
        """Listen; the address with its real port. Raises StartError."""
        try:
            if address.path:
                _remove_stale(address.path)
                self._server = await asyncio.start_unix_server(self._accept, address.path, limit=_LINE_LIMIT)
                os.chmod(address.path, 0o600)
                self._path = address.path
                return address
            self._server = await asyncio.start_server(self._accept, address.host, address.port, limit=_LINE_LIMIT)
        except OSError as error:
            raise StartError(f"control socket {address}: {error.strerror or error}") from None
        port = self._server.sockets[0].getsockname()[1]
        return ControlAddress(host=address.host, port=port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._path:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                writer.write(_line({"ok": False, "error": f"a line is longer than {_LINE_LIMIT} octets"}))
                await writer.drain()
                return
            if not line:
                return
            writer.write(_line(await self._answer(line)))
            await writer.drain()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return {"ok": False, "error": "not a JSON object"}
        if not isinstance(request, dict) or not isinstance(request.get("command"), str):
            return {"ok": False, "error": 'expected {"command": NAME, …}'}
        command = request.pop("command")
        try:
            return {"ok": True, "result": await self._handler(command, request)}
        except CommandError as error:
            return {"ok": False, "error": str(error)}


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _remove_stale(path: str) -> None:
    """Remove a socket that a dead process left; anything else at that path stays and makes binding fail."""
    import socket

    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
