"""Any implementation behind a program: JSON lines on its standard input and output (see vectors/README.md)."""

from __future__ import annotations

import json
import selectors
import shlex
import subprocess
import time
from typing import Any

from vectors.adapters import Input, Refused, Unsupported
from vectors.operations import OPERATIONS, Kind

LINE_LIMIT = 1 << 20


class ProtocolError(Exception):
    """The program broke the protocol: the message says how."""


class ProcessAdapter:
    """Starts a command and asks it; an answer is due within `timeout` seconds."""

    def __init__(self, command: str, timeout: float = 10.0) -> None:
        self.name = command
        self._timeout = timeout
        self._number = 0
        self._buffer = b""
        try:
            arguments = shlex.split(command)
            if not arguments:
                raise ProtocolError("the adapter's command is empty")
            self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except (OSError, ValueError) as error:
            raise ProtocolError(f"cannot start {command!r}: {error}") from error
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        self._number += 1
        encoded = {name: value.hex() if isinstance(value, bytes) else value for name, value in inputs.items()}
        question = {"id": self._number, "operation": operation, "inputs": encoded}
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
        except OSError as error:
            raise ProtocolError(f"{self.name}: does not read: {error}") from error
        reply = self._reply()
        if "unsupported" in reply:
            raise Unsupported(str(reply["unsupported"]))
        if "refused" in reply:
            raise Refused(str(reply["refused"]))
        return self._outputs(operation, reply.get("outputs"))

    def _outputs(self, operation: str, outputs: object) -> dict[str, Input]:
        if not isinstance(outputs, dict):
            raise ProtocolError(f"{self.name}: an answer has outputs, refused or unsupported")
        kinds = OPERATIONS[operation].outputs
        decoded: dict[str, Input] = {}
        for name, value in outputs.items():
            try:
                decoded[name] = bytes.fromhex(value) if kinds.get(name) is Kind.OCTETS else value
            except (ValueError, TypeError) as error:
                raise ProtocolError(f"{self.name}: output {name!r} is not hexadecimal") from error
        return decoded

    def _reply(self) -> dict[str, Any]:
        line = self._line(time.monotonic() + self._timeout)
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{self.name}: answered no JSON: {line[:80]!r}") from error
        if not isinstance(reply, dict) or reply.get("id") != self._number:
            raise ProtocolError(f"{self.name}: the answer does not carry the question's id {self._number}")
        return reply

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise ProtocolError(f"{self.name}: no answer within {self._timeout:g} s")
            chunk = self._process.stdout.read(65536)
            if not chunk:
                raise ProtocolError(f"{self.name}: ended (exit code {self._process.wait()})")
            self._buffer += chunk
            if len(self._buffer) > LINE_LIMIT:
                raise ProtocolError(f"{self.name}: a line of more than {LINE_LIMIT} octets")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def close(self) -> None:
        self._selector.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
