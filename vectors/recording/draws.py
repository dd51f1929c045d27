"""What our end's random number generator gave, and what each draw became."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from reference_impl.crypto import ke
from reference_impl.crypto.errors import CryptoError
from reference_impl.wire.registries import Group
from vectors.recording.document import Document, group_name


@dataclass
class Draws:
    """A generator whose octets follow from a transcript's name: SHAKE-256 of name and draw number."""

    name_: str
    log: list[bytes] = field(default_factory=list)

    def __call__(self, size: int) -> bytes:
        octets = hashlib.shake_256(f"{self.name_} {len(self.log)}".encode()).digest(size)
        self.log.append(octets)
        return octets

    def private_of(self, group: int, public: bytes) -> bytes | None:
        """Our private value behind this public one; None if it is not ours."""
        method = ke.method(Group(group))
        for draw in self.log:
            if len(draw) != method.private_size + (8 if method.order else 0):
                continue
            private = method.private_value(lambda _, draw=draw: draw)  # type: ignore[misc]
            try:
                if ke.key_exchange(method.group, private=private).public == public:
                    return private
            except CryptoError:
                continue
        return None

    def name(self, document: Document, group: int, private: bytes, label: str) -> None:
        """Enter the draw behind a private value of an elliptic-curve group, which is not the value itself."""
        method = ke.method(Group(group))
        for draw in self.log:
            if method.order and len(draw) == method.private_size + 8:
                scalar = method.private_value(lambda _, draw=draw: draw)  # type: ignore[misc]
                if scalar == private:
                    says = f"Random octets; the private value is 1 + these mod (order of {group_name(group)} - 1)"
                    document.value(f"random_{label}", says, draw)

    def expressions(self, document: Document) -> list[str]:
        """Each draw as a reference to what it became; one that left no trace is octets that stand elsewhere."""
        known = {octets: f"@{name}" for name, octets in document.names.items()}
        for message in document.messages:
            if "iv" in message:
                known.setdefault(bytes.fromhex(message["iv"]), f"@message-{message['number']}.iv")
        return [known.get(draw, f"@message-1.bytes[:{len(draw)}]") for draw in self.log]

    def salt(self, size: int) -> bytes:
        """The latest draw of a size: what the latest signature took as its salt."""
        return next(draw for draw in reversed(self.log) if len(draw) == size)
