"""The IKEv2 engine: datagrams, time and commands in; datagrams, events and the next deadline out.

No sockets, no threads, no clock of its own. Every method that takes ``now`` (seconds, any epoch, never going
back) may produce output and events; take them with ``take_output`` and ``take_events``. ``receive`` and ``tick``
never raise, whatever arrives.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Sequence

from reference_impl.wire import udp
from reference_impl.wire.header import Header
from reference_impl.wire.registries import NotifyType

from . import closing, informational, lifecycle, messages, receive
from .child_sa import ChildSa
from .commands import Commands
from .config import EngineConfig
from .endpoint import Endpoint, Outgoing
from .errors import BadResponse
from .events import Event, Reason, Rejected
from .ike_sa import IkeSa
from .limiter import ReplyLimiter
from .messages import Path
from .timers import Timers
from .views import IkeView, of_ike


class Engine(Commands):
    """One IKE endpoint with any number of peers. ``rng`` gives all nonces, SPIs, private values and IVs."""

    def __init__(self, config: EngineConfig, rng: Callable[[int], bytes] = os.urandom) -> None:
        super().__init__(config, rng)
        self.now = 0.0
        self.timers = Timers()
        self.counters: Counter[str] = Counter()
        self.last_internal_error: Exception | None = None
        self._limiter = ReplyLimiter(config.reply_rate, config.reply_burst)
        self._output: deque[Outgoing] = deque(maxlen=config.output_limit)
        self._events: deque[Event] = deque(maxlen=config.event_limit)

    def receive(self, now: float, datagram: bytes, local: Endpoint, remote: Endpoint) -> None:
        """Process one UDP payload that came from ``remote`` to ``local``."""
        self.now = max(self.now, now)
        path = Path(local, remote)
        try:
            receive.on_datagram(self, datagram, path)
        except Exception as error:  # noqa: BLE001 — the last line of defence: no datagram may stop the engine
            self.last_internal_error = error
            self.reject(Reason.INTERNAL, f"{type(error).__name__}: {error}", path)

    def tick(self, now: float) -> None:
        """Do everything that is due by ``now``, each at its own time."""
        while True:
            when = self.timers.deadline()
            if when is None or when > now:
                break
            action = self.timers.pop_due(now)
            assert action is not None
            self.now = max(self.now, when)
            try:
                action()
            except Exception as error:  # noqa: BLE001 — one SA's trouble must not stop the others' timers
                self.count(f"rejected-{Reason.INTERNAL}")
                self.last_internal_error = error
        self.now = max(self.now, now)

    def deadline(self) -> float | None:
        """When ``tick`` should be called next; None: only after other input."""
        return self.timers.deadline()

    def take_output(self) -> list[Outgoing]:
        """The datagrams to send, in order."""
        output = list(self._output)
        self._output.clear()
        return output

    def take_events(self) -> list[Event]:
        """What has happened since the last call, in order; beyond the limit the oldest are lost and counted."""
        events = list(self._events)
        self._events.clear()
        return events

    def list_sas(self) -> list[IkeView]:
        """All IKE SAs with their Child SAs."""
        return [of_ike(sa) for sa in self.sas.values()]

    def emit(self, event: Event) -> None:
        """Tell the owner."""
        if len(self._events) == self._events.maxlen:
            self.counters["events-lost"] += 1
        self._events.append(event)
        self.counters[f"event-{type(event).__name__}"] += 1

    def count(self, name: str) -> None:
        """Add one to a counter."""
        self.counters[name] += 1

    def reject(self, reason: Reason, detail: str, path: Path, sa: IkeSa | None = None) -> None:
        """Count and tell what was not accepted, and why."""
        self.counters[f"rejected-{reason}"] += 1
        self.emit(Rejected(self.now, reason, detail, path.local, path.remote, None if sa is None else sa.ike_id))

    def reject_response(self, sa: IkeSa, bad: BadResponse) -> None:
        """As reject, for a response that a task turned down."""
        self.reject(bad.reason, bad.detail, Path(sa.local, sa.remote), sa)

    def transmit(self, datagrams: Sequence[bytes], local: Endpoint, remote: Endpoint) -> None:
        """Queue IKE messages for sending; on the NAT traversal port they get the non-ESP marker (section 3.1)."""
        natt = local.port == self.config.natt_port
        for data in datagrams:
            self.counters["datagrams-sent"] += 1
            self._output.append(Outgoing(udp.wrap_ike(data) if natt else data, local, remote))

    def send_keepalive(self, sa: IkeSa) -> None:
        """The single octet that keeps a NAT mapping alive (RFC 3948)."""
        self.counters["keepalives-sent"] += 1
        self._output.append(Outgoing(udp.KEEPALIVE, sa.local, sa.remote))

    def reply_in_clear(self, request: Header, notify: NotifyType, path: Path, data: bytes = b"") -> None:
        """An unprotected error reply, at a limited rate per address (section 2.21.4)."""
        if not self._limiter.allows(self.now, path.remote.address):
            self.count("clear-replies-suppressed")
            return
        self.count(f"clear-replies-{notify.name.lower()}")
        self.transmit((messages.clear_notify(request, notify, data),), path.local, path.remote)

    def linger(self, sa: IkeSa) -> None:
        """Keep a closed IKE SA for a while, only to repeat its last response."""
        self.keep_lingering(sa)
        self.timers.set(("linger", sa.ike_id), self.now + self.config.linger, lambda: self.forget(sa))

    def add_half_open(self, sa: IkeSa) -> None:
        """Enter a responder's new IKE SA, with the time it has to authenticate."""
        self.add(sa)
        self.half_open[sa.ike_id] = sa
        self.init_requests[sa.init_key] = sa
        when = self.now + self.config.half_open_timeout
        self.timers.set(
            ("half-open", sa.ike_id),
            when,
            lambda: closing.close(self, sa, Reason.TIMEOUT, "no IKE_AUTH", linger=False),
        )

    def authenticated(self, sa: IkeSa) -> None:
        """Both peers have proved who they are."""
        lifecycle.authenticated(self, sa)

    def announce(self, sa: IkeSa, replaces: IkeSa | None = None) -> None:
        """Tell of an established IKE SA and arm its timers."""
        lifecycle.announce(self, sa, replaces)

    def ike_soft_expired(self, sa: IkeSa) -> None:
        """The IKE SA's soft timer."""
        lifecycle.ike_soft_expired(self, sa)

    def ike_hard_expired(self, sa: IkeSa) -> None:
        """The IKE SA's hard timer."""
        lifecycle.ike_hard_expired(self, sa)

    def child_soft_expired(self, child: ChildSa) -> None:
        """The Child SA's soft timer."""
        lifecycle.child_soft_expired(self, child)

    def child_hard_expired(self, child: ChildSa) -> None:
        """The Child SA's hard timer."""
        lifecycle.child_hard_expired(self, child)

    def abandon(self, sa: IkeSa, reason: Reason, detail: str) -> None:
        """Give up an IKE SA because of a response that cannot be used."""
        closing.abandon(self, sa, reason, detail)

    def hint(self, sa: IkeSa) -> None:
        """The owner suspects that the peer is gone (for instance an ICMP error): check, at a limited rate."""
        informational.on_hint(self, sa)
