"""What waits to be sent as a request on an IKE SA."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType

from .events import Reason

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


class Task:
    """One exchange that we initiate."""

    exchange: ClassVar[ExchangeType]
    # An exclusive request waits until no other one is outstanding.
    exclusive: ClassVar[bool] = False
    # Whether the task moves to the successor when the IKE SA is rekeyed before the request went out.
    inherited: ClassVar[bool] = True
    # Whether it creates, rekeys or closes a Child SA (section 2.25.1).
    changes_children: ClassVar[bool] = False

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        """The payloads to send now; None when there is nothing to do any more."""
        raise NotImplementedError

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        """Act on the response (authenticated, with its payloads decrypted)."""
        raise NotImplementedError

    def malformed(self, engine: Engine, sa: IkeSa, detail: str) -> None:
        """The response was authentic but cannot be read: clean up, without an error message (section 2.21)."""
        engine.abandon(sa, Reason.INVALID_SYNTAX, detail)

    def dropped(self, engine: Engine, sa: IkeSa, reason: Reason) -> None:
        """The IKE SA ended before a response came."""
