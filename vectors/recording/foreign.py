"""What the recorder asks of a foreign end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from vectors.recording.recipe import Recipe


class ForeignEnd(Protocol):
    """A running peer. One transcript at a time: `configure`, then commands, then `finish`."""

    address: str
    by: str  # name, version and distribution, for the transcript
    says: str  # where it says which secrets it has
    quiet: float  # seconds after which it sends nothing more by itself

    def configure(self, recipe: Recipe, our_address: str) -> None:
        """Load the connection of a recipe, and note where its log is."""

    def command(self, name: str, arguments: Mapping[str, Any]) -> None:
        """initiate, rekey-ike, rekey-child, delete-ike, delete-child, create-child, liveness."""

    def has(self, octets: bytes) -> bool:
        """Whether it has had this secret value since `configure`, by its own log or kernel."""

    def logs_value(self, name: str) -> bool:
        """Whether `has` can know the value of this name at all."""

    def finish(self) -> None:
        """Forget every SA and the connection."""
