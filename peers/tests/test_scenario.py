import pytest

from peers.errors import LabError
from peers.scenario import Connection, Endpoint, Identity, Suite, parse_suite


@pytest.mark.parametrize(
    ("text", "suite"),
    [
        ("aes256gcm16-prfsha384-ecp384", Suite("aesgcm", 256, 16, "", "sha384", ("ecp384",))),
        ("aes128-sha256-modp2048", Suite("aescbc", 128, None, "sha256", "", ("modp2048",))),
        ("aes128ctr-aesxcbc-prfaesxcbc-modp3072", Suite("aesctr", 128, None, "aesxcbc", "aesxcbc", ("modp3072",))),
        ("chacha20poly1305-prfsha256-curve25519", Suite("chacha20poly1305", 256, 16, "", "sha256", ("x25519",))),
        ("aes256ccm8-noesn", Suite("aesccm", 256, 8, esn=False)),
        ("aes128gcm16-ecp256-x25519-esn", Suite("aesgcm", 128, 16, groups=("ecp256", "x25519"), esn=True)),
    ],
)
def test_suites_are_read(text: str, suite: Suite) -> None:
    assert parse_suite(text) == suite


@pytest.mark.parametrize("text", ["", "sha256-modp2048", "aes512", "aes128gcm", "aes128-sha256-ecp999x"])
def test_unknown_keywords_are_refused(text: str) -> None:
    with pytest.raises(LabError):
        parse_suite(text)


def test_identity_keeps_kind_and_value() -> None:
    assert str(Identity.parse("fqdn:gw.example")) == "fqdn:gw.example"
    assert str(Identity.parse("any")) == "any"
    with pytest.raises(LabError, match=r"gw\.example"):
        Identity.parse("gw.example")


def test_mirrored_swaps_the_ends_and_nothing_else() -> None:
    left, right = Endpoint("192.0.2.1", Identity.parse("any")), Endpoint("192.0.2.2", Identity.parse("any"))
    connection = Connection("c", left, right, ("aes128gcm16-prfsha256-ecp256",), ("aes128gcm16",), dpd=5)
    mirrored = connection.mirrored()
    assert (mirrored.local, mirrored.remote) == (right, left)
    assert mirrored.mirrored() == connection
