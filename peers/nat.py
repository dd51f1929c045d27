"""A NAT box: one container with nftables between clients and the rest of a lab network.

The box has one interface. Clients sit in the third quarter of the network's /16 and reach everything else only
through the box, so one capture shows each packet before and after translation. (Two Docker networks would not do:
Docker's isolation rules drop bridged packets whose address is not the network's own.) The translation is Linux'
conntrack: address- and port-dependent mapping and filtering, the strictest kind.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import docker

from peers import shell
from peers.lab import Lab, Net

_RULES = """table ip ikeproof {{
    chain translate {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {inside} ip daddr != {inside} meta l4proto udp snat to {outside}:{first}-{last}
        ip saddr {inside} ip daddr != {inside} meta l4proto esp snat to {outside}
    }}
    chain police {{
        type filter hook forward priority filter; policy accept;
        ip daddr {inside} meta l4proto {{ udp, esp }} ct state new drop
    }}
    chain own {{
        type filter hook input priority filter; policy accept;
        meta l4proto {{ udp, esp }} drop
    }}
}}
"""


class NatBox:
    """Translates for the clients of ``network`` (made by :meth:`peers.lab.Lab.fixed_network`)."""

    def __init__(self, lab: Lab, network: Net) -> None:
        self.network = network
        self._client: docker.DockerClient = lab.client
        base = ipaddress.IPv4Network(network.subnet)
        self.inside = list(base.subnets(prefixlen_diff=2))[2]
        self.outside = str(base[2])
        self._next_hop = str(self.inside[1])
        self._first_port = 20000
        self._container = str(
            lab.container(
                "nat",
                "nat",
                network,
                address=self.outside,
                sysctls={
                    "net.ipv4.ip_forward": "1",
                    "net.ipv4.conf.all.rp_filter": "0",
                    "net.ipv4.conf.default.rp_filter": "0",
                    "net.ipv4.conf.all.send_redirects": "0",
                    "net.ipv4.conf.default.send_redirects": "0",
                },
            ).id
        )
        self._run("ip", "address", "add", f"{self._next_hop}/{self.inside.prefixlen}", "dev", "eth0")
        self._apply()

    def _run(self, *command: str) -> str:
        return shell.check(self._client, self._container, command)

    def _apply(self) -> None:
        rules = _RULES.format(
            inside=self.inside, outside=self.outside, first=self._first_port, last=self._first_port + 99
        )
        script = "nft delete table ip ikeproof 2>/dev/null; printf '%s' \"$0\" | nft -f -"
        self._run("sh", "-c", script, rules)

    def place(self, number: int) -> Mapping[str, str]:
        """The environment that puts a peer behind the box as client ``number`` (from 0)."""
        address = f"{self.inside[10 + number]}/{self.inside.prefixlen}"
        return {"ADDRESS": address, "GATEWAY": self._next_hop, "HOST": self.network.gateway}

    def rebind(self) -> None:
        """Forget every mapping; the next packet of each flow gets another outside port."""
        self._first_port += 100
        self._apply()
        self._run("conntrack", "-F")

    def block(self, blocked: bool) -> None:
        """Drop, or let through again, everything that crosses the box."""
        if blocked:
            self._run("nft", "insert rule ip ikeproof police drop")
        else:
            self._apply()

    def mappings(self) -> str:
        """The current mappings (``conntrack -L``)."""
        return self._run("conntrack", "-L")
