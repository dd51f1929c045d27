"""What the observer of an IKEv1 exchange keeps: what it is given, and one record per ISAKMP SA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference_impl.crypto.cipher import RawCipher
from reference_impl.crypto.ikev1_kdf import HASHES, Ikev1Hash, Skeyids
from vectors.recording import ikev1_numbers as numbers
from vectors.recording.document import Document

ZERO_COOKIE = bytes(8)
Endpoint = tuple[str, int]


class ObserverError(ValueError):
    """The exchange is not as the observer understands it; the message says where."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One IKE message on the wire, without the non-ESP marker; endpoints are (address, port)."""

    time: float
    source: Endpoint
    destination: Endpoint
    marker: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """What no message shows.

    `shared` yields candidates of phase 1's g^xy, `shared_quick` those of quick mode's g(qm)^xy, from the logs of both
    ends; `confirm(what, octets)` raises ObserverError unless the logs have these octets too.
    """

    psk: bytes
    private_keys: dict[str, bytes]
    shared: Callable[[], list[bytes]]
    shared_quick: Callable[[bytes], list[bytes]]
    confirm: Callable[[str, bytes], None]


@dataclass
class Chain:
    """The IV of an exchange's next message: first computed by a case, then the block before it.

    `following` are the outputs of the cases whose next IV that is.
    """

    iv: bytes
    operation: str
    inputs: dict[str, Any]
    following: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Quick:
    """A quick mode exchange: how many messages there were, and what its KEYMAT needs."""

    label: str
    messages: int = 0
    nonce: dict[str, bytes] = field(default_factory=dict)
    public: dict[str, bytes] = field(default_factory=dict)
    spi: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    starter: str = "i"
    shared: bytes = b""
    offer: bytes = b""


@dataclass
class Sa:
    """An ISAKMP SA under observation. `label` ends the names of its values."""

    label: str
    cky_i: bytes
    initiator: str
    cky_r: bytes = ZERO_COOKIE
    offered: bytes = b""
    algorithm: Ikev1Hash = HASHES[2]
    cipher: str = ""
    key_size: int = 0
    block_size: int = 0
    method: numbers.Method = numbers.METHODS[1]
    group: str = ""
    public: dict[str, bytes] = field(default_factory=dict)
    nonce: dict[str, bytes] = field(default_factory=dict)
    identity: dict[str, bytes] = field(default_factory=dict)
    keys: Skeyids | None = None
    raw: RawCipher | None = None
    chains: dict[bytes, Chain] = field(default_factory=dict)
    last_phase1: tuple[str, bytes] = ("", b"")
    quick: dict[bytes, Quick] = field(default_factory=dict)
    labels: dict[bytes, str] = field(default_factory=dict)

    @property
    def prf(self) -> str:
        """The prf's name in the operations."""
        return f"HMAC-{self.algorithm.name}"

    def at(self, name: str) -> str:
        """The reference to a value of this SA."""
        return f"@{name}{self.label}"


@dataclass
class State:
    """The whole observation."""

    known: Known
    document: Document = field(default_factory=Document)
    sas: dict[bytes, Sa] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def confirmed(self, name: str, says: str, octets: bytes) -> str:
        """Enter a value that both logs must have too; returns the reference to it."""
        self.known.confirm(name, octets)
        return self.document.value(name, says, octets)
