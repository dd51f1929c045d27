"""vectors/TRANSCRIPTS.md: every transcript with the foreign implementation that confirms it, made from the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vectors.transcripts.model import Transcript

OVERVIEW = Path(__file__).parent.parent / "TRANSCRIPTS.md"
_HEAD = """# The transcripts

Written by `python -m vectors readme` from the files in `data/transcripts`; the format is in [README.md](README.md).

The foreign end is the implementation that is not ours, with the role that it had. *live*: it took part in the exchange
with the reference implementation, whose random numbers are known, and each transcript's `confirmed.text` says which of
the values its own log has. *capture*: both ends are foreign, and every value is recomputed with keys of their logs.
"""


def text(transcripts: Sequence[Transcript]) -> str:
    """The whole file."""
    parts = [_HEAD, _summary(transcripts)]
    for family in _families(transcripts):
        chosen = [each for each in transcripts if _family(each) == family]
        parts.append(f"## {family}\n\n{_table(chosen)}\n")
    return "\n".join(parts)


def _family(transcript: Transcript) -> str:
    return f"{transcript.protocol.replace('ike', 'IKE')} {transcript.family}"


def _families(transcripts: Sequence[Transcript]) -> list[str]:
    return sorted({_family(each) for each in transcripts})


def _summary(transcripts: Sequence[Transcript]) -> str:
    rows = ["| family | transcripts | messages | cases | confirmed by |", "| --- | --- | --- | --- | --- |"]
    for family in _families(transcripts):
        chosen = [each for each in transcripts if _family(each) == family]
        rows.append(_row(family, *_sums(chosen)))
    return "\n".join([*rows, _row("all", *_sums(transcripts))]) + "\n"


def _sums(transcripts: Sequence[Transcript]) -> tuple[str, str, str, str]:
    by = {f"{each.confirmed.by}, {each.confirmed.how}" for each in transcripts}
    counts = [
        f"{name}: {sum(f'{each.confirmed.by}, {each.confirmed.how}' == name for each in transcripts)}"
        for name in sorted(by)
    ]
    messages, cases = sum(each.messages for each in transcripts), sum(each.cases for each in transcripts)
    return str(len(transcripts)), str(messages), str(cases), "; ".join(counts)


def _table(transcripts: Sequence[Transcript]) -> str:
    rows = [
        "| transcript | proves | messages | cases | foreign end | way | source |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in transcripts:
        link = f"[`{each.name}`](data/transcripts/{each.name}.json)"
        foreign = f"{each.confirmed.by}, {each.confirmed.role}"
        counts = (str(each.messages), str(each.cases))
        rows.append(_row(link, each.proves, *counts, foreign, each.confirmed.how, each.document))
    return "\n".join(rows)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
