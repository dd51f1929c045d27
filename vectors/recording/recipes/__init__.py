"""Every IKEv2 transcript that this package records, family by family."""

from __future__ import annotations

from vectors.recording.recipe import Recipe
from vectors.recording.recipes import authentication, ciphers, exchanges, groups, initial, refusals

RECIPES: tuple[Recipe, ...] = (
    *authentication.RECIPES,
    *ciphers.RECIPES,
    *groups.RECIPES,
    *initial.RECIPES,
    *exchanges.RECIPES,
    *refusals.RECIPES,
)
