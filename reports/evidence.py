"""Transcripts as the page carries them: a ladder in plain text, and decoded messages to unfold."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence

from reports.model import Direction, Message, Node
from reports.text import one_line

# A device may flood: what the page shows of one test stays bounded, and says so.
MAX_MESSAGES = 400
MAX_NODES = 2_000
MAX_OCTETS = 9_000

Packed = list[str | list["Packed"] | None]


def shown(transcript: Sequence[Message]) -> tuple[tuple[Message, ...], int]:
    """The messages that the page shows, and how many it leaves out after them."""
    return tuple(transcript[:MAX_MESSAGES]), max(0, len(transcript) - MAX_MESSAGES)


def moment(time: float) -> str:
    """Time since the start of the test, in milliseconds below ten seconds."""
    return f"{time * 1000:.1f} ms" if time < 10 else f"{time:.2f} s"


def ladder(transcript: Sequence[Message], left: str, right: str) -> str:
    """The messages as lines of text, one each, for pages without scripts, for print and for bug reports."""
    messages, left_out = shown(transcript)
    lines = []
    for message in messages:
        arrow = "──▶" if message.direction is Direction.TO_DUT else "◀──"
        note = f"   [{one_line(message.note, 120)}]" if message.note else ""
        text = one_line(message.summary, 160)
        lines.append(f"{moment(message.time):>10}  {left} {arrow} {right}  {text}{note}")
    if left_out:
        lines.append(f"{'':>10}  … {left_out:,} more messages; they are in the results file and the capture")
    return "\n".join(lines)


def pack(transcript: Sequence[Message]) -> str:
    """The messages for the page's script: JSON, gzip, base64. Form: `unpack` in templates/report.js."""
    messages, left_out = shown(transcript)
    value = {
        "more": left_out,
        "messages": [
            {
                "at": moment(message.time),
                "to": message.direction is Direction.TO_DUT,
                "src": message.src,
                "dst": message.dst,
                "text": one_line(message.summary, 400),
                "note": message.note,
                "open": message.decrypted,
                "size": len(message.octets) // 2,
                "hex": message.octets[: 2 * MAX_OCTETS],
                "tree": _pack_nodes(message.tree, iter(range(MAX_NODES))),
            }
            for message in messages
        ],
    }
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _pack_nodes(nodes: Sequence[Node], budget: Iterator[int]) -> list[Packed]:
    out: list[Packed] = []
    for node in nodes:
        if next(budget, None) is None:
            out.append(["…", "more fields are left out; they are in the results file", []])
            break
        out.append([node.name, node.value, _pack_nodes(node.children, budget)])
    return out


def script_json(value: object) -> str:
    """JSON that is safe between `<script>` tags, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
