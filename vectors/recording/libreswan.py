"""libreswan as the foreign end: whack, the keys in pluto's log and those in its kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from peers import keys
from peers.lab import Lab, Net
from peers.libreswan.driver import LibreswanDriver
from peers.libreswan.dut import launch
from peers.scenario import AuthMethod, Connection, Credentials, Endpoint, Identity
from vectors.recording import credentials
from vectors.recording.recipe import PSK, Recipe

CONNECTION = "transcript"
PROTECTED = "10.1.0.1/24 10.2.0.1/24"
DISTRIBUTION = "Debian 13"
_METHODS: dict[str, AuthMethod] = {"psk": "psk", "rsa": "rsa", "ecdsa256": "ecdsa"}
_SALTS = (3, 4)
_PRINTED = 32


class Pluto(LibreswanDriver):
    """A libreswan in a machine of its own."""

    quiet = 0.6
    says = "Its own log, without salts and after 32 octets, and its kernel have"
    by: str

    @classmethod
    def start(cls, lab: Lab, network: Net) -> Pluto:
        """Boot the machine."""
        folder = lab.folder()
        _, address, token = launch(lab, "libreswan-5.2", "libreswan", network, folder, PROTECTED)
        end = cls("libreswan-5.2", folder, address, token)
        end.no_revival()
        end.by = f"libreswan {end.version} ({DISTRIBUTION})"
        return end

    def configure(self, recipe: Recipe, our_address: str) -> None:
        """One connection, called transcript."""
        self._start = len(self.logs())
        self._kernel = ""
        self.cookies(bool(recipe.options.get("cookies")))
        self.load(
            Connection(
                CONNECTION,
                self._end(recipe, recipe.theirs, self.address),
                self._end(recipe, recipe.ours, our_address),
                recipe.peer_ike or recipe.ike,
                recipe.peer_esp or recipe.esp,
                mode=recipe.engine.get("mode", "tunnel"),
                fragmentation=False,
                **recipe.options.get("connection", {}),
            )
        )

    def _end(self, recipe: Recipe, role: str, address: str) -> Endpoint:
        kind = recipe.kind(role)
        if kind == "psk":
            proof = Credentials(psk=recipe.options.get("psk", PSK))
        else:
            certificate, key = credentials.load(role, kind)
            own = role == recipe.theirs
            proof = Credentials(
                certificate=_certificate(certificate) if own else "",
                key=_key(key) if own else "",
                ca=_certificate(credentials.authority()),
            )
        identity = Identity.parse(recipe.identity(role))
        networks = () if recipe.engine.get("mode") == "transport" else tuple(recipe.networks(role))
        return Endpoint(address, identity, _METHODS[kind], proof, networks)

    def command(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Start it; pluto goes on by itself."""
        if name == "initiate":
            self.initiate(CONNECTION)
            return
        spi = next(view.spi_i for view in reversed(self.state()) if view.established)
        actions = {
            "rekey-ike": self.rekey_ike,
            "rekey-child": self.rekey_child,
            "delete-ike": self.delete_ike,
            "delete-child": self.delete_child,
            "liveness": self.liveness,
        }
        actions[name](spi)

    def has(self, octets: bytes) -> bool:
        """Whether it logged the value or has it in its kernel; pluto's log has no salts."""
        ike, esp = keys.from_pluto(self.logs()[self._start :])
        esp += keys.from_kernel(self.kernel_state())
        known = {part for each in ike for part in (*each.encr, *each.integ)}
        known |= {part for each in esp for part in (each.encr, each.integ)}
        return octets in known or octets[:_PRINTED] in known or any(octets[:-salt] in known for salt in _SALTS)

    def logs_value(self, name: str) -> bool:
        """It logs no shared secret, SKEYSEED, SK_d or SK_p."""
        return name.startswith(("SK_a", "SK_e", "KEYMAT"))

    def finish(self) -> None:
        """Without a word to us."""
        self.reset()
        self.unload(CONNECTION)


def _certificate(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()


def _key(der: bytes) -> str:
    key = serialization.load_der_private_key(der, None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
