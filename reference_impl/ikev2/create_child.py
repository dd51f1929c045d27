"""Answering CREATE_CHILD_SA: which of its three uses a request is, and a new Child SA (RFC 7296 section 1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import NotifyType, ProtocolId
from reference_impl.wire.sa import SaPayload

from . import child_answer, collisions, config_payload, rekey_child, rekey_ike
from .collisions import Ask, Reaction
from .errors import Refusal, invalid_syntax
from .events import Reason

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa


def answer(engine: Engine, sa: IkeSa, message: Message) -> list[Payload]:
    """The response to any CREATE_CHILD_SA request. Raises Refusal."""
    offer = message.get(SaPayload)
    if offer is None:
        raise invalid_syntax(Reason.MISSING_PAYLOAD, "CREATE_CHILD_SA needs an SA payload")
    rekey = message.notify(NotifyType.REKEY_SA)
    if rekey is not None:
        return rekey_child.answer(engine, sa, message, rekey)
    if is_ike_rekey(offer):
        return rekey_ike.answer(engine, sa, message)
    return answer_new(engine, sa, message)


def is_ike_rekey(offer: SaPayload) -> bool:
    """An SA payload that proposes IKE asks to rekey the IKE SA (section 1.3.2)."""
    return all(each.protocol == ProtocolId.IKE for each in offer.proposals)


def answer_new(engine: Engine, sa: IkeSa, message: Message) -> list[Payload]:
    """A new Child SA. Raises Refusal."""
    if collisions.reaction(Ask.CREATE_CHILD, collisions.busy_for_child_creation(sa)) is not Reaction.ANSWER:
        raise Refusal(NotifyType.TEMPORARY_FAILURE, Reason.TEMPORARY_FAILURE, "the IKE SA is being replaced")
    reply = config_payload.answer(engine, sa, sa.settled_connection, message)
    _, payloads = child_answer.answer(engine, sa, message, initial=False)
    return payloads if reply is None else [reply, *payloads]
