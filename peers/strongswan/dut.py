"""strongSwan as device under test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import docker

from peers import dut
from peers.credentials import DutCredentials
from peers.driver import DutHandle
from peers.dut import DutSpec, Options
from peers.lab import Lab
from peers.scenario import Connection
from peers.strongswan.driver import StrongswanDriver

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
    ),
    child=(
        "aes128gcm16",
        "aes128gcm16-ecp256",
        "aes256gcm16-ecp384",
        "aes128-sha256",
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
        "cookies": False,
        # the user-space data plane knows tunnel mode in UDP only
        "tunnel": True,
        "transport": False,
        "config_payload": False,
        "esn": False,
        "ipv6": False,
        "data_plane": True,
        "raw_esp": False,
        "pfs": True,
        "rekey_ike": True,
        "rekey_child": True,
        "additional_child": True,
        "childless": True,
        "narrowing": True,
        "signature_auth": True,
        "mobike": False,
        "eap": False,
        "trigger_rekey_ike": True,
        "trigger_rekey_child": True,
        "trigger_delete_ike": True,
        "trigger_delete_child": True,
        "trigger_liveness": False,
        "short_lifetimes": False,
    },
    timing={"answer": 2.0, "fence_grace": 0.1, "retransmit_first": 1.6, "trigger": 3.0},
)
# 5.9's user-space data plane refuses a part of its network in which it has no address.
PROTECTED = (f"{dut.PROTECTED_HOST}/24", "10.1.0.4/24", "10.1.0.130/24")
PROTECTED_V6 = (f"{dut.PROTECTED_HOST_V6}/64", "fd00:10:1::4/64", "fd00:10:1:0:8000::2/64")
_SETTINGS = """charon {{
    dos_protection = {dos}
    cookie_threshold = 1
    # Every test comes from one address, which a limit of its own would shut out; the second has to be above the first.
    cookie_threshold_ip = 100000
    block_threshold = 100001
    half_open_timeout = 30
    retransmit_timeout = 1.0
    retransmit_base = 1.8
    retransmit_tries = 4
}}
"""


def settings(options: Options) -> str:
    """The part of strongswan.conf that depends on the run."""
    return _SETTINGS.format(dos="yes" if options.cookies else "no")


def start(name: str, lab: Lab, workdir: Path, options: Options) -> DutHandle:
    """Bring up a container with charon, configured as responder for any tester."""
    spec = SPEC.over_ipv6() if options.ipv6 else SPEC
    network = lab.network("dut", ipv6=options.ipv6)
    folder = lab.folder()
    (folder / "strongswan.d").mkdir()
    (folder / "strongswan.d" / "run.conf").write_text(settings(options))
    container = lab.container(
        name,
        name,
        network,
        volumes={folder: "/lab"},
        environment={"PROTECTED": " ".join(PROTECTED_V6 if options.ipv6 else PROTECTED)},
    )
    credentials = DutCredentials.create(SPEC.key_types)
    address = lab.address(container, network)
    driver = StrongswanDriver(name, folder, str(container.id), lab.client)
    try:
        made = dut.connections(spec, credentials, address, network.gateway, pool=dut.POOL if options.pool else "")
        for connection in made:
            driver.load(_with_pool(connection, made[0]) if options.pool else connection)
        profile = dut.profile(
            name, driver.version, address, network.gateway, spec, credentials.write(workdir / "credentials")
        )
    finally:
        driver.close()
    lab.await_gateway(network)
    return dut.handle(
        name,
        profile,
        options,
        workdir,
        {"folder": str(folder)},
        run_id=lab.run_id,
        engine=lab.engine.url,
        container=str(container.id),
        interface=network.interface,
    )


def _with_pool(connection: Connection, base: Connection) -> Connection:
    """The one to initiate also assigns addresses: as responder charon takes it, as it names the tester's address."""
    if connection.name != dut.CONNECTION:
        return connection
    return replace(connection, pool=base.pool, remote=replace(connection.remote, networks=base.remote.networks))


def attach(handle: DutHandle) -> StrongswanDriver:
    """A driver for a running strongSwan DUT."""
    client = docker.DockerClient(base_url=handle.engine, version="auto", timeout=60)
    return StrongswanDriver(handle.name, Path(handle.control["folder"]), handle.container, client)
