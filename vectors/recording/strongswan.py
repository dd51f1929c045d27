"""strongSwan as the foreign end: vici, and the secrets that charon logs at level 4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from peers.keys import charon_secrets
from peers.lab import Lab, Net
from peers.strongswan.driver import StrongswanDriver
from vectors.recording import credentials
from vectors.recording.recipe import PSK, Recipe, halves

NAMES = {"strongswan-5.9": "Debian 12", "strongswan-6.0": "Debian 13"}
PROTECTED = "10.1.0.1/24 10.2.0.1/24"
CONNECTION = "transcript"
SECOND = "second"
# Long enough that nothing is sent twice while a transcript is recorded.
# With raw ESP the user-space data plane claims no NAT (strongSwan 6.0).
_SETTINGS = """charon {{
    plugins {{ kernel-libipsec {{ raw_esp = yes }} }}
    block_threshold = 0
    retransmit_timeout = 20.0
    {further}
}}
"""


class Charon(StrongswanDriver):
    """A strongSwan in a container of its own, with these lines in its configuration."""

    quiet = 0.15
    says = "Its own log has"

    @classmethod
    def start(cls, lab: Lab, network: Net, image: str, lines: tuple[str, ...]) -> Charon:
        """Start a container."""
        folder = lab.folder()
        (folder / "strongswan.d").mkdir()
        (folder / "strongswan.d" / "run.conf").write_text(_SETTINGS.format(further="\n    ".join(lines)))
        container = lab.container(
            image,
            f"{image}-{folder.name[-6:]}",
            network,
            volumes={folder: "/lab"},
            environment={"PROTECTED": PROTECTED},
        )
        end = cls(image, folder, str(container.id), lab.client)
        end.address = lab.address(container, network)
        end.by = f"strongSwan {end.version} ({NAMES[image]})"
        return end

    address: str
    by: str

    def configure(self, recipe: Recipe, our_address: str) -> None:
        """One connection with one child, both called transcript."""
        self._start = len(self.logs())
        kind = recipe.kind(recipe.theirs)
        if kind == "psk" or recipe.kind(recipe.ours) == "psk":
            owners = [_identity(recipe.identity(role)) for role in ("initiator", "responder")]
            secret = {"id": CONNECTION, "type": "IKE", "data": recipe.options.get("psk", PSK), "owners": owners}
            self._ask(lambda: self._session.load_shared(secret))
        if kind != "psk":
            ca = {"type": "X509", "flag": "CA", "data": _pem(credentials.authority())}
            self._ask(lambda: self._session.load_cert(ca))
            key = serialization.load_der_private_key(credentials.load(recipe.theirs, kind)[1], None)
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            self._ask(lambda: self._session.load_key({"type": "any", "data": pem}))
        if pool := recipe.options.get("pool"):
            self._ask(lambda: self._session.load_pool({CONNECTION: pool}))
        self._ask(lambda: self._session.load_conn({CONNECTION: self._connection(recipe, our_address)}))

    def _connection(self, recipe: Recipe, our_address: str) -> dict[str, Any]:
        child = {
            "esp_proposals": list(recipe.peer_esp or recipe.esp),
            "mode": "tunnel",
            "local_ts": recipe.networks(recipe.theirs),
            "remote_ts": recipe.networks(recipe.ours),
            "rekey_time": "0",
            "start_action": "none",
            "close_action": "none",
            "dpd_action": "none",
            **recipe.options.get("child", {}),
        }
        return {
            "version": "2",
            "local_addrs": [self.address],
            "remote_addrs": [our_address],
            "proposals": list(recipe.peer_ike or recipe.ike),
            "mobike": "no",
            "unique": "never",
            "encap": "no",
            "fragmentation": "no",
            "rekey_time": "0",
            "reauth_time": "0",
            "send_cert": "always",
            "send_certreq": "yes",
            "local": self._end(recipe, recipe.theirs, "auth_local", local=True),
            "remote": self._end(recipe, recipe.ours, "auth_remote", local=False),
            "children": {CONNECTION: child, **self._further(recipe, child)},
            **({"pools": [CONNECTION]} if "pool" in recipe.options else {}),
            **recipe.options.get("connection", {}),
        }

    def _further(self, recipe: Recipe, child: dict[str, Any]) -> dict[str, Any]:
        """A second child is for halves of the networks: charon starts none with the same traffic selectors."""
        if not recipe.options.get("second_child"):
            return {}
        selectors = {"local_ts": recipe.theirs, "remote_ts": recipe.ours}
        return {SECOND: {**child, **{name: halves(recipe.networks(role)) for name, role in selectors.items()}}}

    def _end(self, recipe: Recipe, role: str, option: str, *, local: bool) -> dict[str, Any]:
        kind = recipe.kind(role)
        section: dict[str, Any] = {"id": _identity(recipe.identity(role))}
        if not local:
            section["id"] = recipe.options.get("identity_remote", section["id"])
        if kind == "psk":
            return section | {"auth": "psk"}
        section["auth"] = recipe.options.get(option, "pubkey")
        if local:
            section["certs"] = [_pem(credentials.load(role, kind)[0])]
        else:
            section["cacerts"] = [_pem(credentials.authority())]
        return section

    def command(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Start it; charon goes on by itself."""
        if name in ("initiate", "create-child"):
            child = arguments.get("child", CONNECTION)
            request = {"child": child, "ike": CONNECTION, "timeout": "-1", "init-limits": "no"}
            self._ask(lambda: list(self._session.initiate(request)))
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
        """Whether charon logged the value: shared secrets, SKEYSEED, SK_* and the keys of ESP."""
        return octets in {data for _, data in charon_secrets(self.logs()[self._start :])}

    def logs_value(self, name: str) -> bool:
        """It logs all of them."""
        return True

    def finish(self) -> None:
        """Without waiting for our answers."""
        self.reset()
        self._ask(lambda: self._session.unload_conn({"name": CONNECTION}))
        self._ask(self._session.clear_creds)
        if CONNECTION in self._ask(lambda: [str(name) for pool in [self._session.get_pools()] for name in pool]):
            self._ask(lambda: self._session.unload_pool({"name": CONNECTION}))


def _identity(text: str) -> str:
    """In charon's spelling."""
    kind, _, value = text.partition(":")
    if kind == "keyid":
        return f"keyid:{bytes.fromhex(value).decode()}"
    return {"ip": value, "dn": f"asn1dn:#{value}"}.get(kind, text)


def _pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()
