"""Gateways as real processes, for tests."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reference_impl.gateway.client import ControlClient

PATIENCE = 10.0


class GatewayProcess:
    """`python -m reference_impl.gateway` with a configuration text; ends with the `with` block."""

    def __init__(self, folder: Path, name: str, config: str, *, wrapper: tuple[str, ...] = ()) -> None:
        self.file = folder / f"{name}.toml"
        self.file.write_text(config)
        command = [*wrapper, sys.executable, "-m", "reference_impl.gateway", "--config", str(self.file)]
        self.process = subprocess.Popen(
            [*command, "--die-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            raise AssertionError(f"{name} did not start: {self.process.stderr.read().decode()}")
        self.ready: dict[str, Any] = json.loads(line)
        self.ike_port: int = self.ready["ike_port"]
        self.natt_port: int = self.ready["natt_port"]

    def client(self) -> ControlClient:
        return ControlClient(self.ready["control"], PATIENCE)

    def call(self, command: str, **arguments: Any) -> Any:
        with self.client() as client:
            return client.call(command, **arguments)

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        """The first true value of `condition`, within PATIENCE seconds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"{what} did not happen; events: {json.dumps(self.events()[-20:], indent=1)}")

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("events")["events"]
        return [event for event in found if name in (None, event["event"])]

    def children(self) -> list[dict[str, Any]]:
        return [child for sa in self.call("list-sas") for child in sa["children"]]

    def stop(self) -> int:
        """End it by closing standard input; its exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def config(
    name: str,
    *,
    address: str = "127.0.0.1",
    peer: GatewayProcess | None = None,
    hosts: tuple[str, ...] = ("10.1.0.1", "2001:db8:1::1"),
    local_ts: str = '["10.1.0.0/24", "2001:db8:1::/64"]',
    remote_ts: str = '["10.2.0.0/24", "2001:db8:2::/64"]',
    gateway: str = "",
    data_plane: str = "",
    connection: str = "",
    secret: str = "a shared secret",
) -> str:
    """A configuration that knows one peer: the process `peer`, or any address."""
    remote = (
        f'remote_address = "{peer.ready["addresses"][0]}"\nremote_port = {peer.ike_port}\n'
        f"remote_natt_port = {peer.natt_port}\n"
        if peer
        else ""
    )
    return f"""
[gateway]
name = "{name}"
address = "{address}"
ike_port = 0
natt_port = 0
{gateway}
[dataplane]
kind = "memory"
addresses = {json.dumps(hosts)}
{data_plane}
[[connection]]
name = "peer"
local_id = "fqdn:{name}.example"
remote_id = "*"
{remote}
auth.local = {{method = "psk", psk = "{secret}"}}
auth.remote = {{method = "psk", psk = "{secret}"}}
local_ts = {local_ts}
remote_ts = {remote_ts}
{connection}
"""


LEFT_HOSTS = ("10.2.0.1", "2001:db8:2::1")


def left(name: str, peer: GatewayProcess, **options: Any) -> str:
    """The initiator's configuration towards a gateway made with `config`'s defaults."""
    options.setdefault("hosts", LEFT_HOSTS)
    options.setdefault("local_ts", '["10.2.0.0/24", "2001:db8:2::/64"]')
    options.setdefault("remote_ts", '["10.1.0.0/24", "2001:db8:1::/64"]')
    return config(name, peer=peer, **options)
