"""Frozen dataclasses whose instances are cheap to make: a message is some twenty of them."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def quick_init(cls: type[T]) -> type[T]:
    """A class decorator above `@dataclass(frozen=True, slots=True)`: same signature, half the time.

    The `__init__` of a frozen dataclass stores each field through `object.__setattr__`, which searches the class
    for the name every time; this one calls the field's slot. TypeError for classes that it cannot serve: without
    slots, with a default factory, with fields that are no parameters, or with `__post_init__`.
    """
    if not is_dataclass(cls) or not hasattr(cls, "__slots__") or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} is no plain dataclass with slots")
    if any(field.default_factory is not MISSING or not field.init for field in fields(cls)):
        raise TypeError(f"{cls.__name__} has fields that are not stored as given")
    namespace: dict[str, Any] = {}
    parameters = []
    for parameter in inspect.signature(cls).parameters.values():
        name = parameter.name
        namespace[f"_set_{name}"] = getattr(cls, name).__set__
        default = parameter.default
        if default is not parameter.empty:
            namespace[f"_default_{name}"] = default
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        parameters.append(name if default is parameter.empty else f"{name}=_default_{name}")
    stores = "".join(f"\n _set_{field.name}(self, {field.name})" for field in fields(cls))
    source = f"def __init__(self, {', '.join(parameters)}):{stores or ' pass'}"
    exec(compile(source, f"<quick_init {cls.__qualname__}>", "exec"), namespace)
    made = namespace["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__annotations__ = inspect.get_annotations(cls.__init__)
    cls.__init__ = made  # type: ignore[method-assign]
    return cls
