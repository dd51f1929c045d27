"""TEMPORARY_FAILURE received: wait, try again, and give up after minutes (RFC 7296 section 2.25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import closing, exchange
from .events import Reason

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa
    from .tasks import Task

QUIET = 60.0


def retry_later(engine: Engine, sa: IkeSa, task: Task) -> None:
    """Queue the task again after a pause; close the IKE SA when this has been going on too long."""
    note(engine, sa)
    if out_of_sync(engine, sa):
        closing.delete(engine, sa, Reason.TEMPORARY_FAILURE, "the peer keeps answering TEMPORARY_FAILURE")
        return
    pause = engine.config.temporary_failure_retry
    engine.timers.set(("retry", sa.ike_id, id(task)), engine.now + pause, lambda: again(engine, sa, task))


def note(engine: Engine, sa: IkeSa) -> None:
    """Remember since when the failures go on; after a quiet time they are new ones."""
    quiet = engine.now - sa.temporary_failure_last
    if sa.temporary_failure_since is None or quiet > max(QUIET, 2 * engine.config.temporary_failure_retry):
        sa.temporary_failure_since = engine.now
    sa.temporary_failure_last = engine.now


def out_of_sync(engine: Engine, sa: IkeSa) -> bool:
    """Whether the failures have lasted for several minutes."""
    since = sa.temporary_failure_since
    return since is not None and engine.now - since >= engine.config.temporary_failure_limit


def again(engine: Engine, sa: IkeSa, task: Task) -> None:
    """On the IKE SA that is current by now."""
    heir = sa.heir()
    if heir.authenticated:
        exchange.enqueue(engine, heir, task)


def clear(sa: IkeSa) -> None:
    """A request got through."""
    sa.temporary_failure_since = None
