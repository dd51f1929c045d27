"""Transcripts of authentication: shared key, classic signature methods, RFC 7427."""

from __future__ import annotations

from vectors.recording.recipe import Recipe
from vectors.recording.recipes.common import CBC_ESP, CBC_IKE, FIVE, LIBRESWAN, both

FAMILY = "authentication"
_CLASSIC = {"rfc7427": False}


def _psk() -> tuple[Recipe, ...]:
    document = "RFC 7296, sections 1.2 and 2.15"
    proves = "Authentication with a pre-shared key"
    return (
        *both("psk", FAMILY, proves, document, ike=CBC_IKE, esp=CBC_ESP),
        *both("psk", FAMILY, proves, document, peer=FIVE),
        *both("psk", FAMILY, proves, document, peer=LIBRESWAN),
        *both("psk-aead", FAMILY, f"{proves} under an AEAD cipher", document),
    )


def _identities() -> tuple[Recipe, ...]:
    """Types of identities that are no names of hosts. The distinguished names are CN=initiator and CN=responder."""
    names = {
        "email": ("ID_RFC822_ADDR", "email:initiator@example.org", "email:responder@example.org"),
        "ipv4": ("ID_IPV4_ADDR", "ip:192.0.2.1", "ip:192.0.2.2"),
        "key-id": ("ID_KEY_ID", "keyid:" + b"initiator".hex(), "keyid:" + b"responder".hex()),
        "dn": (
            "ID_DER_ASN1_DN",
            "dn:301431123010060355040313" + "09" + b"initiator".hex(),
            "dn:301431123010060355040313" + "09" + b"responder".hex(),
        ),
    }
    return tuple(
        recipe
        for name, (kind, initiator, responder) in names.items()
        for recipe in both(
            f"id-{name}", FAMILY, f"Identities of type {kind}", "RFC 7296, section 3.5",
            identities={"initiator": initiator, "responder": responder},
        )
    )  # fmt: skip


def _classic() -> tuple[Recipe, ...]:
    document = "RFC 7296, section 2.15"
    ecdsa = "RFC 4754, sections 2 and 7"
    return (
        *both("rsa-method1", FAMILY, "RSA signatures of method 1", document, auth="rsa", engine=_CLASSIC),
        *both("ecdsa-method9", FAMILY, "ECDSA with P-256, method 9", ecdsa, auth="ecdsa256", engine=_CLASSIC),
        *both("ecdsa-method10", FAMILY, "ECDSA with P-384, method 10", ecdsa, auth="ecdsa384", engine=_CLASSIC),
        *both("ecdsa-method11", FAMILY, "ECDSA with P-521, method 11", ecdsa, auth="ecdsa521", engine=_CLASSIC),
    )


def _digital_signature() -> tuple[Recipe, ...]:
    document = "RFC 7427, sections 3 and 4"
    pss = {"auth_local": "rsa/pss-sha256"}
    return (
        *both("rsa-rfc7427", FAMILY, "RSASSA-PSS from one end, RSASSA-PKCS1-v1_5 from the other", document, auth="rsa"),
        *both("rsa-pss", FAMILY, "RSASSA-PSS from both ends", document, auth="rsa", options=pss),
        *both("ecdsa256-rfc7427", FAMILY, "ECDSA with P-256 and SHA-256 by RFC 7427", document, auth="ecdsa256"),
        *both("ecdsa384-rfc7427", FAMILY, "ECDSA with P-384 and SHA-384 by RFC 7427", document, auth="ecdsa384"),
        *both("ecdsa521-rfc7427", FAMILY, "ECDSA with P-521 and SHA-512 by RFC 7427", document, auth="ecdsa521"),
        *both("ed25519", FAMILY, "Ed25519 signatures", "RFC 8420, section 2", auth="ed25519"),
        *both("ed448", FAMILY, "Ed448 signatures", "RFC 8420, section 2", auth="ed448"),
        *both("rsa-rfc7427", FAMILY, "RSA signatures by RFC 7427", document, peer=LIBRESWAN, auth="rsa"),
        *both("ecdsa256-rfc7427", FAMILY, "ECDSA by RFC 7427", document, peer=LIBRESWAN, auth="ecdsa256"),
        *both(
            "mixed", FAMILY, "One end with a pre-shared key, the other with ECDSA", "RFC 7296, section 2.15",
            auth="psk", auth_peer="ecdsa256",
        ),
    )  # fmt: skip


RECIPES = (*_psk(), *_identities(), *_classic(), *_digital_signature())
