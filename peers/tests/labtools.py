"""What the lab tests share: a strongSwan that plays the tester, and waiting with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from peers import DutHandle, Lab
from peers.driver import IkeSaView
from peers.lab import Net
from peers.scenario import AuthMethod, Connection, Credentials, Endpoint, Identity
from peers.strongswan.driver import StrongswanDriver

T = TypeVar("T")


def wait_for(what: Callable[[], T], timeout: float = 6.0) -> T:
    """The first true value of ``what``; AssertionError after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        if value := what():
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def established(driver: StrongswanDriver) -> IkeSaView:
    """The driver's only IKE SA once it is established with a Child SA."""
    return wait_for(lambda: next((sa for sa in driver.state() if sa.established and sa.children), None))  # type: ignore[return-value]


def strongswan(
    lab: Lab, network: Net, image: str, host: str, protected: str, **options: object
) -> tuple[StrongswanDriver, str]:
    """A strongSwan container on ``network``: its driver and address."""
    folder = lab.folder()
    place = options.pop("place", {})
    assert isinstance(place, dict)
    container = lab.container(
        image,
        host,
        network,
        volumes={folder: "/lab"},
        environment={"PROTECTED": protected, **place},
        address=str(place.get("ADDRESS", "")).partition("/")[0],
    )
    return StrongswanDriver(image, folder, str(container.id), lab.client), lab.address(container, network)


def as_tester(handle: DutHandle, address: str, method: AuthMethod) -> Connection:
    """The connection by which a peer at ``address`` reaches the DUT like the tester does."""
    folder = Path(handle.workdir) / "credentials"
    auth = handle.profile["dut"]["auth"][method]
    if method == "psk":
        own, identity = Credentials(psk=(folder / "psk").read_bytes()), "fqdn:tester-7.example"
    else:
        texts = [(folder / name).read_text() for name in (f"tester-{method}.pem", f"tester-{method}.key", "ca.pem")]
        own, identity = Credentials(b"", *texts), handle.profile["tester"]["auth"][method]["identity"]
    return Connection(
        name=f"probe-{method}",
        local=Endpoint(address, Identity.parse(identity), method, own, ("10.2.0.1/32",)),
        remote=Endpoint(
            handle.profile["dut"]["address"],
            Identity.parse(auth["identity"]),
            method,
            Credentials(psk=own.psk, ca=own.ca),
            ("10.1.0.0/24",),
        ),
        ike=(handle.profile["dut"]["proposals"]["ike"][0],),
        esp=(handle.profile["dut"]["proposals"]["child"][0],),
    )
