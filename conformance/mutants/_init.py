"""Ways to change what a mutant does in IKE_SA_INIT: requests as they are read, messages as they are built."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from conformance.mutants.registry import Patch
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.sa import Proposal, Transform

Payloads = tuple[Payload, ...]
Change = Callable[[Payloads], Payloads]


class Builder:
    """Stands for the class Message in a module of the engine: what the module builds is changed."""

    def __init__(self, change: Change, fields: Callable[..., tuple[Any, ...]] | None = None) -> None:
        self._change = change
        self._fields = fields or (lambda *fields: fields)

    def __call__(self, *arguments: Any) -> Message:
        """A message with changed header fields and payloads."""
        *fields, payloads = arguments
        return Message(*self._fields(*fields), self._change(payloads))  # type: ignore[call-arg]

    def parse(self, data: bytes) -> Message:
        """What is read stays as it is."""
        return Message.parse(data)


def change_response(patch: Patch, change: Change) -> None:
    """Change the payloads of IKE_SA_INIT responses before they are sent."""
    from reference_impl.ikev2 import sa_init

    patch(sa_init, "Message", Builder(change))


def change_request(patch: Patch, change: Change) -> None:
    """Change the payloads of IKE_SA_INIT requests before they are sent."""
    from reference_impl.ikev2 import sa_init_request

    patch(sa_init_request, "Message", Builder(change))


def each(kind: type[Payload], change: Callable[[Any], Payload]) -> Change:
    """Every payload of one class changed."""
    return lambda payloads: tuple(change(item) if isinstance(item, kind) else item for item in payloads)


def drop_requests(patch: Patch, unwanted: Callable[[Any, Message], bool]) -> None:
    """Leave IKE_SA_INIT requests without answer for which `unwanted(engine, message)`."""
    from reference_impl.ikev2 import sa_init

    def respond(original: Any, engine: Any, header: Any, message: Message, *rest: Any) -> None:
        if not unwanted(engine, message):
            original(engine, header, message, *rest)

    patch.wrap(sa_init, "respond", respond)


def change_offers(patch: Patch, change: Callable[[Proposal], Proposal]) -> None:
    """Change proposals of IKE before one is chosen."""
    from reference_impl.ikev2 import proposal

    def choose(original: Any, offered: Iterable[Proposal], *rest: Any, **keywords: Any) -> Any:
        return original([change(item) for item in offered], *rest, **keywords)

    patch.wrap(proposal, "choose_ike", choose)


def change_choices(patch: Patch, change: Callable[[Any, Proposal], Proposal]) -> None:
    """Change the accepted proposal: `change(choice, offered)` makes it."""
    from dataclasses import replace

    from reference_impl.ikev2 import proposal

    def match(original: Any, offered: Proposal, *rest: Any) -> Any:
        choice = original(offered, *rest)
        return None if choice is None else replace(choice, answer=change(choice, offered))

    patch.wrap(proposal, "match_ike", match)


def change_offered(patch: Patch, change: Callable[[tuple[Proposal, ...]], tuple[Proposal, ...]]) -> None:
    """Change what the engine offers as initiator."""
    from reference_impl.ikev2 import proposal

    patch.wrap(proposal, "ike_offer", lambda original, *rest: change(original(*rest)))


def with_transforms(item: Proposal, change: Callable[[Transform], Iterable[Transform]]) -> Proposal:
    """The proposal with each transform replaced by what `change` makes of it."""
    from dataclasses import replace

    return replace(item, transforms=tuple(new for old in item.transforms for new in change(old)))
