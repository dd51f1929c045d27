"""Every transcript that this package records."""

from __future__ import annotations

from vectors.recording.recipe import Recipe

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "ikev2-psk-initiator", "authentication", "IKEv2 with a pre-shared key, as initiator.",
        "RFC 7296, sections 1.2 and 2.15", "strongswan-6.0", "initiator",
        ("aes128-sha256-x25519",), ("aes128-sha256",),
    ),
    Recipe(
        "ikev2-psk-responder", "authentication", "IKEv2 with a pre-shared key, as responder.",
        "RFC 7296, sections 1.2 and 2.15", "strongswan-6.0", "responder",
        ("aes128-sha256-x25519",), ("aes128-sha256",),
    ),
)  # fmt: skip
