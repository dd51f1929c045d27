"""A neutral connection as the messages that strongSwan's vici interface takes."""

from __future__ import annotations

from typing import Any

from peers.scenario import ANY, Connection, Endpoint, Identity

# after ipv4: and ipv6: it takes the text itself, not the address, as the identity's octets
_KINDS = {"fqdn": "fqdn:", "email": "email:", "ipv4": "", "ipv6": "", "dn": "", "key": "keyid:"}


def identity(value: Identity) -> str:
    """An identity in strongSwan's spelling; the prefix fixes the type, so nothing is guessed from the text."""
    return "%any" if value.kind == ANY else _KINDS[value.kind] + value.value


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _auth(end: Endpoint, *, local: bool) -> dict[str, Any]:
    section: dict[str, Any] = {"id": identity(end.identity)}
    if end.auth == "psk":
        return section | {"auth": "psk"}
    section["auth"] = "pubkey"
    if local:
        section["certs"] = [end.credentials.certificate]
    elif end.credentials.ca:
        section["cacerts"] = [end.credentials.ca]
    return section


def _child(connection: Connection) -> dict[str, Any]:
    times = connection.lifetimes
    child: dict[str, Any] = {
        "esp_proposals": list(connection.esp),
        "mode": connection.mode,
        "rekey_time": str(times.child_rekey),
        "rand_time": "0",
        "dpd_action": "none",
        "close_action": "none",
        "start_action": "none",
    }
    if times.child_bytes:
        child["rekey_bytes"] = str(times.child_bytes)
    if times.child_packets:
        child["rekey_packets"] = str(times.child_packets)
    if connection.mode == "tunnel":
        child["local_ts"] = list(connection.local.networks) or ["dynamic"]
        child["remote_ts"] = list(connection.remote.networks) or ["dynamic"]
    return child


def connection(value: Connection) -> dict[str, Any]:
    """The ``load-conn`` message; its Child SA has the connection's own name."""
    body: dict[str, Any] = {
        "version": "2",
        "local_addrs": ["%any" if value.local.address == ANY else value.local.address],
        "remote_addrs": ["%any" if value.remote.address == ANY else value.remote.address],
        "proposals": list(value.ike),
        "mobike": "no",
        "unique": value.unique,
        "encap": _yes(value.encap),
        "fragmentation": _yes(value.fragmentation),
        "dpd_delay": str(value.dpd),
        "rekey_time": str(value.lifetimes.ike_rekey),
        "reauth_time": "0",
        "rand_time": "0",
        "send_cert": "always",
        "local": _auth(value.local, local=True),
        "remote": _auth(value.remote, local=False),
        "children": {value.name: _child(value)},
    }
    if value.remote.port != 500:
        body["remote_port"] = str(value.remote.port)
    if value.request_address:
        body["vips"] = ["0.0.0.0"]
    if value.pool:
        body["pools"] = [value.name]
    return {value.name: body}


def shared(value: Connection) -> dict[str, Any] | None:
    """The ``load-shared`` message of a pre-shared key, or None."""
    for end in (value.local, value.remote):
        if end.auth == "psk":
            owners = [identity(each.identity) for each in (value.local, value.remote)]
            message: dict[str, Any] = {"id": value.name, "type": "IKE", "data": end.credentials.psk}
            # without owners the key serves every peer
            return message if "%any" in owners else message | {"owners": owners}
    return None
