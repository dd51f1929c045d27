"""Profiles: the examples load, secrets stay hidden, claims follow from what is given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance import profile as profiles
from conformance.tester.tests.reference import profile_data

EXAMPLES = Path(profiles.__file__).parent / "profiles"


@pytest.mark.parametrize("name", sorted(file.name for file in EXAMPLES.glob("*.toml")))
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GW_PSK", "from the environment")
    (tmp_path / "credentials").mkdir()
    for file in ("gw.psk", "ca.pem", "tester.pem", "tester.key"):
        (tmp_path / "credentials" / file).write_text("from a file\n")
    shutil.copy(EXAMPLES / name, tmp_path)
    loaded = profiles.load(tmp_path / name)
    assert loaded.dut_auth["psk"].psk in (b"from the environment", b"from a file", b"for this test only")
    assert loaded.claimed("responder")


def test_secrets_are_hidden() -> None:
    loaded = profiles.from_dict(profile_data(1, 2))
    assert loaded.dut_auth["psk"].psk == b"secret"
    assert "secret" not in repr(loaded)
    assert "secret" not in repr(loaded.dut_auth["psk"])
    assert "secret" not in str(loaded.public())
    assert loaded.public()["dut"]["auth"]["psk"]["psk"] == {"value": profiles.HIDDEN}
    assert profile_data(1, 2)["dut"]["auth"]["psk"]["psk"]["value"] == "secret"


def test_claims() -> None:
    loaded = profiles.from_dict(profile_data(1, 2))
    assert loaded.missing(["psk", "natt", "data_plane", "ikev2"]) == []
    assert loaded.missing(["rsa", "certificates", "esn", "rsa|psk"]) == ["rsa", "certificates", "esn"]
    data = profile_data(1, 2)
    del data["dut"]["traffic"]
    assert not profiles.from_dict(data).claimed("data_plane")
    assert "fragmentation" in profiles.known_claims()


def test_every_test_has_its_inner_address() -> None:
    traffic = profiles.from_dict(profile_data(1, 2)).traffic
    assert traffic is not None
    addresses = {traffic.remote_address(number) for number in range(1, 5000)}
    assert len(addresses) == 4999
    assert traffic.remote_address(70000).startswith("10.2.")
