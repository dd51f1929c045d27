"""The reference implementation plays its end of a transcript again and must send exactly the recorded octets.

Its random numbers are the ones that the transcript names, the other end's messages are the recorded ones, time is the
transcript's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from cryptography import x509

from reference_impl.crypto.suite import parse_esp, parse_ike
from reference_impl.ikev2.config import (
    AuthConfig,
    AuthKind,
    ConnectionConfig,
    Encapsulation,
    EngineConfig,
    Lifetimes,
    Mode,
    PoolConfig,
)
from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.ikev2.engine import Engine
from reference_impl.ikev2.identity import parse_identity
from reference_impl.pki.load import PrivateKey
from reference_impl.wire import udp
from reference_impl.wire.registries import HashAlgorithm
from reference_impl.wire.ts import TrafficSelector
from vectors.deterministic_keys import Rng, deterministic, load_private_key
from vectors.transcripts.expressions import evaluate
from vectors.transcripts.model import Transcript

CONNECTION = "transcript"
# A day on which every certificate of the transcripts is valid.
WALL_CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
HASHES = ("SHA2_256", "SHA2_384", "SHA2_512", "IDENTITY")
OTHER = {"initiator": "responder", "responder": "initiator"}


class EngineDifference(Exception):
    """The engine did not do what the transcript has; the message says where."""


def connection(
    settings: Mapping[str, Any], ends: Mapping[str, Any], names: Mapping[str, bytes], rng: Rng
) -> ConnectionConfig:
    """The engine's only connection. `settings` is the transcript's `engine`, `ends` its `ends`."""
    own, peer = ends[settings["role"]], ends[OTHER[settings["role"]]]
    return ConnectionConfig(
        CONNECTION,
        _auth(settings, own, peer, names, rng, local=True),
        _auth(settings, peer, own, names, rng, local=False),
        parse_identity(own["identity"]),
        parse_identity(peer["identity"]),
        local_address=own["address"],
        remote_address=peer["address"],
        ike=tuple(parse_ike(text) for text in settings["ike"]),
        esp=tuple(parse_esp(text) for text in settings["esp"]),
        local_ts=_selectors(settings, "local_ts"),
        remote_ts=_selectors(settings, "remote_ts"),
        mode=Mode(settings.get("mode", "tunnel")),
        pool=PoolConfig(tuple(settings["pool"]), tuple(settings.get("dns", ()))) if "pool" in settings else None,
        request_addresses=tuple(settings.get("request_addresses", ())),
        encapsulation=Encapsulation(settings.get("encapsulation", "auto")),
        fragmentation=settings.get("fragmentation", False),
        fragment_size=settings.get("fragment_size", 0),
        lifetimes=Lifetimes(0, 0, 0, 0, jitter=0),
    )


def _selectors(settings: Mapping[str, Any], name: str) -> tuple[TrafficSelector, ...]:
    return tuple(TrafficSelector.from_network(text) for text in settings.get(name, ()))


def _auth(
    settings: Mapping[str, Any],
    end: Mapping[str, Any],
    other: Mapping[str, Any],
    names: Mapping[str, bytes],
    rng: Rng,
    *,
    local: bool,
) -> AuthConfig:
    credentials = {name: evaluate(text, names) for name, text in end["credentials"].items()}
    if not credentials:
        return AuthConfig(AuthKind.PSK)
    if "psk" in credentials:
        # where the ends have different keys, the engine knows its own only
        known = end if local else other
        return AuthConfig(AuthKind.PSK, psk=evaluate(known["credentials"].get("psk", end["credentials"]["psk"]), names))
    hashes = tuple(HashAlgorithm[name] for name in settings.get("hashes", HASHES))
    certificate = x509.load_der_x509_certificate(credentials["certificate"])
    anchor = x509.load_der_x509_certificate(credentials["trust_anchor"])
    key = None
    if local:
        key = cast(PrivateKey, deterministic(load_private_key(credentials["private_key"]), rng))
    return AuthConfig(
        AuthKind.PUBKEY,
        private_key=key,
        certificates=(certificate,) if local else (),
        trust_anchors=() if local else (anchor,),
        hash_algorithms=hashes,
        use_rfc7427=settings.get("rfc7427", True),
    )


def make_engine(settings: Mapping[str, Any], ends: Mapping[str, Any], names: Mapping[str, bytes], rng: Rng) -> Engine:
    """An engine for one end of a transcript."""
    engine = Engine(
        EngineConfig(
            connections=(connection(settings, ends, names, rng),),
            address=ends[settings["role"]]["address"],
            cookie_threshold=settings.get("cookie_threshold", 32),
            wall_clock=lambda: WALL_CLOCK,
        ),
        bytes,  # what the engine draws when it is made is the secret of its cookies: zeros
    )
    engine.rng = rng
    return engine


def perform(engine: Engine, command: Mapping[str, Any], now: float) -> None:
    """One command of a transcript's script, to the newest IKE SA and its Child SA of the given place."""
    name = command["command"]
    if name == "initiate":
        engine.initiate(now, CONNECTION)
        return
    newest = engine.list_sas()[-1]
    child = newest.children[command.get("child", -1)].child_id if newest.children else 0
    if name == "create-child":
        pair = [_selectors(command, side) for side in ("local_ts", "remote_ts")]
        engine.create_child(now, newest.ike_id, local_ts=pair[0], remote_ts=pair[1])
    elif name == "rekey-ike":
        engine.rekey_ike(now, newest.ike_id)
    elif name == "rekey-child":
        engine.rekey_child(now, child)
    elif name == "delete-ike":
        engine.delete_ike(now, newest.ike_id)
    elif name == "delete-child":
        engine.delete_child(now, child)
    elif name == "liveness":
        engine.liveness(now, newest.ike_id)
    else:
        raise EngineDifference(f"unknown command {name!r}")


def scripted(draws: Iterable[bytes]) -> tuple[Rng, Iterator[bytes]]:
    """A random number generator that gives these octets, and what is left of them."""
    left = iter(draws)

    def rng(size: int) -> bytes:
        octets = next(left, None)
        if octets is None or len(octets) != size:
            raise EngineDifference(f"the engine draws {size} octets, the transcript has {octets and octets.hex()}")
        return octets

    return rng, left


def _endpoint(text: str) -> Endpoint:
    address, _, port = text.rpartition(":")
    return Endpoint(address, int(port))


def replay(transcript: Transcript) -> bool:
    """Play the engine's end again; False if the transcript has none. Raises EngineDifference."""
    raw = transcript.raw
    if "engine" not in raw:
        return False
    settings, ends = raw["engine"], raw["ends"]
    rng, left = scripted(evaluate(text, transcript.names) for text in ends[settings["role"]]["random"])
    engine = make_engine(settings, ends, transcript.names, rng)
    outgoing: list[tuple[bytes, str, str]] = []

    def collect(place: str) -> None:
        outgoing.extend((each.data, str(each.local), str(each.remote)) for each in engine.take_output())
        if engine.last_internal_error is not None:
            raise EngineDifference(f"{place}: {engine.last_internal_error}") from engine.last_internal_error

    for message in raw["messages"]:
        place = f"{transcript.name}, message {message['number']}"
        for command in settings["script"]:
            if command["before"] == message["number"]:
                perform(engine, command, message["time"])
        collect(place)
        data = transcript.names[f"message-{message['number']}.bytes"]
        datagram = udp.wrap_ike(data) if message.get("marker") else data
        source, destination = message["source"], message["destination"]
        if message["from"] != settings["role"]:
            if outgoing:
                raise EngineDifference(f"{place}: the engine sends before the other end does")
            engine.receive(message["time"], datagram, _endpoint(destination), _endpoint(source))
            continue
        if not outgoing:
            raise EngineDifference(f"{place}: the engine sends nothing")
        sent = outgoing.pop(0)
        if sent != (datagram, source, destination):
            raise EngineDifference(f"{place}: the engine sends {sent[0].hex()} from {sent[1]} to {sent[2]}")
    collect(transcript.name)
    if outgoing:
        raise EngineDifference(f"{transcript.name}: the engine sends more: {outgoing[0][0].hex()}")
    if next(left, None) is not None:
        raise EngineDifference(f"{transcript.name}: the engine draws fewer random numbers than the transcript has")
    return True
