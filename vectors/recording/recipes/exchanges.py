"""Transcripts of what comes after the first Child SA: more of them, rekeys, deletes, liveness; special Child SAs."""

from __future__ import annotations

from typing import Any

from vectors.recording.recipe import Recipe
from vectors.recording.recipes.common import CBC_ESP, CBC_IKE, FIVE, LIBRESWAN, OTHER, ROLES, SIX, both, recipe

CHILD, IKE_SA, SPECIAL = "child sas", "ike sas", "child sa options"
_PFS_IKE, _PFS_ESP = ("aes128-sha256-ecp256",), ("aes128-sha256-ecp256",)
_REKEY = "RFC 7296, sections 1.3.3, 2.8 and 2.17"


def _exchange(
    name: str, family: str, who: str, command: str, proves: str, document: str, **further: Any
) -> tuple[Recipe, ...]:
    """One exchange after the first ones, with both roles of the reference in these; `who` starts it."""
    starter = {"ours": "started by the reference", "peer": "started by the other end"}[who]
    arguments = further.pop("arguments", {})
    steps = ("initiate", (who, command, arguments), *further.pop("then", ()))
    return tuple(
        recipe(f"{name}-{who}", family, role, f"{proves}, {starter}", document, steps=steps, **further)
        for role in further.pop("roles", ROLES)
    )


def _children() -> tuple[Recipe, ...]:
    pfs: dict[str, Any] = {"ike": _PFS_IKE, "esp": _PFS_ESP}
    more: dict[str, Any] = {"second_child": True}
    result: tuple[Recipe, ...] = ()
    for who, then in (("ours", ("peer", "delete-child")), ("peer", ("ours", "delete-child"))):
        result += _exchange("rekey-child", CHILD, who, "rekey-child", "Rekey of a Child SA", _REKEY, then=(then,))
        result += _exchange(
            "rekey-child-pfs", CHILD, who, "rekey-child", "Rekey of a Child SA with a key exchange", _REKEY, **pfs
        )
        result += _exchange(
            "second-child", CHILD, who, "create-child", "A second Child SA", "RFC 7296, sections 1.3.1 and 2.17",
            options=more, arguments={"child": "second"}, ike=CBC_IKE, esp=CBC_ESP,
        )  # fmt: skip
        result += _exchange(
            "second-child-pfs", CHILD, who, "create-child", "A second Child SA with a key exchange",
            "RFC 7296, sections 1.3.1 and 2.17", options=more,
            arguments={"child": "second"}, roles=("initiator",), **pfs,
        )  # fmt: skip
        result += _exchange(
            "delete-child", CHILD, who, "delete-child", "Delete of a Child SA", "RFC 7296, section 1.4.1",
            then=((who, "delete-ike"),),
        )  # fmt: skip
    return result


def _ike_sas() -> tuple[Recipe, ...]:
    document = "RFC 7296, sections 1.3.2, 2.8 and 2.18"
    result: tuple[Recipe, ...] = ()
    for who, other in (("ours", "peer"), ("peer", "ours")):
        result += _exchange(
            "rekey-ike", IKE_SA, who, "rekey-ike", "Rekey of an IKE SA, then of its Child SA under the new keys",
            document, then=((other, "rekey-child"), (other, "delete-ike")),
        )  # fmt: skip
        result += _exchange(
            "rekey-ike-cbc", IKE_SA, who, "rekey-ike", "Rekey of an IKE SA with a cipher and an integrity algorithm",
            document, ike=CBC_IKE, esp=CBC_ESP, roles=("responder",),
        )  # fmt: skip
        result += _exchange(
            "rekey-ike", IKE_SA, who, "rekey-ike", "Rekey of an IKE SA", document, peer=FIVE, ike=CBC_IKE, esp=CBC_ESP
        )
        result += _exchange(
            "delete-ike", IKE_SA, who, "delete-ike", "Delete of an IKE SA", "RFC 7296, section 1.4.1",
        )  # fmt: skip
        result += _exchange(
            "rekey-child", CHILD, who, "rekey-child", "Rekey of a Child SA", _REKEY,
            peer=LIBRESWAN, arguments={"messages": 4},
        )  # fmt: skip
        result += _exchange(
            "rekey-ike", IKE_SA, who, "rekey-ike", "Rekey of an IKE SA", document,
            peer=LIBRESWAN, arguments={"messages": 4},
        )  # fmt: skip
    result += _exchange(
        "liveness", IKE_SA, "ours", "liveness", "A liveness check", "RFC 7296, section 2.4", ike=CBC_IKE, esp=CBC_ESP
    )
    result += _exchange(
        "liveness", IKE_SA, "peer", "liveness", "A liveness check", "RFC 7296, section 2.4", peer=LIBRESWAN
    )
    return result


def _networks(name: str, proves: str, networks: dict[str, list[str]], peer: str = SIX) -> tuple[Recipe, ...]:
    return tuple(
        recipe(
            name, SPECIAL, role, proves, "RFC 7296, sections 2.9 and 3.13.1", peer=peer,
            engine={"local_ts": networks[role], "remote_ts": networks[OTHER[role]]},
        )
        for role in ROLES
    )  # fmt: skip


def _special() -> tuple[Recipe, ...]:
    config = "RFC 7296, sections 2.19 and 3.15"
    pool = {"pool": {"addrs": "10.3.0.0/24", "dns": ["10.1.0.53"]}, "child": {"remote_ts": ["dynamic"]}}
    asks = {"request_addresses": [4], "local_ts": []}
    gives = {"pool": ["10.3.0.0/24"], "dns": ["10.1.0.53"], "remote_ts": ["10.3.0.0/24"]}
    vips = {"connection": {"vips": ["0.0.0.0"]}, "child": {"local_ts": ["dynamic"]}}
    title = "An internal address by configuration payload"
    inner6 = {"initiator": ["2001:db8:2::/64"], "responder": ["2001:db8:1::/64"]}
    several = {"initiator": ["10.2.0.0/25", "10.2.0.128/25"], "responder": ["10.1.0.0/25", "10.1.0.128/25"]}
    return (
        *_networks("ipv6-selectors", "IPv6 traffic selectors", inner6, peer=LIBRESWAN),
        *_networks("several-selectors", "Two traffic selectors of each end", several),
        recipe("config", SPECIAL, "initiator", title, config, engine=asks, options=pool),
        recipe("config", SPECIAL, "responder", title, config, engine=gives, options=vips),
        *both(
            "transport", SPECIAL, "Transport mode", "RFC 7296, section 1.3.1", peer=LIBRESWAN,
            engine={"mode": "transport", "local_ts": [], "remote_ts": []},
        ),
        *both("esn", SPECIAL, "Extended sequence numbers", "RFC 7296, section 3.3.2", peer=LIBRESWAN,
              esp=("aes128gcm16-esn",)),
        *both(
            "esn-choice", SPECIAL, "Extended sequence numbers offered and not chosen", "RFC 7296, section 3.3.2",
            esp=("aes128gcm16-esn", "aes128gcm16"), peer_esp=("aes128gcm16-noesn",),
        ),
        *both(
            "choice", SPECIAL, "One of several proposals is chosen", "RFC 7296, sections 2.7 and 3.3",
            ike=("aes256gcm16-prfsha384-x25519", "aes128-sha256-x25519"), peer_ike=("aes128-sha256-x25519",),
            esp=("aes256gcm16", "aes128-sha256"), peer_esp=("aes128-sha256",),
        ),
        recipe(
            "narrowing", SPECIAL, "initiator", "The responder narrows the traffic selectors", "RFC 7296, section 2.9",
            engine={"local_ts": ["10.2.0.0/16"], "remote_ts": ["10.1.0.0/16"]},
            options={"child": {"local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/24"]}},
        ),
        recipe(
            "narrowing", SPECIAL, "responder", "The responder narrows the traffic selectors", "RFC 7296, section 2.9",
            options={"child": {"local_ts": ["10.2.0.0/16"], "remote_ts": ["10.1.0.0/16"]}},
        ),
    )  # fmt: skip


RECIPES = (*_children(), *_ike_sas(), *_special())
