"""A message before it is sent, with every part open to change, and the edits that change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reference_impl.crypto.protection import Protection
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType


@dataclass(slots=True)
class Draft:
    """One IKE message as it is going to be sent. Everything is mutable; None means "as it should be".

    payloads: what the message says; inside the SK payload when `protection` is set.
    outer: payloads before the SK payload, in the clear.
    major, minor, length, next_payload: header fields; `length` and `next_payload` are computed when None.
    iv, pad, pad_length, inner_next, sk_length, plaintext: parts of the SK payload; `pad_length` lies without changing
    the padding; `plaintext` replaces payloads and padding altogether.
    content_edits: functions on IV‖ciphertext‖ICV. datagram_edits: functions on the finished message.
    marker: whether the non-ESP marker precedes it (None: on port 4500 only).
    notes: what is special about it, for the transcript.
    """

    spi_i: bytes
    spi_r: bytes
    exchange: ExchangeType
    flags: Flags
    message_id: int
    payloads: list[Payload] = field(default_factory=list)
    outer: list[Payload] = field(default_factory=list)
    protection: Protection | None = None
    major: int = 2
    minor: int = 0
    length: int | None = None
    next_payload: int | None = None
    iv: bytes | None = None
    pad: bytes | None = None
    pad_length: int | None = None
    inner_next: int | None = None
    sk_critical: bool = False
    sk_reserved: int = 0
    sk_length: int | None = None
    plaintext: bytes | None = None
    content_edits: list[Callable[[bytes], bytes]] = field(default_factory=list)
    datagram_edits: list[Callable[[bytes], bytes]] = field(default_factory=list)
    marker: bool | None = None
    notes: list[str] = field(default_factory=list)

    def message(self) -> Message:
        """The message in the clear, for the transcript and for judging."""
        return Message(
            self.spi_i,
            self.spi_r,
            self.exchange,
            self.flags,
            self.message_id,
            tuple(self.outer) + tuple(self.payloads),
            major=self.major,
            minor=self.minor,
        )

    def index(self, kind: type[Payload] | int) -> int:
        """Position of the first payload of this class (or payload type number); ValueError when there is none."""
        for position, payload in enumerate(self.payloads):
            if isinstance(payload, kind) if isinstance(kind, type) else kind == payload.TYPE:
                return position
        raise ValueError(f"the message has no {kind} payload to edit")


@dataclass(frozen=True, slots=True)
class Edit:
    """A named change of a draft. `note` appears beside the message in the transcript."""

    name: str
    apply: Callable[[Draft], None]
    note: str = ""

    def __call__(self, draft: Draft) -> None:
        """Change `draft` in place and leave a note."""
        self.apply(draft)
        draft.notes.append(self.note or self.name)


PayloadsEdit: TypeAlias = Callable[[list[Payload]], Sequence[Payload]]
Editing: TypeAlias = "Edit | str | PayloadsEdit | Iterable[Edit | str | PayloadsEdit] | None"


def edits(editing: Editing) -> list[Edit]:
    """What `edit=` accepts: an Edit, a misbehaviour's name, a function from payloads to payloads, or several."""
    if editing is None:
        return []
    if isinstance(editing, Edit):
        return [editing]
    if isinstance(editing, str):
        from conformance.tester.misbehaviour import named

        return [named(editing)]
    if callable(editing):
        return [on_payloads(editing)]
    return [edit for part in editing for edit in edits(part)]


def on_payloads(function: PayloadsEdit, name: str = "payloads edited", note: str = "") -> Edit:
    """An Edit from a function on the list of payloads."""

    def apply(draft: Draft) -> None:
        draft.payloads = list(function(draft.payloads))

    return Edit(name, apply, note)


def apply_edits(draft: Draft, editing: Editing) -> Draft:
    """Apply all of `editing` to `draft`, in order, and return it."""
    for edit in edits(editing):
        edit(draft)
    return draft
