"""The outer DF bit and path MTU discovery with kernels, routers and wires (RFC 4301 section 8)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .networks import enter, ip, join, namespaces, needs_root
from .processes import GatewayProcess, config

NARROW = 1000
# Every ESP packet that passes: its total length and whether DF is set.
WATCH = """
import socket, sys
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
sniffer.bind((sys.argv[1], 0))
print("ready", flush=True)
while True:
    packet = sniffer.recv(65535)
    if packet[9] == 50 and packet[12:16] == bytes((192, 0, 2, 1)):
        print(int.from_bytes(packet[2:4], "big"), "DF" if packet[6] & 0x40 else "no", flush=True)
"""


def side(folder: Path, number: int, policy: str) -> str:
    """Gateway 1 or 2 of the two, native ESP and a TUN device."""
    peer = 3 - number
    outer = {1: "192.0.2.1", 2: "198.51.100.2"}
    text = config(
        f"gw{number}",
        address=outer[number],
        hosts=(f"10.{number}.0.1/24",),
        local_ts=f'["10.{number}.0.0/24"]',
        remote_ts=f'["10.{peer}.0.0/24"]',
        gateway=f'control = "unix:{folder}/gw{number}.sock"',
        data_plane=f'raw_esp = "always"\ndont_fragment = "{policy}"',
        connection=f'remote_address = "{outer[peer]}"\nremote_id = "*"'.split("\n", 1)[0],
    )
    for name, port in (("ike", 500), ("natt", 4500)):
        text = text.replace(f"{name}_port = 0", f"{name}_port = {port}")
    return text.replace('kind = "memory"', 'kind = "tun"')


# One UDP datagram whose IP packet has so many octets: what came of it, and the path MTU that the kernel believes.
SEND = """
import socket, sys
size, fixed = int(sys.argv[1]), sys.argv[2] == "True"
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, 10, 2 if fixed else 0)
sock.connect(("10.2.0.1", 7))
sock.settimeout(float(sys.argv[3]))
try:
    sock.send(bytes(size - 28))
    came = f"received {len(sock.recv(65535)) + 28}"
except OSError as error:
    came = "too-big" if error.errno == 90 else "lost"
print(came, sock.getsockopt(socket.IPPROTO_IP, 14))
"""
ECHO = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("10.2.0.1", 7))
print("ready", flush=True)
while True:
    data, source = sock.recvfrom(65535)
    sock.sendto(data, source)
"""


def send(name: str, size: int, *, dont_fragment: bool, patience: float = 8) -> list[str]:
    """What comes of a datagram through the tunnel: `received SIZE MTU`, `too-big MTU` or `lost MTU`."""
    command = [*enter(name), sys.executable, "-c", SEND, str(size), str(dont_fragment), str(patience)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()


@needs_root
@pytest.mark.parametrize("policy", ["copy", "set", "clear"])
def test_df_policy_and_a_narrow_link_behind_a_router(tmp_path: Path, policy: str) -> None:
    with namespaces(3) as (first, router, second):
        _, near = join(first, ("192.0.2.1/24",), router, ("192.0.2.254/24",))
        far, end = join(router, ("198.51.100.254/24",), second, ("198.51.100.2/24",))
        ip("netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        ip("-n", first, "route", "add", "198.51.100.0/24", "via", "192.0.2.254")
        ip("-n", second, "route", "add", "192.0.2.0/24", "via", "198.51.100.254")
        for name, link in ((router, far), (second, end)):
            ip("-n", name, "link", "set", link, "mtu", str(NARROW))
        with (
            GatewayProcess(tmp_path, "one", side(tmp_path, 1, policy), wrapper=enter(first)) as one,
            GatewayProcess(tmp_path, "two", side(tmp_path, 2, policy), wrapper=enter(second)) as two,
            subprocess.Popen(
                [*enter(router), sys.executable, "-c", WATCH, near], stdout=subprocess.PIPE, text=True
            ) as watch,
            subprocess.Popen([*enter(second), sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True) as echo,
        ):
            assert watch.stdout is not None
            assert echo.stdout is not None
            try:
                assert echo.stdout.readline() == "ready\n"
                assert watch.stdout.readline() == "ready\n"
                one.call("initiate", connection="peer")
                one.wait("the handshake", lambda: one.events("child-installed"))
                two.wait("the handshake", lambda: two.events("child-installed"))
                assert one.ready["icmp_pmtu"] == ["192.0.2.1"]

                seen = {}
                for fixed in (False, True):
                    assert send(first, 500, dont_fragment=fixed)[0] == "received"
                    seen[fixed] = watch.stdout.readline().split()[1]
                assert (
                    seen
                    == {
                        "copy": {False: "no", True: "DF"},
                        "set": {False: "DF", True: "DF"},
                        "clear": {False: "no", True: "no"},
                    }[policy]
                )

                large = send(first, 1300, dont_fragment=True, patience=8 if policy == "clear" else 1)
                if policy == "clear":
                    # the router fragments ESP: nothing to learn
                    assert large[:2] == ["received", "1300"]
                    assert one.children()[0]["esp"]["path_mtu"] == 1500
                    return
                assert large[0] == "lost"
                one.wait("the news", lambda: one.children()[0]["esp"]["path_mtu"] == NARROW)
                # now the sender is told what fits, and what may be fragmented is, before encryption
                told = send(first, 1300, dont_fragment=True)
                assert told[0] == "too-big"
                room = int(told[1])
                assert NARROW - 80 < room < NARROW - 40
                assert send(first, room, dont_fragment=True)[:2] == ["received", str(room)]
                # the other side learns twice, at the cost of a packet each: the gateway that its own link is narrow,
                # then the host behind it
                tries = (send(first, 1300, dont_fragment=False, patience=3) for _ in range(5))
                assert next((each[1] for each in tries if each[0] == "received"), None) == "1300"
                assert two.children()[0]["esp"]["path_mtu"] == NARROW
            finally:
                watch.kill()
                echo.kill()
