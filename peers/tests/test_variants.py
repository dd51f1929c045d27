"""Names of peers with variants, and what the variants make of a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

import peers
from peers import dut


def test_a_name_with_variants() -> None:
    assert peers.variant("strongswan-6.0") == ("strongswan-6.0", peers.Options())
    assert peers.variant("libreswan-5.2+pool+cookies") == ("libreswan-5.2", peers.Options(cookies=True, pool=True))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fastswan-1", "no peer is called"),
        ("strongswan-6.0+fast", r"no variant .* Variants: cookies"),
        ("reference+cookies", "reference has the variant ipv6 only"),
        ("libreswan-5.2+ipv6", "no IPv6 for libreswan"),
        ("strongswan-6.0+pool+ipv6", "IPv4 addresses only"),
    ],
)
def test_wrong_names(name: str, words: str) -> None:
    with pytest.raises(peers.LabError, match=words):
        peers.variant(name)


@pytest.mark.parametrize("options", [peers.Options(), peers.Options(cookies=True), peers.Options(pool=True)])
def test_a_handle_claims_what_its_options_ask_for(tmp_path: Path, options: peers.Options) -> None:
    spec = dut.DutSpec(("aes128gcm16-prfsha256-ecp256",), ("aes128gcm16",), (), {"ikev2": True}, {"answer": 1.0})
    made = dut.profile("strongswan-6.0", "6.0.1", "192.0.2.1", "192.0.2.254", spec, ({"psk": {}}, {}))
    places = {"run_id": "r", "engine": "unix:///e", "container": "c", "interface": "br0"}
    handle = dut.handle("strongswan-6.0", made, options, tmp_path, {"folder": "f"}, **places)
    assert handle.profile["dut"]["claims"] == {
        "ikev2": True,
        "cookies": options.cookies,
        "config_payload": options.pool,
        "config_required": options.pool,
    }
    tester = handle.profile["tester"]
    assert (tester["listen_port"], tester["listen_natt_port"]) == (options.ike_port, options.natt_port)
    assert (handle.run_id, handle.engine, handle.container, handle.interface) == tuple(places.values())
    assert (handle.workdir, handle.control) == (str(tmp_path), {"folder": "f"})
    # a process of its own can attach with it
    assert peers.DutHandle.from_json(handle.to_json()) == handle
