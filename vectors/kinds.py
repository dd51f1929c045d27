"""What an operation is: its name, and the names and kinds of its inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How a value stands in the JSON."""

    OCTETS = "octets"  # hexadecimal, two digits an octet
    NUMBER = "number"
    NAME = "name"  # a keyword of the operation's algorithm list
    FLAG = "flag"


@dataclass(frozen=True)
class Operation:
    """One operation: `inputs` an adapter is given (`optional` ones may be absent), `outputs` it returns."""

    name: str
    sentence: str
    inputs: dict[str, Kind]
    outputs: dict[str, Kind]
    optional: frozenset[str] = frozenset()
    algorithms: frozenset[str] = frozenset()
