"""The credentials of a DUT in the lab: made fresh per run, written for the tester with owner-only permissions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.ca import KeyType, TestCa
from peers.scenario import Credentials, Identity

DUT_IDENTITY = "fqdn:gw.example"
TESTER_IDENTITY = "fqdn:tester-%d.example"
KEY_TYPES: tuple[KeyType, ...] = ("rsa", "ecdsa", "ed25519")


@dataclass(frozen=True)
class DutCredentials:
    """Key material of both ends; ``dut`` and ``tester`` hold a certificate per key type."""

    psk: bytes
    dut: dict[KeyType, tuple[Identity, Credentials]]
    tester: dict[KeyType, tuple[Identity, Credentials]]
    ca: str

    @classmethod
    def create(cls, key_types: tuple[KeyType, ...]) -> DutCredentials:
        """A fresh pre-shared key, CA and certificates ``TYPE.gw.example`` and ``TYPE.tester.example``."""
        ca = TestCa.create()

        def issue(owner: str) -> dict[KeyType, tuple[Identity, Credentials]]:
            identities = {kind: Identity("fqdn", f"{kind}.{owner}.example") for kind in key_types}
            return {kind: (identity, ca.issue(kind, identity)) for kind, identity in identities.items()}

        return cls(secrets.token_urlsafe(24).encode(), issue("gw"), issue("tester"), ca.pem)

    def write(self, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Write the tester's files; returns the profile's ``dut.auth`` and ``tester.auth`` tables."""
        folder.mkdir(parents=True, exist_ok=True)
        dut_auth: dict[str, Any] = {
            "psk": {"identity": DUT_IDENTITY, "psk": {"file": _secret(folder / "psk", self.psk.decode())}}
        }
        tester_auth: dict[str, Any] = {}
        ca = _secret(folder / "ca.pem", self.ca)
        for kind in self.dut:
            dut_auth[kind] = {"identity": str(self.dut[kind][0]), "ca": {"file": ca}}
            identity, credentials = self.tester[kind]
            tester_auth[kind] = {
                "identity": str(identity),
                "cert": {"file": _secret(folder / f"tester-{kind}.pem", credentials.certificate)},
                "key": {"file": _secret(folder / f"tester-{kind}.key", credentials.key)},
                "ca": {"file": ca},
            }
        return dut_auth, tester_auth


def _secret(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)
