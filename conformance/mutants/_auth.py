"""Where mutants of IKE_AUTH take hold: requests before they are handled, answers before they are sent, selectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch


class Silence(Exception):
    """The request is not answered at all."""


def before_auth(patch: Patch, look: Callable[[Any, Any, Any], Any]) -> None:
    """`look(engine, sa, message)` before IKE_AUTH is answered: returns another message, or None for the same."""
    from reference_impl.ikev2 import ike_auth

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        return original(engine, sa, look(engine, sa, message) or message)

    patch.wrap(ike_auth, "answer", answer)


def allow_silence(patch: Patch) -> None:
    """Raising Silence while a request is handled leaves it without answer."""
    from reference_impl.ikev2 import protected

    def process(original: Any, *args: Any) -> None:
        try:
            original(*args)
        except Silence:
            return

    patch.wrap(protected, "process", process)


def refuse_if(patch: Patch, wrong: Callable[[Any], bool], *, notify: str = "INVALID_SYNTAX") -> None:
    """Refuse IKE_AUTH requests for which `wrong(message)` is true, and the IKE SA with them."""
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def look(engine: Any, sa: Any, message: Any) -> None:
        if wrong(message):
            raise Refusal(NotifyType[notify], Reason.INVALID_SYNTAX, "mutant", fatal=True)

    before_auth(patch, look)


def change_answer(patch: Patch, change: Callable[[Any, Any, list[Any]], list[Any]]) -> None:
    """`change(sa, message, payloads)` makes the IKE_AUTH response that is sent."""
    from reference_impl.ikev2 import ike_auth

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        return change(sa, message, list(original(engine, sa, message)))

    patch.wrap(ike_auth, "answer", answer)


def change_payload(patch: Patch, kind: Callable[[], type], change: Callable[[Any, Any], Any]) -> None:
    """`change(payload, message)` replaces the payloads of one class in the IKE_AUTH response."""

    def answer(sa: Any, message: Any, payloads: list[Any]) -> list[Any]:
        return [change(item, message) if isinstance(item, kind()) else item for item in payloads]

    change_answer(patch, answer)


def change_proof(patch: Patch, change: Callable[[Any, Any, Any, bytes], Any]) -> None:
    """`change(payload, sa, local, octets)` makes our AUTH payload."""
    from reference_impl.ikev2 import authenticate

    def make_auth(original: Any, sa: Any, local: Any, id_body: bytes) -> Any:
        return change(original(sa, local, id_body), sa, local, authenticate.own_octets(sa, id_body))

    patch.wrap(authenticate, "make_auth", make_auth)


def narrowing(patch: Patch, change: Callable[[Any, Any, Any], Any]) -> None:
    """`change(offered, policy, narrowed)` gives the selectors of one side."""
    from reference_impl.ikev2 import selectors

    def narrow(original: Any, offered: Any, policy: Any, *rest: Any) -> Any:
        narrowed = original(offered, policy, *rest)
        return replace(narrowed, selectors=tuple(change(offered, policy, narrowed.selectors)))

    patch.wrap(selectors, "narrow", narrow)
