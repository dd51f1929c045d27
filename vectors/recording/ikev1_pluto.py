"""libreswan as an end of the captured IKEv1 exchanges: whack, and what pluto logs with all debugging."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from peers.lab import Lab, Net
from peers.libreswan import render
from peers.libreswan.driver import LibreswanDriver
from peers.libreswan.dut import launch
from peers.scenario import Connection as PeerConnection
from peers.scenario import Credentials, Identity
from peers.scenario import Endpoint as PeerEndpoint
from vectors.recording import ikev1_connection
from vectors.recording.charon_log import Dump
from vectors.recording.ikev1_lab import DEBIAN
from vectors.recording.ikev1_scenarios import PASSWORD, PSK, USER, Scenario
from vectors.recording.ikev1_state import ObserverError

_NAME = ikev1_connection.NAME
_CONFIG = """config setup
    logfile=/lab/pluto.log
    nssdir=/run/ikeproof/nss
    secretsfile=/run/ikeproof/ipsec.secrets
    uniqueids=no
    virtual-private=
    ikev1-policy=accept
    plutodebug="all private"
"""
_ROW = re.compile(r"^.*?\| {3}((?:[0-9a-f]{2} {1,2}){1,16})")
_HASHES = {"md5": "md5", "sha1": "sha1", "sha256": "sha2_256", "sha384": "sha2_384", "sha512": "sha2_512"}
_GROUPS = {
    "modp1536": "dh5", "modp2048": "dh14", "modp3072": "dh15", "modp4096": "dh16", "ecp256": "dh19", "ecp384": "dh20",
    "ecp521": "dh21", "curve25519": "dh31",
}  # fmt: skip


def dumps(log: str) -> Iterator[Dump]:
    """Every dump of pluto's log: rows of hexadecimal below the line that names them."""
    name, octets = "", b""
    for line in log.splitlines():
        if row := _ROW.match(line):
            octets += bytes.fromhex(row[1])
            continue
        if octets:
            yield Dump("", name, octets)
        name, octets = line.rpartition("| ")[2].rstrip(":"), b""
    if octets:
        yield Dump("", name, octets)


@dataclass(frozen=True, slots=True)
class View:
    """An ISAKMP SA, or the beginnings of one."""

    handle: str
    established: bool


def suite(text: str) -> str:
    """A suite of the scenarios in libreswan's words."""
    cipher, digest, *group = text.split("-")
    words = f"{cipher}-{_HASHES[digest]}"
    return f"{words};{_GROUPS[group[0]]}" if group else words


class Pluto(LibreswanDriver):
    """A pluto that accepts IKEv1, in a machine of its own."""

    @classmethod
    def start(cls, lab: Lab, network: Net, host: str, protected: str) -> Pluto:
        """Boot the machine, and start pluto again with our settings: the image's own refuse IKEv1."""
        folder = lab.folder()
        _, address, token = launch(lab, "libreswan-5.2", host, network, folder, protected)
        end = cls("libreswan-5.2", folder, address, token)
        end._agent.write("/run/ikeproof/ipsec.conf", _CONFIG)
        end._whack("--shutdown")
        time.sleep(0.5)
        end._agent.restart()
        end._wait_for_pluto()
        end.no_revival()
        return end

    @property
    def implementation(self) -> str:
        """Name, version and distribution."""
        return f"libreswan {self.version} ({DEBIAN[self.name]})"

    def forget(self) -> None:
        """Drop the connection with its SAs."""
        self._agent.run(["/usr/libexec/ipsec/whack", "--name", _NAME, "--delete"])

    def configure(self, scenario: Scenario, role: str, peer: str) -> None:
        """Secret or certificate, and the connection; left is this end."""
        other = ikev1_connection.ROLES[role == "initiator"]
        own, theirs = (ikev1_connection.identity(scenario, each).removeprefix("fqdn:") for each in (role, other))
        secrets = f'@{own} @{theirs} : PSK 0x{PSK.hex()}\n@{USER} : XAUTH "{PASSWORD.decode()}"\n'
        self._agent.write("/run/ikeproof/ipsec.secrets", secrets)
        self._whack("--rereadsecrets")
        lines = [f"left={self.address}", f"leftid=@{own}", f"right={peer}", f"rightid=@{theirs}"]
        if ikev1_connection.proof(scenario, role) == "rsa":
            lines += [f"leftcert={self._certificate(scenario, role)}", "leftsendcert=always", "rightrsasigkey=%cert"]
        lines += ["keyexchange=ikev1", f"authby={'rsasig' if 'rsa' in scenario.auth else 'secret'}"]
        lines += [f"aggressive={_yes(scenario.aggressive)}", f"ike={suite(scenario.ike)}", "fragmentation=no"]
        # a phase 1 alone is not to be had: quick mode follows
        cipher, digest, *group = scenario.esp.split("-")
        protocol, words = ("ah", _HASHES[digest]) if cipher == "ah" else ("esp", f"{cipher}-{_HASHES[digest]}")
        lines += [f"phase2={protocol}", f"{protocol}={words}", f"pfs={_yes(bool(group))}", f"type={scenario.mode}"]
        if scenario.mode == "tunnel":
            networks = ikev1_connection.NETWORKS
            lines += [f"leftsubnet={networks[role]}", f"rightsubnet={networks[other]}"]
        if scenario.auth.startswith("xauth"):
            lines += ["leftxauthclient=yes", "rightxauthserver=yes", f"leftusername={USER}"]
        if "dpd" in scenario.steps:
            lines += ["dpddelay=1s", "dpdtimeout=30s"]
        text = "config setup\n" + f"conn {_NAME}\n" + "".join(f"    {line}\n" for line in lines)
        self._agent.write("/run/ikeproof/transcript.conf", text)
        control = ["--ctlsocket", "/run/pluto/pluto.ctl", "--config", "/run/ikeproof/transcript.conf"]
        self._check(["/usr/libexec/ipsec/addconn", *control, _NAME])

    def _certificate(self, scenario: Scenario, role: str) -> str:
        """Put the certificates into the NSS database; the name of our own one."""
        kind = ikev1_connection.proof(scenario, role)
        certificate, key = ikev1_connection.pem(kind, role)
        held = Credentials(certificate=certificate, key=key, ca=ikev1_connection.authority())
        own = PeerEndpoint(self.address, Identity("fqdn", role), "rsa", held)
        connection = PeerConnection(_NAME, own, own, (), ())
        self._certificates(connection)
        return render.certificate_name(connection)

    def command(self, name: str, message: Mapping[str, Any]) -> None:
        """What the scenarios ask of charon through vici. Raises PeerError, ObserverError."""
        if name == "initiate":
            begin = len(self.logs())
            self.initiate(_NAME)
            deadline = time.monotonic() + 8
            # the log, because the other end may delete the SA at once
            while "IPsec SA established" not in self.logs()[begin:]:
                if time.monotonic() > deadline:
                    raise ObserverError("libreswan: no IPsec SA in time")
                time.sleep(0.1)
        elif name == "terminate":
            what = "IPsec SA established" if "child" in message else "ISAKMP SA established"
            self._background("--deletestate", self._handle(what))
        elif name == "rekey" and "child" in message:
            self._background("--rekey-ipsec", "--name", _NAME)
        else:
            raise ObserverError(f"libreswan does not do {name} {dict(message)}")

    def _handle(self, what: str) -> str:
        for line in self._whack("--showstates").splitlines():
            if what in line:
                return line.partition(":")[0].lstrip("#")
        raise ObserverError(f"libreswan has no {what}")

    def state(self) -> list[View]:  # type: ignore[override]
        """The ISAKMP SAs."""
        phase1 = ("STATE_MAIN", "STATE_AGGR", "STATE_XAUTH", "STATE_MODE")
        lines = [line for line in self._whack("--showstates").splitlines() if any(word in line for word in phase1)]
        return [View(line.partition(":")[0].lstrip("#"), "established" in line) for line in lines]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
