"""Two gateway processes with real sockets on loopback: handshake, traffic, rekey, limits, keys."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reference_impl.gateway.client import ControlError
from reference_impl.wire.ip import build_udp

from .processes import GatewayProcess, config, left


@contextmanager
def tunnel(
    folder: Path, *, right: str | None = None, **options: Any
) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    """Initiator and responder with an established IKE SA and Child SA."""
    with (
        GatewayProcess(folder, "right", right or config("right")) as responder,
        GatewayProcess(folder, "left", left("left", responder, **options)) as initiator,
    ):
        initiator.call("initiate", connection="peer")
        initiator.wait("the handshake", lambda: initiator.events("child-installed"))
        responder.wait("the handshake", lambda: responder.events("child-installed"))
        yield initiator, responder


def test_ping_both_ways_and_both_ip_versions(tmp_path: Path) -> None:
    with tunnel(tmp_path) as (initiator, responder):
        for process, destination in (
            (initiator, "10.1.0.1"),
            (responder, "10.2.0.1"),
            (initiator, "2001:db8:1::1"),
            (responder, "2001:db8:2::1"),
        ):
            answer = process.call("ping", dst=destination)
            assert answer["from"] == destination
        assert initiator.call("ping", dst="10.1.0.1", size=4000)["octets"] == 4000
        (child,) = initiator.children()
        assert child["esp"]["packets_out"] == child["esp"]["packets_in"] == 7
        counters = responder.call("counters")
        assert counters["esp"]["decapsulated"] == 7
        assert counters["host"]["echo-requests"] == 4 - 1
        with pytest.raises(ControlError, match=r"no SA carries packets from 10\.2\.0\.1 to 10\.99\.0\.1"):
            initiator.call("ping", dst="10.99.0.1")


@pytest.mark.parametrize(
    ("encapsulation", "ends"), [("auto", "127.0.0.1"), ("always", "127.0.0.1"), ("auto", "::1"), ("always", "::1")]
)
def test_outer_ip_versions_and_udp_encapsulation(tmp_path: Path, encapsulation: str, ends: str) -> None:
    extra = f'encap = "{encapsulation}"'
    right = config("right", address=ends, connection=extra)
    with tunnel(tmp_path, right=right, address=ends, connection=extra) as (initiator, responder):
        assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"
        (sa,) = initiator.call("list-sas")
        floated = sa["local"].endswith(f":{initiator.natt_port}")
        assert floated is (encapsulation == "always")
        assert sa["children"][0]["esp"]["encapsulated"] is floated
        assert responder.call("counters")["gateway"]["received-natt-esp"] == 1


@pytest.mark.parametrize(
    "esp", ["aes256gcm16", "aes128ccm8", "chacha20poly1305", "aes128-sha1", "aes256ctr-sha512", "aes256gcm16-esn"]
)
def test_suites(tmp_path: Path, esp: str) -> None:
    extra = f'esp = ["{esp}"]'
    with tunnel(tmp_path, right=config("right", connection=extra), connection=extra) as (initiator, _):
        assert initiator.call("ping", dst="10.1.0.1")["octets"] == 56
        assert initiator.children()[0]["suite"] == esp


def test_rekeys_and_deletes(tmp_path: Path) -> None:
    with tunnel(tmp_path) as (initiator, responder):
        (before,) = initiator.call("list-sas")
        initiator.call("rekey-child", connection="peer")
        initiator.wait("the Child SA's end", lambda: initiator.events("child-removed"))
        responder.wait("the Child SA's end", lambda: responder.events("child-removed"))
        assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"
        responder.call("rekey-ike", ike_spi_i=before["spi_i"])
        responder.wait("the IKE SA's end", lambda: responder.events("ike-removed"))
        initiator.wait("the IKE SA's end", lambda: initiator.events("ike-removed"))
        assert responder.call("ping", dst="10.2.0.1")["from"] == "10.2.0.1"
        sas = [sa for sa in initiator.call("list-sas") if sa["state"] == "established"]
        assert len(sas) == 1
        assert sas[0]["spi_i"] != before["spi_i"]
        assert len(sas[0]["children"]) == 1
        initiator.call("liveness", connection="peer")
        initiator.wait("a sign of life", lambda: initiator.events("liveness-confirmed"))
        initiator.call("delete-child", connection="peer")
        responder.wait("the second Child SA's end", lambda: len(responder.events("child-removed")) == 2)
        with pytest.raises(ControlError, match="no SA carries"):
            initiator.call("ping", dst="10.1.0.1")
        initiator.call("delete-ike", connection="peer")
        responder.wait("the end", lambda: not [s for s in responder.call("list-sas") if s["state"] == "established"])


def test_packet_limit_rekeys_by_itself(tmp_path: Path) -> None:
    extra = "lifetimes = {child_soft_packets = 5, child_packets = 1000}"
    with tunnel(tmp_path, connection=extra) as (initiator, _):
        for _ in range(8):
            initiator.call("ping", dst="10.1.0.1")
        initiator.wait("the rekey", lambda: initiator.events("child-removed"))
        assert len(initiator.children()) == 1
        assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"


def test_transport_mode_between_the_gateways(tmp_path: Path) -> None:
    extra = 'mode = "transport"'
    ends: dict[str, Any] = {"hosts": ("127.0.0.1",), "local_ts": '["127.0.0.1"]', "remote_ts": '["127.0.0.1"]'}
    with tunnel(tmp_path, right=config("right", connection=extra, **ends), connection=extra, **ends) as (left_, _):
        assert left_.children()[0]["mode"] == "transport"
        assert left_.call("ping", dst="127.0.0.1")["from"] == "127.0.0.1"


POLICIES = """
[[policy]]
action = "discard"
remote = "10.1.0.7"
[[policy]]
action = "bypass"
remote = "10.1.0.8"
[[policy]]
action = "protect"
connection = "peer"
local = "10.2.0.0/24"
remote = "10.1.0.0/24"
"""


def test_policies_decide_and_traffic_asks_for_the_sa(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, "right", config("right")) as responder,
        GatewayProcess(tmp_path, "left", left("left", responder, connection=POLICIES)) as initiator,
    ):
        for destination in ("10.1.0.7", "10.1.0.8", "10.9.0.1"):
            with pytest.raises(ControlError, match="no SA carries"):
                initiator.call("ping", dst=destination)
        assert initiator.call("list-sas") == []
        with pytest.raises(ControlError, match="no SA carries"):
            initiator.call("ping", dst="10.1.0.1")
        initiator.wait("the SA that the packet asked for", lambda: initiator.events("child-installed"))
        assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"
        for destination in ("10.1.0.7", "10.1.0.8"):
            with pytest.raises(ControlError, match="no SA carries"):
                initiator.call("ping", dst=destination)
        esp = initiator.call("counters")["esp"]
        assert esp["outbound-policy-discard"] == esp["bypassed"] == esp["no-unprotected-side"] == 2
        assert esp["outbound-no-policy"] == 1
        assert [len(sa["children"]) for sa in initiator.call("list-sas")] == [1]


def test_dummy_packets_are_dropped_in_silence(tmp_path: Path) -> None:
    with tunnel(tmp_path) as (initiator, responder):
        initiator.call("dummy", connection="peer", size=100)
        responder.wait("the dummy", lambda: responder.call("counters")["esp"].get("esp-dummy"))
        assert responder.events("audit") == []


def test_unknown_spi_and_garbage_are_counted(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, "right", config("right")) as gateway, socket.socket(type=socket.SOCK_DGRAM) as sock:
        for data in (b"\xff", b"\xff\xff", b"\0\0\x12\x34" + bytes(40), b"\0\0\0\1" + bytes(40), b"", b"\0\0\0\0junk"):
            sock.sendto(data, ("127.0.0.1", gateway.natt_port))
        sock.sendto(b"junk", ("127.0.0.1", gateway.ike_port))
        gateway.wait("the datagrams", lambda: gateway.call("counters")["gateway"].get("received-ike"))
        counters = gateway.call("counters")
        assert counters["esp"] == {"esp-no-sa": 1, "esp-reserved-spi": 1}
        kinds = {name: count for name, count in counters["gateway"].items() if name.startswith("received-natt")}
        assert kinds == {
            "received-natt-keepalive": 1,
            "received-natt-invalid": 2,
            "received-natt-esp": 2,
            "received-natt-ike": 1,
        }
        (audit,) = [event for event in gateway.events("audit") if event["reason"] == "esp-no-sa"]
        assert audit["spi"] == 0x1234
        assert audit["source"] == "127.0.0.1"


def test_authentication_failure_leaves_nothing(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, "right", config("right")) as responder,
        GatewayProcess(tmp_path, "left", left("left", responder, secret="another secret")) as initiator,
    ):
        initiator.call("initiate", connection="peer")
        initiator.wait("the failure", lambda: initiator.events("ike-failed"))
        assert initiator.events("ike-failed")[0]["reason"] == "authentication-failed"
        assert initiator.children() == responder.children() == []


def test_event_log_file_and_no_secret_anywhere(tmp_path: Path) -> None:
    extra = 'event_log = "events.jsonl"\n'
    with tunnel(tmp_path, right=config("right", gateway=extra), gateway='event_log = "left.jsonl"') as (_, responder):
        assert responder.events("ike-established")[0]["remote_id"] == "fqdn:left.example"
    text = (tmp_path / "events.jsonl").read_text()
    assert '"event": "child-installed"' in text
    for word in ("a shared secret", "sk_", "key_in", "psk"):
        assert word not in text


def test_key_log_lets_tshark_decrypt_everything(tmp_path: Path) -> None:
    """A proxy between the gateways writes the capture; tshark reads it with the two key files."""
    assert shutil.which("tshark"), "this test needs tshark (package tshark)"
    keys = 'key_log = "keys"'
    with GatewayProcess(tmp_path, "right", config("right", gateway=keys)) as responder, Tap(responder) as tap:
        text = (
            left("left", responder)
            .replace(f"remote_port = {responder.ike_port}", f"remote_port = {tap.ports[0]}")
            .replace(f"remote_natt_port = {responder.natt_port}", f"remote_natt_port = {tap.ports[1]}")
        )
        with GatewayProcess(tmp_path, "left", text) as initiator:
            initiator.call("initiate", connection="peer")
            initiator.wait("the handshake", lambda: initiator.events("child-installed"))
            assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"
            initiator.call("liveness", connection="peer")
            initiator.wait("a sign of life", lambda: initiator.events("liveness-confirmed"))
    folder = tmp_path / "keys"
    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in ("esp_sa", "ikev2_decryption_table")] == [
        0o600
    ] * 2
    tap.write(tmp_path / "tap.pcap")
    ike_lines = (folder / "ikev2_decryption_table").read_text().splitlines()
    esp_lines = (folder / "esp_sa").read_text().splitlines()
    tables = [f"uat:ikev2_decryption_table:{line}" for line in dict.fromkeys(ike_lines)]
    tables += [f"uat:esp_sa:{line}" for line in esp_lines]
    options = [*tables, "esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE"]
    command = ["tshark", "-n", "-r", str(tmp_path / "tap.pcap"), "-V", *(w for o in options for w in ("-o", o))]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Identification Data:right.example" in shown
    assert shown.count("Src: 10.2.0.1, Dst: 10.1.0.1") == 1
    assert shown.count("Src: 10.1.0.1, Dst: 10.2.0.1") == 1
    assert "[incorrect" not in shown
    assert "[correct]" in shown


class Tap:
    """Forwards UDP between an initiator and a responder and remembers it as packets of ports 500 and 4500.

    It claims the ports that tshark knows; addresses stay those of loopback.
    """

    def __init__(self, responder: GatewayProcess) -> None:
        targets = [("127.0.0.1", responder.ike_port), ("127.0.0.1", responder.natt_port)]
        self._sockets = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
        self._behind = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
        self._clients: list[tuple[str, int] | None] = [None, None]
        self.packets: list[bytes] = []
        for front, back in zip(self._sockets, self._behind, strict=True):
            front.bind(("127.0.0.1", 0))
            back.bind(("127.0.0.1", 0))
        self.ports = [front.getsockname()[1] for front in self._sockets]
        self._targets = targets
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            readable, _, _ = select.select([*self._sockets, *self._behind], [], [], 0.05)
            for each in readable:
                data, source = each.recvfrom(65535)
                index = (self._sockets + self._behind).index(each) % 2
                port = (500, 4500)[index]
                if each in self._sockets:
                    self._clients[index] = source
                    self.packets.append(build_udp("127.0.0.1", "127.0.0.1", 40000 + index, port, data))
                    self._behind[index].sendto(data, self._targets[index])
                else:
                    self.packets.append(build_udp("127.0.0.1", "127.0.0.1", port, 40000 + index, data))
                    self._sockets[index].sendto(data, self._clients[index] or source)

    def write(self, path: Path) -> None:
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        path.write_bytes(head + b"".join(struct.pack("<IIII", 0, 0, len(p), len(p)) + p for p in self.packets))

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for each in (*self._sockets, *self._behind):
            each.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with GatewayProcess(tmp_path, "right", config("right")) as gateway:
        os.kill(gateway.process.pid, number)
        assert gateway.process.wait(10) == 0


def test_closed_standard_input_and_shutdown_end_it(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, "right", config("right")) as gateway:
        assert gateway.stop() == 0
    with GatewayProcess(tmp_path, "right", config("right")) as gateway:
        gateway.call("shutdown")
        assert gateway.process.wait(10) == 0


def test_polite_end_deletes_the_sas(tmp_path: Path) -> None:
    with tunnel(tmp_path, gateway="delete_on_exit = true") as (initiator, responder):
        assert initiator.stop() == 0
        responder.wait("the delete", lambda: responder.events("ike-removed"))
        assert responder.events("ike-removed")[0]["reason"] == "deleted-by-peer"
    with tunnel(tmp_path) as (initiator, responder):
        assert initiator.stop() == 0
        time.sleep(0.2)
        assert responder.events("ike-removed") == []
