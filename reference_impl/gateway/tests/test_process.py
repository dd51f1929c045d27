"""The process at its edges: start, ports, control socket, certificates, namespaces with TUN and raw ESP."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reference_impl.gateway import client
from reference_impl.gateway.client import ControlClient, ControlError
from reference_impl.pki import testca

from .networks import enter, join, namespaces, needs_root
from .processes import GatewayProcess, config, left

ECHO = """
import socket
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.bind(("10.2.0.1", 7777))
print("ready", flush=True)
while True:
    data, source = sock.recvfrom(2000)
    sock.sendto(data.upper(), source)
"""
ASK = """
import socket
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.bind(("10.1.0.1", 0))
sock.settimeout(5)
for _ in range(3):
    sock.sendto(b"hello", ("10.2.0.1", 7777))
    print(sock.recv(2000))
"""


def run(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_impl.gateway", "--config", str(file), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        file = tmp_path / "gateway.toml"
        file.write_text(config("right").replace("ike_port = 0", f"ike_port = {port}"))
        result = run(file)
    assert result.returncode == 2
    assert result.stderr.startswith(f"UDP 127.0.0.1:{port} is in use: ")
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('address = "127.0.0.1"', 'address = "192.0.2.77"'), "this machine has no address 192.0.2.77"),
        (("[dataplane]", 'event_log = "/nonexistent/log"\n[dataplane]'), "event log /nonexistent/log: No such file"),
        (("[dataplane]", 'key_log = "/dev/null/keys"\n[dataplane]'), "key log /dev/null/keys: Not a directory"),
        (("[dataplane]", 'control = "unix:/nonexistent/s"\n[dataplane]'), "control socket unix:/nonexistent/s: "),
    ],
)
def test_what_prevents_a_start_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(config("right").replace(*change))
    result = run(file)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_use(tmp_path: Path) -> None:
    assert run(tmp_path / "none.toml").returncode == 2
    file = tmp_path / "gateway.toml"
    file.write_text(config("right"))
    result = run(file, "--die-with-parent")
    assert result.returncode == 2
    assert "--die-with-parent needs a pipe or terminal" in result.stderr


def test_start_is_cheap(tmp_path: Path) -> None:
    """It is started once per mutant. Seconds of the processor, which other programs do not lengthen much."""
    costs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with GatewayProcess(tmp_path, "right", config("right")) as gateway:
            assert gateway.stop() == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(costs) < 1.2


def test_control_protocol(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, "right", config("right")) as gateway:
        host, port = gateway.ready["control"].removeprefix("tcp:").split(":")
        with socket.create_connection((host, int(port)), 5) as sock:
            file = sock.makefile("rb")
            for line, error in (
                (b"junk", "not a JSON object"),
                (b"[]", "expected"),
                (b'{"command": 5}', "expected"),
                (b"[" * 5000, "not a JSON object"),
                (b'{"command": "fly"}', "unknown command 'fly'; known are initiate"),
                (b'{"command": "initiate"}', "connection is missing"),
                (b'{"command": "initiate", "connection": 5}', "connection: expected text"),
                (b'{"command": "initiate", "connection": "x"}', "there is no connection 'x'"),
                (b'{"command": "initiate", "connection": "peer"}', "no single remote_address"),
                (b'{"command": "counters", "x": 1}', "unknown argument 'x'"),
                (b'{"command": "rekey-ike"}', "there is no such established IKE SA"),
                (b'{"command": "delete-child", "child_id": 77}', "there is no such Child SA"),
                (b'{"command": "ping", "dst": "nowhere"}', "does not appear to be an IPv4 or IPv6 address"),
                (b'{"command": "ping", "dst": "10.2.0.1", "size": -1}', "size: -1 is not between 0 and"),
                (b'{"command": "events", "since": "x"}', "since: expected a number"),
            ):
                sock.sendall(line + b"\n")
                answer = json.loads(file.readline())
                assert answer["ok"] is False
                assert error in answer["error"]
            sock.sendall(b'{"command": "list-sas"}\n')
            assert json.loads(file.readline()) == {"ok": True, "result": []}
            sock.sendall(b"x" * 200_000 + b"\n")
            assert json.loads(file.readline())["error"].startswith("a line is longer than")


def test_unix_control_socket_and_client_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "control.sock"
    text = config("right", gateway=f'control = "unix:{path}"')
    with GatewayProcess(tmp_path, "right", text) as gateway:
        assert gateway.ready["control"] == f"unix:{path}"
        assert path.stat().st_mode & 0o777 == 0o600
        assert client.main([f"unix:{path}", "events", "since=0"]) == 0
        assert json.loads(capsys.readouterr().out) == {"last": 0, "events": []}
        assert client.main([f"unix:{path}", "initiate", "connection=nobody"]) == 1
        assert client.main([f"unix:{path}"]) == 2
        assert client.main(["elsewhere", "events"]) == 2
        gateway.process.kill()
        gateway.process.wait(10)
    # a dead gateway's socket does not prevent a new one
    with GatewayProcess(tmp_path, "right", text) as gateway:
        assert gateway.call("list-sas") == []
        with pytest.raises(ControlError, match="no SA carries"):
            gateway.call("ping", dst="10.2.0.1", timeout=0.05)
    assert not path.exists()
    with pytest.raises(ControlError):
        ControlClient(f"unix:{path}")


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_certificate_authentication(tmp_path: Path, kind: str) -> None:
    authority = testca.make_ca("Test CA")
    authority.write(tmp_path / "ca.pem")
    texts = {}
    for name in ("left", "right"):
        credential = authority.issue(name, [f"fqdn:{name}.example"], key_type=kind)
        certificate, key = credential.write(tmp_path, name)
        texts[name] = (
            f'{{method = "pubkey", cert = "{certificate}", key = "{key}"}}',
            '{method = "pubkey", ca = "ca.pem"}',
        )

    def certified(name: str, text: str) -> str:
        psk = '{method = "psk", psk = "a shared secret"}'
        for auth in texts[name]:
            text = text.replace(psk, auth, 1)
        return text

    with (
        GatewayProcess(tmp_path, "right", certified("right", config("right"))) as responder,
        GatewayProcess(tmp_path, "left", certified("left", left("left", responder))) as initiator,
    ):
        initiator.call("initiate", connection="peer")
        initiator.wait("the handshake", lambda: initiator.events("child-installed"))
        assert initiator.events("ike-established")[0]["auth_method"] == "DIGITAL_SIGNATURE"
        assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"


def test_closed_standard_output_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(config("right"))
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "reference_impl.gateway", "--config", str(file)]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    os.close(writer)
    assert result.returncode == 2
    assert result.stderr == "standard output is closed: nobody hears where this gateway listens\n"


@needs_root
@pytest.mark.parametrize("family", [4, 6])
def test_native_esp_between_namespaces_with_tun_devices(tmp_path: Path, family: int) -> None:
    """Raw ESP on the wire, kernels at both ends: the kernels' own UDP goes through the tunnel."""
    outer = ("192.0.2.1", "192.0.2.2") if family == 4 else ("2001:db8::1", "2001:db8::2")
    with namespaces(2) as names:
        join(names[0], ("192.0.2.1/24", "2001:db8::1/64"), names[1], ("192.0.2.2/24", "2001:db8::2/64"))
        texts = []
        for index, name in enumerate(("one", "two")):
            text = config(
                name,
                address=outer[index],
                hosts=(f"10.{index + 1}.0.1/24",),
                local_ts=f'["10.{index + 1}.0.0/24"]',
                remote_ts=f'["10.{2 - index}.0.0/24"]',
                data_plane='raw_esp = "always"',
                connection=f'remote_address = "{outer[1 - index]}"',
            )
            text = text.replace("ike_port = 0", "ike_port = 500").replace("natt_port = 0", "natt_port = 4500")
            texts.append(text.replace('kind = "memory"', 'kind = "tun"'))
        inside = [enter(name) for name in names]
        sockets = [f'control = "unix:{tmp_path}/{name}.sock"' for name in ("one", "two")]
        texts = [text.replace("[dataplane]", f"{line}\n[dataplane]") for text, line in zip(texts, sockets, strict=True)]
        with (
            GatewayProcess(tmp_path, "one", texts[0], wrapper=inside[0]) as one,
            GatewayProcess(tmp_path, "two", texts[1], wrapper=inside[1]) as two,
        ):
            one.call("initiate", connection="peer")
            one.wait("the handshake", lambda: one.events("child-installed"))
            two.wait("the handshake", lambda: two.events("child-installed"))
            with subprocess.Popen(
                [*inside[1], sys.executable, "-c", ECHO], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as echo:
                assert echo.stdout is not None
                assert echo.stdout.readline() == b"ready\n"
                ask = [*inside[0], sys.executable, "-c", ASK]
                result = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=False)
                echo.kill()
            assert result.stdout == "b'HELLO'\n" * 3, result.stdout + result.stderr
            counters = two.call("counters")
            assert counters["gateway"]["sent-esp"] >= 3
            assert counters["esp"]["decapsulated"] >= 3
            assert "sent-esp-in-udp" not in counters["gateway"]
