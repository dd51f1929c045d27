"""The requirement catalogues: every normative statement of the covered documents, with a stable id."""

from conformance.requirements.catalogue import Catalogue, load, matches
from conformance.requirements.model import (
    BINDS,
    LEVELS,
    OBSERVABLE,
    Document,
    Ignored,
    Requirement,
    RequirementError,
    UnknownRequirement,
)

__all__ = [
    "BINDS",
    "LEVELS",
    "OBSERVABLE",
    "Catalogue",
    "Document",
    "Ignored",
    "Requirement",
    "RequirementError",
    "UnknownRequirement",
    "load",
    "matches",
]
