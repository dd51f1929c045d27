"""A scenario as the vici messages of its two ends."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_der_private_key

from vectors.recording import credentials
from vectors.recording.ikev1_lab import Charon
from vectors.recording.ikev1_scenarios import PASSWORD, PSK, USER, Scenario

NAME = "transcript"
NETWORKS = {"initiator": "10.1.0.0/24", "responder": "10.2.0.0/24"}
POOL = "10.3.0.0/28"
ROLES = ("initiator", "responder")


def proof(scenario: Scenario, role: str) -> str:
    """What an end proves itself with in phase 1: psk, a kind of key, or nothing ("")."""
    if scenario.auth == "hybrid":
        return "rsa" if role == "responder" else ""
    return scenario.auth.removeprefix("xauth-")


def identity(scenario: Scenario, role: str) -> str:
    """An end's identity, kind:value."""
    kind = proof(scenario, role)
    return f"fqdn:{role}.example" if kind in ("psk", "") else f"fqdn:{credentials.identity(role, kind)}"


def has_xauth(scenario: Scenario) -> bool:
    """Whether the responder asks for a user name and password."""
    return scenario.auth.startswith("xauth") or scenario.auth == "hybrid"


def pem(kind: str, role: str) -> tuple[str, str]:
    """Certificate and private key in PEM."""
    certificate, key = credentials.load(role, kind)
    text = load_der_private_key(key, None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _pem_certificate(certificate), text.decode()


def _pem_certificate(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()


def authority() -> str:
    """The CA's certificate in PEM."""
    return _pem_certificate(credentials.authority())


def load(scenario: Scenario, role: str, charon: Charon, peer: str) -> None:
    """Configure one end: secrets, certificates, pool, connection."""
    psk = {"id": "psk", "type": "IKE", "data": PSK, "owners": [identity(scenario, each) for each in ROLES]}
    charon.command("load_shared", psk)
    if has_xauth(scenario):
        wrong = role == "initiator" and scenario.config == "wrong-password"
        password = PASSWORD[::-1] if wrong else PASSWORD
        charon.command("load_shared", {"id": "xauth", "type": "XAUTH", "data": password, "owners": [USER]})
    kind = proof(scenario, role)
    if any(proof(scenario, each) not in ("psk", "") for each in ROLES):
        charon.command("load_cert", {"type": "X509", "flag": "CA", "data": authority()})
    if kind not in ("psk", ""):
        charon.command("load_key", {"type": "any", "data": pem(kind, role)[1]})
    if scenario.config in ("pull", "push") and role == "responder":
        charon.command("load_pool", {"pool": {"addrs": POOL, "dns": ["10.2.0.53"]}})
    charon.command("load_conn", {NAME: connection(scenario, role, charon.address, peer)})


def connection(scenario: Scenario, role: str, own: str, peer: str) -> dict[str, Any]:
    """The body of ``load-conn``."""
    other = ROLES[role == "initiator"]
    suite = scenario.responder_ike if role == "responder" and scenario.responder_ike else scenario.ike
    body: dict[str, Any] = {
        "version": "1",
        "aggressive": _yes(scenario.aggressive),
        "local_addrs": [own],
        "remote_addrs": ["%any" if scenario.nat and role == "responder" else peer],
        "proposals": [suite],
        "mobike": "no",
        "fragmentation": "no",
        "encap": "no",
        "dpd_delay": "1s" if "dpd" in scenario.steps and role == "initiator" else "0",
        "rekey_time": "0",
        "reauth_time": "4h" if "reauth" in scenario.steps else "0",
        "over_time": "1h",
        "unique": "replace" if scenario.config == "initial-contact" else "never",
        "send_cert": "always",
        # a request more, and the responder's RSA message in aggressive mode does not fit into one datagram
        "send_certreq": _yes(not scenario.aggressive),
        "local": _auth(scenario, role, local=True),
        "remote": _auth(scenario, other, local=False),
    }
    if has_xauth(scenario):
        body["local-xauth" if role == "initiator" else "remote-xauth"] = _xauth(role)
        if scenario.auth == "hybrid":
            del body["local" if role == "initiator" else "remote"]
    if scenario.config in ("pull", "push"):
        body["pull"] = _yes(scenario.config == "pull")
        if role == "initiator":
            body["vips"] = ["0.0.0.0"]
        else:
            body["pools"] = ["pool"]
    if scenario.esp:
        body["children"] = {NAME: _child(scenario, role, other)}
    return body


def _child(scenario: Scenario, role: str, other: str) -> dict[str, Any]:
    networks = {role: [NETWORKS[role]], other: [NETWORKS[other]]}
    if scenario.config in ("pull", "push"):
        networks["initiator"] = ["dynamic"]
    if scenario.config == "other-networks" and role == "responder":
        networks[role] = ["10.9.0.0/24"]
    proposal = scenario.responder_esp if scenario.responder_esp and role == "responder" else scenario.esp
    protocol = "ah_proposals" if proposal.startswith("ah-") else "esp_proposals"
    return {
        protocol: [proposal.removeprefix("ah-")],
        "mode": scenario.mode,
        "local_ts": networks[role] if scenario.mode == "tunnel" else ["dynamic"],
        "remote_ts": networks[other] if scenario.mode == "tunnel" else ["dynamic"],
        "rekey_time": "0",
        "start_action": "none",
        "close_action": "none",
        "dpd_action": "none",
    }


def _auth(scenario: Scenario, role: str, *, local: bool) -> dict[str, Any]:
    kind = proof(scenario, role)
    section: dict[str, Any] = {"id": identity(scenario, role), "auth": "psk" if kind == "psk" else "pubkey"}
    if kind not in ("psk", ""):
        section |= {"certs": [pem(kind, role)[0]]} if local else {"cacerts": [authority()]}
    return section


def _xauth(role: str) -> dict[str, Any]:
    return {"auth": "xauth", "xauth_id": USER} if role == "initiator" else {"auth": "xauth-generic"}


def _yes(value: bool) -> str:
    return "yes" if value else "no"
