"""Transcripts of every group, in IKE_SA_INIT and in a Child SA's rekey with perfect forward secrecy."""

from __future__ import annotations

from collections.abc import Iterator

from vectors.recording.recipe import Recipe
from vectors.recording.recipes.common import LIBRESWAN, both

NAMES = {
    "modp768": "1, 768-bit MODP (RFC 7296, appendix B.1)",
    "modp1024": "2, 1024-bit MODP (RFC 7296, appendix B.2)",
    "modp1536": "5, 1536-bit MODP (RFC 3526)",
    "modp2048": "14, 2048-bit MODP (RFC 3526)",
    "modp3072": "15, 3072-bit MODP (RFC 3526)",
    "modp4096": "16, 4096-bit MODP (RFC 3526)",
    "modp6144": "17, 6144-bit MODP (RFC 3526)",
    "modp8192": "18, 8192-bit MODP (RFC 3526)",
    "ecp256": "19, P-256 (RFC 5903)",
    "ecp384": "20, P-384 (RFC 5903)",
    "ecp521": "21, P-521 (RFC 5903)",
    "ecp224bp": "27, brainpoolP224r1 (RFC 6954)",
    "ecp256bp": "28, brainpoolP256r1 (RFC 6954)",
    "ecp384bp": "29, brainpoolP384r1 (RFC 6954)",
    "ecp512bp": "30, brainpoolP512r1 (RFC 6954)",
    "modp1024s160": "22, 1024-bit MODP with a 160-bit subgroup (RFC 5114)",
    "modp2048s224": "23, 2048-bit MODP with a 224-bit subgroup (RFC 5114)",
    "modp2048s256": "24, 2048-bit MODP with a 256-bit subgroup (RFC 5114)",
    "x25519": "31, Curve25519 (RFC 8031)",
    "x448": "32, Curve448 (RFC 8031)",
}
_NOT_SMALL = {"modp6144", "modp8192"}


def _groups() -> Iterator[Recipe]:
    for group, name in NAMES.items():
        steps = ("initiate",) if group in _NOT_SMALL else ("initiate", ("ours", "rekey-child"))
        pfs = "" if group in _NOT_SMALL else ", also for perfect forward secrecy"
        yield from both(
            f"group-{group}", "groups", f"Group {name}{pfs}", "RFC 7296, sections 2.14 and 2.17",
            ike=(f"aes128gcm16-prfsha256-{group}",), esp=(f"aes128gcm16-{group}",), steps=steps,
        )  # fmt: skip
    for group in ("modp3072", "ecp384", "ecp521"):
        yield from both(
            f"group-{group}", "groups", f"Group {NAMES[group]}", "RFC 7296, section 2.14",
            peer=LIBRESWAN, ike=(f"aes128gcm16-prfsha256-{group}",),
        )  # fmt: skip


RECIPES = tuple(_groups())
