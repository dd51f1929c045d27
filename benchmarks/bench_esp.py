"""ESP packets of 1,400 octets under AES-GCM: against the bare AESGCM call, and against scapy.layers.ipsec."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.harness import Result
from reference_impl.crypto.suite import parse_esp
from reference_impl.ipsec import esp
from reference_impl.ipsec.sa import InboundSa, OutboundSa
from reference_impl.ipsec.selectors import SaSelectors
from reference_impl.ipsec.tunnel import tunnel_packet
from reference_impl.wire.ip import build_udp
from reference_impl.wire.ts import TrafficSelector

SPI = 0x1234ABCD
SIZE = 1400
PACKETS = 512
ROUNDS = 60
BARE_TARGET = 3.0
SCAPY_TARGET = 100.0
KEY = bytes(range(36))


class Stopwatch:
    """The least seconds per packet over all rounds of one way to process packets."""

    def __init__(self) -> None:
        self.best = float("inf")

    def time(self, function: Callable[[bytes], object], packets: Sequence[bytes]) -> None:
        start = time.perf_counter()
        for packet in packets:
            function(packet)
        self.best = min(self.best, (time.perf_counter() - start) / len(packets))


def run() -> list[Result]:
    """Four ratios for 32-bit sequence numbers and two for extended ones, all measured in turns.

    Both sides work on the same number of different packets. Every inbound round has a fresh SA, or it would
    measure replays; selectors of the SA are checked as in service.
    """
    suite = parse_esp("aes256gcm16")
    packets = [build_udp("10.1.0.1", "10.2.0.1", 4000, port, bytes(SIZE - 28)) for port in range(PACKETS)]
    aead, nonce, associated = AESGCM(KEY[:32]), bytes(12), bytes(8)
    sealed_bare = [aead.encrypt(nonce, packet, associated) for packet in packets]
    selectors = SaSelectors(
        [TrafficSelector.from_network("10.2.0.0/16")], [TrafficSelector.from_network("10.1.0.0/16")]
    )

    def transform(extended: bool) -> esp.EspTransform:
        return esp.transform(SPI, suite, KEY, esn=extended)

    sealed = {extended: _seal_all(transform(extended), packets) for extended in (False, True)}
    bare_in, bare_out = Stopwatch(), Stopwatch()
    ours = {(kind, extended): Stopwatch() for kind in ("out", "in") for extended in (False, True)}
    for _ in range(ROUNDS):
        bare_out.time(lambda packet: aead.encrypt(nonce, packet, associated), packets)
        bare_in.time(lambda packet: aead.decrypt(nonce, packet, associated), sealed_bare)
        for extended in (False, True):
            ours["out", extended].time(OutboundSa(transform(extended)).encapsulate, packets)
            inbound = InboundSa(transform(extended), selectors=selectors)
            ours["in", extended].time(inbound.decapsulate, sealed[extended])
    scapy_out, scapy_in = _scapy(packets[:40], sealed[False][:40])

    results = []
    for extended, label in ((False, ""), (True, ", ESN")):
        for kind, name, bare in (("out", "encapsulation", bare_out), ("in", "decapsulation", bare_in)):
            mine = ours[kind, extended].best
            detail = f"{mine * 1e6:.2f} µs against {bare.best * 1e6:.2f} µs"
            results.append(Result(f"ESP {name}{label}, bare AESGCM", mine / bare.best, BARE_TARGET, detail=detail))
    for kind, name, theirs in (("out", "encapsulation", scapy_out), ("in", "decapsulation", scapy_in)):
        mine = ours[kind, False].best
        detail = f"{1 / mine:,.0f}/s against {1 / theirs.best:,.0f}/s"
        results.append(
            Result(f"ESP {name}, speed-up over scapy", theirs.best / mine, SCAPY_TARGET, at_least=True, detail=detail)
        )
    return results


def _seal_all(transform: esp.EspTransform, packets: Sequence[bytes]) -> list[bytes]:
    outbound = OutboundSa(transform)
    return [outbound.encapsulate(packet) for packet in packets]


def _scapy(packets: Sequence[bytes], sealed: Sequence[bytes]) -> tuple[Stopwatch, Stopwatch]:
    from scapy.layers.inet import IP
    from scapy.layers.ipsec import ESP, SecurityAssociation

    header = IP(src="192.0.2.1", dst="192.0.2.2")
    sa = SecurityAssociation(ESP, spi=SPI, crypt_algo="AES-GCM", crypt_key=KEY, tunnel_header=header)
    outer = [
        tunnel_packet(esp_packet, clear, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
        for esp_packet, clear in zip(sealed, packets, strict=True)
    ]
    outbound, inbound = Stopwatch(), Stopwatch()
    for _ in range(3):
        # octets in, octets out, as ours
        outbound.time(lambda packet: bytes(sa.encrypt(IP(packet))), packets)
        inbound.time(lambda packet: bytes(sa.decrypt(IP(packet))), outer)
    return outbound, inbound


if __name__ == "__main__":
    for result in run():
        print(result)
