"""libreswan's driver: whack, addconn and NSS tools, run by the agent in the peer's machine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from peers.driver import IkeSaView, PingResult
from peers.errors import PeerError
from peers.libreswan import render
from peers.libreswan.agent import Agent
from peers.libreswan.state import LogState, parse
from peers.scenario import Connection
from peers.shell import parse_ping, ping_command

_BIN = "/usr/libexec/ipsec"
_NSS = "sql:/run/ikeproof/nss"
_CONFIG = "/run/ikeproof/{}.conf"
START_TIMEOUT = 20.0


class LibreswanDriver:
    """Drives a pluto whose run folder (``pluto.log``) is ``folder`` on this host.

    ``targets`` maps a connection's name to the template and remote address that it starts.
    """

    def __init__(
        self, name: str, folder: Path, address: str, token: str, targets: dict[str, tuple[str, str]] | None = None
    ) -> None:
        self.name = name
        self.folder = folder
        self.address = address
        self._agent = Agent(name, address, token)
        self._targets = targets or {}
        self._log = LogState()
        self._read = 0
        self._secrets: dict[str, str] = {}
        self._agent.connect(START_TIMEOUT)
        self._wait_for_pluto()
        self.version = self._check([f"{_BIN}/pluto", "--version"]).split()[1]

    def _wait_for_pluto(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while self._agent.run([f"{_BIN}/whack", "--briefstatus"])[0]:
            if time.monotonic() > deadline:
                raise PeerError(f"{self.name}: pluto does not answer", f"Its log is {self.folder / 'pluto.log'}")
            time.sleep(0.05)

    def _check(self, command: Sequence[str], *, timeout: float = 20) -> str:
        status, output = self._agent.run(command, timeout=timeout)
        if status:
            raise PeerError(f"{self.name}: {' '.join(command)}: {output.strip()[-400:]} (exit status {status})")
        return output

    def _whack(self, *arguments: str) -> str:
        return self._check([f"{_BIN}/whack", *arguments])

    def load(self, connection: Connection, further: Sequence[Connection] = ()) -> None:
        """Add a connection with its secret or certificates; a further call with the same name replaces it.

        further: connections with the same credentials, added by the same command.
        """
        text = "\n".join(map(render.connection, (connection, *further)))
        self._certificates(connection)
        if secret := render.secret(connection):
            self._secrets[connection.name] = secret
            self._agent.write("/run/ikeproof/ipsec.secrets", "".join(dict.fromkeys(self._secrets.values())))
            self._whack("--rereadsecrets")
        path = _CONFIG.format(connection.name)
        self._agent.write(path, "config setup\n" + text)
        which = "--autoall" if further else connection.name
        self._check([f"{_BIN}/addconn", "--ctlsocket", "/run/pluto/pluto.ctl", "--config", path, which])

    def _certificates(self, connection: Connection) -> None:
        """Certificates go through the shared run folder, the private key in a PKCS #12 file that is removed again."""
        own = connection.local.credentials
        for authority in {end.credentials.ca for end in (connection.local, connection.remote) if end.credentials.ca}:
            ca = x509.load_pem_x509_certificate(authority.encode())
            name = f"ca-{ca.fingerprint(ca.signature_hash_algorithm).hex()[:12]}"  # type: ignore[arg-type]
            (self.folder / f"{name}.pem").write_text(authority)
            self._check(["certutil", "-A", "-d", _NSS, "-n", name, "-t", "CT,,", "-a", "-i", f"/lab/{name}.pem"])
        if not own.certificate:
            return
        # a name of its own each time: User-Mode Linux would read an earlier file's contents from its cache
        bundle = self.folder / f"{secrets.token_hex(6)}.p12"
        bundle.touch(mode=0o600)
        try:
            key = serialization.load_pem_private_key(own.key.encode(), None)
            name = render.certificate_name(connection)
            bundle.write_bytes(
                pkcs12.serialize_key_and_certificates(
                    name.encode(),
                    key,  # type: ignore[arg-type]
                    x509.load_pem_x509_certificate(own.certificate.encode()),
                    None,
                    serialization.BestAvailableEncryption(b"lab"),
                )
            )
            self._check(["pk12util", "-i", f"/lab/{bundle.name}", "-d", _NSS, "-W", "lab"])
        finally:
            bundle.unlink(missing_ok=True)

    def unload(self, name: str) -> None:
        """Remove a connection and its secret; its SAs are deleted with it."""
        self._whack("--name", name, "--delete")
        self._secrets.pop(name, None)

    def initiate(self, connection: str) -> None:
        """Start a connection; returns at once."""
        template, remote = self._targets.get(connection, (connection, ""))
        target = ["--remote-host", remote] if remote else []
        self._background("--name", template, "--initiate", *target, "--asynchronous")

    def _find(self, spi_i: str) -> IkeSaView:
        for view in self.state():
            if view.spi_i == spi_i.lower():
                return view
        raise PeerError(f"{self.name} has no IKE SA with initiator SPI {spi_i}")

    def _child(self, spi_i: str, spi_in: str | None) -> str:
        for child in self._find(spi_i).children:
            if (spi_in is None and child.state == "installed") or child.spi_in == (spi_in or "").lower():
                return child.name.removeprefix("#")
        raise PeerError(f"{self.name} has no Child SA {spi_in or ''} under the IKE SA {spi_i}")

    def rekey_ike(self, spi_i: str) -> None:
        """Start a rekey of the IKE SA."""
        self._impair("trigger_v2_rekey", self._find(spi_i).handle)

    def rekey_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start a rekey of a Child SA."""
        self._impair("trigger_v2_rekey", self._child(spi_i, spi_in))

    def delete_ike(self, spi_i: str) -> None:
        """Start the deletion of the IKE SA."""
        self._background("--deletestate", self._find(spi_i).handle)

    def delete_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start the deletion of a Child SA."""
        self._background("--deletestate", self._child(spi_i, spi_in))

    def liveness(self, spi_i: str) -> None:
        """Start a liveness check."""
        self._impair("initiate_v2_liveness", self._find(spi_i).handle)

    def _impair(self, what: str, serial: str) -> None:
        self._background("--impair", f"{what}:{serial}")

    def _background(self, *arguments: str) -> None:
        """Whack waits for the end of what it starts: leave it behind."""
        command = ["sh", "-c", '"$0" "$@" >/dev/null 2>&1 &', f"{_BIN}/whack", *arguments]
        self._check(command)

    def state(self) -> list[IkeSaView]:
        """Every IKE SA, with its Child SAs."""
        script = f"{_BIN}/whack --showstates && echo ---- && {_BIN}/whack --briefconnectionstatus"
        states, _, selectors = self._check(["sh", "-c", script]).partition("----\n")
        self._follow_log()
        return parse(states, selectors, self._log, self.address)

    def _follow_log(self) -> None:
        with (self.folder / "pluto.log").open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        self._log.feed(whole.decode(errors="replace"))

    def counters(self) -> dict[str, int]:
        """Pluto's global statistics that are not zero."""
        counted = {}
        for line in self._whack("--globalstatus").splitlines():
            key, _, value = line.strip().partition("=")
            if value.isdigit() and int(value):
                counted[key] = int(value)
        return counted

    def ping(self, destination: str, source: str, count: int = 3) -> PingResult:
        """Echo requests from inside the peer's machine."""
        return parse_ping(self._agent.run(ping_command(destination, source, count), timeout=count + 10)[1])

    def kernel_state(self) -> str:
        """The kernel's SAs with their keys (``ip xfrm state``)."""
        return self._check(["ip", "-s", "xfrm", "state"])

    def cookies(self, demand: bool) -> None:
        """Demand cookies at once, or never."""
        mode = "--ddos-busy" if demand else "--ddos-unlimited"
        self._agent.write("/run/ikeproof/ddos", mode)
        self._whack(mode)

    def no_revival(self) -> None:
        """What is initiated once has orders to stay up: do not start it again when it ends.

        (Taking the orders back by ``--terminate`` is no way: pluto 5.2 runs into an assertion while it starts again.)
        """
        self._agent.write("/run/ikeproof/revival", "--impair revival")
        self._whack("--impair", "revival")

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in the peer's machine (``tc``, ``ip``, ``nft``): exit status and output."""
        return self._agent.run(command)

    def keys(self) -> str:
        """pluto's log: ``private`` prints the ESP keys, and the IKE keys but for the salt of AEAD ciphers."""
        return self.logs()

    def logs(self) -> str:
        """pluto's log file."""
        return (self.folder / "pluto.log").read_text(errors="replace")

    def reset(self) -> None:
        """Delete every IKE SA without a word to the other end. A pluto that died is started again."""
        if self._agent.run([f"{_BIN}/whack", "--briefstatus"])[0]:
            self._agent.restart()
            self._wait_for_pluto()
            return
        self._whack("--impair", "send_no_delete")
        try:
            for view in self.state():
                # whack follows a state that waits for an answer until that has come; the deletion itself is at once
                self._agent.run([f"{_BIN}/whack", "--deletestate", view.handle], timeout=0.5)
        finally:
            self._whack("--no-impair", "send_no_delete")

    def close(self) -> None:
        """Close the connection to the agent."""
        self._agent.close()
