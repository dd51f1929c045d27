"""libreswan as device under test."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from docker.models.containers import Container

from peers import dut
from peers.credentials import DutCredentials
from peers.driver import DutHandle
from peers.dut import DutSpec, Options
from peers.errors import PeerError
from peers.lab import Lab, Net, last_words
from peers.libreswan.driver import LibreswanDriver
from peers.scenario import ANY, Connection, Identity

SPEC = DutSpec(
    ike=(
        "aes128gcm16-prfsha256-ecp256",
        "aes256gcm16-prfsha384-ecp384",
        "aes128-sha256-modp2048",
        "aes256-sha512-x25519",
        "aes256gcm16-prfsha512-ecp521",
        "chacha20poly1305-prfsha256-x25519",
        "aes192-sha384-modp4096",
        "aes128-sha1-modp2048",
    ),
    # libreswan 5.2 takes at most one group for Child SAs
    child=(
        "aes128gcm16",
        "aes128gcm16-esn",
        "aes128gcm16-ecp256",
        "aes256gcm16",
        "aes128-sha256",
        "aes256-sha512-ecp256",
        "chacha20poly1305",
        "aes128ctr-aesxcbc",
        "aes256ccm16",
        "aes128-sha1",
    ),
    key_types=("rsa", "ecdsa"),
    claims={
        "ikev2": True,
        "responder": True,
        "initiator": True,
        "fragmentation": True,
        "natt": True,
        "cookies": False,
        "tunnel": True,
        "transport": False,
        "config_payload": False,
        "esn": True,
        "ipv6": False,
        "data_plane": True,
        "raw_esp": True,
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
        "trigger_liveness": True,
        "short_lifetimes": False,
    },
    timing={"answer": 2.0, "fence_grace": 0.1, "retransmit_first": 1.6, "trigger": 3.0},
    tester_network="10.2.0.0/26",
)
TESTER_IDENTITY = "fqdn:tester.example"


def launch(
    lab: Lab, name: str, host: str, network: Net, folder: Path, protected: str, place: Mapping[str, str] | None = None
) -> tuple[Container, str, str]:
    """Start a container with pluto; returns it, its address and the agent's token.

    ``place`` puts it behind a NAT box (:meth:`peers.nat.NatBox.place`).
    """
    token = secrets.token_hex(16)
    container = lab.container(
        name,
        host,
        network,
        volumes={folder: "/lab"},
        environment={"PROTECTED": protected, "AGENT_TOKEN": token, "GATEWAY": network.gateway, "HOST": network.gateway}
        | dict(place or {}),
        address=(place or {}).get("ADDRESS", "").partition("/")[0],
        # User-Mode Linux maps its memory from an executable temporary file system
        tmpfs={"/dev/shm": "rw,exec,size=512m"},
    )
    return container, lab.address(container, network), token


def start(name: str, lab: Lab, workdir: Path, options: Options) -> DutHandle:
    """Bring up a container with pluto, configured as responder for any tester."""
    network = lab.network("dut")
    folder = lab.folder()
    container, address, token = launch(lab, name, name, network, folder, f"{dut.PROTECTED_HOST}/24")
    credentials = DutCredentials.create(SPEC.key_types)
    names = (dut.CONNECTION, *(f"{dut.CONNECTION}-{kind}" for kind in SPEC.key_types))
    targets = {name: (name, network.gateway) for name in names}
    try:
        driver = LibreswanDriver(name, folder, address, token, targets)
    except PeerError as error:
        raise PeerError(f"{error.what}; the container says: {last_words(container)}", error.advice) from None
    try:
        pool = dut.POOL if options.pool else ""
        made = dut.connections(SPEC, credentials, address, network.gateway, pool)
        # as responder pluto takes the newest of the connections that fit equally well: those to initiate come first
        for connection in made:
            if connection.name.startswith(dut.CONNECTION):
                # as responder pluto takes it for its identity: then it is the one that assigns addresses
                pooled = connection.name == dut.CONNECTION and options.pool
                driver.load(replace(_outgoing(connection), pool=pool if pooled else ""))
        for connection in made:
            if not connection.name.startswith(dut.CONNECTION):
                own = connection.name == "psk" and not options.pool
                driver.load(connection, _each_address(connection) if own else ())
        driver.cookies(options.cookies)
        driver.no_revival()
        version = driver.version
    finally:
        driver.close()
    profile = dut.profile(name, version, address, network.gateway, SPEC, credentials.write(workdir / "credentials"))
    profile["tester"] |= {"identity": TESTER_IDENTITY}
    return dut.handle(
        name,
        profile,
        options,
        workdir,
        {"folder": str(folder), "address": address, "token": token, "targets": targets},
        run_id=lab.run_id,
        engine=lab.engine.url,
        container=str(container.id),
        interface=network.interface,
    )


def _outgoing(connection: Connection) -> Connection:
    """A template of what the peer initiates: its instances keep tests at the same time apart.

    As initiator libreswan does not take a peer of any identity unless the peer has a certificate.
    """
    identity = Identity.parse(TESTER_IDENTITY) if connection.local.auth == "psk" else connection.remote.identity
    return replace(connection, remote=replace(connection.remote, address=ANY, identity=identity))


def _each_address(connection: Connection) -> list[Connection]:
    """The connection once more for each inner address of the tester, for its usual identity.

    From a connection that takes any identity and narrows, libreswan 5.2 makes a Child SA that it refuses to rekey, and
    a second one beside it too (peers/libreswan/deviations.toml): that would hide the rest of its behaviour.
    """
    usual = replace(connection.remote, identity=Identity.parse(TESTER_IDENTITY))
    return [
        replace(connection, name=f"{connection.name}-{number}", remote=replace(usual, networks=(f"{host}/32",)))
        for number, host in enumerate(ipaddress.ip_network(SPEC.tester_network).hosts(), 1)
    ]


def attach(handle: DutHandle) -> LibreswanDriver:
    """A driver for a running libreswan DUT."""
    control = handle.control
    targets = {name: (target[0], target[1]) for name, target in control["targets"].items()}
    return LibreswanDriver(handle.name, Path(control["folder"]), control["address"], control["token"], targets)
