"""What both pages share: the template environment, inline style and script, links to files beside."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import evidence, text
from reports.summary import STRENGTHS, Outcome, broken, outcome

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Inline:
    """A style or script written into the page, and the hash by which the page's policy admits it."""

    source: Markup
    csp: str


def inline(name: str) -> Inline:
    source = (TEMPLATES / name).read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return Inline(Markup(source), f"'sha256-{digest}'")


def policy(style: Inline, script: Inline) -> str:
    """A Content-Security-Policy that allows this style and this script, and nothing from anywhere else."""
    return f"default-src 'none'; style-src {style.csp}; script-src {script.csp}; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class File:
    """A file beside the results: its path there, and a link from the page when the file exists."""

    name: str
    href: str | None


def beside(source: Path, name: str, out: Path) -> File:
    """The file `name`, given relative to the results file `source`, as seen from the directory `out`."""
    target = source.parent / name
    if not target.is_file():
        return File(name, None)
    try:
        relative = os.path.relpath(target, out)
    except ValueError:  # on another drive
        return File(name, None)
    return File(name, quote(Path(relative).as_posix()))


def web_url(reference: str) -> str | None:
    """`reference` when it is a web address, so that nothing else ever becomes a link."""
    try:
        parts = urlsplit(reference)
    except ValueError:
        return None
    fit = parts.scheme in ("http", "https") and bool(parts.netloc) and not any(c.isspace() for c in reference)
    return reference if fit else None


def environment() -> Environment:
    """Jinja with autoescape always on, and an error for every name that a template misspells."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    env.filters.update(
        document=text.document_name,
        seconds=text.seconds,
        web_url=web_url,
        outcome=outcome,
        broken=broken,
        day=lambda moment: moment.strftime("%Y-%m-%d %H:%M UTC"),
        iso=datetime.isoformat,
    )
    env.globals.update(Outcome=Outcome, STRENGTHS=STRENGTHS, rfc_url=text.rfc_url, ladder=evidence.ladder)
    return env


def write(file: Path, content: str) -> None:
    """Replaces `file` as a whole: a reader sees the old page or the new one."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(content, encoding="utf-8", newline="\n")
    unfinished.replace(file)
