"""When a request goes out again, and when its peer is given up (RFC 7296 sections 2.1 and 2.4)."""

from __future__ import annotations

from .config import RetransmitPolicy


def delay(policy: RetransmitPolicy, sent: int) -> float:
    """Seconds to wait after a request has been sent ``sent`` times (1 for the first): exponential up to the ceiling."""
    exponent = min(sent - 1, 64)
    return min(policy.initial * policy.factor**exponent, policy.ceiling)


def exhausted(policy: RetransmitPolicy, sent: int) -> bool:
    """Whether the peer has had its last chance."""
    return sent >= policy.tries
