"""What a transcript is to contain: a recipe, from which it can be recorded at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from vectors.recording import credentials

PSK = b"a pre-shared key for transcripts"
NETWORKS = {"initiator": "10.2.0.0/24", "responder": "10.1.0.0/24"}
OTHER = {"initiator": "responder", "responder": "initiator"}


@dataclass(frozen=True)
class Recipe:
    """One transcript. `ours` is the role of the reference, `peer` the lab's name of the other end.

    Suites are in strongSwan's keywords; `peer_ike` and `peer_esp` are the other end's where they differ. `auth` is
    `psk` or a kind of credentials, `auth_peer` the other end's. `engine` are further settings of our engine, `options`
    of the peer's connection, `settings` lines of its global configuration. A step is "initiate", or (who, command,
    arguments) with who "ours" or "peer"; the argument `messages` says how many there are at least. `outcome` is
    "established", or a notification that ends it; `shows` must stand in the summaries of the messages. `identities` by
    role replace the usual names.
    """

    name: str
    family: str
    proves: str
    document: str
    peer: str
    ours: str
    ike: tuple[str, ...]
    esp: tuple[str, ...]
    peer_ike: tuple[str, ...] = ()
    peer_esp: tuple[str, ...] = ()
    auth: str = "psk"
    auth_peer: str = ""
    engine: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    steps: tuple[Any, ...] = ("initiate",)
    outcome: str = "established"
    shows: tuple[str, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)

    @property
    def theirs(self) -> str:
        """The role of the peer."""
        return OTHER[self.ours]

    def kind(self, role: str) -> str:
        """How one end proves itself."""
        return self.auth if role == self.ours else self.auth_peer or self.auth

    def identity(self, role: str) -> str:
        """An end's identity as the transcript has it: `kind:value`."""
        if role in self.identities:
            return self.identities[role]
        kind = self.kind(role)
        return f"fqdn:{role}.example" if kind == "psk" else f"fqdn:{credentials.identity(role, kind)}"

    def networks(self, role: str) -> list[str]:
        """What is behind an end."""
        key = "local_ts" if role == self.ours else "remote_ts"
        return list(self.engine.get(key, [NETWORKS[role]]))


def halves(networks: list[str]) -> list[str]:
    """The lower half of each network."""
    return [str(next(ip_network(network).subnets())) for network in networks]
