"""One run's share of the lab: its networks and containers, all labelled with the run's id.

A lab removes what it made in :meth:`Lab.close`; if the process dies first, its keeper does (see
:mod:`peers.keeper`). Networks are *internal*: the host and the containers reach each other, nothing else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from peers import cleanup, engine, images
from peers.errors import LabError, PeerError

READY_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Net:
    """An internal network: ``gateway`` is the host's own address on it, ``interface`` the host's bridge."""

    name: str
    id: str
    subnet: str
    gateway: str
    interface: str


class Lab:
    """Networks and containers of one run. Use as a context manager, or call :meth:`close`."""

    def __init__(self, run_id: str | None = None, *, persistent: bool = False) -> None:
        """Connect to an engine (started if needed). ``persistent``: survive this process until ``peers.down``."""
        self.run_id = run_id or secrets.token_hex(4)
        self.persistent = persistent
        self._keeper: subprocess.Popen[bytes] | None = None
        with engine.locked(engine.start_lock(), engine.START_TIMEOUT):
            self.engine = engine.find_or_start()
            if persistent:
                engine.pin(self.engine)
            else:
                self._keeper = self._start_keeper()
        self.client = self.engine.client()

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "peers.keeper", self.run_id, self.engine.url]
        if self.engine.own:
            command.append(str(self.engine.own))
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), environment.get("PYTHONPATH")]))
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=environment
        )
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise LabError("the lab's keeper process did not start", "See its message above")
        return process

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that this run makes."""
        return {images.LABEL: "lab", cleanup.RUN_LABEL: self.run_id}

    def folder(self) -> Path:
        """A folder that only this user can enter, for control sockets and logs of a container that runs as root.

        It goes with the run.
        """
        return Path(tempfile.mkdtemp(prefix=cleanup.folder_prefix(self.run_id)))

    def fixed_network(self, name: str) -> Net:
        """An internal /16 network on which addresses can be chosen; the first free one of a list.

        An engine knows its own networks only: those of another one, or of a VPN, show in the host's routes.
        """
        taken = list(_routes())
        numbers = list(range(24, 32))
        first = secrets.randbelow(len(numbers))
        for number in numbers[first:] + numbers[:first]:
            subnet = ipaddress.IPv4Network(f"172.{number}.0.0/16")
            if not any(subnet.overlaps(route) for route in taken):
                with contextlib.suppress(LabError):
                    return self.network(name, subnet=str(subnet))
        return self.network(name, subnet="10.199.0.0/16")

    def network(self, name: str, *, subnet: str | None = None, ipv6: bool = False) -> Net:
        """Create an internal network, with ``ipv6`` one whose subnet and gateway are those of IPv6.

        Raises LabError, also when ``subnet`` is in use.
        """
        full = f"ikeproof-{self.run_id}-{name}"
        if ipv6:
            subnet = f"fd00:{secrets.token_hex(2)}:{secrets.token_hex(2)}::/64"
        ipam = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)]) if subnet else None
        try:
            made = self.client.networks.create(
                full, driver="bridge", internal=True, labels=self.labels, ipam=ipam, enable_ipv6=ipv6
            )
        except APIError as error:
            raise LabError(
                f"Docker cannot create a network: {error.explanation}", "Remove unused networks (docker network prune)"
            ) from None
        made.reload()
        config = next(item for item in made.attrs["IPAM"]["Config"] if (":" in item["Subnet"]) == ipv6)
        if "Gateway" not in config:
            config["Gateway"] = str(next(ipaddress.ip_network(config["Subnet"]).hosts()))
        assert made.id is not None
        interface = made.attrs["Options"].get("com.docker.network.bridge.name", f"br-{made.id[:12]}")
        return Net(full, made.id, config["Subnet"], config["Gateway"].partition("/")[0], interface)

    def container(
        self,
        image: str,
        name: str,
        network: Net,
        *,
        environment: Mapping[str, str] | None = None,
        volumes: Mapping[Path, str] | None = None,
        command: Sequence[str] = (),
        address: str = "",
        **options: Any,
    ) -> Container:
        """Start a container of a catalogue image with what IPsec needs (NET_ADMIN, NET_RAW, TUN).

        ``address``: a fixed address on a network that has a subnet of its own.
        """
        if address:
            fixed = self.client.api.create_endpoint_config(ipv4_address=address)
            options["networking_config"] = {network.name: fixed}
        sysctls = {"net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.default.rp_filter": "0"}
        if ":" in network.gateway:
            sysctls |= {f"net.ipv6.conf.{name}.disable_ipv6": "0" for name in ("all", "default")}
        options.setdefault("sysctls", sysctls)
        tag = images.ensure(self.client, image, _say)
        try:
            return self.client.containers.run(
                tag,
                list(command),
                name=f"ikeproof-{self.run_id}-{name}",
                hostname=name.replace(".", "-"),
                network=network.name,
                detach=True,
                cap_add=["NET_ADMIN", "NET_RAW"],
                devices=["/dev/net/tun"],
                environment=dict(environment or {}),
                volumes={str(host): {"bind": inside, "mode": "rw"} for host, inside in (volumes or {}).items()},
                labels=self.labels,
                **options,
            )
        except APIError as error:
            raise LabError(
                f"Docker cannot start {name}: {error.explanation}", "Check the Docker engine's log"
            ) from None

    def idle(self, image: str, name: str) -> Container:
        """A container of a catalogue image in which nothing runs yet, without network, rights or a writable disk.

        For programs that compute (see :mod:`peers.program`).
        """
        tag = images.ensure(self.client, image, _say)
        try:
            return self.client.containers.run(
                tag,
                ["infinity"],
                entrypoint=["sleep"],
                name=f"ikeproof-{self.run_id}-{name}",
                network_mode="none",
                cap_drop=["ALL"],
                read_only=True,
                detach=True,
                labels=self.labels,
            )
        except APIError as error:
            raise LabError(
                f"Docker cannot start {name}: {error.explanation}", "Check the Docker engine's log"
            ) from None

    def address(self, container: Container, network: Net) -> str:
        """The container's address on ``network``."""
        container.reload()
        networks = container.attrs["NetworkSettings"]["Networks"]
        version = "GlobalIPv6Address" if ":" in network.gateway else "IPAddress"
        address = str(networks.get(network.name, {}).get(version, ""))
        if not address:
            raise PeerError(f"{container.name} has no address: {last_words(container)}", "Read its log above")
        return address

    def await_gateway(self, network: Net) -> None:
        """Wait until the host can use its IPv6 address on ``network``: it is first looked for duplicates of it."""
        if ":" not in network.gateway:
            return
        deadline = time.monotonic() + READY_TIMEOUT
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            while True:
                try:
                    probe.bind((network.gateway, 0))
                    return
                except OSError as error:
                    if time.monotonic() > deadline:
                        advice = "Check that the host and its Docker engine have IPv6"
                        raise LabError(f"{network.gateway} of {network.name} cannot be used: {error}", advice) from None
                    time.sleep(0.05)

    def close(self) -> None:
        """Remove everything of this run; stop our own engine if nobody else uses it."""
        with contextlib.suppress(DockerException, OSError):
            cleanup.remove(self.client, f"{cleanup.RUN_LABEL}={self.run_id}")
        self.client.close()
        cleanup.remove_folders(self.run_id)
        if self._keeper:
            assert self._keeper.stdin is not None
            assert self._keeper.stdout is not None
            self._keeper.stdin.close()
            self._keeper.stdout.close()
            self._keeper.wait(engine.STOP_TIMEOUT + 10)
            self._keeper = None

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_ROOT = Path(__file__).resolve().parent.parent


def _routes() -> Iterator[ipaddress.IPv4Network]:
    """Where the host's IPv4 routes lead, but for the default one; nothing where that cannot be read."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/route").read_text().splitlines()[1:]:
            _, destination, _, _, _, _, _, mask, *_ = line.split()
            address, netmask = (ipaddress.IPv4Address(bytes.fromhex(word)[::-1]) for word in (destination, mask))
            if int(netmask):
                yield ipaddress.IPv4Network((address, str(netmask)), strict=False)


def _say(text: str) -> None:
    print(f"ikeproof: {text}", file=sys.stderr, flush=True)


def last_words(container: Container) -> str:
    """The end of a container's output, for an error message."""
    try:
        return container.logs(tail=8).decode(errors="replace").strip()[-800:] or "(no output)"
    except (NotFound, APIError) as error:
        return f"(no log: {error})"


def down() -> int:
    """Remove everything that any run left in the engine, and stop our own engine; returns the number of objects."""
    with engine.locked(engine.start_lock(), engine.START_TIMEOUT):
        found = engine.find()
        if found is None:
            return 0
        client = found.client()
        try:
            count = cleanup.remove(client, f"{images.LABEL}=lab")
        finally:
            client.close()
        if found.own:
            engine.stop(found.own)
    cleanup.remove_folders("")
    return count
