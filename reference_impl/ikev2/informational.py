"""INFORMATIONAL exchanges: answers, liveness checks, notifications (RFC 7296 sections 1.4, 2.4, 2.21.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType

from . import closing, config_payload, deletion, exchange, ike_auth, ike_auth_request, messages
from .events import LivenessConfirmed, NotifyReceived, Reason
from .tasks import Task

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

Afterwards = Callable[[], None]
HINT_INTERVAL = 10.0


class Liveness(Task):
    """An empty request: is the peer there?"""

    exchange = ExchangeType.INFORMATIONAL

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        return ()

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        engine.emit(LivenessConfirmed(engine.now, sa.ike_id))


class Notice(Task):
    """A request that carries notifications."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, *notifies: NotifyPayload) -> None:
        self.notifies = notifies

    def request(self, engine: Engine, sa: IkeSa) -> tuple[Payload, ...] | None:
        return self.notifies

    def response(self, engine: Engine, sa: IkeSa, message: Message) -> None:
        engine.count("notices-acknowledged")


def answer(engine: Engine, sa: IkeSa, message: Message) -> tuple[list[Payload], Afterwards | None]:
    """The response, and what to do once it is sent."""
    note_notifies(engine, sa, message)
    fatal = fatal_notice(sa, message)
    if fatal is not None:
        reason = Reason.AUTHENTICATION if fatal == NotifyType.AUTHENTICATION_FAILED else Reason.ERROR_NOTIFY
        return [], lambda: closing.close(engine, sa, reason, f"the peer sent {fatal.name}")
    if deletion.deletes_ike(message):
        return [], lambda: closing.close(engine, sa, Reason.DELETED_BY_PEER)
    spis = deletion.answer_child_deletes(engine, sa, message)
    payloads: list[Payload] = [*deletion.delete_answer(spis)]
    payloads += config_payload.answer_informational(engine, message)
    return payloads, None


def note_notifies(engine: Engine, sa: IkeSa, message: Message) -> None:
    """Status and error notifications in a request change nothing by themselves, but are told (section 3.10.1)."""
    for notify in message.all(NotifyPayload):
        if notify.notify == NotifyType.SET_WINDOW_SIZE:
            ike_auth.note_window(sa, message)
        engine.emit(NotifyReceived(engine.now, sa.ike_id, notify.notify, notify.data))


def fatal_notice(sa: IkeSa, message: Message) -> NotifyType | None:
    """Right after IKE_AUTH the initiator may report that our response failed (section 2.21.2)."""
    error = messages.first_error(message)
    if error is None or sa.initiator or message.message_id != 2 or error.notify not in ike_auth_request.FATAL:
        return None
    return error.notify


def check_liveness(engine: Engine, sa: IkeSa) -> None:
    """Ask the peer for a sign of life, unless a request of ours is on its way already."""
    if not sa.outbound.pending and not sa.queue:
        exchange.enqueue(engine, sa, Liveness())


def on_interval(engine: Engine, sa: IkeSa) -> None:
    """The liveness timer: check only when nothing authentic has come for the whole interval (section 2.4)."""
    interval = sa.settled_connection.liveness_interval
    quiet = engine.now - sa.last_heard
    if quiet >= interval:
        check_liveness(engine, sa)
        quiet = 0.0
    schedule(engine, sa, interval - quiet)


def schedule(engine: Engine, sa: IkeSa, seconds: float) -> None:
    """Arm the liveness timer."""
    if sa.settled_connection.liveness_interval > 0:
        engine.timers.set(("liveness", sa.ike_id), engine.now + seconds, lambda: on_interval(engine, sa))


def on_hint(engine: Engine, sa: IkeSa) -> None:
    """Something unauthenticated suggests that the peer lost the SA: a liveness check, at a limited rate (2.21.4)."""
    if not sa.authenticated or (sa.last_hint is not None and engine.now - sa.last_hint < HINT_INTERVAL):
        return
    sa.last_hint = engine.now
    check_liveness(engine, sa)


def report(engine: Engine, sa: IkeSa, notify: NotifyPayload) -> None:
    """Send a notification in a request of its own, at a limited rate."""
    if sa.last_invalid_id_notice is not None and engine.now - sa.last_invalid_id_notice < HINT_INTERVAL:
        return
    sa.last_invalid_id_notice = engine.now
    exchange.enqueue(engine, sa, Notice(notify))
