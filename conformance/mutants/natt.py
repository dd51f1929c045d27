"""Mutants of NAT traversal (RFC 7296 section 2.23, RFC 3948)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch, mutant

KEEPALIVE = b"\xff"
MARKER = bytes(4)
HEADER = 28
MAJOR_VERSION_AT = 17

# -- datagrams on ports 500 and 4500 --------------------------------------------------------------------------------


def _receiving(patch: Patch, name: str, wrapper: Callable[..., None]) -> None:
    """`wrapper(original, gateway, data, local, remote, traffic_class)` for what arrives at one of the ports."""
    from reference_impl.gateway.process import Gateway

    patch.wrap(Gateway, name, wrapper)


def _on_4500(patch: Patch, look: Callable[[Any, bytes, Any, Any], bool]) -> None:
    """`look(gateway, data, local, remote)` sees each datagram on port 4500; when it is true, nobody else does."""

    def receive(original: Any, self: Any, data: bytes, local: Any, remote: Any, traffic_class: int) -> None:
        if not look(self, data, local, remote):
            original(self, data, local, remote, traffic_class)

    _receiving(patch, "_receive_natt", receive)


def _reply(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
    gateway._udp[local].send(data, remote)
    return False


def _is_message(data: bytes) -> bool:
    """An IKE message by its version and length fields."""
    return len(data) >= HEADER and data[MAJOR_VERSION_AT] == 0x20 and int.from_bytes(data[24:28], "big") == len(data)


@mutant("finds-ike-without-marker", breaks="rfc7296/2.23/marker-on-4500")
def finds_ike_without_marker(patch: Patch) -> None:
    """Takes what looks like an IKE message on port 4500 for one, though the non-ESP marker is missing."""

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        if not _is_message(data):
            return False
        gateway.engine.receive(gateway.now(), MARKER + data, local, remote)
        gateway.settle()
        return True

    _on_4500(patch, look)


@mutant("skips-marker-on-500", breaks="rfc7296/3.1/marker-not-in-length")
def skips_marker_on_500(patch: Patch) -> None:
    """Skips four zero octets before the IKE header on port 500 as well."""

    def receive(original: Any, self: Any, data: bytes, *rest: Any) -> None:
        original(self, data[4:] if data[:4] == MARKER else data, *rest)

    _receiving(patch, "_receive_ike", receive)


@mutant("takes-esp-on-500", breaks="rfc7296/2.23/no-encapsulation-on-500")
def takes_esp_on_500(patch: Patch) -> None:
    """Takes UDP-encapsulated ESP on port 500 as well."""

    def receive(original: Any, self: Any, data: bytes, local: Any, remote: Any, traffic_class: int) -> None:
        if self.data_plane.processor.sad.inbound(data[:4]) is None:
            original(self, data, local, remote, traffic_class)
            return
        self.data_plane.receive_esp(data, replace(local, port=self.natt_port), remote, traffic_class, in_udp=True)
        self.settle()

    _receiving(patch, "_receive_ike", receive)


@mutant("drops-encapsulated-esp", breaks="rfc3948/2.1/any-checksum-accepted")
def drops_encapsulated_esp(patch: Patch) -> None:
    """Discards ESP in UDP."""
    _on_4500(patch, lambda gateway, data, local, remote: data[:4] != MARKER and len(data) >= 8)


@mutant("dies-of-short-datagrams", breaks="rfc3948/2.2/marker-is-four-zeros")
def dies_of_short_datagrams(patch: Patch) -> None:
    """Ends when a datagram on port 4500 is too short for what it takes it for."""

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        if data != KEEPALIVE and len(data) < (len(MARKER) + HEADER if data[:4] == MARKER else 8):
            os._exit(1)
        return False

    _on_4500(patch, look)


@mutant("answers-garbage-on-4500", breaks="rfc3948/2.2/marker-is-four-zeros")
def answers_garbage_on_4500(patch: Patch) -> None:
    """Answers what it does not understand on port 4500 by a few octets."""

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        known = data == KEEPALIVE or _is_message(data[4:]) or (data[:4] != MARKER and len(data) >= 8)
        return False if known else _reply(gateway, b"what?", local, remote)

    _on_4500(patch, look)


@mutant("answers-esp-without-sa", breaks="rfc3948/2.2/marker-is-four-zeros")
def answers_esp_without_sa(patch: Patch) -> None:
    """Takes ESP of an unknown SPI for IKE, and answers it by INVALID_IKE_SPI."""
    from reference_impl.ikev2 import messages
    from reference_impl.wire.header import Header
    from reference_impl.wire.registries import NotifyType

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        if data[:4] == MARKER or len(data) < HEADER or gateway.data_plane.processor.sad.inbound(data[:4]):
            return False
        answer = messages.clear_notify(Header.parse(data), NotifyType.INVALID_IKE_SPI)
        return _reply(gateway, MARKER + answer, local, remote)

    _on_4500(patch, look)


@mutant("esp-first-on-4500", breaks="rfc7296/2.23/marker-on-4500")
def esp_first_on_4500(patch: Patch) -> None:
    """Takes all that comes from a port for ESP once ESP has come from it."""
    seen: set[Any] = set()

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        if data[:4] != MARKER and len(data) >= 8:
            seen.add(remote)
        return data[:4] == MARKER and remote in seen

    _on_4500(patch, look)


@mutant("returns-keepalives", breaks="rfc3948/2.3/keepalive-ignored")
def returns_keepalives(patch: Patch) -> None:
    """Answers a keepalive by one."""
    _on_4500(
        patch, lambda gateway, data, local, remote: data == KEEPALIVE and _reply(gateway, KEEPALIVE, local, remote)
    )


def _sas_at(engine: Any, remote: Any) -> list[Any]:
    return [sa for sa in list(engine.sas.values()) if sa.remote.address == remote.address]


@mutant("keepalives-end-sa", breaks="rfc3948/2.3/keepalive-ignored")
def keepalives_end_sa(patch: Patch) -> None:
    """Takes a keepalive for a broken message, and gives up the IKE SAs with that port."""
    from reference_impl.ikev2 import closing
    from reference_impl.ikev2.events import Reason

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        for sa in _sas_at(gateway.engine, remote) if data == KEEPALIVE else []:
            closing.close(gateway.engine, sa, Reason.MALFORMED, linger=False)
        return False

    _on_4500(patch, look)


@mutant("keepalives-move-peer", breaks="rfc7296/2.23/follows-validated-address")
def keepalives_move_peer(patch: Patch) -> None:
    """Follows a keepalive to the port that it comes from."""
    from reference_impl.ikev2 import mobility
    from reference_impl.ikev2.messages import Path

    def look(gateway: Any, data: bytes, local: Any, remote: Any) -> bool:
        for sa in _sas_at(gateway.engine, remote) if data == KEEPALIVE else []:
            mobility.move(gateway.engine, sa, Path(local, remote))
        return False

    _on_4500(patch, look)


# -- IKE on port 4500 -----------------------------------------------------------------------------------------------


def _ike_on_4500(patch: Patch, drops: Callable[[Any, Any], bool]) -> None:
    """Messages on port 4500 are dropped when `drops(header, sa)`; the SA is None for a new one."""
    from reference_impl.ikev2 import receive
    from reference_impl.wire.header import Header

    def on_message(original: Any, engine: Any, data: bytes, path: Any) -> None:
        if path.local.port == engine.config.natt_port and len(data) >= HEADER:
            header = Header.parse(data)
            if drops(header, receive.find(engine, header)):
                return
        original(engine, data, path)

    patch.wrap(receive, "on_message", on_message)


@mutant("no-ike-on-4500-without-nat", breaks="rfc7296/2.23/port-4500-from-start")
def no_ike_on_4500_without_nat(patch: Patch) -> None:
    """Ignores IKE on port 4500 unless it has found a NAT."""
    _ike_on_4500(patch, lambda header, sa: sa is not None and not sa.nat_local and not sa.nat_remote)


@mutant("no-init-on-4500", breaks="rfc7296/2.23/port-4500-from-start")
def no_init_on_4500(patch: Patch) -> None:
    """Takes IKE_SA_INIT on port 500 only."""
    _ike_on_4500(patch, lambda header, sa: int(header.exchange) == 34)


@mutant("initiator-stays-on-500", breaks="rfc7296/2.23/initiator-tunnels-on-4500")
def initiator_stays_on_500(patch: Patch) -> None:
    """Goes on over port 500 although it has found a NAT."""
    from reference_impl.ikev2 import sa_init_request

    patch(sa_init_request, "float_port", lambda engine, sa, path: None)


@mutant("initiator-ignores-nat-detection", breaks="rfc7296/2.23/initiator-checks-nat-payloads")
def initiator_ignores_nat_detection(patch: Patch) -> None:
    """Does not look at the NAT detection payloads of the response."""
    from reference_impl.ikev2 import sa_init

    def note_nat(original: Any, sa: Any, message: Any, path: Any) -> None:
        if not sa.initiator:
            original(sa, message, path)

    patch.wrap(sa_init, "note_nat", note_nat)


@mutant("initiator-looks-at-source-only", breaks="rfc7296/2.23/initiator-checks-nat-payloads")
def initiator_looks_at_source_only(patch: Patch) -> None:
    """Finds a NAT in front of its peer, but not the one that it is behind itself."""
    from reference_impl.ikev2 import nat

    patch(nat, "destination_is_translated", lambda hashes, spi_i, spi_r, own: False)


# -- ESP sent -------------------------------------------------------------------------------------------------------


def _sending(patch: Patch, send: Callable[[Any, Any, Any], None]) -> None:
    """`send(original, gateway, datagram)` in the place of the gateway's sending of ESP."""
    from reference_impl.gateway.process import Gateway

    patch.wrap(Gateway, "_send_esp", send)


@mutant("no-esp-in-udp", breaks="rfc7296/2.23/nat-forces-encapsulation")
def no_esp_in_udp(patch: Patch) -> None:
    """Sends ESP without UDP although there is a NAT, which nothing comes through."""
    _sending(patch, lambda original, gateway, datagram: None)


@mutant("encapsulates-esp-on-500", breaks="rfc7296/2.23/no-encapsulation-on-500")
def encapsulates_esp_on_500(patch: Patch) -> None:
    """Sends ESP in UDP from port 500."""
    from reference_impl.ikev2.endpoint import Endpoint

    def send(original: Any, gateway: Any, datagram: Any) -> None:
        path = datagram.path
        socket = gateway._udp[Endpoint(path.local, gateway.ike_port)]
        socket.send(datagram.esp, Endpoint(path.remote, path.remote_port))

    _sending(patch, send)


@mutant("marker-before-esp", breaks="rfc7296/2.23/marker-on-4500")
def marker_before_esp(patch: Patch) -> None:
    """Puts four zero octets before ESP, too."""
    _sending(patch, lambda original, gateway, datagram: original(gateway, replace(datagram, esp=MARKER + datagram.esp)))


# -- following the peer ---------------------------------------------------------------------------------------------


@mutant("never-follows-peer", breaks="rfc7296/2.23/follows-validated-address")
def never_follows_peer(patch: Patch) -> None:
    """Sends for ever to the address and port of IKE_AUTH."""
    from reference_impl.ikev2 import nat

    patch(nat, "may_follow_peer", lambda nat_local: False)


@mutant("follows-peer-behind-nat", breaks="rfc7296/2.23/behind-nat-no-update")
def follows_peer_behind_nat(patch: Patch) -> None:
    """Follows the peer although it is behind a NAT itself."""
    from reference_impl.ikev2 import nat

    patch(nat, "may_follow_peer", lambda nat_local: True)


@mutant("follows-peer-once", breaks="rfc7296/2.23/stores-validated-address")
def follows_peer_once(patch: Patch) -> None:
    """Follows the first change of the peer's port, and no other."""
    from reference_impl.ikev2 import mobility

    moved: set[int] = set()

    def move(original: Any, engine: Any, sa: Any, path: Any) -> None:
        if sa.ike_id not in moved:
            moved.add(sa.ike_id)
            original(engine, sa, path)

    patch.wrap(mobility, "move", move)


@mutant("follows-ike-only", breaks="rfc7296/2.23/follows-validated-address")
def follows_ike_only(patch: Patch) -> None:
    """Follows IKE messages, not ESP packets."""
    from reference_impl.ikev2.engine import Engine

    patch(Engine, "esp_authenticated", lambda self, now, child_id, local, remote: None)


@mutant("esp-stays-behind", breaks="rfc7296/2.23/follows-validated-address")
def esp_stays_behind(patch: Patch) -> None:
    """Moves IKE to the peer's new port, but not ESP."""
    from reference_impl.gateway.dataplane import DataPlane

    patch(DataPlane, "move", lambda self, event: None)


def _moving(patch: Patch, owner: Any, name: str) -> None:
    """The peer is followed to `path`, the last argument, before `owner.name(engine, sa, …, path)` looks closer."""
    from reference_impl.ikev2 import mobility

    def wrapper(original: Any, engine: Any, sa: Any, *rest: Any) -> None:
        if rest[-1].remote != sa.remote:
            mobility.move(engine, sa, rest[-1])
        original(engine, sa, *rest)

    patch.wrap(owner, name, wrapper)


@mutant("follows-unauthenticated-messages", breaks="rfc7296/2.23/follows-validated-address")
def follows_unauthenticated_messages(patch: Patch) -> None:
    """Follows every message with the SPIs of the IKE SA, authentic or not."""
    from reference_impl.ikev2 import protected

    _moving(patch, protected, "on_message")


@mutant("follows-replayed-requests", breaks="rfc7296/2.23/update-only-on-new-packet")
def follows_replayed_requests(patch: Patch) -> None:
    """Follows an authentic request also when it is an old one again."""
    from reference_impl.ikev2 import protected

    _moving(patch, protected, "repeat_response")


def _following_refused_esp(patch: Patch, reason: str) -> None:
    from reference_impl.ipsec.discards import Discard
    from reference_impl.ipsec.processing import PeerAlive, Processor

    def refused(original: Any, self: Any, now: float, esp: bytes, path: Any, discarded: Any) -> None:
        pair = self.sad.inbound(esp[:4])
        if pair is not None and discarded.reason is Discard[reason]:
            self._notices.append(PeerAlive(pair.child_id, path))
        original(self, now, esp, path, discarded)

    patch.wrap(Processor, "_refused", refused)


@mutant("follows-replayed-esp", breaks="rfc7296/2.23/update-only-on-new-packet")
def follows_replayed_esp(patch: Patch) -> None:
    """Follows an ESP packet that it discards as a replay."""
    _following_refused_esp(patch, "REPLAY")


@mutant("follows-unauthenticated-esp", breaks="rfc7296/2.23/follows-validated-address")
def follows_unauthenticated_esp(patch: Patch) -> None:
    """Follows an ESP packet whose integrity check fails."""
    _following_refused_esp(patch, "INTEGRITY")
