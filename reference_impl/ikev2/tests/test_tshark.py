"""An independent reader: tshark decrypts what the engines said, and finds every integrity check correct."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from reference_impl.ikev2.events import IkeKeysDerived
from reference_impl.wire.ip import build_udp
from reference_impl.wire.registries import Integ

from .test_establish import pubkey
from .world import World, alice_connection, bob_connection

# tshark's names of the algorithms that it decrypts.
ENCRYPTION = {
    "aes128gcm16": "AES-GCM-128 with 16 octet ICV [RFC5282]",
    "aes256gcm16": "AES-GCM-256 with 16 octet ICV [RFC5282]",
    "aes256": "AES-CBC-256 [RFC3602]",
    "aes128": "AES-CBC-128 [RFC3602]",
}
INTEGRITY = {
    Integ.NONE: "NONE [RFC4306]",
    Integ.HMAC_SHA2_256_128: "HMAC_SHA2_256_128 [RFC4868]",
    Integ.HMAC_SHA2_512_256: "HMAC_SHA2_512_256 [RFC4868]",
}


def write_capture(world: World, path: Path) -> None:
    """All datagrams of a world as a raw-IP pcap."""
    packets = [
        build_udp(out.local.address, out.remote.address, out.local.port, out.remote.port, out.data)
        for node in world.nodes
        for out in node.sent
    ]
    content = struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for number, packet in enumerate(packets):
        content += struct.pack("!IIII", number, 0, len(packet), len(packet)) + packet
    path.write_bytes(content)


def decryption_option(event: IkeKeysDerived) -> str:
    """One line of tshark's table of IKEv2 keys."""
    cipher = ENCRYPTION[str(event.suite).split("-", maxsplit=1)[0]]
    keys = event.keys
    return (
        "uat:ikev2_decryption_table:"
        f'{event.spi_i.hex()},{event.spi_r.hex()},{keys.sk_ei.hex()},{keys.sk_er.hex()},"{cipher}",'
        f'{keys.sk_ai.hex()},{keys.sk_ar.hex()},"{INTEGRITY[event.suite.integ]}"'
    )


def dissect(world: World, tmp_path: Path) -> list[str]:
    """tshark's reading of every packet, as text."""
    capture = tmp_path / "ike.pcap"
    write_capture(world, capture)
    options = []
    for event in world.alice.of(IkeKeysDerived):
        options += ["-o", decryption_option(event)]
    done = subprocess.run(
        ["tshark", "-V", "-r", str(capture), *options], capture_output=True, check=True, timeout=60, text=True
    )
    return re.split(r"^Frame \d+: ", done.stdout, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize(
    "suite",
    [
        "aes128gcm16-prfsha256-x25519",
        "aes256gcm16-prfsha384-ecp256",
        "aes256-sha256-ecp256",
        "aes128-sha512-modp2048",
    ],
)
def test_tshark_decrypts_everything(suite: str, tmp_path: Path) -> None:
    world = World(alice_connection(ike=(suite,)), bob_connection(ike=(suite,)))
    world.establish()
    for node in world.nodes:
        node.engine.rekey_child(world.now, world.child(node))
        world.run()
        node.engine.rekey_ike(world.now, node.engine.list_sas()[0].ike_id)
        world.run()
    world.alice.engine.delete_ike(world.now, world.alice.engine.list_sas()[0].ike_id)
    world.run()
    packets = dissect(world, tmp_path)
    assert len(packets) == 22
    assert sum("Decrypted Data" in packet for packet in packets) == 20
    for packet in packets:
        assert "Malformed" not in packet
        assert "Expert Info" not in packet, packet
        assert "Decrypted Data" not in packet or "[correct]" in packet


def test_tshark_reassembles_our_fragments(tmp_path: Path) -> None:
    own_a, trust_a = pubkey("alice.example", "rsa")
    own_b, trust_b = pubkey("bob.example", "rsa")
    world = World(
        alice_connection(local_auth=own_a, remote_auth=trust_b), bob_connection(local_auth=own_b, remote_auth=trust_a)
    )
    world.establish()
    packets = dissect(world, tmp_path)
    assert not any("Malformed" in packet for packet in packets)
    whole = [packet for packet in packets if "Payload: Authentication (39)" in packet]
    assert len(whole) == 2
    assert "alice.example" in whole[0]
    assert "bob.example" in whole[1]
    assert len(packets) > 6
