"""Text that came from a device, made fit to be shown: nothing invisible, reordering or endless."""

from __future__ import annotations

import re

MAX_TEXT = 20_000

# C0 and C1 controls but tab and line feed; bidirectional controls and marks; zero-width characters; line and
# paragraph separators; surrogates and non-characters, which UTF-8 and XML refuse.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufdd0-\ufdef"
    "\ufff9-\ufffb\ufffe\uffff]"
)


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """`text` with unfit characters as a visible `\\u202e`, cut after `limit` characters, which is said."""
    left_out = len(text) - limit
    if left_out > 0:
        text = text[:limit]
    text = _UNFIT.sub(lambda found: f"\\u{ord(found.group()):04x}", text.replace("\r\n", "\n"))
    return f"{text} … ({left_out:,} more characters)" if left_out > 0 else text


def one_line(text: str, limit: int) -> str:
    """`text` on one line, cut to `limit` characters."""
    joined = " ".join(text.split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def document_name(rfc: str) -> str:
    """`rfc7296` as `RFC 7296`; any other document by its own name."""
    found = re.fullmatch(r"(?i)rfc[ -]?(\d{1,5})", rfc)
    return f"RFC {found.group(1)}" if found else rfc


def rfc_url(rfc: str, section: str) -> str | None:
    """Where the section can be read, for RFCs."""
    found = re.fullmatch(r"(?i)rfc[ -]?(\d{1,5})", rfc)
    if not found:
        return None
    place = re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){0,6}", section)
    appendix = re.fullmatch(r"([A-Z])(\.[0-9]{1,3}){0,6}", section)
    anchor = f"#section-{section}" if place else f"#appendix-{section}" if appendix else ""
    return f"https://www.rfc-editor.org/rfc/rfc{found.group(1)}{anchor}"


def natural(text: str) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Sort key for ids and sections: 2.10 comes after 2.9, and rfc7296/2.7/x before rfc7296/2.7.1/x."""
    return tuple(
        tuple(
            (0, int(part), "") if part.isdigit() and part.isascii() and len(part) < 20 else (1, 0, part)
            for part in re.split(r"(\d+)", step)
            if part
        )
        for step in text.split("/")
    )


def seconds(value: float) -> str:
    """A duration for the reader: `38 ms`, `2.41 s`, `3 min 20 s`, `1 h 05 min`."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.995:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size(octets: int) -> str:
    """A file size: `812 bytes`, `45 kB`, `1.2 MB`."""
    if octets < 1000:
        return f"{octets} bytes"
    return f"{octets / 1000:.0f} kB" if octets < 1_000_000 else f"{octets / 1_000_000:.1f} MB"
