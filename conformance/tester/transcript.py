"""Everything that a test sent and received, with times: the evidence of its verdict."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reference_impl.wire.describe import describe, summary
from reference_impl.wire.errors import EncodeError
from reference_impl.wire.message import Message
from reference_impl.wire.registries import OpenIntEnum

MAX_TREES = 400


@dataclass(slots=True)
class Entry:
    """One datagram. `data` is the UDP payload as on the wire; `message` its decoded (and decrypted) content, if any."""

    time: float
    outgoing: bool
    src: tuple[str, int]
    dst: tuple[str, int]
    data: bytes
    message: Message | None = None
    decrypted: bool = False
    summary: str = ""
    note: str = ""
    inner: bytes | None = None

    def text(self) -> str:
        """One line: what it is."""
        return self.summary or (summary(self.message) if self.message else f"{len(self.data)} octets, not IKE")

    def as_result(self) -> dict[str, Any]:
        """The entry in the form of results.json."""
        result = {
            "time": round(max(self.time, 0.0), 6),
            "direction": "to_dut" if self.outgoing else "from_dut",
            "src": endpoint(self.src),
            "dst": endpoint(self.dst),
            "summary": self.text(),
            "bytes": self.data.hex(),
            "decrypted": self.decrypted,
            "tree": self._tree(),
            "note": self.note,
        }
        if self.decrypted and self.message is not None:
            # What `recorded` reads: the tree is for people and does not keep every octet.
            with contextlib.suppress(EncodeError):
                result["x-clear"] = self.message.to_bytes().hex()
        return result

    def _tree(self) -> list[dict[str, Any]]:
        if self.message is None:
            return [{"name": "Inner packet", "value": self.inner.hex()}] if self.inner else []
        return [dict(describe(self.message))]


@dataclass(slots=True)
class Transcript:
    """The entries of one test, times in seconds since `start` (monotonic clock), and the session keys for Wireshark."""

    start: float = field(default_factory=time.monotonic)
    entries: list[Entry] = field(default_factory=list)

    def add(
        self,
        outgoing: bool,
        src: tuple[str, int],
        dst: tuple[str, int],
        data: bytes,
        message: Message | None = None,
        *,
        decrypted: bool = False,
        summary: str = "",
        note: str = "",
        inner: bytes | None = None,
    ) -> Entry:
        """Append one datagram."""
        now = time.monotonic() - self.start
        entry = Entry(now, outgoing, src, dst, data, message, decrypted, summary, note, inner)
        self.entries.append(entry)
        return entry

    def sent(self) -> list[Entry]:
        """What went to the device."""
        return [entry for entry in self.entries if entry.outgoing]

    def received(self) -> list[Entry]:
        """What came from the device."""
        return [entry for entry in self.entries if not entry.outgoing]

    def as_result(self) -> list[dict[str, Any]]:
        """The transcript in the form of results.json; a flood is cut after MAX_TREES messages."""
        results = [entry.as_result() for entry in self.entries[:MAX_TREES]]
        if len(self.entries) > MAX_TREES:
            results[-1]["note"] = f"{len(self.entries) - MAX_TREES} more messages are in the capture only"
        return results


def endpoint(address: tuple[str, int]) -> str:
    """address:port, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def name_of(value: OpenIntEnum | int) -> str:
    """The registry's name of a value."""
    return value.name if isinstance(value, OpenIntEnum) else str(value)


def names_of(values: Iterable[OpenIntEnum | int]) -> str:
    """Names in a list, for texts."""
    return ", ".join(name_of(value) for value in values)
