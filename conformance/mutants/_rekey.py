"""What mutants of the device's own rekeys share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.mutants.registry import Patch


def on_own_requests(patch: Patch, name: str, change: Callable[[list[Any], Any, Any], list[Any]]) -> None:
    """Requests of the task class `name` go out as `change(payloads, task, sa)` makes them."""
    from reference_impl.ikev2 import rekey_child, rekey_ike

    owner = rekey_child.RekeyChild if name == "RekeyChild" else rekey_ike.RekeyIke

    def request(original: Any, self: Any, engine: Any, sa: Any) -> Any:
        payloads = original(self, engine, sa)
        return None if payloads is None else tuple(change(list(payloads), self, sa))

    patch.wrap(owner, "request", request)
