"""What the recipes have in common."""

from __future__ import annotations

from typing import Any

from vectors.recording.recipe import OTHER, Recipe

SIX, FIVE, LIBRESWAN = "strongswan-6.0", "strongswan-5.9", "libreswan-5.2"
IKE, ESP = ("aes128gcm16-prfsha256-x25519",), ("aes128gcm16",)
CBC_IKE, CBC_ESP = ("aes128-sha256-x25519",), ("aes128-sha256",)
ROLES = ("initiator", "responder")


def recipe(
    name: str,
    family: str,
    ours: str,
    proves: str,
    document: str,
    peer: str = SIX,
    ike: tuple[str, ...] = IKE,
    esp: tuple[str, ...] = ESP,
    **further: Any,
) -> Recipe:
    """One transcript. Its name and what it proves end in our role."""
    peers = {SIX: "", FIVE: "-strongswan59", LIBRESWAN: "-libreswan"}
    return Recipe(
        f"ikev2-{name}{peers[peer]}-{ours}", family, f"{proves}, as {ours}.", document, peer, ours, ike, esp, **further
    )


def both(name: str, family: str, proves: str, document: str, **further: Any) -> tuple[Recipe, Recipe]:
    """The same with the reference as initiator and as responder."""
    first, second = (recipe(name, family, role, proves, document, **further) for role in ROLES)
    return first, second


__all__ = [
    "CBC_ESP",
    "CBC_IKE",
    "ESP",
    "FIVE",
    "IKE",
    "LIBRESWAN",
    "OTHER",
    "ROLES",
    "SIX",
    "both",
    "recipe",
]
