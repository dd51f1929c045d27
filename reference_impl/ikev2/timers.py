"""Timers by key on a heap: set, cancel, and what is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable

Action = Callable[[], None]
Entry = tuple[float, int, Hashable, Action]


class Timers:
    """At most one timer per key; setting it again moves it."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._live: dict[Hashable, int] = {}
        self._sequence = 0

    def set(self, key: Hashable, when: float, action: Action) -> None:
        """Call ``action`` at ``when`` unless cancelled or set again first."""
        self._sequence += 1
        self._live[key] = self._sequence
        heapq.heappush(self._heap, (when, self._sequence, key, action))
        if len(self._heap) > 2 * len(self._live) + 64:
            self._compact()

    def cancel(self, key: Hashable) -> None:
        """Forget the timer of this key, if there is one."""
        self._live.pop(key, None)

    def deadline(self) -> float | None:
        """When the first timer is due; None when there is none."""
        heap = self._heap
        while heap and self._live.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> Action | None:
        """Remove the first timer that is due and return its action."""
        when = self.deadline()
        if when is None or when > now:
            return None
        _, _, key, action = heapq.heappop(self._heap)
        del self._live[key]
        return action

    def __len__(self) -> int:
        return len(self._live)

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if self._live.get(entry[2]) == entry[1]]
        heapq.heapify(self._heap)
