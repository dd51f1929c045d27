"""The profile's ESP suites with extended sequence numbers."""

from __future__ import annotations

from dataclasses import replace

from conformance.tester import ChildSa, Tester
from reference_impl.crypto.suite import EspSuite, parse_esp


def esn_child(tester: Tester) -> ChildSa:
    """A Child SA with extended sequence numbers; fails the test when the device, which claims them, does not agree."""
    suites: list[EspSuite] = [replace(parse_esp(text), esn=True) for text in tester.profile.child]
    child = tester.establish(child=suites).child
    tester.check(child.suite.esn, "extended sequence numbers as offered", "the device chose 32-bit numbers")
    return child
