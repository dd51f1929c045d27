"""Profiles: the examples load, secrets stay hidden, claims follow from what is given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance import profile as profiles
from conformance.tester.tests.reference import profile_data
from reference_impl.pki import testca

EXAMPLES = Path(profiles.__file__).parent / "profiles"


@pytest.mark.parametrize("name", sorted(file.name for file in EXAMPLES.glob("*.toml")))
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GW_PSK", "from the environment")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "gw.psk").write_text("from a file\n")
    ca = testca.make_ca("Example")
    ca.write(tmp_path / "credentials" / "ca.pem")
    certificate, _ = ca.issue("tester", key_type="rsa").write(tmp_path / "credentials", "tester")
    certificate.rename(tmp_path / "credentials" / "tester.pem")
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


GOOD = """
[dut]
name = "Example"
address = "192.0.2.10"
ike_port = 500
[dut.auth.psk]
identity = "fqdn:gw.example"
psk = { value = "S3CRET-PSK" }
[dut.proposals]
ike = ["aes256gcm16-prfsha384-ecp384"]
[tester]
address = "192.0.2.1"
[dut.trigger]
driver = "operator"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"192.0.2.10"', '"192.0.2.10"\nadress = "x"', "dut: unknown key 'adress', perhaps 'address' is meant"),
        ("[tester]", "[tester]\n[tster]\n[tester.auth]", "the file: unknown key 'tster', perhaps 'tester'"),
        ('name = "Example"', "", "dut: name is missing"),
        ('"Example"', '"Exa\\u202emple"', "dut.name: has control characters"),
        ("500", '"500"', "dut.ike_port: must be a whole number, not a text"),
        ("500", "9" * 5000, "4300 digits"),
        ("500", "[" * 3000 + "]" * 3000, "too many brackets"),
        ("500", "500\nike_port = 501", "not TOML: Cannot overwrite a value (at line"),
        ('{ value = "S3CRET-PSK" }', '"S3CRET-PSK"', 'dut.auth.psk.psk: must be a table, not a text; write { env = "'),
        ('value = "S3CRET-PSK"', 'value = "S3CRET-PSK", env = "S3CRET"', "give exactly one of value, env and file"),
        ('value = "S3CRET-PSK"', 'value = ""', "dut.auth.psk.psk: the value is empty"),
        ('value = "S3CRET-PSK"', 'env = "NOT_SET_ANYWHERE"', "variable NOT_SET_ANYWHERE is not set; export it"),
        (
            'value = "S3CRET-PSK"',
            'env = "EMPTY_HERE"',
            "dut.auth.psk.psk: the environment variable EMPTY_HERE is empty",
        ),
        ('value = "S3CRET-PSK"', 'file = "none"', "none: No such file or directory; put the credential there"),
        ('value = "S3CRET-PSK"', 'file = "a\\u0000b"', "a file name has no NUL character"),
        ('value = "S3CRET-PSK"', 'file = "/dev/zero"', "is larger than 1048576 octets"),
        ('psk = { value = "S3CRET-PSK" }', "", "dut.auth.psk: psk is missing; give it as value, env or file"),
        ('"fqdn:gw.example"', '"gw"', "dut.auth.psk.identity: 'gw' has no type"),
        ("[tester]", '[tester]\nidentity = "ipv4:x"', "tester.identity: Expected 4 octets"),
        ("[tester]", '[tester]\nauth.ecdsa = {cert = {file = "ca.pem"}}', "tester.auth.ecdsa: key is missing"),
        (
            "[tester]",
            "[tester]\nauth.ecdsa = {CERT, KEY_OF_OTHER}",
            "tester.auth.ecdsa.key: does not belong to the cert",
        ),
        ("[tester]", "[tester]\nauth.rsa = {CERT, KEY}", "tester.auth.rsa.key: is of the kind ecdsa, not rsa"),
        (
            "[tester]",
            "[tester]\nauth.ecdsa = {CERT, key = {file = 'ca.pem'}}",
            "tester.auth.ecdsa.key: is no private key",
        ),
        (
            "[tester]",
            "[tester]\nauth.ecdsa = {cert = {file = 'a.key'}, KEY}",
            "tester.auth.ecdsa.cert: is no certificate",
        ),
        (
            "[dut.prop",
            "[dut.auth.rsa]\nca = {value = 'x'}\n[dut.prop",
            "dut.auth.rsa.ca: is no certificate in PEM or DER",
        ),
        ('"192.0.2.1"', '"2001:db8::1"', "tester.address: 2001:db8::1 is of another IP version than dut.address"),
        ('"192.0.2.10"', '"gw.example"', "dut.address: 'gw.example' is not an IP address"),
        ("aes256", "aes257", "dut.proposals.ike: 'aes257gcm16-prfsha384-ecp384' names no known encryption algorithm"),
        ('["aes256gcm16-prfsha384-ecp384"]', "[]", "dut.proposals.ike: must not be empty"),
        ("[tester]", "[dut.timing]\nanswer = nan\n[tester]", "dut.timing.answer: nan is no number of seconds"),
        (
            "[tester]",
            '[dut.traffic]\nlocal = "10.1.0.1/24"\nremote = "10.2.0.0/16"\n[tester]',
            "local: 10.1.0.1/24 has",
        ),
        ("[tester]", '[dut.traffic]\nlocal = "10.1.0.0/24"\nremote = "fd00::/64"\n[tester]', "different IP versions"),
        (
            "[tester]",
            '[dut.traffic]\nlocal = "10.1.0.0/24"\nremote = "10.2.0.0/16"\nping = "10.9.0.1"\n[tester]',
            "dut.traffic.ping: 10.9.0.1 is not in local, 10.1.0.0/24",
        ),
        ('"operator"', '"ssh"', "dut.trigger.driver: 'ssh' is none of command, operator, "),
        ('"operator"', '"command"', "dut.trigger: no command is given; known are initiate, "),
        ('"operator"', '"command"\ninitiate = "vpn up"', "dut.trigger.initiate: must be a list, not a text"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, place, reason, advice; and never what is secret."""
    monkeypatch.setenv("EMPTY_HERE", "")
    assert GOOD.count(old) >= 1
    for stem in ("a", "b"):
        testca.make_ca().issue(stem).write(tmp_path, stem)
    testca.make_ca().write(tmp_path / "ca.pem")
    new = new.replace("CERT", "cert = {file = 'a.crt'}").replace("KEY_OF_OTHER", "key = {file = 'b.key'}")
    file = tmp_path / "gw.toml"
    file.write_text(GOOD.replace(old, new.replace("KEY", "key = {file = 'a.key'}"), 1), encoding="utf-8")
    with pytest.raises(profiles.ProfileError) as error:
        profiles.load(file)
    assert str(error.value).startswith(f"{file}: ")
    assert said in str(error.value)
    assert "S3CRET" not in str(error.value)


def test_files_that_are_no_profiles(tmp_path: Path) -> None:
    file = tmp_path / "gw.toml"
    for content, said in (
        (b"hello world", "not TOML: "),
        (GOOD.encode("utf-16"), "octet 1 is not UTF-8"),
        (bytes(range(256)), "octet 129 is not UTF-8"),
        (GOOD.encode() + b"#" * 2_000_000, "is larger than 1048576 octets"),
        (b"", "the file: dut is missing"),
    ):
        file.write_bytes(content)
        with pytest.raises(profiles.ProfileError, match=said):
            profiles.load(file)
    with pytest.raises(profiles.ProfileError, match="cannot be read: Is a directory"):
        profiles.load(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert profiles.load(file).name == "Example"


def test_arguments_of_commands_are_hidden() -> None:
    data = profile_data(1, 2)
    data["dut"]["trigger"] = {"driver": "command", "initiate": ["sshpass", "-p", "S3CRET", "ssh", "gw", "vpn up"]}
    assert profiles.from_dict(data).public()["dut"]["trigger"]["initiate"] == ["sshpass", profiles.HIDDEN]


def test_the_tester_takes_the_key_of_the_device() -> None:
    data = profile_data(1, 2)
    data["tester"]["auth"] = {"psk": {"identity": "fqdn:other.example"}}
    assert profiles.from_dict(data).tester_auth["psk"].psk == b"secret"
