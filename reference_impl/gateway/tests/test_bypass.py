"""A policy lets some traffic of a TUN device pass unprotected, out of a real interface."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .networks import enter, ip, join, namespaces, needs_root
from .processes import GatewayProcess, config

ASK = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(1)
    sock.sendto(b"hello", (sys.argv[1], 7))
    try:
        print(sock.recv(100))
    except TimeoutError:
        print("nothing")
"""
ECHO = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 7))
print("ready", flush=True)
while True:
    data, source = sock.recvfrom(100)
    sock.sendto(data.upper(), source)
"""
POLICIES = """
[[policy]]
action = "bypass"
remote = "203.0.113.5"
[[policy]]
action = "protect"
connection = "peer"
remote = "203.0.113.0/24"
"""


@needs_root
def test_bypass_leaves_the_named_interface(tmp_path: Path) -> None:
    with namespaces(2) as (inside, outside):
        near, far = join(inside, ("192.0.2.1/24",), outside, ("192.0.2.2/24", "203.0.113.5/32", "203.0.113.6/32"))
        ip("-n", inside, "route", "add", "203.0.113.0/24", "via", "192.0.2.2", "dev", near, "metric", "500")
        ip("-n", outside, "route", "add", "10.1.0.0/24", "via", "192.0.2.1", "dev", far)
        text = config(
            "gw",
            address="192.0.2.1",
            hosts=("10.1.0.1/24",),
            gateway=f"control = {json.dumps(f'unix:{tmp_path}/gw.sock')}",
            data_plane=f'bypass_device = "{near}"',
            connection=POLICIES,
        ).replace('kind = "memory"', 'kind = "tun"')
        with (
            GatewayProcess(tmp_path, "gw", text, wrapper=enter(inside)) as gateway,
            subprocess.Popen([*enter(outside), sys.executable, "-c", ECHO], stdout=subprocess.PIPE) as echo,
        ):
            assert echo.stdout is not None
            assert echo.stdout.readline() == b"ready\n"
            answers = [
                subprocess.run(
                    [*enter(inside), sys.executable, "-c", ASK, address], capture_output=True, text=True, check=True
                ).stdout.strip()
                for address in ("203.0.113.5", "203.0.113.6")
            ]
            echo.kill()
            counters = gateway.call("counters")
        assert answers == ["b'HELLO'", "nothing"]
        assert counters["esp"]["bypassed"] == 1
        assert counters["esp"]["outbound-no-sa"] >= 1
        # the peer's address is not known, so nobody can be asked for an SA
        assert counters["gateway"]["acquire-not-possible"] >= 1
