"""The reference gateway's configuration file from neutral connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peers.errors import NotSupported
from peers.scenario import ANY, Connection, Credentials, Endpoint, Identity


def value(item: Any) -> str:
    """A TOML value: text, number, flag, list or inline table."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int | float):
        return str(item)
    if isinstance(item, str):
        escaped = item.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{key} = {value(each)}" for key, each in item.items()) + " }"
    return "[" + ", ".join(value(each) for each in item) + "]"


def identity(item: Identity) -> str:
    """An identity in the gateway's spelling."""
    if item.kind == ANY:
        return "*"
    if item.kind == "dn":
        raise NotSupported("the lab does not encode distinguished names for the reference", "Use fqdn: or email:")
    if item.kind == "key":
        return f"keyid:{item.value.encode().hex()}"
    return f"{ {'ipv4': 'ip', 'ipv6': 'ip'}.get(item.kind, item.kind) }:{item.value}"


def _secret(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def _auth(end: Endpoint, credentials: Credentials, folder: Path, stem: str, *, local: bool) -> dict[str, Any]:
    if end.auth == "psk":
        return {"method": "psk", "psk": {"hex": credentials.psk.hex()}}
    if not local:
        return {"method": "pubkey", "ca": [_secret(folder / f"{stem}-ca.pem", credentials.ca)]}
    return {
        "method": "pubkey",
        "cert": _secret(folder / f"{stem}.pem", credentials.certificate),
        "key": _secret(folder / f"{stem}.key", credentials.key),
    }


def connection(item: Connection, folder: Path, ports: tuple[int, int]) -> str:
    """A ``[[connection]]`` table; credential files go to ``folder``, ``ports`` are the other end's."""
    psk = Credentials(psk=item.local.credentials.psk or item.remote.credentials.psk)
    authority = item.remote.credentials if item.remote.credentials.ca else item.local.credentials
    table: dict[str, Any] = {
        "name": item.name,
        "local_id": identity(item.local.identity),
        "remote_id": identity(item.remote.identity),
        "remote_address": "any" if item.remote.address == ANY else item.remote.address,
        "remote_port": ports[0],
        "remote_natt_port": ports[1],
        "auth.local": _auth(
            item.local, psk if item.local.auth == "psk" else item.local.credentials, folder, item.name, local=True
        ),
        "auth.remote": _auth(
            item.remote, psk if item.remote.auth == "psk" else authority, folder, item.name, local=False
        ),
        "ike": item.ike,
        "esp": item.esp,
        "local_ts": item.local.networks,
        "remote_ts": item.remote.networks,
        "mode": item.mode,
        "encap": "always" if item.encap else "auto",
        "fragmentation": item.fragmentation,
        "unique": item.unique,
        "dpd": float(item.dpd),
    }
    if item.pool:
        table["pool"] = item.pool
    if item.request_address:
        table["request_addresses"] = [4]
    times = item.lifetimes
    limits = {
        "ike_soft": float(times.ike_rekey),
        "ike_hard": times.ike_rekey * 1.5,
        "child_soft": float(times.child_rekey),
        "child_hard": times.child_rekey * 1.5,
        "child_bytes": times.child_bytes,
        "child_packets": times.child_packets,
        "jitter": 0.0,
    }
    lines = ["[[connection]]", *(f"{key} = {value(each)}" for key, each in table.items())]
    lines.append(f"lifetimes = {value(limits)}")
    return "\n".join(lines) + "\n"


def configuration(gateway: Mapping[str, Any], data_plane: Mapping[str, Any], connections: Sequence[str]) -> str:
    """The whole file."""
    parts = ["[gateway]", *(f"{key} = {value(each)}" for key, each in gateway.items())]
    parts += ["", "[dataplane]", *(f"{key} = {value(each)}" for key, each in data_plane.items()), "", *connections]
    return "\n".join(parts) + "\n"
