"""What a test case can find out: the verdicts of ISO 9646 as exceptions.

A test that returns has passed. Any exception that is none of these is an error of the harness, which says
nothing about the device.
"""

from __future__ import annotations

from collections.abc import Iterable


class Verdict(Exception):
    """Base of everything that ends a test with a verdict other than pass or error."""


class Deviation(Verdict):
    """The device broke a requirement.

    requirement: id of the requirement, or None for the first one that the test covers.
    expected: the acceptable outcomes, any one of which would have been a pass.
    observed: what came instead.
    """

    def __init__(self, expected: str | Iterable[str], observed: str, requirement: str | None = None) -> None:
        self.expected: tuple[str, ...] = (expected,) if isinstance(expected, str) else tuple(expected)
        self.observed = observed
        self.requirement = requirement
        super().__init__(f"expected {' or '.join(self.expected)}; observed {observed}")


class NoAnswer(Deviation):
    """A request whose answer was due stayed without one."""


class DutDied(Deviation):
    """The device no longer answers anything after what the test sent."""


class Inconclusive(Verdict):
    """The test could not be carried out: no route, the device was not triggered, the set-up failed."""


class NotEstablished(Inconclusive):
    """The set-up of the test (an SA with everything as it should be) was refused or not answered."""


class NotApplicable(Verdict):
    """The device's profile does not claim what is tested."""
