"""Our requests: sending them in turn, retransmitting, giving up (RFC 7296 sections 2.1 to 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reference_impl.wire.message import Message

from . import closing, messages, retransmit
from .events import Reason
from .window import LAST_MESSAGE_ID, Pending

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa
    from .tasks import Task


def enqueue(engine: Engine, sa: IkeSa, task: Task, *, first: bool = False) -> None:
    """Send the task's request as soon as the window allows."""
    if first:
        sa.queue.appendleft(task)
    else:
        sa.queue.append(task)
    pump(engine, sa)


def pump(engine: Engine, sa: IkeSa) -> None:
    """Start queued requests while the peer's window has room."""
    if sa.queue and sa.outbound.next_id > LAST_MESSAGE_ID and not sa.outbound.pending:
        closing.close(engine, sa, Reason.EXPIRED, "no Message IDs are left")
        return
    while sa.queue and sa.authenticated and may_start(sa, sa.queue[0]):
        task = sa.queue.popleft()
        payloads = task.request(engine, sa)
        if payloads is not None:
            message_id = sa.outbound.take_id()
            datagrams = messages.seal(engine, sa, task.exchange, message_id, payloads, response=False)
            start(engine, sa, task, message_id, datagrams)
            if sa.outbound.exhausted():
                engine.ike_soft_expired(sa)


def may_start(sa: IkeSa, task: Task) -> bool:
    """The window has room; an exclusive task is alone."""
    pending = sa.outbound.pending
    if not sa.outbound.has_room():
        return False
    if task.exclusive and pending:
        return False
    return not any(other.task.exclusive for other in pending.values())


def start(engine: Engine, sa: IkeSa, task: Task, message_id: int, datagrams: Sequence[bytes]) -> None:
    """Send a request for the first time, remember it and arm its timer."""
    pending = Pending(message_id, task.exchange, task, tuple(datagrams), first_at=engine.now)
    sa.outbound.pending[message_id] = pending
    engine.transmit(pending.datagrams, sa.local, sa.remote)
    _arm(engine, sa, pending)


def replace(engine: Engine, sa: IkeSa, pending: Pending, datagrams: Sequence[bytes]) -> None:
    """Send another version of IKE_SA_INIT under the same Message ID (after COOKIE or INVALID_KE_PAYLOAD)."""
    pending.datagrams = tuple(datagrams)
    pending.sent = 1
    engine.transmit(pending.datagrams, sa.local, sa.remote)
    _arm(engine, sa, pending)


def _arm(engine: Engine, sa: IkeSa, pending: Pending) -> None:
    when = engine.now + retransmit.delay(engine.config.retransmit, pending.sent)
    engine.timers.set(("retransmit", sa.ike_id, pending.message_id), when, lambda: on_timer(engine, sa, pending))


def on_timer(engine: Engine, sa: IkeSa, pending: Pending) -> None:
    """No response so far: send the same octets again, or give the peer up."""
    if retransmit.exhausted(engine.config.retransmit, pending.sent):
        give_up(engine, sa, pending)
        return
    pending.sent += 1
    engine.count("retransmissions-sent")
    engine.transmit(pending.datagrams, sa.local, sa.remote)
    _arm(engine, sa, pending)


def give_up(engine: Engine, sa: IkeSa, pending: Pending) -> None:
    """All state of an IKE SA whose peer does not answer is discarded, Child SAs included (section 2.1)."""
    detail = f"no response to {pending.exchange} after {pending.sent} transmissions"
    closing.close(engine, sa, Reason.TIMEOUT, detail, linger=False)


def finish(engine: Engine, sa: IkeSa, pending: Pending) -> None:
    """The response is here: stop retransmitting."""
    del sa.outbound.pending[pending.message_id]
    engine.timers.cancel(("retransmit", sa.ike_id, pending.message_id))


def on_response(engine: Engine, sa: IkeSa, pending: Pending, message: Message) -> None:
    """Hand the response to the task that waits for it, then go on with the queue."""
    finish(engine, sa, pending)
    pending.task.response(engine, sa, message)
    pump(engine, sa)
