"""How a transcript is written: a value, a payload or a case is one line, so that a file can be read.

`python -m vectors.recording.layout` writes every file anew; nothing but spaces and line ends changes.
"""

from __future__ import annotations

import json
from typing import Any

from vectors.transcripts import model

_LISTS = ("values", "messages", "cases")


def text(raw: dict[str, Any]) -> str:
    """The file."""
    parts = [f" {json.dumps(key)}: {_part(key, value)}" for key, value in raw.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _part(key: str, value: Any) -> str:
    if key == "messages":
        return _list([_message(message) for message in value])
    if key in _LISTS:
        return _list([f"  {_line(item)}" for item in value])
    if key == "ends":
        ends = [f"  {json.dumps(end)}: {_fields(entry, '   ')}" for end, entry in value.items()]
        return "{\n" + ",\n".join(ends) + "\n }"
    return _line(value) if key != "confirmed" else _fields(value, "  ")


def _message(message: dict[str, Any]) -> str:
    lines = [
        f'   "payloads": [\n{_lines(value)}\n   ]'
        if key == "payloads" and value
        else f"   {json.dumps(key)}: {_line(value)}"
        for key, value in message.items()
    ]
    return "  {\n" + ",\n".join(lines) + "\n  }"


def _lines(items: list[Any]) -> str:
    return ",\n".join(f"    {_line(item)}" for item in items)


def _fields(value: dict[str, Any], indent: str) -> str:
    lines = [f"{indent}{json.dumps(key)}: {_line(each)}" for key, each in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent[:-1]}}}"


def _list(items: list[str]) -> str:
    return "[\n" + ",\n".join(items) + "\n ]"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Write every transcript anew."""
    for path in model.files():
        old = path.read_text(encoding="utf-8")
        new = text(json.loads(old))
        if new != old:
            path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
