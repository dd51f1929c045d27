"""Our CREATE_CHILD_SA request for a new Child SA (RFC 7296 section 1.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.crypto.suite import EspSuite
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType
from reference_impl.wire.ts import TrafficSelector

from . import child_request, closing, deletion, exchange, messages, proposal, temporary
from .child_request import ChildOffer
from .errors import BadResponse
from .events import ChildFailed, Reason
from .tasks import Task

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .engine import Engine
    from .ike_sa import IkeSa

GROUP_RETRIES = 3


class CreateChild(Task):
    """Our request for a new Child SA; RekeyChild differs in what it replaces."""

    exchange = ExchangeType.CREATE_CHILD_SA
    changes_children = True

    def __init__(self, local_ts: tuple[TrafficSelector, ...] = (), remote_ts: tuple[TrafficSelector, ...] = ()) -> None:
        self.local_ts = local_ts
        self.remote_ts = remote_ts
        self.transport: bool | None = None
        self.replaces: ChildSa | None = None
        self.group: Group | None = None
        self.group_retries = 0
        self.offer: ChildOffer | None = None

    def suites(self, sa: IkeSa) -> tuple[EspSuite, ...]:
        """What to offer."""
        return sa.settled_connection.esp

    def make_offer(self, engine: Engine, sa: IkeSa) -> ChildOffer:
        """The offer of this request."""
        return child_request.make(
            engine,
            sa,
            self.suites(sa),
            initial=False,
            group=self.group,
            local_ts=self.local_ts,
            remote_ts=self.remote_ts,
            transport=self.transport,
            replaces=self.replaces,
        )

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        self.offer = self.make_offer(engine, sa)
        return tuple(child_request.payloads(sa, self.offer, initial=False))

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        error = messages.first_error(message)
        if error is not None:
            self.refused(engine, sa, error)
            return
        temporary.clear(sa)
        try:
            self.accept(engine, sa, message)
        except BadResponse as bad:
            self.failed(engine, sa, bad.reason, bad.detail)
            self.clean_up(engine, sa, bad)

    def accept(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        """Install what the response brings. Raises BadResponse."""
        assert self.offer is not None
        accepted = child_request.accept(engine, sa, self.offer, message, initial=False)
        child_request.install(engine, sa, self.offer, accepted)

    def clean_up(self, engine: Engine, sa: IkeSa, bad: BadResponse) -> None:
        """Delete the Child SA that the peer made for an answer we cannot use (section 2.21)."""
        if bad.fatal:
            closing.delete(engine, sa, bad.reason, bad.detail)
        elif self.offer is not None:
            deletion.refuse_child(engine, sa, self.offer.spi)

    def refused(self, engine: Engine, sa: IkeSa, error: NotifyPayload) -> None:
        """The peer answered with an error: another group, later again, or failure."""
        if error.notify == NotifyType.INVALID_KE_PAYLOAD and self.use_group(error.data):
            exchange.enqueue(engine, sa, self, first=True)
            return
        if error.notify == NotifyType.TEMPORARY_FAILURE:
            temporary.retry_later(engine, sa, self)
            return
        self.failed(engine, sa, Reason.ERROR_NOTIFY, error.notify.name, error.notify)
        if error.notify == NotifyType.INVALID_SYNTAX:
            closing.close(engine, sa, Reason.INVALID_SYNTAX, "the peer sent INVALID_SYNTAX", linger=False)

    def use_group(self, data: bytes) -> bool:
        """Switch to the group that the responder wants, if we offer it; a bounded number of times."""
        assert self.offer is not None
        group = int.from_bytes(data, "big")
        self.group_retries += 1
        if group not in proposal.groups_of(self.offer.proposals) or self.group_retries > GROUP_RETRIES:
            return False
        self.group = Group(group)
        return True

    def failed(self, engine: Engine, sa: IkeSa, reason: Reason, detail: str, notify: NotifyType | None = None) -> None:
        """There will be no Child SA."""
        engine.emit(ChildFailed(engine.now, sa.ike_id, sa.connection_name, True, reason, detail, notify))

    def dropped(self, engine: Engine, sa: IkeSa, reason: Reason) -> None:
        self.failed(engine, sa, reason, "the IKE SA ended first")
