"""Errors of the lab: each says what happened and what the user can do about it."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked (wrong use or a missing prerequisite; exit code 2).

    ``advice`` is one sentence that tells the user what to do.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        self.what = what
        self.advice = advice
        super().__init__(f"{what}. {advice}" if advice else what)


class PeerError(LabError):
    """A peer refused a command or did not come up; ``what`` carries its own words."""


class NotSupported(LabError):
    """The peer's control interface has no such command."""
