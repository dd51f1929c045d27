"""A reference gateway as a process, with a profile, for the tests of the tester and of the plugin."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONFIG = """
[gateway]
name = "ref"
address = "127.0.0.1"
ike_port = 0
natt_port = 0
[dataplane]
kind = "memory"
addresses = ["10.1.0.1"]
[[connection]]
name = "any"
local_id = "fqdn:gw.example"
remote_id = "*"
remote_address = "any"
auth.local = {method = "psk", psk = "secret"}
auth.remote = {method = "psk", psk = "secret"}
ike = ["aes128gcm16-prfsha256-curve25519", "aes128-sha256-ecp256"]
esp = ["aes128gcm16", "aes128-sha256"]
local_ts = ["10.1.0.0/24"]
remote_ts = ["10.2.0.0/16"]
mode = "any"
"""


def profile_data(ike_port: int, natt_port: int) -> dict[str, Any]:
    """The profile of such a gateway."""
    return {
        "dut": {
            "name": "reference",
            "version": "test",
            "address": "127.0.0.1",
            "ike_port": ike_port,
            "natt_port": natt_port,
            "auth": {"psk": {"identity": "fqdn:gw.example", "psk": {"value": "secret"}}},
            "proposals": {
                "ike": ["aes128gcm16-prfsha256-curve25519", "aes128-sha256-ecp256"],
                "child": ["aes128gcm16", "aes128-sha256"],
            },
            "traffic": {"local": "10.1.0.0/24", "remote": "10.2.0.0/16", "ping": "10.1.0.1"},
            "claims": {
                "natt": True,
                "fragmentation": True,
                "data_plane": True,
                "rekey_child": True,
                "rekey_ike": True,
            },
            "timing": {"answer": 1.0},
        },
        "tester": {"address": "127.0.0.1", "identity": "fqdn:tester%d.example"},
    }


@contextmanager
def running(folder: Path) -> Iterator[dict[str, Any]]:
    """A gateway for the length of the block; its profile."""
    config = folder / "gateway.toml"
    config.write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "reference_impl.gateway", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("no output to read")
        ready = json.loads(process.stdout.readline())
        yield profile_data(ready["ike_port"], ready["natt_port"])
    finally:
        process.terminate()
        process.wait(10)


def toml(data: dict[str, Any]) -> str:
    """The profile as TOML (every value of such a profile is written alike in JSON and TOML, tables apart)."""
    lines: list[str] = []
    _table(data, "", lines)
    return "\n".join(lines) + "\n"


def _table(data: dict[str, Any], name: str, lines: list[str]) -> None:
    if name:
        lines.append(f"[{name}]")
    lines += [f"{key} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for key, value in data.items():
        if isinstance(value, dict):
            _table(value, f"{name}.{key}" if name else key, lines)
