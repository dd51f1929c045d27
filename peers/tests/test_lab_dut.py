"""Each peer as device under test, judged by another real implementation that plays the tester."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

import peers
from peers import Driver, DutHandle, Lab
from peers.lab import Net
from peers.strongswan.driver import StrongswanDriver
from peers.tests.labtools import as_tester, established, strongswan, wait_for

pytestmark = pytest.mark.lab
SCHEMA = Path(__file__).parents[2] / "conformance" / "schemas" / "profile.schema.json"


@dataclass
class Bench:
    """A DUT, its driver, and a strongSwan beside it."""

    handle: DutHandle
    driver: Driver
    probe: StrongswanDriver
    address: str


@pytest.fixture(scope="module", params=["strongswan-5.9", "strongswan-6.0", "libreswan-5.2"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    name = str(request.param)
    begun = time.monotonic()
    handle = peers.start(name, tmp_path_factory.mktemp("dut"))
    if time.monotonic() - begun > 15:
        # the first start builds the image; the figure is that of every later one
        peers.stop(handle)
        begun = time.monotonic()
        handle = peers.start(name, tmp_path_factory.mktemp("dut"))
    assert time.monotonic() - begun < 15
    driver = peers.attach(DutHandle.from_json(handle.to_json()))
    with Lab() as lab:
        tester = handle.profile["tester"]["address"]
        net = Net(f"ikeproof-{handle.run_id}-dut", "", "", tester, handle.interface)
        probe, address = strongswan(lab, net, "strongswan-6.0", "probe", "10.2.0.1/16")
        yield Bench(handle, driver, probe, address)
        probe.close()
    driver.close()
    peers.stop(handle)


def test_profile_follows_the_schema_and_holds_no_secret(bench: Bench) -> None:
    jsonschema.validate(bench.handle.profile, json.loads(SCHEMA.read_text()))
    psk = (Path(bench.handle.workdir) / "credentials" / "psk").read_text()
    assert psk
    assert psk not in bench.handle.to_json()
    assert bench.handle.profile["dut"]["version"] in bench.driver.version


@pytest.mark.parametrize("method", ["psk", "rsa", "ecdsa", "ed25519"])
def test_tunnel_carries_traffic_and_obeys_every_command(bench: Bench, method: str) -> None:
    if method not in bench.handle.profile["dut"]["auth"]:
        assert (bench.handle.name, method) == ("libreswan-5.2", "ed25519")
        return
    bench.probe.load(as_tester(bench.handle, bench.address, method))  # type: ignore[arg-type]
    bench.probe.initiate(f"probe-{method}")
    sa = established(bench.probe)
    assert bench.probe.ping("10.1.0.1", "10.2.0.1").ok
    assert bench.driver.ping("10.2.0.1", "10.1.0.1").ok
    view = next(each for each in bench.driver.state() if each.spi_i == sa.spi_i)
    assert (view.spi_r, view.established, view.initiator) == (sa.spi_r, True, False)
    assert view.children[0].spi_in == sa.children[0].spi_out

    bench.driver.rekey_child(sa.spi_i)
    wait_for(
        lambda: any(
            c.state == "installed" and c.spi_in != sa.children[0].spi_in for c in bench.probe.state()[0].children
        )
    )
    assert bench.probe.ping("10.1.0.1", "10.2.0.1").ok
    bench.driver.rekey_ike(sa.spi_i)
    renewed = wait_for(lambda: next((s for s in bench.probe.state() if s.established and s.spi_i != sa.spi_i), None))
    assert renewed is not None
    assert not renewed.initiator
    wait_for(lambda: any(each.spi_i == renewed.spi_i for each in bench.driver.state()))
    assert bench.probe.ping("10.1.0.1", "10.2.0.1").ok
    if bench.handle.profile["dut"]["claims"]["trigger_liveness"]:
        before = bench.probe.counters()["info-in-req"]
        bench.driver.liveness(renewed.spi_i)
        wait_for(lambda: bench.probe.counters()["info-in-req"] > before)
    bench.driver.delete_child(renewed.spi_i)
    wait_for(lambda: not any(c.state == "installed" for s in bench.probe.state() for c in s.children))
    bench.driver.delete_ike(renewed.spi_i)
    wait_for(lambda: not bench.probe.state() and not bench.driver.state())


def test_initiates_to_the_tester(bench: Bench) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bench.handle.profile["tester"]["address"], 500))
        listener.settimeout(4)
        bench.driver.initiate("tester")
        request, source = listener.recvfrom(4096)
        assert source[0] == bench.handle.profile["dut"]["address"]
        # IKE_SA_INIT request of an initiator: no responder SPI, version 2.0, exchange 34, flags, message ID 0
        assert request[8:16] == bytes(8)
        assert (request[17], request[18], request[19], request[20:24]) == (0x20, 34, 0x08, bytes(4))
        bench.driver.reset()
    wait_for(lambda: not bench.driver.state())


def test_reset_drops_sas_silently_and_keeps_connections(bench: Bench) -> None:
    bench.probe.load(as_tester(bench.handle, bench.address, "psk"))
    bench.probe.initiate("probe-psk")
    established(bench.probe)
    bench.driver.reset()
    wait_for(lambda: not bench.driver.state())
    bench.probe.reset()
    wait_for(lambda: not bench.probe.state())
    bench.probe.initiate("probe-psk")
    established(bench.probe)
    bench.probe.reset()
    bench.driver.reset()


def test_handle_works_in_another_process(bench: Bench) -> None:
    code = "import sys, peers; d = peers.attach(peers.DutHandle.from_json(sys.stdin.read())); "
    code += "print(d.name, len(d.state()))"
    wait_for(lambda: not bench.driver.state())
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=bench.handle.to_json(),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.split() == [bench.handle.name, "0"]
