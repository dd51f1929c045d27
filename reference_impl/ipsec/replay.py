"""The anti-replay window with 32-bit or extended sequence numbers (RFC 4303 section 3.4.3 and Appendix A2)."""

from __future__ import annotations


class ReplayWindow:
    """Which of the last `size` sequence numbers up to `top` were received and authenticated.

    `size` in packets; 0 turns the service off, which extended sequence numbers do not allow.
    Call `sequence`, then `acceptable`, then check the ICV, and only then `update`.
    """

    __slots__ = ("_bits", "_mask", "_reach", "esn", "size", "top")

    def __init__(self, size: int = 64, *, esn: bool = False) -> None:
        if size < 0 or size > 1 << 16 or (size and size < 32):
            raise ValueError(f"replay window of {size} packets: 0 (off) or 32 to 65536 (RFC 4303 section 3.4.3)")
        if esn and not size:
            raise ValueError("extended sequence numbers need a replay window (RFC 4303 section 3.3.3)")
        self.size = size
        self.esn = esn
        self.top = 0
        self._bits = 0  # bit n stands for sequence number top - n
        self._reach = size - 1
        self._mask = (1 << size) - 1

    def sequence(self, low: int) -> int:
        """The full sequence number of a packet that carries `low`; negative when it lies before the first one."""
        if not self.esn:
            return low
        # cases A and B of Appendix A2.2 in one: the only number in [B, B + 2^32) with these low-order bits
        bottom = self.top - self._reach
        return bottom + (low - bottom & 0xFFFFFFFF)

    def acceptable(self, sequence: int) -> bool:
        """Whether `sequence` is neither before the window nor already received. Number 0 is never sent."""
        if sequence <= 0:
            return False
        back = self.top - sequence
        if back < 0 or not self.size:
            return True
        return back < self.size and not self._bits >> back & 1

    def update(self, sequence: int) -> None:
        """Record an authenticated packet."""
        ahead = sequence - self.top
        if ahead == 1:
            self._bits = self._bits << 1 & self._mask | 1
            self.top = sequence
        elif ahead > 0:
            self._bits = (self._bits << ahead & self._mask | 1) if ahead < self.size else 1
            self.top = sequence
        else:
            self._bits |= 1 << -ahead & self._mask
