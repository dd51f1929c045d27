"""Transcripts of what can come between the first message and the first Child SA: retries, NAT, fragments."""

from __future__ import annotations

from vectors.recording.recipe import Recipe
from vectors.recording.recipes.common import CBC_ESP, CBC_IKE, LIBRESWAN, both, recipe

RETRY, NAT, FRAGMENTS = "retries", "nat traversal", "fragmentation"
_COOKIES = ("dos_protection = yes", "cookie_threshold = 1", "cookie_threshold_ip = 1")
_DEMANDED = {"half_open": True}
_TWO = ("aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-ecp256")
_OTHER = ("aes128gcm16-prfsha256-ecp256",)
_FRAGMENTED = ("fragment 1 of",)
_NOT_RAW = ("plugins { kernel-libipsec { raw_esp = no } }",)


def _retries() -> tuple[Recipe, ...]:
    cookie, group = "RFC 7296, section 2.6", "RFC 7296, section 1.2"
    title = "The request again with a cookie"
    demanded, seen, refused = {"cookie_threshold": 0}, ("N(COOKIE)",), ("N(INVALID_KE_PAYLOAD)",)
    other = "The request again with the group that the responder wants"
    return (
        recipe("cookie", RETRY, "initiator", title, cookie, settings=_COOKIES, options=_DEMANDED, shows=seen),
        recipe("cookie", RETRY, "responder", title, cookie, engine=demanded, shows=seen),
        recipe("cookie", RETRY, "initiator", title, cookie, peer=LIBRESWAN, options={"cookies": True}, shows=seen),
        recipe("invalid-ke", RETRY, "initiator", other, group, ike=_TWO, peer_ike=_OTHER, shows=refused),
        recipe("invalid-ke", RETRY, "responder", other, group, ike=_OTHER, peer_ike=_TWO, shows=refused),
        recipe(
            "invalid-ke", RETRY, "initiator", other, group,
            peer=LIBRESWAN, ike=_TWO, peer_ike=_OTHER, shows=refused,
        ),
        recipe(
            "cookie-and-invalid-ke", RETRY, "initiator", "A cookie first, then another group",
            "RFC 7296, section 2.6.1", ike=_TWO, peer_ike=_OTHER, settings=_COOKIES,
            options=_DEMANDED, shows=seen + refused,
        ),
        recipe(
            "cookie-and-invalid-ke", RETRY, "responder", "A cookie first, then another group",
            "RFC 7296, section 2.6.1", ike=_OTHER, peer_ike=_TWO, engine=demanded,
            shows=seen + refused,
        ),
    )  # fmt: skip


def _nat() -> tuple[Recipe, ...]:
    document = "RFC 7296, section 2.23; RFC 3948"
    ours = {"encapsulation": "always"}
    return (
        *both("nat-peer", NAT, "The other end's hash shows a NAT, port 4500", document, settings=_NOT_RAW),
        *both("nat-own", NAT, "The own end's hash shows a NAT, port 4500", document, engine=ours),
        *both(
            "nat-both", NAT, "Both ends' hashes show a NAT, IKE goes on over port 4500", document,
            engine=ours, settings=_NOT_RAW, ike=CBC_IKE, esp=CBC_ESP,
        ),
    )  # fmt: skip


def _fragments() -> tuple[Recipe, ...]:
    document = "RFC 7383, sections 2.3 to 2.6"
    small, yes = {"fragmentation": True, "fragment_size": 576}, {"connection": {"fragmentation": "yes"}}
    title = "IKE_AUTH in fragments both ways"
    lines = ("fragment_size = 576",)
    return (
        *both(
            "fragments", FRAGMENTS, title, document,
            auth="rsa", engine=small, options=yes, settings=lines, shows=_FRAGMENTED,
        ),
        *both(
            "fragments-cbc", FRAGMENTS, f"{title} under a block cipher", document, auth="rsa", engine=small,
            options=yes, settings=lines, ike=CBC_IKE, esp=CBC_ESP, shows=_FRAGMENTED,
        ),
        *both(
            "fragments-natt", FRAGMENTS, f"{title}, on port 4500", document, auth="ecdsa256",
            engine={**small, "encapsulation": "always"}, options=yes, settings=lines,
            shows=_FRAGMENTED,
        ),
        *both(
            "fragments-unused", FRAGMENTS, "Fragmentation is supported by both ends, and nothing is long enough",
            document, engine={"fragmentation": True}, options=yes,
        ),
    )  # fmt: skip


RECIPES = (*_retries(), *_nat(), *_fragments())
