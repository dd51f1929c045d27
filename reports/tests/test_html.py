"""The report page: complete in itself, well formed, accessible, small; and no device can make it run anything."""

from __future__ import annotations

import copy
import itertools
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest

from reports import build
from reports.page import TEMPLATES
from reports.tests.conftest import Save
from reports.tests.pages import CHROMIUM, Page, dump_dom
from reports.tests.sample import poison, results

OWN = [(TEMPLATES / name).read_text(encoding="utf-8").strip() for name in ("report.js", "matrix.js")]


def interop() -> dict[str, Any]:
    """A small interop lab in the form of the results file."""
    document = results()
    document["run"].update(kind="interop")
    document["run"]["dut"].update(name="Interop lab", version="")
    document["scenarios"] = [
        {"id": "establish", "title": "Both sides set up an SA.", "abbreviation": "E"},
        {"id": "rekey-child", "title": "The initiator rekeys the Child SA."},
    ]
    document["implementations"] = [{"name": name, "version": "1.0"} for name in ("alpha", "beta")]
    passed = next(test for test in document["tests"] if test["verdict"] == "pass")
    document["tests"] = [
        {**passed, "id": f"interop/{scenario['id']}", "scenario": scenario["id"], "initiator": a, "responder": b}
        for scenario in document["scenarios"]
        for a, b in (("alpha", "beta"), ("beta", "alpha"))
    ]
    document["tests"][1].update(verdict="fail", deviation="MUST", reason="No SA came up.")
    return document


def other() -> dict[str, Any]:
    document = results()
    document["run"]["dut"].update(name="Other gateway", version="1")
    document["run"].update(partial=True, reason="Interrupted by Ctrl-C.", planned=40)
    return document


def sets(save: Save, hostile: bool) -> list[Path]:
    documents = [results(), other(), interop()]
    return [
        save(poison(document) if hostile else document, f"in{index}/results.json")
        for index, document in enumerate(documents)
    ]


@pytest.fixture(params=["one", "several", "hostile"])
def pages(request: pytest.FixtureRequest, save: Save, tmp_path: Path) -> list[Path]:
    files = sets(save, request.param == "hostile")
    build(files[0] if request.param == "one" else files, tmp_path / "out")
    return sorted((tmp_path / "out").glob("*.html"))


def test_pages_are_well_formed_and_complete_in_themselves(pages: list[Path]) -> None:
    for file in pages:
        page = Page(file)
        assert page.misnested == []
        assert not page.values("src")
        assert not page.values("style")
        assert not {"link", "img", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
        style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
        assert "url(" not in style
        assert "@import" not in style
        (policy,) = [
            meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy


def test_only_our_scripts_and_no_handlers(pages: list[Path]) -> None:
    for file in pages:
        page = Page(file)
        code = [
            text
            for text, attributes in zip(page.scripts, page.named("script"), strict=True)
            if attributes.get("type") != "application/json"
        ]
        assert len(code) == 1
        assert code[0] in OWN
        assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
        schemes = {link.partition(":")[0] for link in page.values("href") if ":" in link.partition("/")[0]}
        assert schemes <= {"https"}


def test_links_lead_somewhere_and_ids_are_unique(pages: list[Path]) -> None:
    ids = {file.name: Page(file).values("id") for file in pages}
    for file in pages:
        assert len(ids[file.name]) == len(set(ids[file.name]))
        page = Page(file)
        for link in page.values("href"):
            name, _, anchor = link.partition("#")
            if not link.startswith("https:"):
                assert (name or file.name) in ids
                assert not anchor or anchor in ids[name or file.name], link
        for attribute in ("for", "aria-labelledby"):
            assert set(page.values(attribute)) <= set(ids[file.name])


def test_headings_descend_by_one_and_tables_have_headers(pages: list[Path]) -> None:
    for file in pages:
        page = Page(file)
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert all("scope" in header for header in page.named("th"))
        assert page.named("html") == [{"lang": "en"}]
        assert {"main", "nav", "footer", "header"} <= {tag for tag, _ in page.elements}


def test_what_a_reader_must_find(save: Save, tmp_path: Path) -> None:
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "rfc7296-3.9-nonce-15-octets.pcapng").write_bytes(b"")
    build(save(results()), tmp_path / "out")
    page = Page(tmp_path / "out" / "index.html")
    for words in (
        "3 MUST failures",
        "26 of 31 tests came to a verdict on the device; 20 of them passed.",
        "2 of the 6 deviations were known before.",
        "RFC 7296, section 3.9",
        "The size of the Nonce Data MUST be between 16 and 256 octets, inclusive.",
        "IKE_SA_INIT response with SA, KE, Nr",
        "Known deviation example-gateway/short-nonce",
        "RFC 7296: 6 of 20 statements without a verdict, and why",
        "Tester ──▶ Device  IKE_SA_INIT request: SA KE Ni",
        "[the nonce has 15 octets on purpose]",
        "dut.claims.esn",
        "The profile does not claim esn.",
    ):
        assert words in page.text, words
    assert "../captures/rfc7296-3.9-nonce-15-octets.pcapng" in page.values("href")
    opened = [attributes for attributes in page.named("details") if "open" in attributes]
    assert len(opened) == 6


def test_partial_run_is_said(save: Save, tmp_path: Path) -> None:
    build(save(other()), tmp_path / "out")
    text = " ".join(Page(tmp_path / "out" / "index.html").text.split())
    assert "Partial run. Interrupted by Ctrl-C. 9 of 40 planned tests have no verdict." in text


def test_run_without_tests_or_requirements(save: Save, tmp_path: Path) -> None:
    document = results()
    document.update(tests=[], requirements=[])
    document["run"].update(partial=True, reason="The device never answered.", planned=31)
    build(save(document), tmp_path / "out")
    page = Page(tmp_path / "out" / "index.html")
    assert "No verdict on the device" in page.text
    assert page.misnested == []


def test_secrets_in_a_profile_are_hidden_once_more(save: Save, tmp_path: Path) -> None:
    document = results()
    document["run"]["dut"]["profile"]["dut"]["auth"]["psk"]["psk"]["value"] = "correct horse"
    document["run"]["dut"]["profile"]["password"] = "battery"
    build(save(document), tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "horse" not in page
    assert "battery" not in page


def test_reference_becomes_a_link_only_when_it_is_a_web_address(save: Save, tmp_path: Path) -> None:
    document = results()
    known = next(test for test in document["tests"] if test["known_deviation"])["known_deviation"]
    for reference, linked in (
        ("https://example.org/x", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https:///nowhere", False),
        ("https://[", False),
    ):
        known["reference"] = reference
        build(save(document), tmp_path / "out")
        assert (reference in Page(tmp_path / "out" / "index.html").values("href")) is linked


def _large() -> dict[str, Any]:
    document = results()
    model = [test for test in document["tests"] if len(test["transcript"]) >= 6]
    document["tests"] = []
    for number in range(250):
        test = copy.deepcopy(model[number % len(model)])
        test["id"] = f"rfc7296/{number % 40}.{number % 9}/number-{number}"
        test["transcript"] = (test["transcript"] * 2)[:12]
        for index, message in enumerate(test["transcript"]):
            # No two messages alike, or compression would flatter.
            message["bytes"] = f"{number:08x}{index:08x}" + message["bytes"][16:-64] + _noise(number, index)
            message["tree"][0]["children"][0]["value"] = _noise(number, index)[:16]
        document["tests"].append(test)
    return document


def _noise(*seed: int) -> str:
    return random.Random(str(seed)).randbytes(200).hex()


def test_250_tests_of_12_messages_stay_small_and_fast(save: Save, tmp_path: Path) -> None:
    file = save(_large())
    began = time.perf_counter()
    build(file, tmp_path / "out")
    took = time.perf_counter() - began
    octets = (tmp_path / "out" / "index.html").stat().st_size
    assert octets < 6_000_000
    assert took < 20


def test_a_flooding_device_does_not_flood_the_page(save: Save, tmp_path: Path) -> None:
    document = results()
    test = next(test for test in document["tests"] if test["verdict"] == "fail")
    message = {**test["transcript"][0], "tree": [{"name": "x" * 100, "value": "y"}] * 20_000}
    test["transcript"] = [message] + [test["transcript"][1]] * 5_000
    build(save(document), tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "… 4,601 more messages" in page
    assert len(page) < 1_000_000


def test_colours_have_contrast_aa() -> None:
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", style)
    assert len(blocks) == 4
    for block in blocks:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block))
        pairs = [(text, ground) for text in ("ink", "muted", "link") for ground in ("paper", "sheet")]
        for tone in ("pass", "must-fail", "statement-fail", "should-fail", "inconclusive", "not-applicable", "error"):
            pairs += [(tone, f"{tone}-bg"), (tone, "paper"), ("ink", f"{tone}-bg"), ("muted", f"{tone}-bg")]
        for text, ground in pairs:
            ratio = _contrast(colours[text], colours[ground])
            assert ratio >= 4.5, (text, ground, round(ratio, 2))


def _contrast(one: str, other_one: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other_one)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


DRIVER = """<script>
setTimeout(async () => {
  for (let round = 0; round < 4; round++) {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    await new Promise((done) => setTimeout(done, 300));
  }
  document.documentElement.dataset.rungs = document.querySelectorAll(".ladder .lane").length;
  document.documentElement.dataset.dumps = document.querySelectorAll(".opened pre").length;
}, 100);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_chromium_draws_the_ladders_under_the_policy(save: Save, tmp_path: Path) -> None:
    build(save(results()), tmp_path / "out")
    dom = dump_dom(tmp_path / "out" / "index.html", tmp_path / "profile")
    assert dom.count('<ol class="ladder">') == 6
    assert "All 31 tests" in dom


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_chromium_runs_nothing_that_a_device_sent(save: Save, tmp_path: Path) -> None:
    """With the policy taken away, so that only the escaping stands in the way; everything unfolded."""
    files = sets(save, hostile=True)
    build(files, tmp_path / "out")
    messages = sum(len(test["transcript"]) for file in files for test in json.loads(file.read_text())["tests"])
    for name in ("index.html", "matrix.html"):
        file = tmp_path / "out" / name
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", file.read_text(encoding="utf-8"))
        assert "document.title='owned'" not in page
        file.write_text(page.replace("</body>", DRIVER + "</body>"), encoding="utf-8")
        dom = dump_dom(file, tmp_path / "profile")
        assert "<title>owned" not in dom
        assert "<img" not in dom
        assert "{{7*7}}" in dom
        assert "49&amp;#x22;" not in dom
        if name == "index.html":
            assert f'data-rungs="{messages}"' in dom
            assert f'data-dumps="{messages}"' in dom


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_chromium_policy_stops_a_script_that_got_in(save: Save, tmp_path: Path) -> None:
    """And with the escaping taken away, the policy alone stops it."""
    build(save(results()), tmp_path / "out")
    file = tmp_path / "out" / "index.html"
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    page = file.read_text(encoding="utf-8")
    file.write_text(page.replace("</main>", attack + "</main>"), encoding="utf-8")
    assert "<title>owned" not in dump_dom(file, tmp_path / "profile")
    file.write_text(
        re.sub(r"<meta http-equiv[^>]*>", "", page).replace("</main>", attack + "</main>"), encoding="utf-8"
    )
    assert "<title>owned" in dump_dom(file, tmp_path / "profile2")


FILTER = """<script>
setTimeout(async () => {
  const wait = () => new Promise((done) => setTimeout(done, 200));
  const form = document.getElementById("filter");
  const search = form.elements.namedItem("q");
  const told = [];
  const tell = async () => { await wait(); told.push(document.getElementById("shown").textContent); };
  const key = (target, name) => target.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
  const set = (name, value) => {
    form.elements.namedItem(name).value = value;
    form.dispatchEvent(new Event("input"));
    return tell();
  };
  await set("outcome", "must-fail");
  await set("outcome", "attention");
  await set("doc", "rfc4303");
  form.reset();
  await tell();
  await set("level", "SHOULD");
  await set("level", "");
  await set("role", "initiator");
  await set("role", "");
  key(document.body, "/");
  told.push(document.activeElement === search ? "focused" : "not focused");
  search.value = "nonce octets";
  form.dispatchEvent(new Event("input"));
  await tell();
  const groups = document.querySelectorAll(".section-group:not([hidden])").length;
  key(search, "Escape");
  await tell();
  document.querySelector("a[data-outcome=inconclusive]").click();
  await tell();
  document.documentElement.dataset.told = [...told, groups].join(" | ");
}, 100);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_chromium_filters(save: Save, tmp_path: Path) -> None:
    build(save(results()), tmp_path / "out")
    file = tmp_path / "out" / "index.html"
    page = re.sub(r"<meta http-equiv[^>]*>", "", file.read_text(encoding="utf-8"))
    file.write_text(page.replace("</body>", FILTER + "</body>"), encoding="utf-8")
    told = re.search(r'data-told="([^"]*)"', dump_dom(file, tmp_path / "profile"))
    assert told
    counts = [3, 9, 1, "All", 3, "All", 2, "All", "focused", 2, "All", 2, 1]
    texts = {"All": "All 31 tests", "focused": "focused"}
    wanted = [texts.get(str(count), f"{count} of 31 tests") for count in counts[:-1]]
    assert told.group(1).split(" | ") == [*wanted, str(counts[-1])]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_chromium_opens_the_test_that_a_link_cites(save: Save, tmp_path: Path) -> None:
    build(save(results()), tmp_path / "out")
    file = tmp_path / "out" / "index.html"
    opened = [
        dump_dom(file, tmp_path / "profile", anchor).count('<ol class="ladder">')
        for anchor in ("", "#rfc7296/2.7/one-proposal", "#nowhere/%")
    ]
    assert opened == [6, 7, 6]


def test_findings_are_told_by_requirement(save: Save, tmp_path: Path) -> None:
    """One entry for what several tests found broken alike: requirement, quote, expected, observed, explanation."""
    document = results()
    broken = document["requirements"][0]
    broken["quote"] = "the invalid request MUST NOT be acknowledged."
    failed = next(test for test in document["tests"] if test["verdict"] == "fail")
    failed.update(requirement=broken["id"], requirements=[broken["id"]], expected=["no answer", "silence"])
    failed.update(observed="INFORMATIONAL response 3", known_deviation=None)
    second = copy.deepcopy(failed) | {"id": failed["id"] + "/second", "observed": "INFORMATIONAL response 4"}
    explained = copy.deepcopy(failed) | {"id": failed["id"] + "/explained"}
    explained["known_deviation"] = {"id": "any-later", "text": "Answers all.", "reference": "https://example.org/1"}
    document["tests"] = [failed, second, explained]
    build(save(document, "in/results.json"), tmp_path / "out")
    text = " ".join(Page(tmp_path / "out" / "index.html").text.split())
    findings = text[text.index("Findings") : text.index("Coverage of the requirements")]
    assert findings.count("the invalid request MUST NOT be acknowledged.") == 2
    assert "2 tests" in findings
    assert "Expected no answer, or silence · Observed INFORMATIONAL response 3" in findings
    assert "Observed INFORMATIONAL response 4" in findings
    assert "Known deviation any-later: Answers all. Reference" in findings


def test_the_matrix_says_that_a_run_is_partial(save: Save, tmp_path: Path) -> None:
    document = interop()
    document["run"].update(partial=True, reason="Interrupted by Ctrl-C.")
    build(save(document, "in/results.json"), tmp_path / "out")
    assert "Partial run. Interrupted by Ctrl-C." in Page(tmp_path / "out" / "matrix.html").text
