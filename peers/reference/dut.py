"""The reference as device under test: a process of its own on loopback, without root and without Docker."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers import dut
from peers.credentials import DutCredentials
from peers.driver import DutHandle
from peers.dut import DutSpec, Options
from peers.errors import PeerError
from peers.reference import render
from peers.reference.driver import ReferenceDriver

READY_TIMEOUT = 20.0
STOP_TIMEOUT = 5.0
ADDRESS = "127.0.0.1"
ADDRESS_V6 = "::1"
ESP = 50
SPEC = DutSpec(
    ike=(
        "aes128gcm16-prfsha256-ecp256",
        "aes256gcm16-prfsha384-ecp384",
        "aes128-sha256-modp2048",
        "aes256-sha512-x25519",
        "chacha20poly1305-prfsha256-x25519",
        "aes256ccm16-prfsha512-ecp521",
        "aes128ctr-aesxcbc-prfaesxcbc-modp3072",
        "aes192-sha384-modp4096",
        "aes128-sha1-modp2048",
        "aes256gcm16-prfsha512-x448",
        "aes128-sha256-ecp224bp",
        "aes128-sha256-ecp256bp",
        "aes256-sha384-ecp384bp",
        "aes256-sha512-ecp512bp",
    ),
    child=(
        "aes128gcm16",
        "aes128gcm16-esn",
        "aes128gcm16-ecp256",
        "aes256gcm16-ecp384",
        "aes128-sha256",
        "aes128-sha256-esn",
        "aes256-sha512-modp2048",
        "chacha20poly1305",
        "aes128ctr-aesxcbc",
        "aes256ccm16",
        "aes128-sha1",
    ),
    key_types=("rsa", "ecdsa", "ed25519"),
    claims={
        "ikev2": True,
        "responder": True,
        "initiator": True,
        "fragmentation": True,
        "natt": True,
        "cookies": True,
        "tunnel": True,
        "transport": True,
        "config_payload": True,
        "esn": True,
        "ipv6": False,
        "data_plane": True,
        "raw_esp": True,
        "pfs": True,
        "rekey_ike": True,
        "rekey_child": True,
        "additional_child": True,
        "childless": False,
        "narrowing": True,
        "signature_auth": True,
        "mobike": False,
        "eap": False,
        "trigger_rekey_ike": True,
        "trigger_rekey_child": True,
        "trigger_delete_ike": True,
        "trigger_delete_child": True,
        "trigger_liveness": True,
        "short_lifetimes": False,
    },
    timing={"answer": 2.0, "retransmit_first": 1.0, "trigger": 2.0},
    modes=("tunnel", "transport"),
)
_processes: dict[int, subprocess.Popen[bytes]] = {}


def start(name: str, lab: Any, workdir: Path, options: Options) -> DutHandle:
    """Start the gateway with connections for any tester; ``lab`` is not used."""
    del lab
    credentials = DutCredentials.create(SPEC.key_types)
    folder = workdir / "gateway"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    ports = (options.ike_port, options.natt_port)
    spec, address = (SPEC.over_ipv6(), ADDRESS_V6) if options.ipv6 else (SPEC, ADDRESS)
    listed = dut.connections(spec, credentials, address, address, "" if options.ipv6 else dut.POOL)
    tables = [render.connection(each, folder, ports).replace('mode = "tunnel"', 'mode = "any"') for each in listed]
    ready = launch(
        folder,
        tables,
        gateway={"address": address},
        data_plane={"addresses": [spec.protected_host, address]},
        mutant=options.mutant,
        persistent=options.persistent,
    )
    auth = credentials.write(workdir / "credentials")
    profile = dut.profile(name, version("ikeproof"), address, address, spec, auth)
    profile["dut"] |= {"ike_port": ready["ike_port"], "natt_port": ready["natt_port"]}
    if options.mutant:
        profile["dut"]["name"] = f"{name} ({options.mutant})"
    profile["tester"] |= {"listen_port": options.ike_port, "listen_natt_port": options.natt_port}
    control = {"control": ready["control"], "pid": ready["pid"], "folder": str(folder)}
    return DutHandle(name=name, profile=profile, workdir=str(workdir), control=control, interface="lo")


def launch(
    folder: Path,
    connections: Sequence[str],
    *,
    gateway: dict[str, Any] | None = None,
    data_plane: dict[str, Any] | None = None,
    mutant: str = "",
    persistent: bool = False,
) -> dict[str, Any]:
    """Start a gateway process with rendered ``connections``; returns its readiness line and ``pid``."""
    general: dict[str, Any] = {
        "name": "reference",
        "address": ADDRESS,
        "ike_port": 0,
        "natt_port": 0,
        "control": "tcp:127.0.0.1:0",
        "key_log": str(folder / "keys"),
        "event_log": str(folder / "events.jsonl"),
        # Sooner than the profile's retransmit_first, so that a test sees the first one in time.
        "retransmit": {"initial": 0.5},
        **(gateway or {}),
    }
    (folder / "keys").mkdir(exist_ok=True)
    raw = "always" if _raw_sockets() else "never"
    plane = {"kind": "memory", "addresses": [dut.PROTECTED_HOST, ADDRESS], "raw_esp": raw, **(data_plane or {})}
    config = folder / "gateway.toml"
    config.touch(mode=0o600)
    config.write_text(render.configuration(general, plane, connections))
    module = ["conformance.mutants", mutant] if mutant else ["reference_impl.gateway"]
    command = [sys.executable, "-m", *module, "--config", str(config)]
    if not persistent:
        command.append("--die-with-parent")
    with (folder / "stderr.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if persistent else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Ctrl-C ends the tests in order; the gateway ends when its parent's pipe closes
            start_new_session=True,
        )
    ready = _ready_line(process, folder)
    _processes[process.pid] = process
    return {**ready, "pid": process.pid}


def _raw_sockets() -> bool:
    """Whether ESP without UDP can be had: the gateway has the same privileges."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP).close()
    except OSError:
        return False
    return True


def _ready_line(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    assert process.stdout is not None
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.1)[0]:
            line = process.stdout.readline()
            if line:
                ready: dict[str, Any] = json.loads(line)
                return ready
            break
    process.kill()
    process.wait()
    words = (folder / "stderr.log").read_text(errors="replace").strip()[-600:]
    raise PeerError(f"the reference gateway did not start: {words or 'no message'}", f"Its files are in {folder}")


def attach(handle: DutHandle) -> ReferenceDriver:
    """A driver for a running reference."""
    control = handle.control
    return ReferenceDriver(control["control"], Path(control["folder"]), handle.profile["dut"].get("version", ""))


def stop(handle: DutHandle) -> None:
    """End the gateway: politely, then by force; from any process."""
    pid = int(handle.control["pid"])
    process = _processes.pop(pid, None)
    if process is None:
        with suppress(PeerError):
            driver = attach(handle)
            driver.call("shutdown")
            driver.close()
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
