"""The octets that charon's log names at level 4: secrets, keys, IVs and hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = re.compile(r"^\S+ (?P<thread>\d+)\[(?P<group>[A-Z]+)\] +(?P<name>\S.*?) => (?P<size>\d+) bytes @ \S+$")
_HEX = re.compile(r"^\S+ (?P<thread>\d+)\[[A-Z]+\] +\d+: (?P<hex>(?:[0-9A-F]{2} )+)")


@dataclass(frozen=True, slots=True)
class Dump:
    """One dump: the log group (IKE, CHD, ENC …), what charon calls it, the octets."""

    group: str
    name: str
    octets: bytes


def dumps(log: str) -> Iterator[Dump]:
    """Every whole dump; those of several threads may be interleaved."""
    unfinished: dict[str, tuple[Dump, int]] = {}
    for line in log.splitlines():
        if head := _HEAD.match(line):
            unfinished[head["thread"]] = (Dump(head["group"], head["name"], b""), int(head["size"]))
        elif (row := _HEX.match(line)) and row["thread"] in unfinished:
            dump, size = unfinished.pop(row["thread"])
            octets = (dump.octets + bytes.fromhex(row["hex"]))[:size]
            dump = Dump(dump.group, dump.name, octets)
            if len(octets) == size:
                yield dump
            else:
                unfinished[row["thread"]] = (dump, size)


def named(log: str, name: str) -> list[bytes]:
    """The octets of every dump with this name, in the order of the log."""
    return [dump.octets for dump in dumps(log) if dump.name == name]
