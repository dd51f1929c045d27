"""The configuration file: what it means, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_impl.gateway import configuration, keylog, main
from reference_impl.gateway.connections import parse_selector
from reference_impl.gateway.errors import ConfigError
from reference_impl.gateway.settings import DataPlaneKind, RawEsp
from reference_impl.ikev2.config import AuthKind, Encapsulation, Mode
from reference_impl.ipsec.spd import Action
from reference_impl.ipsec.tunnel import DontFragment
from reference_impl.pki import testca

EXAMPLE = Path(configuration.__file__).with_name("example.toml")
MINIMAL = """
[[connection]]
name = "peer"
local_id = "fqdn:gw.example"
auth.local = {method = "psk", psk = "a secret"}
auth.remote = {method = "psk", psk = "a secret"}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


def problem(folder: Path, text: str) -> str:
    """What `load` says about a wrong file, without the file's name."""
    file = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        configuration.load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ")


def test_minimal_file(tmp_path: Path) -> None:
    settings = configuration.load(write(tmp_path, MINIMAL))
    assert settings.addresses == ("127.0.0.1",)
    assert (settings.ike_port, settings.natt_port) == (500, 4500)
    assert settings.data_plane.kind is DataPlaneKind.NONE
    (connection,) = settings.engine.connections
    assert connection.remote_id is None
    assert connection.remote_address is None
    assert connection.local_auth.psk == b"a secret"
    assert connection.ike
    assert connection.esp
    assert "a secret" not in repr(settings)


def test_example_file_says_every_key_once() -> None:
    settings = configuration.load(EXAMPLE)
    assert settings.name == "example"
    assert settings.data_plane.raw_esp is RawEsp.AUTO
    (connection,) = settings.engine.connections
    assert connection.mode is Mode.TUNNEL
    assert connection.encapsulation is Encapsulation.AUTO
    text = EXAMPLE.read_text()
    # the tables know these keys; each must be explained in the example
    for name in ("cookie_threshold", "delete_on_exit", "replay_window", "tfc_unit", "single_pair", "child_soft_bytes"):
        assert name in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gateway]\nnmae = 'x'", "gateway.nmae: unknown key; did you mean 'name'?"),
        ("[gatway]", "gatway: unknown key; did you mean 'gateway'?"),
        ("[gateway]\nike_port = 70000", "gateway.ike_port: 70000 is not between 0 and 65535"),
        ("[gateway]\nike_port = '500'", "gateway.ike_port: expected a whole number, not text"),
        ("[gateway]\nike_port = true", "gateway.ike_port: expected a whole number, not true or false"),
        ("[gateway]\nike_port = 5\nnatt_port = 5", "gateway.natt_port: is the same port as ike_port, 5"),
        ("[gateway]\naddress = 'nowhere'", "gateway.address: 'nowhere' does not appear to be an IPv4 or IPv6 address"),
        ("[gateway]\naddress = '0.0.0.0'", "gateway.address: 0.0.0.0: name the addresses themselves"),
        ("[gateway]\naddress = []", "gateway.address: the list is empty"),
        ("[gateway]\nretransmit = {tries = 0}", "gateway.retransmit.tries: 0 is not between 1 and 1000"),
        ("[gateway]\nretransmit = {try = 1}", "gateway.retransmit.try: unknown key; known are ceiling, factor,"),
        ("[gateway]\nretransmit = 5", "gateway.retransmit: expected a table, not a number"),
        ("[gateway]\ncontrol = 'tcp:192.0.2.1:9'", "gateway.control: 192.0.2.1 is not a loopback address"),
        ("[gateway]\ncontrol = 'here'", "gateway.control: 'here' is neither tcp:ADDRESS:PORT nor unix:PATH"),
        ("[gateway]\ndelete_on_exit = 1", "gateway.delete_on_exit: expected true or false, not a number"),
        ("[dataplane]\nkind = 'host'", "dataplane.kind: 'host' is not one of memory, tun, none"),
        ("[dataplane]\naddresses = ['10.1.0.1']", 'dataplane.addresses: need kind = "memory" or "tun"'),
        ("[dataplane]\nreplay_window = 8", "dataplane.replay_window: 8 is neither 0 (off) nor at least 32"),
        ("[dataplane]\ndont_fragment = 'keep'", "dataplane.dont_fragment: 'keep' is not one of copy, set, clear"),
        ("[dataplane]\npmtu_age = 0", "dataplane.pmtu_age: 0 is not between 1 and "),
        ("[dataplane]\nbypass_device = 'eth0'", 'dataplane.bypass_device: needs kind = "tun"'),
        ("policy = 5", "policy: expected [[policy]] tables"),
        ("[[policy]]", "policy[0].action: is missing"),
        ("[[policy]]\naction = 'allow'", "policy[0].action: 'allow' is not one of protect, bypass, discard"),
        ("[[policy]]\naction = 'protect'", "policy[0].connection: is missing: protect needs a [[connection]]"),
        ("[[policy]]\naction = 'bypass'\nconnection = 'peer'", "policy[0].connection: has no meaning where the"),
        ("[[policy]]\naction = 'discard'\nremote = []", "policy[0].remote: the list is empty"),
        ("[[policy]]\naction = 'discard'\nlocal = '10.0.0.1/8'", "policy[0].local: 10.0.0.1/8 has host bits set"),
        ("[[policy]]\naction = 'discard'\nremot = []", "policy[0].remot: unknown key; did you mean 'remote'?"),
        (MINIMAL + "[[policy]]\naction = 'protect'\nconnection = 'per'", "policy[0].connection: 'per' is not the name"),
        (MINIMAL + "dont_fragment = 'no'", "connection[0].dont_fragment: 'no' is not one of copy, set, clear"),
        ("connection = 5", "connection: expected [[connection]] tables"),
        ("[[connection]]", "connection[0].auth: is missing"),
        (MINIMAL + "ike = ['rot13']", "connection[0].ike: 'rot13' names no known encryption algorithm"),
        (MINIMAL + "esp = []", "connection[0].esp: the list is empty"),
        (MINIMAL + "remote_id = 'gw.example'", "connection[0].remote_id: identity 'gw.example': write TYPE:VALUE"),
        (MINIMAL + "remote_address = 'gw'", "connection[0].remote_address: 'gw' does not appear"),
        (MINIMAL + "local_ts = ['10.0.0.1/8']", "connection[0].local_ts: 10.0.0.1/8 has host bits set"),
        (MINIMAL + "pool = '10.3.0.1/24'", "connection[0].pool: 10.3.0.1/24 has host bits set"),
        (MINIMAL + "dns = ['10.0.0.1']", "connection[0].dns: needs a pool"),
        (MINIMAL + "lifetimes = {ike_soft = 9, ike_hard = 5}", "connection[0].lifetimes.ike_soft: 9 s"),
        (MINIMAL + "request_addresses = [5]", "connection[0].request_addresses: expected a list of 4 and 6"),
        (MINIMAL + "fragment_size = 10", "connection[0].fragment_size: 10 is neither 0 nor at least 200"),
        (MINIMAL * 2, "connection[1].name: 'peer' is used twice"),
        ("[gateway", "not valid TOML: "),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, text: str, expected: str) -> None:
    assert problem(tmp_path, text).startswith(expected)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ('{method = "eap"}', "connection[0].auth.local.method: 'eap' is not one of psk, pubkey"),
        ('{method = "psk"}', "connection[0].auth.local.psk: is missing"),
        ('{method = "psk", psk = ""}', "connection[0].auth.local.psk: the secret is empty"),
        ('{method = "psk", psk = {env = "NO_SUCH"}}', "connection[0].auth.local.psk.env: the environment has"),
        ('{method = "psk", psk = {file = "none"}}', "connection[0].auth.local.psk.file: cannot read "),
        ('{method = "psk", psk = {hex = "0g"}}', "connection[0].auth.local.psk.hex: expected hexadecimal digits"),
        ('{method = "psk", psk = {hex = "00", env = "A"}}', "connection[0].auth.local.psk: give exactly one of"),
        ('{method = "psk", psk = {hexx = "00"}}', "connection[0].auth.local.psk: give exactly one of"),
        ('{method = "psk", psk = "s", cert = "c"}', "connection[0].auth.local.cert: unknown key"),
        ('{method = "pubkey", cert = "c", key = "k"}', "connection[0].auth.local: "),
        ('{method = "pubkey", cert = "c", key = "k", hash = ["md5"]}', "connection[0].auth.local.hash: 'md5'"),
    ],
)  # fmt: skip
def test_mistakes_in_credentials_are_named(tmp_path: Path, auth: str, expected: str) -> None:
    text = MINIMAL.replace('{method = "psk", psk = "a secret"}', auth, 1)
    assert problem(tmp_path, text).startswith(expected)


def test_secrets_from_file_environment_and_hex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PSK", "from the environment")
    (tmp_path / "psk").write_text("from a file\n")
    for source, secret in (
        ('{env = "GATEWAY_PSK"}', b"from the environment"),
        ('{file = "psk"}', b"from a file"),
        ('{hex = "00ff"}', b"\0\xff"),
        ('{value = "text"}', b"text"),
    ):
        file = write(tmp_path, MINIMAL.replace('"a secret"', source, 1))
        assert configuration.load(file).engine.connections[0].local_auth.psk == secret


def test_certificates(tmp_path: Path) -> None:
    authority = testca.make_ca("Test CA")
    authority.issue("fqdn:gw.example").write(tmp_path, "gw")
    authority.write(tmp_path / "ca.pem")
    names = sorted(file.name for file in tmp_path.iterdir())
    cert = next(name for name in names if name.startswith("gw") and "key" not in name)
    key = next(name for name in names if name.startswith("gw") and "key" in name)
    text = MINIMAL.replace(
        'auth.local = {method = "psk", psk = "a secret"}',
        f'auth.local = {{method = "pubkey", cert = "{cert}", key = "{key}"}}',
    ).replace(
        'auth.remote = {method = "psk", psk = "a secret"}',
        'auth.remote = {method = "pubkey", ca = "ca.pem", methods = ["digital-signature"]}',
    )
    (connection,) = configuration.load(write(tmp_path, text)).engine.connections
    assert connection.local_auth.kind is connection.remote_auth.kind is AuthKind.PUBKEY
    assert connection.local_auth.private_key is not None
    assert len(connection.remote_auth.trust_anchors) == 1
    wrong = text.replace(f'key = "{key}"', 'key = "ca.pem"')
    assert "it holds a certificate" in problem(tmp_path, wrong)
    assert problem(tmp_path, text.replace("digital-signature", "dsa")).startswith(
        "connection[0].auth.remote.methods: 'dsa' is not one of"
    )


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration: No such file"):
        configuration.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 text at octet 0"):
        configuration.load(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("text", "protocol", "ports"),
    [
        ("10.0.0.0/8", 0, (0, 65535)),
        ("10.0.0.0/8[udp]", 17, (0, 65535)),
        ("10.0.0.0/8[udp/53]", 17, (53, 53)),
        ("10.0.0.1-10.0.0.9[tcp/1024-65535]", 6, (1024, 65535)),
        ("::/0[icmpv6]", 58, (0, 65535)),
        ("::/0[47]", 47, (0, 65535)),
        ("10.0.0.0/8[tcp/opaque]", 6, (65535, 0)),
    ],
)
def test_selectors(text: str, protocol: int, ports: tuple[int, int]) -> None:
    selector = parse_selector(text)
    assert (selector.protocol, selector.start_port, selector.end_port) == (protocol, *ports)


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8[", "10.0.0.0/8[udp/70000]", "10.0.0.0/8[udp/9-5]", "[udp]", "x", "::/0[ud]"]
)
def test_selectors_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|need"):
        parse_selector(text)


def test_check_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, MINIMAL)
    assert main(["--config", str(file), "--check"]) == 0
    assert capsys.readouterr().out == f"{file}: ok, 1 connections\n"
    file.write_text("[gateway]\nx = 1")
    assert main(["--config", str(file), "--check"]) == 2
    assert "gateway.x: unknown key" in capsys.readouterr().err


def test_key_log_is_off_by_default(tmp_path: Path) -> None:
    assert configuration.load(write(tmp_path, MINIMAL)).key_log is None
    assert keylog.KeyLog(tmp_path / "keys") is not None


def test_policies_keep_their_order_and_df_is_per_connection(tmp_path: Path) -> None:
    text = """
dont_fragment = "set"
[dataplane]
dont_fragment = "clear"
[[policy]]
action = "discard"
remote = "10.2.0.9[tcp/25]"
[[policy]]
name = "the office"
action = "protect"
connection = "peer"
local = ["10.1.0.0/24", "2001:db8:1::/64"]
remote = ["10.2.0.0/16", "2001:db8:2::/64"]
[[policy]]
action = "bypass"
"""
    plane = configuration.load(write(tmp_path, MINIMAL + text)).data_plane
    assert (plane.dont_fragment, plane.connection_dont_fragment) == (DontFragment.CLEAR, {"peer": DontFragment.SET})
    assert [(policy.name, policy.action, policy.connection) for policy in plane.policies] == [
        ("discard", Action.DISCARD, ""),
        ("the office", Action.PROTECT, "peer"),
        ("bypass", Action.BYPASS, ""),
    ]
    (mail,) = plane.policies[0].selectors.remote
    assert (mail.protocol, mail.start_port, mail.end_port) == (6, 25, 25)
