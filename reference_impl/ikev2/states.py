"""The states of IKE SAs and Child SAs and how they follow one another, as tables."""

from __future__ import annotations

from enum import StrEnum


class IkeState(StrEnum):
    """Where an IKE SA is."""

    INIT_SENT = "init-sent"
    HALF_OPEN = "half-open"
    AUTH_SENT = "auth-sent"
    ESTABLISHED = "established"
    REKEYED = "rekeyed"
    DELETING = "deleting"
    CLOSED = "closed"


class IkeTrigger(StrEnum):
    """What moves an IKE SA on."""

    INIT_DONE = "init-done"
    AUTHENTICATED = "authenticated"
    REPLACED = "replaced"
    DELETE = "delete"
    CLOSE = "close"


IKE_TRANSITIONS: dict[tuple[IkeState, IkeTrigger], IkeState] = {
    (IkeState.INIT_SENT, IkeTrigger.INIT_DONE): IkeState.AUTH_SENT,
    (IkeState.INIT_SENT, IkeTrigger.CLOSE): IkeState.CLOSED,
    (IkeState.HALF_OPEN, IkeTrigger.AUTHENTICATED): IkeState.ESTABLISHED,
    (IkeState.HALF_OPEN, IkeTrigger.CLOSE): IkeState.CLOSED,
    (IkeState.AUTH_SENT, IkeTrigger.AUTHENTICATED): IkeState.ESTABLISHED,
    (IkeState.AUTH_SENT, IkeTrigger.DELETE): IkeState.DELETING,
    (IkeState.AUTH_SENT, IkeTrigger.CLOSE): IkeState.CLOSED,
    (IkeState.ESTABLISHED, IkeTrigger.REPLACED): IkeState.REKEYED,
    (IkeState.ESTABLISHED, IkeTrigger.DELETE): IkeState.DELETING,
    (IkeState.ESTABLISHED, IkeTrigger.CLOSE): IkeState.CLOSED,
    (IkeState.REKEYED, IkeTrigger.DELETE): IkeState.DELETING,
    (IkeState.REKEYED, IkeTrigger.CLOSE): IkeState.CLOSED,
    (IkeState.DELETING, IkeTrigger.CLOSE): IkeState.CLOSED,
}

# An SA in one of these is usable for exchanges other than the initial ones.
AUTHENTICATED = frozenset({IkeState.ESTABLISHED, IkeState.REKEYED, IkeState.DELETING})


class ChildState(StrEnum):
    """Where a Child SA is."""

    INSTALLED = "installed"
    REPLACED = "replaced"
    DELETING = "deleting"
    REMOVED = "removed"


class ChildTrigger(StrEnum):
    """What moves a Child SA on."""

    REPLACED = "replaced"
    DELETE = "delete"
    REMOVE = "remove"


CHILD_TRANSITIONS: dict[tuple[ChildState, ChildTrigger], ChildState] = {
    (ChildState.INSTALLED, ChildTrigger.REPLACED): ChildState.REPLACED,
    (ChildState.INSTALLED, ChildTrigger.DELETE): ChildState.DELETING,
    (ChildState.INSTALLED, ChildTrigger.REMOVE): ChildState.REMOVED,
    (ChildState.REPLACED, ChildTrigger.DELETE): ChildState.DELETING,
    (ChildState.REPLACED, ChildTrigger.REMOVE): ChildState.REMOVED,
    (ChildState.DELETING, ChildTrigger.REMOVE): ChildState.REMOVED,
}


class IllegalTransition(Exception):
    """A state machine was asked for a step that its table does not have."""


def next_ike_state(state: IkeState, trigger: IkeTrigger) -> IkeState:
    """Raises IllegalTransition."""
    try:
        return IKE_TRANSITIONS[state, trigger]
    except KeyError:
        raise IllegalTransition(f"IKE SA {state}: {trigger}") from None


def next_child_state(state: ChildState, trigger: ChildTrigger) -> ChildState:
    """Raises IllegalTransition."""
    try:
        return CHILD_TRANSITIONS[state, trigger]
    except KeyError:
        raise IllegalTransition(f"Child SA {state}: {trigger}") from None
