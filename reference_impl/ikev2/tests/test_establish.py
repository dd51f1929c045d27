"""Initial exchanges between two engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reference_impl.crypto.suite import parse_ike
from reference_impl.ikev2.config import AuthConfig, AuthKind
from reference_impl.ikev2.events import ChildInstalled, IkeEstablished, IkeFailed, Reason, Rejected
from reference_impl.ikev2.identity import parse_identity
from reference_impl.pki import testca
from reference_impl.wire.message import Message
from reference_impl.wire.registries import AuthMethod, HashAlgorithm, NotifyType
from reference_impl.wire.simple import KePayload

from .world import World, alice_connection, bob_connection

IKE_SUITES = [
    "aes128gcm16-prfsha256-x25519",
    "aes256gcm16-prfsha384-ecp384",
    "aes256gcm8-prfsha512-ecp521",
    "aes128ccm16-prfaescmac-ecp256",
    "aes128-sha256-modp2048",
    "aes256-sha512-modp3072",
    "aes128ctr-sha384-curve448",
    "chacha20poly1305-prfsha256-ecp256bp",
    "aes128-aesxcbc-modp1536",
    "aes256gcm16-prfsha256-mlkem768",
]
ESP_SUITES = ["aes128gcm16", "aes256-sha256", "chacha20poly1305", "aes128ctr-sha1-esn", "null-sha512"]


@pytest.mark.parametrize("suite", IKE_SUITES)
def test_ike_suites(suite: str) -> None:
    world = World(alice_connection(ike=(suite,)), bob_connection(ike=(suite,)))
    world.establish()
    established = [node.of(IkeEstablished) for node in world.nodes]
    assert established[0][0].keys == established[1][0].keys
    assert str(established[0][0].suite) == str(parse_ike(suite))


@pytest.mark.parametrize("suite", ESP_SUITES)
def test_esp_suites(suite: str) -> None:
    world = World(alice_connection(esp=(suite,)), bob_connection(esp=(suite,)))
    world.establish()
    (a,), (b,) = (node.of(ChildInstalled) for node in world.nodes)
    assert (a.encr_key_in, a.integ_key_in, a.spi_in) == (b.encr_key_out, b.integ_key_out, b.spi_out)
    assert (a.encr_key_out, a.integ_key_out, a.spi_out) == (b.encr_key_in, b.integ_key_in, b.spi_in)
    assert a.esn is suite.endswith("-esn")
    assert (a.local_ts, a.remote_ts) == (b.remote_ts, b.local_ts)


def test_two_round_trips_and_nothing_else() -> None:
    world = World()
    world.establish()
    assert [len(node.sent) for node in world.nodes] == [2, 2]
    world.run(3600)
    assert [len(node.sent) for node in world.nodes] == [2, 2]


def test_ipv6() -> None:
    alice, bob = "2001:db8::1", "2001:db8::2"
    world = World(
        alice_connection(local_address=alice, remote_address=bob, local_ts=(), remote_ts=()),
        bob_connection(local_address=bob, remote_address=alice, local_ts=(), remote_ts=()),
    )
    world.alice.address, world.bob.address = alice, bob
    world.establish()
    (installed,) = world.alice.of(ChildInstalled)
    assert str(installed.local_ts[0].networks()[0]) == "2001:db8::1/128"


def test_invalid_ke_payload_is_retried_with_the_whole_offer() -> None:
    offer = ("aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-ecp256")
    world = World(alice_connection(ike=offer), bob_connection(ike=offer[1:]))
    world.establish()
    first, second = (Message.parse(out.data) for out in world.alice.sent[:2])
    assert second.get(KePayload).group == 19  # type: ignore[union-attr]
    assert (first.spi_i, first.message_id, first.payloads[0], first.payloads[2]) == (
        second.spi_i,
        second.message_id,
        second.payloads[0],
        second.payloads[2],
    )
    (refusal,) = (Message.parse(world.bob.sent[0].data).payloads,)
    assert Message.parse(world.bob.sent[0].data).spi_r == bytes(8)
    assert refusal[0].notify == NotifyType.INVALID_KE_PAYLOAD  # type: ignore[attr-defined]


def test_cookie_comes_first_and_changes_nothing_else() -> None:
    world = World(bob_engine={"cookie_threshold": 0})
    world.establish()
    first, second = (Message.parse(out.data) for out in world.alice.sent[:2])
    assert second.payloads[0].notify == NotifyType.COOKIE  # type: ignore[attr-defined]
    assert second.payloads[1:] == first.payloads
    assert len(world.bob.of(IkeEstablished)) == 1


def test_cookie_and_invalid_ke_take_one_extra_round_trip_each() -> None:
    offer = ("aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-ecp256")
    world = World(alice_connection(ike=offer), bob_connection(ike=offer[1:]), bob_engine={"cookie_threshold": 0})
    world.establish()
    kinds = [Message.parse(out.data).payloads[0] for out in world.alice.sent[:3]]
    assert [getattr(each, "notify", None) for each in kinds] == [None, NotifyType.COOKIE, NotifyType.COOKIE]
    assert len(world.alice.sent) == 4


@pytest.mark.parametrize("threshold", [1, 2])
def test_cookie_only_from_the_threshold_on(threshold: int) -> None:
    world = World(bob_engine={"cookie_threshold": threshold})
    for _ in range(threshold):
        world.alice.engine.initiate(0.0, "tunnel")
        world.collect()
        world._flight.clear()
        world.bob.engine.receive(
            0.0, world.alice.sent[-1].data, world.alice.sent[-1].remote, world.alice.sent[-1].local
        )
    assert world.bob.engine.counters["rejected-cookie-required"] == 0
    assert len(world.bob.engine.half_open) == threshold
    world.alice.engine.initiate(0.0, "tunnel")
    world.collect()
    world.bob.engine.receive(0.0, world.alice.sent[-1].data, world.alice.sent[-1].remote, world.alice.sent[-1].local)
    assert world.bob.engine.counters["rejected-cookie-required"] == 1


def test_no_proposal_chosen_fails_only_after_the_time_limit() -> None:
    world = World(alice_connection(ike=("aes256-sha256-modp2048",)))
    world.alice.engine.initiate(0.0, "tunnel")
    world.run(5)
    assert world.alice.of(IkeFailed) == []
    world.run(200)
    (failed,) = world.alice.of(IkeFailed)
    assert failed.reason is Reason.TIMEOUT
    assert {each.reason for each in world.alice.of(Rejected)} == {Reason.UNAUTHENTICATED_NOTIFY}
    assert world.bob.engine.list_sas() == []


def test_wrong_psk() -> None:
    world = World(alice_connection(local_auth=AuthConfig(AuthKind.PSK, psk=b"wrong")))
    world.alice.engine.initiate(0.0, "tunnel")
    world.run()
    (failed,) = world.alice.of(IkeFailed)
    assert (failed.reason, failed.notify) == (Reason.AUTHENTICATION, NotifyType.AUTHENTICATION_FAILED)
    assert world.bob.of(IkeEstablished) == []
    assert all(node.engine.list_sas() == [] and not node.engine.children for node in world.nodes)


def test_responder_with_wrong_psk_is_told_and_both_forget() -> None:
    world = World(
        alice_connection(remote_auth=AuthConfig(AuthKind.PSK, psk=b"wrong")),
    )
    world.alice.engine.initiate(0.0, "tunnel")
    world.run()
    assert world.alice.of(IkeEstablished) == []
    assert [each.reason for each in world.alice.of(IkeFailed)] == [Reason.AUTHENTICATION]
    assert len(world.bob.of(IkeEstablished)) == 1
    assert all(node.engine.list_sas() == [] and not node.engine.children for node in world.nodes)


@pytest.mark.parametrize("change", ["local_id", "remote_id"])
def test_wrong_identity(change: str) -> None:
    world = World(alice_connection(**{change: parse_identity("fqdn:mallory.example")}))
    world.alice.engine.initiate(0.0, "tunnel")
    world.run()
    assert len(world.alice.of(IkeFailed)) == 1
    assert all(node.engine.list_sas() == [] for node in world.nodes)


CA = testca.make_ca()
OTHER_CA = testca.make_ca("another CA")


def pubkey(name: str, key_type: str, **changes: object) -> tuple[AuthConfig, AuthConfig]:
    """Credentials of a node, and what its peer needs to trust them."""
    credential = CA.issue(name, [f"fqdn:{name}"], key_type=key_type)
    return (
        AuthConfig(
            AuthKind.PUBKEY,
            private_key=credential.private_key,
            certificates=(credential.certificate, *credential.chain),
            **changes,  # type: ignore[arg-type]
        ),
        AuthConfig(AuthKind.PUBKEY, trust_anchors=(CA.certificate,)),
    )


@pytest.mark.parametrize("key_type", ["rsa", "ecdsa", "ecdsa384", "ed25519", "ed448"])
def test_certificates(key_type: str) -> None:
    own_a, trust_a = pubkey("alice.example", key_type)
    own_b, trust_b = pubkey("bob.example", key_type)
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=trust_a)
    )
    world.establish()
    assert world.alice.of(IkeEstablished)[0].auth_method == AuthMethod.DIGITAL_SIGNATURE
    assert world.alice.engine.counters["fragmented-messages-sent"] == 1


@pytest.mark.parametrize(
    ("key_type", "method"),
    [("rsa", AuthMethod.RSA_DIGITAL_SIGNATURE), ("ecdsa", AuthMethod.ECDSA_SHA256_P256)],
)
def test_classic_signatures(key_type: str, method: AuthMethod) -> None:
    own_a, trust_a = pubkey("alice.example", key_type, use_rfc7427=False)
    own_b, trust_b = pubkey("bob.example", key_type)
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=trust_a)
    )
    world.establish()
    assert {node.of(IkeEstablished)[0].auth_method for node in world.nodes} == {method}


def test_a_hash_that_the_peer_did_not_announce_is_never_used() -> None:
    own_a, _ = pubkey("alice.example", "rsa")
    own_b, trust_b = pubkey("bob.example", "rsa")
    only384 = AuthConfig(AuthKind.PUBKEY, trust_anchors=(CA.certificate,), hash_algorithms=(HashAlgorithm.SHA2_384,))
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=only384)
    )
    world.establish()


def test_certificate_of_an_unknown_authority() -> None:
    own_a, _ = pubkey("alice.example", "ecdsa")
    own_b, trust_b = pubkey("bob.example", "ecdsa")
    stranger = AuthConfig(AuthKind.PUBKEY, trust_anchors=(OTHER_CA.certificate,))
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=stranger)
    )
    world.alice.engine.initiate(0.0, "tunnel")
    world.run()
    assert [each.reason for each in world.bob.of(IkeFailed)] == [Reason.CERTIFICATE]
    assert world.alice.of(IkeFailed)[0].notify == NotifyType.AUTHENTICATION_FAILED


def test_expired_certificate() -> None:
    own_a, trust_a = pubkey("alice.example", "ecdsa")
    own_b, trust_b = pubkey("bob.example", "ecdsa")
    future = datetime.now(UTC) + timedelta(days=8000)
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b),
        bob_connection(local_auth=own_b, remote_auth=trust_a),
        bob_engine={"wall_clock": lambda: future},
    )
    world.alice.engine.initiate(0.0, "tunnel")
    world.run()
    assert [each.reason for each in world.bob.of(IkeFailed)] == [Reason.CERTIFICATE]


def test_certificate_without_the_identity() -> None:
    own_a, trust_a = pubkey("somebody.example", "ecdsa")
    own_b, trust_b = pubkey("bob.example", "ecdsa")
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=trust_a)
    )
    world.alice.engine.initiate(0.0, "tunnel")
    world.run()
    assert [each.reason for each in world.bob.of(IkeFailed)] == [Reason.CERTIFICATE]


def test_psk_one_way_and_certificate_the_other() -> None:
    own_b, trust_b = pubkey("bob.example", "ed25519")
    psk = AuthConfig(AuthKind.PSK, psk=b"one way")
    world = World(
        alice_connection(local_auth=psk, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=psk)
    )
    world.establish()


def test_a_key_longer_than_configured_is_accepted() -> None:
    world = World(
        alice_connection(ike=("aes256gcm16-prfsha256-x25519",), esp=("aes256gcm16",)),
    )
    world.establish()
    assert world.bob.of(IkeEstablished)[0].suite.key_bits == 256
