"""What to do when two exchanges touch the same SA at once (RFC 7296 sections 2.8.1, 2.8.2 and 2.25), as a table."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from .states import ChildState, IkeState

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .ike_sa import IkeSa


class Ask(StrEnum):
    """What the peer's request wants."""

    CREATE_CHILD = "create-child"
    REKEY_CHILD = "rekey-child"
    CLOSE_CHILD = "close-child"
    REKEY_IKE = "rekey-ike"
    CLOSE_IKE = "close-ike"


class Busy(StrEnum):
    """What we are doing with the same SA."""

    NOTHING = "nothing"
    ABSENT = "absent"
    REKEYING_CHILD = "rekeying-child"
    CLOSING_CHILD = "closing-child"
    CHANGING_CHILDREN = "creating-rekeying-or-closing-a-child"
    REKEYING_IKE = "rekeying-ike"
    CLOSING_IKE = "closing-ike"
    UNSETTLED = "unsettled"


class Reaction(StrEnum):
    """How the request is answered."""

    ANSWER = "answer"
    ANSWER_AND_COMPARE = "answer-and-compare-nonces"
    ANSWER_WITHOUT_DELETE = "answer-without-delete"
    TEMPORARY_FAILURE = "temporary-failure"
    CHILD_SA_NOT_FOUND = "child-sa-not-found"


REACTIONS: dict[tuple[Ask, Busy], Reaction] = {
    (Ask.CREATE_CHILD, Busy.NOTHING): Reaction.ANSWER,
    (Ask.CREATE_CHILD, Busy.REKEYING_IKE): Reaction.TEMPORARY_FAILURE,
    (Ask.CREATE_CHILD, Busy.CLOSING_IKE): Reaction.TEMPORARY_FAILURE,
    (Ask.CREATE_CHILD, Busy.UNSETTLED): Reaction.TEMPORARY_FAILURE,
    (Ask.REKEY_CHILD, Busy.NOTHING): Reaction.ANSWER,
    (Ask.REKEY_CHILD, Busy.ABSENT): Reaction.CHILD_SA_NOT_FOUND,
    (Ask.REKEY_CHILD, Busy.REKEYING_CHILD): Reaction.ANSWER_AND_COMPARE,
    (Ask.REKEY_CHILD, Busy.CLOSING_CHILD): Reaction.TEMPORARY_FAILURE,
    (Ask.REKEY_CHILD, Busy.REKEYING_IKE): Reaction.TEMPORARY_FAILURE,
    (Ask.REKEY_CHILD, Busy.CLOSING_IKE): Reaction.TEMPORARY_FAILURE,
    (Ask.REKEY_CHILD, Busy.UNSETTLED): Reaction.TEMPORARY_FAILURE,
    (Ask.CLOSE_CHILD, Busy.NOTHING): Reaction.ANSWER,
    (Ask.CLOSE_CHILD, Busy.ABSENT): Reaction.ANSWER_WITHOUT_DELETE,
    (Ask.CLOSE_CHILD, Busy.REKEYING_CHILD): Reaction.ANSWER,
    (Ask.CLOSE_CHILD, Busy.CLOSING_CHILD): Reaction.ANSWER_WITHOUT_DELETE,
    (Ask.REKEY_IKE, Busy.NOTHING): Reaction.ANSWER,
    (Ask.REKEY_IKE, Busy.CHANGING_CHILDREN): Reaction.TEMPORARY_FAILURE,
    (Ask.REKEY_IKE, Busy.REKEYING_IKE): Reaction.ANSWER_AND_COMPARE,
    (Ask.REKEY_IKE, Busy.CLOSING_IKE): Reaction.TEMPORARY_FAILURE,
    (Ask.REKEY_IKE, Busy.UNSETTLED): Reaction.TEMPORARY_FAILURE,
    (Ask.CLOSE_IKE, Busy.NOTHING): Reaction.ANSWER,
    (Ask.CLOSE_IKE, Busy.CHANGING_CHILDREN): Reaction.ANSWER,
    (Ask.CLOSE_IKE, Busy.REKEYING_IKE): Reaction.ANSWER,
    (Ask.CLOSE_IKE, Busy.CLOSING_IKE): Reaction.ANSWER,
}


def reaction(ask: Ask, busy: Busy) -> Reaction:
    """The table's entry."""
    return REACTIONS[ask, busy]


def busy_with_ike(sa: IkeSa) -> Busy:
    """What is going on with the IKE SA itself: an SA that was rekeyed is one that is being closed (section 2.8.2).

    Until simultaneous rekeying is settled, the new IKE SA has not inherited anything yet.
    """
    if sa.state in (IkeState.DELETING, IkeState.REKEYED):
        return Busy.CLOSING_IKE
    if sa.unsettled is not None:
        return Busy.UNSETTLED
    if sa.rekey is not None:
        return Busy.REKEYING_IKE
    return Busy.NOTHING


def busy_for_ike_rekey(sa: IkeSa) -> Busy:
    """As busy_with_ike, and exchanges of ours about Child SAs count too."""
    busy = busy_with_ike(sa)
    if busy is Busy.NOTHING and any(pending.task.changes_children for pending in sa.outbound.pending.values()):
        return Busy.CHANGING_CHILDREN
    return busy


def busy_for_child_creation(sa: IkeSa) -> Busy:
    """For a request to create a Child SA."""
    return busy_with_ike(sa)


def busy_with_child(child: ChildSa | None) -> Busy:
    """For a request about one Child SA; one that was replaced already is about to be closed."""
    if child is None:
        return Busy.ABSENT
    if child.state is ChildState.DELETING:
        return Busy.CLOSING_CHILD
    if child.rekey is not None:
        return Busy.REKEYING_CHILD
    return Busy.NOTHING


def busy_for_child_rekey(sa: IkeSa, child: ChildSa | None) -> Busy:
    """For a request to rekey one Child SA."""
    busy = busy_with_ike(sa)
    if busy is not Busy.NOTHING:
        return busy
    if child is not None and child.state is ChildState.REPLACED:
        return Busy.CLOSING_CHILD
    return busy_with_child(child)


def lowest(*nonces: bytes) -> bytes:
    """Octet by octet; where one nonce ends, it is the lower one (section 2.8.1)."""
    return min(nonces)


def ours_is_redundant(own_lowest: bytes, peer_lowest: bytes) -> bool:
    """The SA created with the lowest of the four nonces is closed by the endpoint that created it."""
    return own_lowest < peer_lowest
