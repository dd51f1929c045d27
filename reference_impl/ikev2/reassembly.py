"""Collecting the fragments of one message (RFC 7383 section 2.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reference_impl.wire.header import Header

from . import closing, messages
from .events import Reason
from .fragments import FragmentVerdict, Reassembly
from .messages import Path
from .protect import Opened

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

REASONS = {
    FragmentVerdict.INVALID: Reason.FRAGMENT_INVALID,
    FragmentVerdict.DUPLICATE: Reason.FRAGMENT_DUPLICATE,
    FragmentVerdict.OBSOLETE: Reason.FRAGMENT_OBSOLETE,
    FragmentVerdict.TOO_MANY: Reason.FRAGMENT_LIMIT,
}


def collect(engine: Engine, sa: IkeSa, header: Header, opened: Opened, path: Path) -> Opened | None:
    """Store a verified fragment; the whole message when it was the last one missing."""
    if not sa.fragmentation:
        engine.reject(Reason.FRAGMENT_INVALID, "fragmentation was not negotiated", path, sa)
        return None
    key = (messages.is_response(header), header.message_id)
    store = sa.reassembly.get(key) or Reassembly()
    verdict = store.judge(opened.fragment, opened.total, engine.config.fragment_limit)
    if verdict is not FragmentVerdict.NEW:
        engine.reject(REASONS[verdict], f"{opened.fragment} of {opened.total}", path, sa)
        return None
    store.add(opened.fragment, opened.total, opened.inner_first, opened.inner)
    if store.octets > engine.config.fragment_octets:
        on_excess(engine, sa, f"{store.octets} octets", path)
        return None
    if not store.complete:
        keep(engine, sa, key, store, path)
        return None
    drop(engine, sa, key)
    return replace(opened, inner_first=store.first, inner=store.content(), fragment=0, total=0)


def on_excess(engine: Engine, sa: IkeSa, detail: str, path: Path) -> None:
    """An attack or a broken peer: the connection is dropped, and all fragments with it (section 5)."""
    engine.reject(Reason.FRAGMENT_LIMIT, detail, path, sa)
    closing.close(engine, sa, Reason.FRAGMENT_LIMIT, detail, linger=False)


def keep(engine: Engine, sa: IkeSa, key: tuple[bool, int], store: Reassembly, path: Path) -> None:
    """Wait for the rest, for a limited time from the first fragment on."""
    if key in sa.reassembly:
        return
    sa.reassembly[key] = store
    when = engine.now + engine.config.fragment_timeout
    engine.timers.set(("reassembly", sa.ike_id, key), when, lambda: expire(engine, sa, key, path))


def expire(engine: Engine, sa: IkeSa, key: tuple[bool, int], path: Path) -> None:
    """All fragments received so far are discarded; the exchange goes on as if they had never come."""
    if sa.reassembly.pop(key, None) is not None:
        engine.reject(Reason.FRAGMENT_TIMEOUT, f"message {key[1]}", path, sa)


def drop(engine: Engine, sa: IkeSa, key: tuple[bool, int]) -> None:
    """Forget the collection."""
    sa.reassembly.pop(key, None)
    engine.timers.cancel(("reassembly", sa.ike_id, key))
