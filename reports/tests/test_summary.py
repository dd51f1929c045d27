"""Counting, coverage and merging."""

from __future__ import annotations

import copy
from typing import Any

from reports.loader import load
from reports.merge import merge
from reports.summary import Outcome, Standing, by_document, coverage, tally
from reports.tests.conftest import Save
from reports.tests.sample import results


def test_tally_of_the_sample(save: Save) -> None:
    (device,) = merge([load(save(results()))])
    counts = tally(entry.test for entry in device.entries)
    assert {outcome: counts[outcome] for outcome in Outcome} == {
        Outcome.MUST_FAIL: 3,
        Outcome.STATEMENT_FAIL: 0,
        Outcome.SHOULD_FAIL: 3,
        Outcome.ERROR: 1,
        Outcome.INCONCLUSIVE: 2,
        Outcome.NOT_APPLICABLE: 2,
        Outcome.PASS: 20,
    }
    assert (counts.total, counts.judged, counts.known[Outcome.MUST_FAIL], counts.known[Outcome.SHOULD_FAIL]) == (
        31,
        26,
        1,
        1,
    )


def test_statement_failures_count_apart(save: Save) -> None:
    data = results()
    broken = next(test for test in data["tests"] if test["deviation"] == "MUST" and not test["known_deviation"])
    broken["deviation"] = "STATEMENT"
    (device,) = merge([load(save(data))])
    counts = tally(entry.test for entry in device.entries)
    assert (counts[Outcome.MUST_FAIL], counts[Outcome.STATEMENT_FAIL], counts.judged) == (2, 1, 26)


def test_by_document_splits_by_the_level_of_the_test(save: Save) -> None:
    (device,) = merge([load(save(results()))])
    documents = {group.rfc: group for group in by_document(device)}
    assert list(documents) == ["rfc4303", "rfc7296", "rfc7383"]
    strengths = dict(documents["rfc7296"].by_strength)
    assert (strengths["MUST"].total, strengths["SHOULD"].total) == (23, 1)
    assert sum(group.all.total for group in documents.values()) == 31
    # A MUST test may fail at the SHOULD half of its purpose: it counts there as a SHOULD deviation.
    assert strengths["MUST"][Outcome.SHOULD_FAIL] == 1


def test_coverage_follows_what_was_judged(save: Save) -> None:
    (device,) = merge([load(save(results()))])
    documents = {group.rfc: group for group in coverage(device)}
    standings = {
        covered.requirement.id: (covered.standing, covered.why)
        for group in documents.values()
        for covered in group.requirements
    }
    assert standings["rfc7296/2.7/responder-picks-one"][0] is Standing.PASSED
    assert standings["rfc7296/2.5/unknown-critical-rejected"][0] is Standing.BROKEN
    assert standings["rfc7296/2.5/higher-major-notified"][0] is Standing.BROKEN
    assert standings["rfc7296/2.5/higher-major-dropped"] == (
        Standing.UNJUDGED,
        "Its test failed at another requirement.",
    )
    assert standings["rfc7296/2.4/exponential-backoff"] == (Standing.UNJUDGED, "Its test was inconclusive.")
    assert standings["rfc7296/2.12/forget-keys"] == (Standing.INTERNAL, "Memory of the device.")
    assert standings["rfc7296/2.8/rekey-jitter"][0] is Standing.UNTESTED
    rfc7296 = documents["rfc7296"]
    assert (rfc7296.total, rfc7296.observable, rfc7296.tested, rfc7296.passed) == (20, 18, 14, 9)
    assert rfc7296.tested + len(rfc7296.open) == rfc7296.total


def _shard(document: dict[str, Any], part: slice, started: str) -> dict[str, Any]:
    shard = copy.deepcopy(document)
    shard["tests"] = shard["tests"][part]
    shard["run"].update(started=started, planned=len(shard["tests"]))
    return shard


def test_shards_become_one_device_and_the_latest_verdict_counts(save: Save) -> None:
    whole = results()
    first = _shard(whole, slice(0, 20), "2026-11-20T14:00:00Z")
    second = _shard(whole, slice(15, 31), "2026-11-20T15:00:00Z")
    changed = second["tests"][0]
    assert changed["verdict"] == "pass"
    changed.update(verdict="inconclusive", reason="later")
    (device,) = merge([load(save(second, "b.json")), load(save(first, "a.json"))])
    assert len(device.entries) == 31
    assert device.repeated == 5
    assert device.missing == 0
    assert next(e.test.reason for e in device.entries if e.test.id == changed["id"]) == "later"


def test_devices_stand_apart_and_anchors_stay_unique(save: Save) -> None:
    one, other = results(), results()
    other["run"]["dut"]["version"] = "4.3"
    devices = merge([load(save(one, "a.json")), load(save(other, "b.json"))])
    anchors = [entry.anchor for device in devices for entry in device.entries]
    assert [device.title for device in devices] == ["Example gateway 4.2", "Example gateway 4.3"]
    assert len(set(anchors)) == 62
    assert "Example-gateway-4.3/rfc7296/3.9/nonce-15-octets" in anchors


def test_anchor_of_a_single_device_is_the_test_id(save: Save) -> None:
    document = results()
    document["tests"][0]["id"] = "summary"
    document["tests"][1]["id"] = 'a/b "c" <d>'
    (device,) = merge([load(save(document))])
    anchors = [entry.anchor for entry in device.entries]
    assert "rfc7296/2.7/one-proposal" in anchors
    assert "test/summary" in anchors
    assert "a/b%20%22c%22%20%3Cd%3E" in anchors


def test_missing_tests_of_a_partial_run(save: Save) -> None:
    document = results()
    document["tests"] = document["tests"][:11]
    document["run"].update(partial=True, reason="Interrupted by Ctrl-C.")
    (device,) = merge([load(save(document))])
    assert device.partial
    assert device.missing == 20
    del document["run"]["planned"]
    (device,) = merge([load(save(document))])
    assert device.missing is None
