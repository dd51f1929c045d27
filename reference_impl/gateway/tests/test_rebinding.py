"""A NAT gives the initiator another mapping: an engine in the test, whose ESP comes from another port than its IKE."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

from reference_impl.crypto.suite import parse_esp, parse_ike
from reference_impl.ikev2.config import AuthConfig, AuthKind, ConnectionConfig, Encapsulation, EngineConfig
from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.ikev2.engine import Engine
from reference_impl.ikev2.events import ChildInstalled
from reference_impl.ikev2.identity import parse_identity
from reference_impl.ipsec import esp
from reference_impl.ipsec.sa import InboundSa, OutboundSa
from reference_impl.wire.ip import build_icmp_echo, parse_icmp_echo
from reference_impl.wire.ts import TrafficSelector

from .processes import PATIENCE, GatewayProcess, config

SECRET = AuthConfig(AuthKind.PSK, psk=b"a shared secret")


def bound() -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(PATIENCE)
    return sock


def establish(responder: GatewayProcess, ike: socket.socket, natt: socket.socket) -> ChildInstalled:
    """Run the initiator's engine over two sockets until its Child SA is there."""
    connection = ConnectionConfig(
        name="responder",
        local_auth=SECRET,
        remote_auth=SECRET,
        local_id=parse_identity("fqdn:left.example"),
        remote_address="127.0.0.1",
        remote_port=responder.ike_port,
        remote_natt_port=responder.natt_port,
        ike=(parse_ike("aes128gcm16-prfsha256-curve25519"),),
        esp=(parse_esp("aes128gcm16"),),
        local_ts=(TrafficSelector.from_network("10.2.0.0/24"),),
        remote_ts=(TrafficSelector.from_network("10.1.0.0/24"),),
        encapsulation=Encapsulation.ALWAYS,
    )
    sockets = {each.getsockname()[1]: each for each in (ike, natt)}
    ports = list(sockets)
    engine = Engine(EngineConfig(connections=(connection,), address="127.0.0.1", ike_port=ports[0], natt_port=ports[1]))
    engine.initiate(0.0, "responder")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for outgoing in engine.take_output():
            sockets[outgoing.local.port].sendto(outgoing.data, (outgoing.remote.address, outgoing.remote.port))
        for event in engine.take_events():
            if isinstance(event, ChildInstalled):
                return event
        for each in select.select([ike, natt], [], [], 0.1)[0]:
            data, source = each.recvfrom(65535)
            engine.receive(1.0, data, Endpoint(*each.getsockname()), Endpoint(*source))
    raise AssertionError("no Child SA")


def test_the_responder_answers_where_the_question_came_from(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, "right", config("right")) as responder,
        bound() as ike,
        bound() as natt,
        bound() as rebound,
    ):
        child = establish(responder, ike, natt)
        outbound = OutboundSa(esp.transform(child.spi_out, child.suite, child.encr_key_out, esn=child.esn))
        inbound = InboundSa(esp.transform(child.spi_in, child.suite, child.encr_key_in, esn=child.esn))
        target = ("127.0.0.1", responder.natt_port)
        for number, sock in enumerate((natt, rebound, rebound)):
            sock.sendto(outbound.encapsulate(build_icmp_echo("10.2.0.1", "10.1.0.1", 1, number)), target)
            echo = parse_icmp_echo(inbound.decapsulate(sock.recv(65535)))
            assert echo is not None
            assert echo.reply
            assert echo.sequence == number
        (moved,) = responder.events("peer-moved")
        assert moved["new"] == f"127.0.0.1:{rebound.getsockname()[1]}"
        # a forged packet from elsewhere moves nothing
        forged = outbound.encapsulate(build_icmp_echo("10.2.0.1", "10.1.0.1", 1, 9))
        natt.sendto(forged[:-1] + bytes((forged[-1] ^ 1,)), target)
        responder.wait("the refusal", lambda: responder.call("counters")["esp"].get("esp-integrity"))
        assert len(responder.events("peer-moved")) == 1
