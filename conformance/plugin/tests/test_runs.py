"""Whole runs of the plugin in processes of their own, against a reference gateway in another one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.plugin.dut import free_ports
from conformance.tester.tests.reference import profile_data, running, toml

ROOT = Path(__file__).parents[3]
SECTION = ["--requirement", "rfc7296:2.7"]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The profile file of a running gateway."""
    folder = tmp_path_factory.mktemp("dut")
    with running(folder) as data:
        file = folder / "dut.toml"
        file.write_text(toml(data), encoding="utf-8")
        yield file


def restore_interrupt() -> None:
    """A shell's background job ignores SIGINT, and so would everything below it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "conformance", "-p", "no:sugar", "-p", "no:cacheprovider", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=restore_interrupt,
    )


def run(*arguments: str) -> tuple[int, str]:
    process = start(*arguments)
    output, _ = process.communicate(timeout=100)
    return process.returncode, output


def results(out: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return data


def test_a_run_writes_everything(profile: Path, tmp_path: Path) -> None:
    code, output = run("--dut", str(profile), "--out", str(tmp_path), *SECTION)
    assert code in (0, 1), output
    assert "requirements judged" in output
    data = results(tmp_path)
    schema = json.loads((ROOT / "reports" / "schema" / "results.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)
    assert not data["run"]["partial"]
    assert data["run"]["x-sanity"]["first"]["ok"]
    assert all(
        test["id"].startswith("rfc7296/2.7") or "rfc7296/2.7" in str(test["requirements"]) for test in data["tests"]
    )
    assert "secret" not in json.dumps(data["run"])
    tested = [test for test in data["tests"] if test["verdict"] == "pass"]
    assert tested
    assert all((tmp_path / test["capture"]).stat().st_size > 24 for test in tested)
    assert {"index.html", "junit.xml"} <= {file.name for file in tmp_path.iterdir()}
    assert not (tmp_path / ".parts").exists()


def test_workers_write_the_same(profile: Path, tmp_path: Path) -> None:
    code, output = run("--dut", str(profile), "--out", str(tmp_path / "one"), "--no-report", *SECTION)
    more, other = run("--dut", str(profile), "--out", str(tmp_path / "two"), "--no-report", "-n", "2", *SECTION)
    assert code == more, output + other
    found = [[(test["id"], test["verdict"]) for test in results(tmp_path / name)["tests"]] for name in ("one", "two")]
    assert found[0] == found[1]


def test_baseline_decides_the_exit_code(profile: Path, tmp_path: Path) -> None:
    arguments = ["--dut", str(profile), "--out", str(tmp_path / "a"), "--no-report", *SECTION]
    run(*arguments)
    accepted = tmp_path / "accepted.json"
    data = results(tmp_path / "a")
    accepted.write_text(json.dumps(data), encoding="utf-8")
    code, output = run(*arguments, "--baseline", str(accepted))
    assert (code, "0 differences" in output) == (0, True), output
    data["tests"][0]["verdict"] = "inconclusive"
    accepted.write_text(json.dumps(data), encoding="utf-8")
    code, output = run(*arguments, "--baseline", str(accepted))
    assert code == 1
    assert f"{data['tests'][0]['id']}: inconclusive -> pass" in output


def test_list_says_what_the_profile_does_not_claim(tmp_path: Path) -> None:
    file = tmp_path / "gw.toml"
    file.write_text(toml(profile_data(*free_ports(2))), encoding="utf-8")
    code, output = run("--list", "--dut", str(file), "--requirement", "rfc7296:2.8")
    assert code == 0, output
    assert "NOT APPLICABLE: the profile does not claim " in output
    assert " of them not applicable" in output
    code, output = run("--list", "--dut", str(tmp_path / "none.toml"))
    assert (code, "none.toml: no such file" in output) == (2, True), output


def test_a_mutant_need_not_be_sane(tmp_path: Path) -> None:
    code, output = run("--mutant", "answers-all-proposals", "--out", str(tmp_path), "--no-report")
    assert code == 1, output
    assert "MUST broken" in output


def test_list_starts_nothing() -> None:
    code, output = run("--list", *SECTION)
    assert code == 0
    assert "rfc7296/2.7/one-proposal  [" in output
    assert "sanity" not in output
    code, output = run("--list", "--requirement", "rfc9999")
    assert code != 0
    assert "no test case matches" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_keeps_its_results(number: signal.Signals, profile: Path, tmp_path: Path) -> None:
    process = start("--dut", str(profile), "--out", str(tmp_path), "--no-report", "-v")
    deadline = time.monotonic() + 60
    parts = tmp_path / ".parts" / "results-main.jsonl"
    while not parts.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    data = results(tmp_path)
    assert data["run"]["partial"]
    assert "interrupted" in data["run"]["reason"]
    assert 0 < len(data["tests"]) < data["run"]["planned"]
    assert "PARTIAL" in output


def test_a_bad_profile_stops_the_run_with_one_line(tmp_path: Path) -> None:
    data = profile_data(*free_ports(2))
    data["dut"]["ike_port"] = "five hundred"
    file = tmp_path / "bad.toml"
    file.write_text(toml(data), encoding="utf-8")
    code, output = run("--dut", str(file), "--out", str(tmp_path / "out"))
    assert code == 2, output
    assert output.strip() == f"ikeproof: {file}: dut.ike_port: must be a whole number, not a text"


def test_a_wrong_selection_keeps_the_earlier_results(profile: Path, tmp_path: Path) -> None:
    arguments = ["--dut", str(profile), "--out", str(tmp_path), "--no-report"]
    run(*arguments, *SECTION)
    before = (tmp_path / "results.json").read_bytes()
    captures = sorted((tmp_path / "captures").iterdir())
    for wrong, said in (
        (["--requirement", "rfc1"], "no test case matches --requirement rfc1"),
        (["--requirement", "rfc1", "-n", "2"], "no test case matches --requirement rfc1"),
        (["-k", "nothing_like_it"], "no test case is selected"),
    ):
        code, output = run(*arguments, *wrong)
        assert (code, said in output, "Traceback" in output) == (2, True, False), output
        assert (tmp_path / "results.json").read_bytes() == before
        assert sorted((tmp_path / "captures").iterdir()) == captures
    assert sorted(file.name for file in tmp_path.iterdir()) == ["captures", "results.json"]


def test_nobody_elses_captures_are_removed(profile: Path, tmp_path: Path) -> None:
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "mine.pcap").write_text("mine", encoding="utf-8")
    code, output = run("--dut", str(profile), "--out", str(tmp_path), *SECTION)
    assert (code, "choose another directory with --out" in output) == (2, True), output
    assert (tmp_path / "captures" / "mine.pcap").exists()


@contextmanager
def answering(make: Callable[[bytes], list[bytes]]) -> Iterator[Path]:
    """A device that answers each datagram with what `make` makes of it; its profile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device, tempfile.TemporaryDirectory() as folder:
        device.bind(("127.0.0.1", 0))
        device.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    data, source = device.recvfrom(65535)
                    for answer in make(data):
                        device.sendto(answer, source)

        thread = threading.Thread(target=serve)
        thread.start()
        file = Path(folder) / "device.toml"
        file.write_text(toml(profile_data(device.getsockname()[1], free_ports(1)[0])), encoding="utf-8")
        try:
            yield file
        finally:
            ended.set()
            thread.join()


def notification(request: bytes, number: int) -> bytes:
    """An IKE_SA_INIT response with one notification."""
    body = bytes([0, 0, 0, 8, 0, 0]) + number.to_bytes(2, "big")
    return request[:8] + bytes(8) + bytes([41, 0x20, 34, 0x20]) + bytes(4) + (36).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda data: [], "does not answer IKE_SA_INIT: check address, port and route"),
        (lambda data: [b"HTTP/1.1 400 Bad Request"], "but none answers IKE_SA_INIT (the first: 24 octets, not IKE)"),
        (lambda data: [data], "but none answers IKE_SA_INIT"),
        (lambda data: [notification(data, 14)], "N(NO_PROPOSAL_CHOSEN); correct dut.proposals of the profile"),
        (lambda data: [data[:28] + bytes(60000)] * 2000, "ikeproof: 127.0.0.1 port "),
    ],
    ids=["silent", "another protocol", "echo", "refuses", "floods"],
)
def test_devices_that_are_none(make: Callable[[bytes], list[bytes]], said: str, tmp_path: Path) -> None:
    with answering(make) as file:
        code, output = run("--dut", str(file), "--out", str(tmp_path / "out"), *SECTION)
    assert code == 2, output
    assert said in output
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()


def test_wrong_use(tmp_path: Path, profile: Path) -> None:
    code, output = run("--dut", "toaster", "--out", str(tmp_path))
    assert (code, "peers: reference, strongswan-5.9" in output) == (2, True)
    silent = toml(profile_data(*free_ports(2)))
    (tmp_path / "silent.toml").write_text(silent, encoding="utf-8")
    code, output = run("--dut", str(tmp_path / "silent.toml"), "--out", str(tmp_path / "out"))
    assert (code, "refuses datagrams (ICMP): nothing listens there" in output) == (2, True), output
    code, output = run("--dut", "")
    assert (code, "--dut is empty" in output) == (2, True), output
    code, output = run("--dut", str(profile), "--baseline", str(tmp_path / "none.json"))
    assert (code, "none.json" in output) == (2, True), output
