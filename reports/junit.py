"""`junit.xml`, in the subset that the schemas of Jenkins, GitLab, GitHub actions and Ant agree on."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from reports.merge import Device
from reports.model import Requirement, Test
from reports.summary import FAILURES, Outcome, broken, document, outcome
from reports.text import document_name, one_line

_MAX_MESSAGE = 300
_MAX_TEXT = 8_000
_SKIPPED = {Outcome.INCONCLUSIVE: "inconclusive", Outcome.NOT_APPLICABLE: "not applicable"}


def render(devices: Sequence[Device]) -> str:
    """One suite per device and document.

    A deviation is a failure, known or not, with its weight as the type; inconclusive and not applicable tests are
    skipped; an error of the tester is an error.
    """
    root = ElementTree.Element("testsuites")
    number = 0
    for device in devices:
        catalogue = {requirement.id: requirement for requirement in device.requirements}
        suites: dict[str, list[Test]] = {}
        for entry in device.entries:
            suites.setdefault(document(entry.test, catalogue), []).append(entry.test)
        for rfc, tests in suites.items():
            _suite(root, number, device, rfc, tests, catalogue)
            number += 1
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _suite(
    root: ElementTree.Element,
    number: int,
    device: Device,
    rfc: str,
    tests: list[Test],
    catalogue: dict[str, Requirement],
) -> None:
    outcomes = [outcome(test) for test in tests]
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {
            "id": str(number),
            "package": "ikeproof",
            "name": f"{device.title} {document_name(rfc)}",
            "hostname": device.title,
            "timestamp": device.runs[0].started.strftime("%Y-%m-%dT%H:%M:%S"),
            "tests": str(len(tests)),
            "failures": str(sum(each in FAILURES.values() for each in outcomes)),
            "errors": str(outcomes.count(Outcome.ERROR)),
            "skipped": str(sum(each in _SKIPPED for each in outcomes)),
            "time": f"{sum(test.duration for test in tests):.3f}",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (
        ("dut", device.name),
        ("dut-version", device.version),
        ("tool-version", device.runs[-1].tool_version),
        ("partial", "true" if device.partial else "false"),
    ):
        if value:
            ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    for test, found in zip(tests, outcomes, strict=True):
        _case(suite, device, test, found, catalogue)
    ElementTree.SubElement(suite, "system-out")
    ElementTree.SubElement(suite, "system-err")


def _case(
    suite: ElementTree.Element,
    device: Device,
    test: Test,
    found: Outcome,
    catalogue: dict[str, Requirement],
) -> None:
    group, _, name = test.id.rpartition("/")
    if test.pairing:
        name += f" [{test.pairing.initiator} to {test.pairing.responder}]"
    case = ElementTree.SubElement(
        suite,
        "testcase",
        {
            "classname": f"{device.slug}.{group.replace('/', '.')}".rstrip("."),
            "name": name,
            "time": f"{test.duration:.3f}",
        },
    )
    message = one_line(test.reason or test.observed or found.label, _MAX_MESSAGE)
    if found in FAILURES.values():
        failure = ElementTree.SubElement(case, "failure", {"type": found.label, "message": message})
        failure.text = _explain(test, catalogue)
    elif found is Outcome.ERROR:
        error = ElementTree.SubElement(case, "error", {"type": found.label, "message": message})
        error.text = _explain(test, catalogue)
    elif found in _SKIPPED:
        ElementTree.SubElement(case, "skipped", {"message": f"{_SKIPPED[found]}: {message}"})


def _explain(test: Test, catalogue: dict[str, Requirement]) -> str:
    lines = [test.id, test.purpose, "", test.reason]
    lines += [f"expected: {item}" for item in test.expected]
    lines += [f"observed: {test.observed}"] if test.observed else []
    name = broken(test)
    if name in catalogue:
        requirement = catalogue[name]
        lines += ["", f"{document_name(requirement.rfc)} section {requirement.section}, {requirement.level}:"]
        lines += [requirement.quote or requirement.text]
    if test.known_deviation:
        known = test.known_deviation
        lines += ["", f"known deviation {known.id}: {known.text} {known.reference}".rstrip()]
    return "\n".join(lines)[:_MAX_TEXT]
