"""strongSwan's driver: the official vici client over a Unix socket in the run's folder."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import docker
import vici  # type: ignore[import-untyped]
from docker.errors import DockerException
from vici.exception import CommandException, SessionException  # type: ignore[import-untyped]

from peers.driver import ChildSaView, IkeSaView, PingResult
from peers.errors import NotSupported, PeerError
from peers.scenario import Connection
from peers.shell import ping as ping_in
from peers.strongswan import render

T = TypeVar("T")
READY_TIMEOUT = 10.0


class StrongswanDriver:
    """Drives a charon whose run folder (``charon.vici``, ``charon.log``) is ``folder`` on this host."""

    def __init__(self, name: str, folder: Path, container: str, client: docker.DockerClient) -> None:
        self.name = name
        self.folder = folder
        self._container = container
        self._client = client
        self._lock = threading.Lock()
        self._socket = self._connect()
        self._session = vici.Session(self._socket)
        self.version = _text(self._ask(self._session.version).get("version", "")).removeprefix("strongSwan ")

    def _connect(self) -> socket.socket:
        """Connect through a folder descriptor: the path of the folder may be longer than a socket path may be."""
        deadline = time.monotonic() + READY_TIMEOUT
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            while True:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    connection.connect(f"/proc/self/fd/{folder}/charon.vici")
                    connection.settimeout(30)
                    return connection
                except OSError as error:
                    connection.close()
                    if time.monotonic() > deadline:
                        raise PeerError(
                            f"{self.name}: charon's control socket does not answer ({error})",
                            f"Its log is {self.folder / 'charon.log'}",
                        ) from None
                    time.sleep(0.02)
        finally:
            os.close(folder)

    def _ask(self, command: Callable[[], T]) -> T:
        try:
            with self._lock:
                return command()
        except (CommandException, SessionException) as error:
            raise PeerError(f"{self.name}: {error}") from None
        except OSError as error:
            raise PeerError(f"{self.name}: charon's control socket failed ({error})", self._where()) from None

    def _where(self) -> str:
        return f"Its log is {self.folder / 'charon.log'}"

    def load(self, connection: Connection) -> None:
        """Add a connection, its key and its certificates; a further call with the same name replaces it."""
        ends = (connection.local, connection.remote)
        for authority in {end.credentials.ca for end in ends if end.credentials.ca}:
            message = {"type": "X509", "flag": "CA", "data": authority}
            self._ask(lambda message=message: self._session.load_cert(message))  # type: ignore[misc]
        if connection.local.credentials.key:
            self._ask(lambda: self._session.load_key({"type": "any", "data": connection.local.credentials.key}))
        if secret := render.shared(connection):
            self._ask(lambda: self._session.load_shared(secret))
        if connection.pool:
            self._ask(lambda: self._session.load_pool({connection.name: {"addrs": connection.pool}}))
        self._ask(lambda: self._session.load_conn(render.connection(connection)))

    def unload(self, name: str) -> None:
        """Remove a connection and its pre-shared key."""
        self._ask(lambda: self._session.unload_conn({"name": name}))
        if name in self._ask(lambda: [_text(key) for key in self._session.get_shared().get("keys", [])]):
            self._ask(lambda: self._session.unload_shared({"id": name}))

    def initiate(self, connection: str) -> None:
        """Start a connection with its Child SA; returns at once."""
        request = {"child": connection, "ike": connection, "timeout": "-1", "init-limits": "no"}
        self._ask(lambda: list(self._session.initiate(request)))

    def rekey_ike(self, spi_i: str) -> None:
        """Start a rekey of the IKE SA."""
        request = {"ike-id": self._find(spi_i).handle}
        self._ask(lambda: self._session.rekey(request))

    def rekey_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start a rekey of a Child SA."""
        request = {"child-id": self._child_id(spi_i, spi_in)}
        self._ask(lambda: self._session.rekey(request))

    def delete_ike(self, spi_i: str) -> None:
        """Start the deletion of the IKE SA."""
        request = {"ike-id": self._find(spi_i).handle, "timeout": "-1"}
        self._ask(lambda: list(self._session.terminate(request)))

    def delete_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start the deletion of a Child SA."""
        request = {"child-id": self._child_id(spi_i, spi_in), "timeout": "-1"}
        self._ask(lambda: list(self._session.terminate(request)))

    def liveness(self, spi_i: str) -> None:
        """vici has no such command: a connection with ``dpd`` set checks by itself."""
        raise NotSupported("strongSwan has no command for a liveness check", "Load a connection with a DPD interval")

    def _raw(self) -> list[tuple[str, Mapping[str, Any]]]:
        listed = self._ask(lambda: list(self._session.list_sas()))
        return [(str(name), sa) for each in listed for name, sa in each.items()]

    def state(self) -> list[IkeSaView]:
        """Every IKE SA, with its Child SAs."""
        return [_ike_view(name, sa) for name, sa in self._raw()]

    def _find(self, spi_i: str) -> IkeSaView:
        for view in self.state():
            if view.spi_i == spi_i.lower():
                return view
        raise PeerError(f"{self.name} has no IKE SA with initiator SPI {spi_i}")

    def _child_id(self, spi_i: str, spi_in: str | None) -> str:
        for _, sa in self._raw():
            if _text(sa.get("initiator-spi")) != spi_i.lower():
                continue
            for child in sa.get("child-sas", {}).values():
                # a rekeyed Child SA stays listed for some seconds after its deletion
                usable = spi_in is None and _text(child.get("state")) == "INSTALLED"
                if usable or (spi_in and _text(child.get("spi-in")) == spi_in.lower()):
                    return _text(child["uniqueid"])
        raise PeerError(f"{self.name} has no Child SA {spi_in or ''} under the IKE SA {spi_i}")

    def counters(self) -> dict[str, int]:
        """charon's global message counters and task statistics."""
        answer = self._ask(lambda: self._session.get_counters({"all": "no"}))
        return {_text(key): int(value) for key, value in dict(answer["counters"][""]).items()}

    def ping(self, destination: str, source: str, count: int = 3) -> PingResult:
        """Echo requests from inside the container."""
        return ping_in(self._client, self._container, destination, source, count)

    def keys(self) -> str:
        """charon's log: level 4 of ``ike`` and ``chd`` prints every session key."""
        return self.logs()

    def logs(self) -> str:
        """charon's log file."""
        return (self.folder / "charon.log").read_text(errors="replace")

    def reset(self) -> None:
        """Drop every SA at once (``force``: no waiting for the other end's answer)."""
        for view in self.state():
            request = {"ike-id": view.handle, "force": "yes", "timeout": "-1"}
            try:
                self._ask(lambda request=request: list(self._session.terminate(request)))  # type: ignore[misc]
            except PeerError:
                continue
        self._ask(self._session.flush_certs)

    def alive(self) -> bool:
        """Whether the container still runs."""
        try:
            return str(self._client.containers.get(self._container).status) == "running"
        except DockerException:
            return False

    def close(self) -> None:
        """Close the control socket."""
        self._socket.close()


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _suite(part: Mapping[str, Any]) -> str:
    words = []
    for key, size in (("encr-alg", "encr-keysize"), ("integ-alg", ""), ("prf-alg", ""), ("dh-group", "")):
        if word := _text(part.get(key)):
            words.append(word + (f"-{_text(part[size])}" if size and part.get(size) else ""))
    return "/".join(words)


def _ike_view(name: str, sa: Mapping[str, Any]) -> IkeSaView:
    return IkeSaView(
        connection=name,
        spi_i=_text(sa.get("initiator-spi")),
        spi_r=_text(sa.get("responder-spi")),
        state=_text(sa.get("state")).lower(),
        initiator=_text(sa.get("initiator")) == "yes",
        local_id=_text(sa.get("local-id")),
        remote_id=_text(sa.get("remote-id")),
        local=f"{_text(sa.get('local-host'))}:{_text(sa.get('local-port'))}",
        remote=f"{_text(sa.get('remote-host'))}:{_text(sa.get('remote-port'))}",
        nat_local=_text(sa.get("nat-local")) == "yes",
        nat_remote=_text(sa.get("nat-remote")) == "yes",
        suite=_suite(sa),
        children=tuple(_child_view(child) for child in sa.get("child-sas", {}).values()),
        handle=_text(sa.get("uniqueid")),
    )


def _child_view(child: Mapping[str, Any]) -> ChildSaView:
    def number(key: str) -> int:
        text = _text(child.get(key))
        return int(text) if re.fullmatch(r"\d+", text) else 0

    return ChildSaView(
        name=_text(child.get("name")),
        spi_in=_text(child.get("spi-in")),
        spi_out=_text(child.get("spi-out")),
        state=_text(child.get("state")).lower(),
        mode=_text(child.get("mode")).lower(),
        protocol=_text(child.get("protocol")),
        encap=_text(child.get("encap")) == "yes",
        suite=_suite(child),
        local_ts=tuple(_text(ts) for ts in child.get("local-ts", [])),
        remote_ts=tuple(_text(ts) for ts in child.get("remote-ts", [])),
        bytes_in=number("bytes-in"),
        bytes_out=number("bytes-out"),
        packets_in=number("packets-in"),
        packets_out=number("packets-out"),
    )
