"""A peer as device under test: started with connections that accept any tester, handed over as a profile."""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from peers import cleanup
from peers.ca import KeyType
from peers.credentials import DUT_IDENTITY, TESTER_IDENTITY, DutCredentials
from peers.driver import Driver, DutHandle
from peers.errors import LabError
from peers.lab import Lab
from peers.scenario import ANY, Connection, Credentials, Endpoint, Identity, Mode

PROTECTED = "10.1.0.0/24"
PROTECTED_HOST = "10.1.0.1"
TESTER_NETWORK = "10.2.0.0/16"
POOL = "10.3.0.0/24"
PROTECTED_V6 = "fd00:10:1::/64"
PROTECTED_HOST_V6 = "fd00:10:1::1"
TESTER_NETWORK_V6 = "fd00:10:2::/64"
CONNECTION = "tester"

_labs: dict[str, Lab] = {}


@dataclass(frozen=True)
class Options:
    """How a DUT is started.

    cookies: demand a cookie from the second half-open SA on. pool: assign inner addresses (a strongSwan with a pool
    refuses Child SAs without a configuration request). ipv6: IPv6 alone, outside and inside. persistent: survive this
    process (until ``peers.down``).
    ike_port, natt_port: where the tester listens when the DUT initiates. mutant: the reference only: start
    `python -m conformance.mutants NAME` in place of the gateway.
    """

    cookies: bool = False
    pool: bool = False
    ipv6: bool = False
    persistent: bool = False
    ike_port: int = 500
    natt_port: int = 4500
    mutant: str = ""


VARIANTS = {"cookies": Options(cookies=True), "pool": Options(pool=True), "ipv6": Options(ipv6=True)}
"""What may follow a peer's name: ``strongswan-6.0+cookies``."""


def variant(name: str) -> tuple[str, Options]:
    """The peer and the options that a name with variants (``PEER+VARIANT+…``) means. Raises LabError."""
    peer, *words = name.split("+")
    if peer not in NAMES:
        raise LabError(f"no peer is called {peer!r}", f"Peers: {', '.join(NAMES)}")
    options = Options()
    for word in words:
        if word not in VARIANTS:
            raise LabError(f"no variant of a peer is called {word!r}", f"Variants: {', '.join(VARIANTS)}")
        if peer == "reference" and word != "ipv6":
            raise LabError("the reference has the variant ipv6 only", "Cookies and addresses it has without")
        if peer.startswith("libreswan-") and word == "ipv6":
            raise LabError("the lab has no IPv6 for libreswan", "Use strongSwan or the reference")
        if word == "pool" and "ipv6" in words:
            raise LabError("the pool has IPv4 addresses only", "Leave ipv6 or pool out")
        plain, chosen = asdict(Options()), asdict(VARIANTS[word])
        options = replace(options, **{key: value for key, value in chosen.items() if value != plain[key]})
    return peer, options


@dataclass(frozen=True)
class DutSpec:
    """What a peer accepts and claims as DUT."""

    ike: tuple[str, ...]
    child: tuple[str, ...]
    key_types: tuple[KeyType, ...]
    claims: dict[str, bool]
    timing: dict[str, float]
    modes: tuple[Mode, ...] = ("tunnel",)
    tester_network: str = TESTER_NETWORK
    protected: str = PROTECTED
    protected_host: str = PROTECTED_HOST

    def over_ipv6(self) -> DutSpec:
        """The same with the networks of the variant ipv6."""
        return replace(
            self,
            claims=self.claims | {"ipv6": True, "config_payload": False},
            tester_network=TESTER_NETWORK_V6,
            protected=PROTECTED_V6,
            protected_host=PROTECTED_HOST_V6,
        )


def connections(spec: DutSpec, credentials: DutCredentials, dut: str, tester: str, pool: str = "") -> list[Connection]:
    """One connection per authentication method for any tester, and ``tester*`` ones that the DUT can initiate.

    ``dut`` is the DUT's address, ``tester`` the address that it initiates to.
    """
    anyone = Identity(ANY, "")
    shared = Credentials(psk=credentials.psk)
    gateway = Endpoint(dut, Identity.parse(DUT_IDENTITY), "psk", shared, (spec.protected,))
    peer = Endpoint(ANY, anyone, "psk", shared, (spec.tester_network, POOL) if pool else (spec.tester_network,))
    base = Connection("psk", gateway, peer, spec.ike, spec.child, fragmentation=True, pool=pool)
    made = [base]
    for kind in spec.key_types:
        identity, own = credentials.dut[kind]
        made.append(
            replace(
                base,
                name=kind,
                local=replace(gateway, identity=identity, auth=kind, credentials=own),
                remote=replace(peer, auth=kind, credentials=Credentials(ca=credentials.ca)),
                pool="",
            )
        )
    for each in tuple(made):
        name = CONNECTION if each is base else f"{CONNECTION}-{each.name}"
        target = replace(each.remote, address=tester, networks=(spec.tester_network,))
        made.append(replace(each, name=name, remote=target, pool=""))
    return made


def profile(
    name: str, version: str, address: str, tester: str, spec: DutSpec, auth: tuple[dict[str, Any], dict[str, Any]]
) -> dict[str, Any]:
    """The DUT profile (the structure of ``conformance/schemas/profile.schema.json``)."""
    return {
        "dut": {
            "name": name,
            "version": version,
            "peer": name.partition("-")[0],
            "address": address,
            "auth": auth[0],
            "proposals": {"ike": list(spec.ike), "child": list(spec.child)},
            "traffic": {"local": spec.protected, "remote": spec.tester_network, "ping": spec.protected_host},
            "claims": dict(spec.claims),
            "timing": dict(spec.timing),
            "trigger": {"driver": name, "connection": CONNECTION},
        },
        "tester": {"address": tester, "identity": TESTER_IDENTITY, "auth": auth[1]},
    }


def handle(
    name: str,
    made: dict[str, Any],
    options: Options,
    workdir: Path,
    control: dict[str, Any],
    *,
    run_id: str,
    engine: str,
    container: str,
    interface: str,
) -> DutHandle:
    """A DUT in a container, ready to be used: its profile `made`, with what follows from the options."""
    made["dut"]["claims"] |= {"cookies": options.cookies}
    made["dut"]["claims"] |= {"config_payload": options.pool, "config_required": options.pool}
    made["tester"] |= {"listen_port": options.ike_port, "listen_natt_port": options.natt_port}
    return DutHandle(
        name=name,
        profile=made,
        workdir=str(workdir),
        control=control,
        run_id=run_id,
        engine=engine,
        container=container,
        interface=interface,
    )


def start(name: str, workdir: Path, options: Options | None = None) -> DutHandle:
    """Start the DUT ``name`` with its files in ``workdir``; returns when it answers. Raises LabError."""
    options = options or Options()
    workdir = workdir.absolute()
    workdir.mkdir(parents=True, exist_ok=True)
    starter = _starter(name)
    if name == "reference":
        return starter(name, None, workdir, options)
    lab = Lab(persistent=options.persistent)
    try:
        handle = starter(name, lab, workdir, options)
    except BaseException:
        lab.close()
        raise
    _labs[lab.run_id] = lab
    return handle


def _starter(name: str) -> Callable[[str, Any, Path, Options], DutHandle]:
    if name.startswith("strongswan-"):
        from peers.strongswan import dut as strongswan

        return strongswan.start
    if name.startswith("libreswan-"):
        from peers.libreswan import dut as libreswan

        return libreswan.start
    if name == "reference":
        from peers.reference import dut as reference

        return reference.start
    raise LabError(f"no peer is called {name!r}", f"Peers: {', '.join(NAMES)}")


def attach(handle: DutHandle) -> Driver:
    """A driver for a running DUT, in this or another process."""
    if handle.name.startswith("strongswan-"):
        from peers.strongswan import dut as strongswan

        return strongswan.attach(handle)
    if handle.name.startswith("libreswan-"):
        from peers.libreswan import dut as libreswan

        return libreswan.attach(handle)
    if handle.name == "reference":
        from peers.reference import dut as reference

        return reference.attach(handle)
    raise LabError(f"no peer is called {handle.name!r}", f"Peers: {', '.join(NAMES)}")


def stop(handle: DutHandle) -> None:
    """Stop a DUT and remove its containers and networks; from any process."""
    if handle.name == "reference":
        from peers.reference import dut as reference

        reference.stop(handle)
        return
    if lab := _labs.pop(handle.run_id, None):
        lab.close()
    else:
        with contextlib.suppress(DockerException):
            client = docker.DockerClient(base_url=handle.engine, version="auto", timeout=60)
            cleanup.remove(client, f"{cleanup.RUN_LABEL}={handle.run_id}")
            client.close()
        cleanup.remove_folders(handle.run_id)


@atexit.register
def _stop_all() -> None:
    for lab in list(_labs.values()):
        if not lab.persistent:
            lab.close()
    _labs.clear()


NAMES = ("reference", "strongswan-5.9", "strongswan-6.0", "libreswan-5.2")
