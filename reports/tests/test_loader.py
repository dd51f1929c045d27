"""Reading results: what is accepted, and that everything else is refused with its place and never crashes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.errors import ResultsError
from reports.loader import load
from reports.model import Deviation, Level, Verdict
from reports.tests.conftest import Save
from reports.tests.sample import HOSTILE, poison, results

SCHEMA = json.loads((Path(__file__).parents[1] / "schema" / "results.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SMALL = results()
SMALL["tests"] = [SMALL["tests"][7]]
SMALL["requirements"] = SMALL["requirements"][:2]
SMALL["tests"][0]["transcript"] = SMALL["tests"][0]["transcript"][:1]


def test_schema_is_a_schema_and_describes_every_member() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    bare = [path for path, member in _members(SCHEMA, "$") if "description" not in member and "$ref" not in member]
    assert bare == []


def _members(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, member in schema.get("properties", {}).items():
            if isinstance(member, dict) and path.rsplit(".", 1)[-1] not in ("if", "then", "else"):
                yield f"{path}.{name}", member
        for name, inner in schema.items():
            yield from _members(inner, f"{path}.{name}")
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from _members(inner, f"{path}[{index}]")


@pytest.mark.parametrize("document", [results(), poison(results())], ids=["plain", "hostile"])
def test_sample_keeps_to_the_schema_and_loads(document: Any, save: Save) -> None:
    VALIDATOR.validate(document)
    assert len(load(save(document)).tests) == len(document["tests"])


def test_values_arrive(save: Save) -> None:
    loaded = load(save(results()))
    test = next(each for each in loaded.tests if each.id == "rfc7296/3.9/nonce-15-octets")
    assert (test.verdict, test.deviation, test.level) == (Verdict.FAIL, Deviation.MUST, Level.MUST)
    assert test.known_deviation is not None
    assert test.transcript[0].tree[0].children[0].name == "initiator SPI"
    assert bytes.fromhex(test.transcript[0].octets)[17] == 0x20
    assert loaded.run.started.isoformat() == "2026-11-20T14:03:12.204000+00:00"
    assert loaded.run.length == pytest.approx(28.667)


BROKEN: list[tuple[tuple[Any, ...], Any, str, str]] = [
    (("schema",), "ikeproof-results/2", "$.schema", "'ikeproof-results/1'"),
    (("schema",), None, "$.schema", "expected"),
    (("run",), [], "$.run", "expected an object"),
    (("run", "started"), "yesterday", "$.run.started", "expected a UTC time"),
    (("run", "started"), "2026-02-30T00:00:00Z", "$.run.started", "not a time"),
    (("run", "dut", "name"), "", "$.run.dut.name", "must not be empty"),
    (("run", "planned"), 1.5, "$.run.planned", "whole number"),
    (("run", "planned"), 10**400, "$.run.planned", "at least 0"),
    (("tests",), {}, "$.tests", "expected an array"),
    (("tests", 0, "verdict"), "PASS", "$.tests[0].verdict", "expected one of pass, fail"),
    (("tests", 0, "deviation"), None, "$.tests[0].deviation", "expected MUST, STATEMENT or SHOULD"),
    (("tests", 0, "duration"), -1, "$.tests[0].duration", "at least 0"),
    (("tests", 0, "duration"), True, "$.tests[0].duration", "expected a number"),
    (("tests", 0, "capture"), "../../etc/passwd", "$.tests[0].capture", "relative"),
    (("tests", 0, "capture"), "/etc/passwd", "$.tests[0].capture", "relative"),
    (("tests", 0, "capture"), "javascript:alert(1)", "$.tests[0].capture", "relative"),
    (("tests", 0, "keys", 0), "a\\..\\b", "$.tests[0].keys[0]", "relative"),
    (("tests", 0, "scenario"), "nat", "$.tests[0]", "'initiator' is missing"),
    (("tests", 0, "transcript", 0, "bytes"), "ABC", "$.tests[0].transcript[0].bytes", "hexadecimal"),
    (("tests", 0, "transcript", 0, "tree", 0, "name"), 5, "$.tests[0].transcript[0].tree[0].name", "a string"),
    (("tests", 0, "transcript", 0, "tree", 0, "value"), [], "$.tests[0].transcript[0].tree[0].value", "a string"),
    (("requirements", 1, "level"), "must", "$.requirements[1].level", "expected one of MUST"),
]


@pytest.mark.parametrize(
    ("path", "value", "where", "reason"), BROKEN, ids=[f"{b[2]}-{i}" for i, b in enumerate(BROKEN)]
)
def test_broken_value_is_named(path: tuple[Any, ...], value: Any, where: str, reason: str, save: Save) -> None:
    document = copy.deepcopy(SMALL)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    file = save(document)
    with pytest.raises(ResultsError, match=r"results\.json") as caught:
        load(file)
    assert caught.value.where == where
    assert reason in caught.value.reason
    assert caught.value.file == file


def test_every_missing_member_is_named(save: Save) -> None:
    holders: list[tuple[Callable[[Any], dict[str, Any]], dict[str, Any]]] = [
        (lambda document: document, SCHEMA),
        (lambda document: document["run"], SCHEMA["$defs"]["run"]),
        (lambda document: document["requirements"][0], SCHEMA["$defs"]["requirement"]),
        (lambda document: document["tests"][0], SCHEMA["$defs"]["test"]),
        (lambda document: document["tests"][0]["transcript"][0], SCHEMA["$defs"]["message"]),
    ]
    for holder, schema in holders:
        for name in schema["required"]:
            document = copy.deepcopy(SMALL)
            del holder(document)[name]
            with pytest.raises(ResultsError, match=f"'{name}' is missing"):
                load(save(document))


def test_same_test_twice_is_refused(save: Save) -> None:
    document = copy.deepcopy(SMALL)
    document["tests"] *= 2
    with pytest.raises(ResultsError, match=r"\$\.tests\[1\]: .*is already \$\.tests\[0\]"):
        load(save(document))


def test_members_of_a_newer_writer_are_ignored(save: Save) -> None:
    document = copy.deepcopy(SMALL)
    document["tests"][0]["weather"] = document["weather"] = "fine"
    assert len(load(save(document)).tests) == 1


def test_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    octets = json.dumps(SMALL).encode()
    file = tmp_path / "results.json"
    for length in range(0, len(octets), 61):
        file.write_bytes(octets[:length])
        with pytest.raises(ResultsError):
            load(file)
    file.write_bytes(octets[: len(octets) // 2])
    with pytest.raises(ResultsError, match="was not written to its end"):
        load(file)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8 at byte 0"),
        (b"[" * 200_000, "nested too deeply"),
        (b"NaN", "NaN is not a JSON number"),
        (b"1" * 5000, "not JSON"),
        (b"[]", "expected an object"),
        (b'{"schema": "\\ud800"}', "expected 'ikeproof-results/1'"),
    ],
)
def test_bytes_that_are_no_results(octets: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(octets)
    with pytest.raises(ResultsError, match=reason):
        load(file)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="No such file"):
        load(tmp_path / "absent.json")
    with pytest.raises(ResultsError, match="Is a directory"):
        load(tmp_path)


def test_tree_depth_is_bounded(save: Save) -> None:
    document = copy.deepcopy(SMALL)
    node: dict[str, Any] = {"name": "leaf"}
    for _ in range(70):
        node = {"name": "inner", "children": [node]}
    document["tests"][0]["transcript"][0]["tree"] = [node]
    with pytest.raises(ResultsError, match="64 levels"):
        load(save(document))


def test_text_becomes_visible_and_bounded(save: Save) -> None:
    document = copy.deepcopy(SMALL)
    document["tests"][0]["reason"] = "a\x00b\u202ec\ud800\u2028"
    document["tests"][0]["observed"] = "x" * 1_000_000
    test = load(save(document)).tests[0]
    assert test.reason == "a\\u0000b\\u202ec\\ud800\\u2028"
    assert len(test.observed) < 21_000
    assert test.observed.endswith("(980,000 more characters)")
    document["tests"][0]["purpose"] = HOSTILE
    load(save(document)).tests[0].purpose.encode("utf-8")


_JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(["", "x", "pass", "MUST", "0a", "a/b", "-"]),
    st.just([]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_loader_and_schema_agree(data: st.DataObject, tmp_path: Path) -> None:
    """One value anywhere is replaced or removed: the loader refuses exactly what the schema refuses."""
    document = copy.deepcopy(SMALL)
    spots = [spot for spot in _spots(document) if spot[0] is not document["run"]["dut"]["profile"]]
    holder, key = data.draw(st.sampled_from(spots))
    if isinstance(holder, dict) and data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(_JUNK)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    try:
        load(file)
        accepted = True
    except ResultsError:
        accepted = False
    assert accepted == VALIDATOR.is_valid(document)


def _spots(value: Any) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [spot for key, inner in items for spot in ((value, key), *_spots(inner))]
