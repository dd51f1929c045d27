"""A full handshake of two engines in one process against its bare key exchange operations."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.harness import Result
from reference_impl.crypto.ke import key_exchange
from reference_impl.crypto.suite import parse_esp, parse_ike
from reference_impl.ikev2.config import AuthConfig, AuthKind, ConnectionConfig, EngineConfig
from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.ikev2.engine import Engine
from reference_impl.ikev2.identity import parse_identity
from reference_impl.wire.registries import Group
from reference_impl.wire.ts import TrafficSelector

TARGET = 6.0
ROUNDS = 400
HANDSHAKES = 10
ALICE, BOB = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)


def engine(own: str, peer: str, address: str, peer_address: str, local_ts: str, remote_ts: str) -> Engine:
    """One side: X25519, AES-GCM, pre-shared key."""
    secret = AuthConfig(AuthKind.PSK, psk=b"the shared secret of the benchmark")
    connection = ConnectionConfig(
        "peer",
        secret,
        secret,
        parse_identity(own),
        parse_identity(peer),
        remote_address=peer_address,
        ike=(parse_ike("aes128gcm16-prfsha256-x25519"),),
        esp=(parse_esp("aes128gcm16"),),
        local_ts=(TrafficSelector.from_network(local_ts),),
        remote_ts=(TrafficSelector.from_network(remote_ts),),
        send_initial_contact=False,
    )
    return Engine(EngineConfig((connection,), address=address, cookie_threshold=1 << 30))


def handshake(alice: Engine, bob: Engine) -> None:
    """IKE_SA_INIT and IKE_AUTH; then both forget the IKE SA, so that the next one meets the same tables."""
    alice.initiate(0.0, "peer")
    for _ in range(2):
        (request,) = alice.take_output()
        bob.receive(0.0, request.data, BOB, ALICE)
        (response,) = bob.take_output()
        alice.receive(0.0, response.data, ALICE, BOB)
    alice.take_events()
    bob.take_events()


def bare_key_exchange() -> None:
    """Two key pairs and two shared secrets."""
    ours, theirs = key_exchange(Group.CURVE25519), key_exchange(Group.CURVE25519)
    ours.shared(theirs.public)
    theirs.shared(ours.public)


def run() -> list[Result]:
    """The ratio that the target is about: the best of many rounds, the two measured in turns.

    Between the rounds both engines forget all SAs, outside of the measured time.
    """
    alice = engine("fqdn:a.example", "fqdn:b.example", "192.0.2.1", "192.0.2.2", "10.1.0.0/24", "10.2.0.0/24")
    bob = engine("fqdn:b.example", "fqdn:a.example", "192.0.2.2", "192.0.2.1", "10.2.0.0/24", "10.1.0.0/24")
    subjects, yardsticks = [], []
    for _ in range(ROUNDS):
        yardsticks.append(_seconds(bare_key_exchange))
        subjects.append(_seconds(lambda: handshake(alice, bob)))
        for side in (alice, bob):
            assert len(side.children) == HANDSHAKES
            for ike_id in list(side.sas):
                side.discard(0.0, ike_id)
            side.take_events()
    detail = f"{min(subjects) * 1e3:.2f} ms, bare {min(yardsticks) * 1e3:.2f} ms"
    return [
        Result("handshake of two engines / its key exchange", min(subjects) / min(yardsticks), TARGET, detail=detail)
    ]


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(HANDSHAKES):
        function()
    return (time.perf_counter() - start) / HANDSHAKES


if __name__ == "__main__":
    for result in run():
        print(result)
