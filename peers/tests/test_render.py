import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from peers.ca import TestCa
from peers.errors import NotSupported
from peers.libreswan import render as libreswan
from peers.reference import render as reference
from peers.scenario import Connection, Credentials, Endpoint, Identity
from peers.strongswan import render as strongswan

PSK = b'quo"te\x00'
LOCAL = Endpoint("192.0.2.1", Identity.parse("fqdn:a.example"), "psk", Credentials(psk=PSK), ("10.1.0.0/24",))
REMOTE = Endpoint("192.0.2.2", Identity.parse("email:b@b.example"), "psk", Credentials(psk=PSK), ("10.2.0.0/16",))
BASE = Connection("c", LOCAL, REMOTE, ("aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp2048"), ("aes128gcm16",))
ANYONE = replace(REMOTE, address="any", identity=Identity.parse("any"))


def test_strongswan_message() -> None:
    body = strongswan.connection(replace(BASE, encap=True, dpd=3))["c"]
    assert body["proposals"] == ["aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp2048"]
    assert (body["local"], body["remote"]) == (
        {"id": "fqdn:a.example", "auth": "psk"},
        {"id": "email:b@b.example", "auth": "psk"},
    )
    assert (body["encap"], body["dpd_delay"], body["unique"]) == ("yes", "3", "never")
    assert body["children"]["c"]["remote_ts"] == ["10.2.0.0/16"]
    assert strongswan.shared(BASE) == {
        "id": "c",
        "type": "IKE",
        "data": PSK,
        "owners": ["fqdn:a.example", "email:b@b.example"],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ipv4:192.0.2.1", "192.0.2.1"),
        ("ipv6:2001:db8::1", "2001:db8::1"),
        ("key:lab", "keyid:lab"),
        ("dn:CN=a", "CN=a"),
        ("any", "%any"),
    ],
)
def test_strongswan_identity(text: str, expected: str) -> None:
    assert strongswan.identity(Identity.parse(text)) == expected


def test_strongswan_key_for_anyone_has_no_owners() -> None:
    message = strongswan.shared(replace(BASE, remote=ANYONE))
    assert message is not None
    assert "owners" not in message


def test_strongswan_transport_leaves_the_selectors_to_the_hosts() -> None:
    child = strongswan.connection(replace(BASE, mode="transport"))["c"]["children"]["c"]
    assert child["mode"] == "transport"
    assert "local_ts" not in child


@pytest.mark.parametrize(
    ("suites", "text"),
    [
        (["aes256gcm16-prfsha384-ecp384"], "aes_gcm256-sha2_384-dh20"),
        (["aes128-sha256-modp2048", "aes256-sha512-x25519"], "aes128-sha2_256-dh14,aes256-sha2_512-dh31"),
        (["aes128-sha1-prfsha256-modp2048"], "aes128-sha1-sha2_256-dh14"),
        (["aes256gcm8-prfsha256-ecp256-ecp384"], "aes_gcm_a_256-sha2_256-dh19+dh20"),
    ],
)
def test_libreswan_ike(suites: list[str], text: str) -> None:
    assert libreswan.ike(suites) == text


@pytest.mark.parametrize(
    ("suites", "expected"),
    [
        (["aes128gcm16", "aes128-sha256"], ("aes_gcm128,aes128-sha2_256", False)),
        (["aes128gcm16", "aes128gcm16-ecp256"], ("aes_gcm128;none,aes_gcm128;dh19", True)),
        (["aes128gcm16", "aes128gcm16-esn"], ("aes_gcm128", False)),
        (["aes192gmac"], ("null_auth_aes_gmac192", False)),
    ],
)
def test_libreswan_esp(suites: list[str], expected: tuple[str, bool]) -> None:
    assert libreswan.esp(suites) == expected


def test_libreswan_section_and_secret() -> None:
    section = libreswan.connection(BASE)
    assert section.startswith("conn c\n")
    lines = {line.strip() for line in section.splitlines()}
    assert {"left=192.0.2.1", "leftid=@a.example", "rightid=b@b.example", "rightsubnet=10.2.0.0/16"} <= lines
    assert {"authby=secret", "keyexchange=ikev2", "pfs=no", "rekey=yes"} <= lines
    assert libreswan.secret(BASE) == f"@a.example b@b.example : PSK 0x{PSK.hex()}\n"


def test_libreswan_has_no_ed25519_and_no_brainpool() -> None:
    with pytest.raises(NotSupported):
        libreswan.connection(replace(BASE, local=replace(LOCAL, auth="ed25519")))
    with pytest.raises(NotSupported):
        libreswan.ike(["aes128gcm16-prfsha256-ecp256bp"])


def test_reference_configuration_is_toml_with_the_same_meaning(tmp_path: Path) -> None:
    table = reference.connection(BASE, tmp_path, (15500, 15501))
    document = tomllib.loads(reference.configuration({"name": 'a "b"'}, {"kind": "memory"}, [table]))
    assert document["gateway"] == {"name": 'a "b"'}
    (connection,) = document["connection"]
    assert connection["auth"]["local"] == {"method": "psk", "psk": {"hex": PSK.hex()}}
    assert (connection["remote_port"], connection["remote_natt_port"]) == (15500, 15501)
    assert connection["ike"] == list(BASE.ike)


def test_reference_credentials_are_owner_only(tmp_path: Path) -> None:
    ca = TestCa.create()
    own = ca.issue("ecdsa", LOCAL.identity)
    end = replace(LOCAL, auth="ecdsa", credentials=own)
    reference.connection(
        replace(BASE, local=end, remote=replace(REMOTE, auth="ecdsa", credentials=Credentials(ca=ca.pem))),
        tmp_path,
        (1, 2),
    )
    assert (tmp_path / "c.key").read_text() == own.key
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
