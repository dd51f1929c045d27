"""Adapters: what stands between a vector and an implementation.

An adapter answers one question at a time: an operation's name and its inputs, octets as `bytes`. It returns the
outputs, raises `Refused` when the implementation rejects the inputs, and `Unsupported` when it has no such operation
or algorithm.
"""

from __future__ import annotations

from typing import Protocol

Input = bytes | int | bool | str


class Refused(Exception):
    """The implementation rejected the inputs: a bad tag, an invalid public value, wrong padding."""


class Unsupported(Exception):
    """The implementation does not have this operation or algorithm; no verdict follows."""


class Unavailable(Exception):
    """The implementation cannot be started on this machine; the message says why."""


class Adapter(Protocol):
    """An implementation that vectors are replayed against."""

    name: str

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        """The operation's outputs. Raises Refused, Unsupported."""

    def close(self) -> None:
        """End whatever the adapter started."""
