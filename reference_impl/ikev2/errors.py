"""How request handling says no."""

from __future__ import annotations

from reference_impl.wire.registries import NotifyType

from .events import Reason


class Refusal(Exception):
    """A request is answered with an error notification. ``fatal``: the IKE SA goes with it (2.21.2, 2.21.3)."""

    def __init__(
        self,
        notify: NotifyType,
        reason: Reason,
        detail: str = "",
        *,
        data: bytes = b"",
        spi: bytes = b"",
        fatal: bool = False,
    ) -> None:
        super().__init__(notify, reason, detail)
        self.notify = notify
        self.reason = reason
        self.detail = detail
        self.data = data
        self.spi = spi
        self.fatal = fatal


class BadResponse(Exception):
    """A response cannot be accepted; no error message answers it (section 2.21).

    ``fatal``: the IKE SA has to be deleted, whatever the exchange was for.
    """

    def __init__(self, reason: Reason, detail: str = "", *, fatal: bool = False) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.fatal = fatal


def invalid_syntax(reason: Reason, detail: str) -> Refusal:
    """INVALID_SYNTAX is fatal to the IKE SA in both peers (section 2.21.3)."""
    return Refusal(NotifyType.INVALID_SYNTAX, reason, detail, fatal=True)
