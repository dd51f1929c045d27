"""A datagram of the device, decoded as far as it can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from conformance.tester.link import Datagram
from reference_impl.wire.describe import summary
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Flags, Header
from reference_impl.wire.message import Message

if TYPE_CHECKING:
    from conformance.tester.child import ChildSa
    from conformance.tester.sa import IkeSa


class Kind(StrEnum):
    """What a datagram carries."""

    IKE = "ike"
    ESP = "esp"
    KEEPALIVE = "keepalive"
    GARBAGE = "garbage"


@dataclass(slots=True, eq=False)
class Received:
    """One datagram. For a fragmented message: its last fragment, with the whole message in `message`.

    octets: the IKE message or ESP packet, without non-ESP marker. header: IKE header, if it has one.
    message: decoded, and decrypted when `opened`. malformed: why strict parsing refuses it, or empty.
    problem: why it could not be decoded or opened, or empty. iv and pad: of its SK payload.
    inner: the decrypted packet, for ESP. fragments: how many SKF messages it came in (0: none).
    """

    kind: Kind
    datagram: Datagram
    octets: bytes
    header: Header | None = None
    message: Message | None = None
    opened: bool = False
    malformed: str = ""
    problem: str = ""
    iv: bytes = b""
    pad: bytes = b""
    sa: IkeSa | None = None
    child: ChildSa | None = None
    inner: bytes | None = None
    next_header: int = 0
    sequence: int = 0
    fragments: int = 0
    marker: bool = False
    taken: bool = field(default=False)

    @property
    def is_response(self) -> bool:
        """An IKE message with the R flag."""
        return self.header is not None and bool(self.header.flags & Flags.RESPONSE)

    @property
    def is_request(self) -> bool:
        """An IKE message without the R flag."""
        return self.header is not None and not self.header.flags & Flags.RESPONSE

    @property
    def message_id(self) -> int:
        """The IKE message ID, -1 for other datagrams."""
        return -1 if self.header is None else self.header.message_id

    @property
    def complete(self) -> bool:
        """A whole IKE message that can be read: in the clear, or opened (and reassembled)."""
        return self.message is not None and (self.opened or self.message.encrypted is None)

    def text(self) -> str:
        """One line for a verdict."""
        if self.message is not None:
            protected = "" if self.opened or self.message.encrypted is None else " (could not be decrypted)"
            return summary(self.message) + protected
        if self.kind == Kind.ESP:
            return f"ESP, {len(self.octets)} octets" + (f" ({self.problem})" if self.problem else "")
        return f"{self.kind} of {len(self.octets)} octets" + (f" ({self.problem})" if self.problem else "")


def lenient(data: bytes) -> Message | None:
    """A message with whatever faults the parser can get over; None when it cannot be read at all."""
    try:
        return Message.parse(data, strict=False)
    except WireError:
        return None
