"""The reference's driver: JSON lines over the gateway's control socket."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

from peers.driver import ChildSaView, IkeSaView, PingResult
from peers.errors import NotSupported, PeerError
from peers.scenario import Connection


class ReferenceDriver:
    """Drives a gateway that listens at ``control`` (``tcp:HOST:PORT`` or ``unix:PATH``).

    Its files (``events.jsonl``, ``keys/``) are in ``folder``.
    """

    name = "reference"

    def __init__(self, control: str, folder: Path, version: str) -> None:
        self.folder = folder
        self.version = version
        self._control = control
        self._lock = threading.Lock()
        self._socket = self._open()
        self._reader = self._socket.makefile("r", encoding="utf-8")

    def _open(self) -> socket.socket:
        kind, _, rest = self._control.partition(":")
        try:
            if kind == "unix":
                opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                opened.settimeout(10)
                opened.connect(rest)
                return opened
            host, _, port = rest.rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), timeout=10)
        except (OSError, ValueError) as error:
            raise PeerError(
                f"the reference's control socket {self._control} does not answer ({error})", "It may have ended"
            ) from None

    def call(self, command: str, **arguments: Any) -> Any:
        """One control command; PeerError with the gateway's words if it refuses."""
        request = json.dumps({"command": command, **arguments}).encode() + b"\n"
        try:
            with self._lock:
                self._socket.sendall(request)
                line = self._reader.readline()
            answer = json.loads(line) if line else {"error": "the control connection was closed"}
        except (OSError, ValueError) as error:
            raise PeerError(f"reference: {command}: {error}") from None
        if not answer.get("ok"):
            raise PeerError(f"reference: {command}: {answer.get('error', 'no reason given')}")
        return answer["result"]

    def load(self, connection: Connection) -> None:
        """The gateway reads its connections at its start."""
        raise NotSupported("the reference reads its connections when it starts", "Give them to peers.reference.launch")

    def unload(self, name: str) -> None:
        """The gateway keeps its connections."""
        raise NotSupported("the reference keeps its connections until it ends", "Start another one")

    def initiate(self, connection: str) -> None:
        """Start a connection; returns at once."""
        self.call("initiate", connection=connection)

    def rekey_ike(self, spi_i: str) -> None:
        """Start a rekey of the IKE SA."""
        self.call("rekey-ike", ike_spi_i=spi_i)

    def rekey_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start a rekey of a Child SA."""
        self.call("rekey-child", **self._child(spi_i, spi_in))

    def delete_ike(self, spi_i: str) -> None:
        """Start the deletion of the IKE SA."""
        self.call("delete-ike", ike_spi_i=spi_i)

    def delete_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start the deletion of a Child SA."""
        self.call("delete-child", **self._child(spi_i, spi_in))

    def liveness(self, spi_i: str) -> None:
        """Start a liveness check."""
        self.call("liveness", ike_spi_i=spi_i)

    @staticmethod
    def _child(spi_i: str, spi_in: str | None) -> dict[str, str]:
        return {"spi_in": spi_in} if spi_in else {"ike_spi_i": spi_i}

    def state(self) -> list[IkeSaView]:
        """Every IKE SA, with its Child SAs."""
        return [_ike_view(sa) for sa in self.call("list-sas")]

    def counters(self) -> dict[str, int]:
        """Counters by part and name (``engine.…``)."""
        flat: dict[str, int] = {}
        _flatten("", self.call("counters"), flat)
        return flat

    def ping(self, destination: str, source: str, count: int = 3) -> PingResult:
        """Echo requests from the gateway's in-process host; ``source`` is its own first protected address."""
        received = 0
        for _ in range(count):
            try:
                self.call("ping", dst=destination, timeout=1.0)
                received += 1
            except PeerError:
                continue
        return PingResult(count, received)

    def keys(self) -> str:
        """The lines of Wireshark's ``ikev2_decryption_table`` and ``esp_sa`` that the gateway wrote."""
        folder = self.folder / "keys"
        return "".join(path.read_text() for path in sorted(folder.glob("*")) if path.is_file())

    def logs(self) -> str:
        """The event log and what the process said."""
        files = [self.folder / "events.jsonl", self.folder / "stderr.log"]
        return "".join(path.read_text(errors="replace") for path in files if path.exists())

    def reset(self) -> None:
        """Delete every IKE SA; the other end is told, an unreachable one is given up after its retransmissions."""
        for view in self.state():
            try:
                self.call("delete-ike", ike_spi_i=view.spi_i)
            except PeerError:
                continue

    def close(self) -> None:
        """Close the control connection."""
        self._reader.close()
        self._socket.close()


def _flatten(prefix: str, item: Any, into: dict[str, int]) -> None:
    if isinstance(item, dict):
        for key, value in item.items():
            _flatten(f"{prefix}.{key}" if prefix else str(key), value, into)
    elif isinstance(item, int) and not isinstance(item, bool):
        into[prefix] = item


def _ike_view(sa: dict[str, Any]) -> IkeSaView:
    return IkeSaView(
        connection=sa["connection"],
        spi_i=sa["spi_i"],
        spi_r=sa["spi_r"],
        state=str(sa["state"]).lower(),
        initiator=sa["initiator"],
        local_id=sa["local_id"],
        remote_id=sa["remote_id"],
        local=str(sa["local"]),
        remote=str(sa["remote"]),
        nat_local=sa["nat_local"],
        nat_remote=sa["nat_remote"],
        suite=sa["suite"],
        children=tuple(_child_view(sa["connection"], child) for child in sa["children"]),
        handle=str(sa["ike_id"]),
    )


def _child_view(connection: str, child: dict[str, Any]) -> ChildSaView:
    plane = child.get("esp") or {}
    return ChildSaView(
        name=connection,
        spi_in=child["spi_in"],
        spi_out=child["spi_out"],
        state=str(child["state"]).lower(),
        mode=str(child["mode"]).lower(),
        encap=bool(plane.get("encapsulated", plane.get("encap", False))),
        suite=child["suite"],
        local_ts=tuple(child["local_ts"]),
        remote_ts=tuple(child["remote_ts"]),
        bytes_in=int(plane.get("octets_in", 0)),
        bytes_out=int(plane.get("octets_out", 0)),
        packets_in=int(plane.get("packets_in", 0)),
        packets_out=int(plane.get("packets_out", 0)),
    )
