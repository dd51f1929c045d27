"""What happened, as JSON objects: kept in memory for the control socket, written as lines to a file if configured."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections import deque
from pathlib import Path
from typing import IO, Any

from .errors import StartError

_KEPT = 10_000
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class EventLog:
    """Events have a number that grows by one. Key material never gets in: fields hidden from repr are left out."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises StartError when the file cannot be opened for appending."""
        self._events: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._file: IO[str] | None = None
        self.last = 0
        if path is not None:
            try:
                self._file = path.open("a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise StartError(f"event log {path}: {error.strerror}") from None

    def add(self, at: float, name: str, fields: dict[str, Any]) -> None:
        """Record an event that happened `at` (seconds since the start of the process)."""
        self.last += 1
        event = {"number": self.last, "at": round(at, 6), "event": name, **fields}
        self._events.append(event)
        if self._file is not None:
            self._file.write(json.dumps(event, ensure_ascii=False) + "\n")

    def add_record(self, at: float, record: object) -> None:
        """Record a dataclass instance under its class name: `IkeEstablished` is `ike-established`."""
        fields = to_json(record)
        fields.pop("at", None)
        self.add(at, _WORD.sub("-", type(record).__name__).lower(), fields)

    def since(self, number: int) -> list[dict[str, Any]]:
        """The events after event `number` that are still kept."""
        return [event for event in self._events if event["number"] > number]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def to_json(value: Any) -> Any:
    """JSON-able copy: octets as hexadecimal text, enumerations by name or text, dataclasses as objects.

    Identities, endpoints and suites are their usual text.
    """
    if isinstance(value, enum.IntEnum):
        return value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__str__ is not object.__str__:
            return str(value)
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr}
    if isinstance(value, tuple | list | set | frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return str(value)
