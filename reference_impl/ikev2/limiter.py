"""Token buckets per peer address, for replies to messages that anybody could have sent (RFC 7296 section 2.21.4)."""

from __future__ import annotations

from collections import OrderedDict

TABLE_LIMIT = 4096


class ReplyLimiter:
    """``rate`` replies per second and address on average, ``burst`` at once. Memory is bounded."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, now: float, address: str) -> bool:
        """Take one token of this address; false when there is none."""
        tokens, since = self._buckets.pop(address, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[address] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > TABLE_LIMIT:
            self._buckets.popitem(last=False)
        return allowed
