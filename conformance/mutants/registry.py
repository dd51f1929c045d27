"""The registry of mutants: deviant versions of the reference implementation, each wrong in one way.

A mutant is a function with a docstring that patches one behaviour:

    @mutant("accepts-any-psk", breaks="rfc7296/2.15/psk-auth-formula")
    def accepts_any_psk(patch: Patch) -> None:
        \"\"\"Takes every AUTH payload of the shared-key method for good.\"\"\"
        from reference_impl.ikev2 import authenticate
        patch(authenticate, "verify_peer", lambda *args: None)

The modules of this package whose names do not begin with an underscore hold them. The engine is imported inside the
functions, so that listing the mutants is cheap and the judges never load it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_MECHANISM = frozenset({"registry", "run", "table", "tests"})

F = TypeVar("F", bound=Callable[["Patch"], None])


class MutantError(ValueError):
    """A mutant that cannot be made: no such name, two of one name, or nothing to patch."""


class Patch:
    """Replaces attributes of modules, classes and objects for the life of the process."""

    def __call__(self, owner: Any, name: str, replacement: Any) -> Any:
        """Put `replacement` in the place of `owner.name`; returns the original. MutantError when there is none."""
        if not hasattr(owner, name):
            where = getattr(owner, "__name__", repr(owner))
            raise MutantError(f"{where} has no {name}: the mutant does not fit the implementation any more")
        original = getattr(owner, name)
        setattr(owner, name, replacement)
        return original

    def wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        """Replace a function or method by `wrapper(original, *args, **kwargs)`."""
        original = getattr(owner, name, None)

        def replacement(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        self(owner, name, replacement)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One entry. `breaks`: the requirement that it violates. `text`: what it does wrong, one sentence."""

    name: str
    breaks: str
    text: str
    apply: Callable[[Patch], None]
    module: str


_MUTANTS: dict[str, Mutant] = {}


def mutant(name: str, *, breaks: str) -> Callable[[F], F]:
    """Register a mutant. Raises MutantError for a second one of the same name or one without docstring."""

    def register(function: F) -> F:
        if name in _MUTANTS:
            raise MutantError(f"two mutants are called {name}: in {_MUTANTS[name].module} and {function.__module__}")
        text = " ".join((function.__doc__ or "").split())
        if not text:
            raise MutantError(f"the mutant {name} has no docstring that says what it does wrong")
        _MUTANTS[name] = Mutant(name, breaks, text, function, function.__module__)
        return function

    return register


def load() -> dict[str, Mutant]:
    """Every mutant by name."""
    import conformance.mutants as package

    for info in pkgutil.iter_modules(package.__path__):
        if info.name not in _MECHANISM and not info.name.startswith("_"):
            importlib.import_module(f"{package.__name__}.{info.name}")
    return dict(sorted(_MUTANTS.items()))


def apply(name: str) -> Mutant:
    """Make this process the mutant. Raises MutantError."""
    found = load().get(name)
    if found is None:
        raise MutantError(f"no mutant is called {name!r}; `python -m conformance.mutants --list` shows them")
    found.apply(Patch())
    return found
