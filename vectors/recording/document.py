"""A transcript in the making: values, messages and cases, and the references between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reference_impl.crypto.cipher import CipherAlgorithm
from reference_impl.crypto.integ import IntegAlgorithm
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import Group, PayloadType

# Shorter octet strings could stand somewhere by chance.
SHORTEST_REFERENCE = 8
_NOTATION = {
    PayloadType.IDI: "IDi",
    PayloadType.IDR: "IDr",
    PayloadType.NONCE: "Nonce",
    PayloadType.TSI: "TSi",
    PayloadType.TSR: "TSr",
    PayloadType.VENDOR: "V",
    PayloadType.DELETE: "D",
}


def group_name(group: int) -> str:
    """A group's name among the algorithms of the operations."""
    return Group(group).name.replace("_", "-")


def prf_name(prf: PrfAlgorithm) -> str:
    """A PRF's name among the algorithms of the operations."""
    return prf.name.removesuffix("-PRF-128")


def suite_inputs(cipher: CipherAlgorithm, integ: IntegAlgorithm | None) -> dict[str, str | int]:
    """The inputs of an operation that name cipher and integrity algorithm."""
    inputs: dict[str, str | int] = {"cipher": family(cipher)}
    if cipher.key_bits is not None:
        inputs["key_bits"] = cipher.key_bits
    if integ is not None:
        inputs["integ"] = integ.name
    return inputs


def family(cipher: CipherAlgorithm) -> str:
    """A cipher's name among the algorithms of the operations, where the key's length is not part of it."""
    return cipher.name if cipher.key_bits is None else cipher.name.removesuffix(f"-{cipher.key_bits}")


def notation(payload: Payload, kind: int) -> str:
    """A payload as the figures of the RFC write it."""
    if isinstance(payload, NotifyPayload):
        return f"N({payload.notify.name})"
    return _NOTATION.get(PayloadType(kind), PayloadType(kind).name)


@dataclass
class Document:
    """Values and cases in the order in which they arise."""

    values: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, bytes] = field(default_factory=dict)

    def value(self, name: str, says: str, octets: bytes) -> str:
        """Enter a value; returns the reference to it."""
        if name in self.names:
            if self.names[name] != octets:
                raise ValueError(f"two different values are called {name}")
            return f"@{name}"
        self.names[name] = octets
        self.values.append({"name": name, "says": says, "octets": octets.hex()})
        return f"@{name}"

    def case(self, number: str, operation: str, inputs: dict[str, Any], expected: dict[str, Any]) -> None:
        """Enter a case."""
        self.cases.append({"id": number, "operation": operation, "inputs": inputs, "expected": expected})

    def expression(self, octets: bytes, only: Iterable[str] | None = None) -> str:
        """These octets, with a reference in place of the first named value that stands in them."""
        found = [
            (position, name, value)
            for name, value in self.names.items()
            if len(value) >= SHORTEST_REFERENCE
            and (only is None or name in only)
            and (position := octets.find(value)) >= 0
        ]
        if not found:
            return octets.hex()
        position, name, value = min(found, key=lambda each: (each[0], -len(each[2])))
        parts = [octets[:position].hex(), f"@{name}"]
        if rest := octets[position + len(value) :]:
            parts.append(self.expression(rest, only))
        return " + ".join(part for part in parts if part)

    def place_values(self) -> None:
        """Say of each value where it stands in the messages first: in clear, or in a plaintext."""
        for value in self.values:
            octets = bytes.fromhex(value["octets"])
            if len(octets) < 4:
                continue
            for message in self.messages:
                part = "plaintext" if "plaintext" in message else "bytes"
                start = bytes.fromhex(message[part]).find(octets)
                if start >= 0:
                    value["at"] = [f"@message-{message['number']}.{part}[{start}:{start + len(octets)}]"]
                    break
