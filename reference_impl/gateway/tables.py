"""Typed reading of TOML tables: every value has a type and bounds, every key must be known."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from .errors import ConfigError

_T = TypeVar("_T")
_MISSING: Any = object()


class Table:
    """One table of a file. Each read marks its key as known; `finish` refuses the keys that nobody read.

    A missing key gives `default`, and without one is an error, as is a value of a wrong type or out of bounds:
    ConfigError with file, dotted key and reason.
    """

    def __init__(self, file: str, path: str, data: object) -> None:
        self.file = file
        self.path = path
        if not isinstance(data, dict):
            raise ConfigError(file, path, f"expected a table, not {_kind(data)}")
        self._data: dict[str, object] = data
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def key(self, name: str) -> str:
        """The dotted path of a key of this table."""
        return f"{self.path}.{name}" if self.path else name

    def error(self, name: str, reason: str) -> ConfigError:
        return ConfigError(self.file, self.key(name) if name else self.path, reason)

    def raw(self, name: str, default: object = _MISSING) -> object:
        """The value, whatever its type."""
        self._known.add(name)
        if name in self._data:
            return self._data[name]
        if default is _MISSING:
            raise self.error(name, "is missing")
        return default

    def text(self, name: str, default: str = _MISSING) -> str:
        value = self.raw(name, default)
        if not isinstance(value, str):
            raise self.error(name, f"expected text, not {_kind(value)}")
        return value

    def choice(self, name: str, values: Iterable[str], default: str = _MISSING) -> str:
        value, allowed = self.text(name, default), list(values)
        if value not in allowed:
            raise self.error(name, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def flag(self, name: str, default: bool = _MISSING) -> bool:
        value = self.raw(name, default)
        if not isinstance(value, bool):
            raise self.error(name, f"expected true or false, not {_kind(value)}")
        return value

    def integer(self, name: str, default: int = _MISSING, *, low: int = 0, high: int = 1 << 62) -> int:
        value = self.raw(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(name, f"expected a whole number, not {_kind(value)}")
        if not low <= value <= high:
            raise self.error(name, f"{value} is not between {low} and {high}")
        return value

    def number(self, name: str, default: float = _MISSING, *, low: float = 0.0, high: float = 1e9) -> float:
        value = self.raw(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.error(name, f"expected a number, not {_kind(value)}")
        if not low <= value <= high:
            raise self.error(name, f"{value} is not between {low:g} and {high:g}")
        return float(value)

    def texts(self, name: str, default: Iterable[str] = _MISSING, *, single: bool = False) -> tuple[str, ...]:
        """A list of texts; with `single` one text stands for a list of one."""
        value = self.raw(name, default)
        if single and isinstance(value, str):
            return (value,)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.error(name, "expected a list of texts" + (" or one text" if single else ""))
        return tuple(value)

    def parsed(self, name: str, parse: Callable[[str], _T], default: _T = _MISSING) -> _T:
        """A text through `parse`, whose ValueError becomes the reason."""
        if name not in self and default is not _MISSING:
            self._known.add(name)
            return default
        return self.convert(name, parse, self.text(name))

    def convert(self, name: str, parse: Callable[[str], _T], text: str) -> _T:
        try:
            return parse(text)
        except ValueError as error:
            raise self.error(name, str(error)) from None

    def table(self, name: str, default: object = _MISSING) -> Table:
        return Table(self.file, self.key(name), self.raw(name, default))

    def tables(self, name: str) -> list[Table]:
        """The tables of an array of tables, `[[name]]`; none when it is missing."""
        value = self.raw(name, [])
        if not isinstance(value, list):
            raise self.error(name, f"expected [[{self.key(name)}]] tables")
        return [Table(self.file, f"{self.key(name)}[{number}]", each) for number, each in enumerate(value)]

    def file_path(self, name: str, default: str = _MISSING) -> Path:
        """A path; a relative one counts from the configuration file's folder."""
        return self.resolve(self.text(name, default))

    def resolve(self, text: str) -> Path:
        return Path(self.file).parent / Path(text).expanduser()

    def finish(self) -> None:
        """Refuse unknown keys, with the known one that looks most like it."""
        for name in self._data:
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(self._known))}"
                raise self.error(name, f"unknown key{hint}")


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date" if type(value).__module__ == "datetime" else type(value).__name__)
