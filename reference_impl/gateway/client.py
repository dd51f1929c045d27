"""Talking to a gateway's control socket, from Python and from the shell.

`python -m reference_impl.gateway.client tcp:127.0.0.1:PORT initiate connection=tester`
"""

from __future__ import annotations

import json
import socket
import sys
from types import TracebackType
from typing import Any, Self


class ControlError(Exception):
    """The gateway answered with an error, or not at all."""


class ControlClient:
    """A connection to `tcp:HOST:PORT` or `unix:PATH`. `timeout` in seconds holds for every answer."""

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        """Raises ControlError when nothing listens there, ValueError for an address of another form."""
        kind, _, rest = address.partition(":")
        try:
            if kind == "unix":
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(timeout)
                self._socket.connect(rest)
            elif kind == "tcp":
                host, _, port = rest.rpartition(":")
                self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout)
            else:
                raise ValueError(f"{address!r} is neither tcp:HOST:PORT nor unix:PATH")
        except OSError as error:
            raise ControlError(f"{address}: {error.strerror or error}") from None
        self._file = self._socket.makefile("rb")

    def call(self, command: str, **arguments: Any) -> Any:
        """The result of a command. Raises ControlError with the gateway's reason."""
        try:
            self._socket.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            line = self._file.readline()
        except OSError as error:
            raise ControlError(f"{command}: {error.strerror or error}") from None
        if not line:
            raise ControlError(f"{command}: the gateway closed the connection")
        answer = json.loads(line)
        if not answer.get("ok"):
            raise ControlError(str(answer.get("error", "no reason given")))
        return answer["result"]

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main(argv: list[str] | None = None) -> int:
    """One command: prints its result as JSON. Exit code 1 when the gateway refuses, 2 for wrong use."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) < 2 or any("=" not in item for item in arguments[2:]):
        print("usage: ADDRESS COMMAND [NAME=VALUE …]   (ADDRESS: tcp:HOST:PORT or unix:PATH)", file=sys.stderr)
        return 2
    try:
        with ControlClient(arguments[0]) as client:
            result = client.call(arguments[1], **dict(_argument(item) for item in arguments[2:]))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except ControlError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    return 0


def _argument(item: str) -> tuple[str, Any]:
    name, _, value = item.partition("=")
    try:
        return name, json.loads(value) if name in ("since", "size", "timeout", "count") else value
    except ValueError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
