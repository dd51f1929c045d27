"""Looks into pages: elements with their attributes, by the standard parser; and in Chromium, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
VOID = frozenset({"meta", "input", "br", "link", "img", "hr", "base", "embed", "source", "rect"})


class Page(HTMLParser):
    """Every start tag with its attributes, the text of scripts, and tags that do not close as they opened."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.misnested: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))
        self.close()
        self.misnested += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.misnested.append(f"/{tag} in {self._open[-3:]}")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] += data
        elif self._open and self._open[-1] != "style":
            self.text += data

    def named(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


def dump_dom(file: Path, profile: Path, anchor: str = "") -> str:
    """The document after its scripts ran, as Chromium has it; opened at `anchor`."""
    assert CHROMIUM
    switches = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    switches += " disable-component-update disable-sync virtual-time-budget=5000 dump-dom"
    command = [
        CHROMIUM,
        *(f"--{switch}" for switch in switches.split()),
        f"--user-data-dir={profile}",
        file.as_uri() + anchor,
    ]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()
