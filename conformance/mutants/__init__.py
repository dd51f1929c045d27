"""Deviant devices under test: they prove that a test can fail (`make mutants`)."""

from conformance.mutants.registry import Mutant, MutantError, Patch, apply, load, mutant

__all__ = ["Mutant", "MutantError", "Patch", "apply", "load", "mutant"]
