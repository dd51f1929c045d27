"""The initiator is behind the NAT box."""

from __future__ import annotations

from dataclasses import replace

from conformance.interop import checks
from conformance.interop.bench import Bench, same, wait
from conformance.interop.scenario import scenario
from conformance.interop.wire import NAT_DETECTION, Broken, Spis, Wire, spi
from peers.scenario import Connection
from peers.wireshark import CREATE_CHILD_SA, IKE_SA_INIT, INFORMATIONAL, EspPacket

_NAT = (
    "rfc7296/2.23/nat-moves-to-4500",
    "rfc7296/2.23/nat-forces-encapsulation",
    "rfc7296/2.23/nat-detection-notifies-sent",
    "rfc7296/2.23/marker-on-4500",
)
_REBINDING = (
    "rfc7296/2.23/follows-validated-address",
    "rfc7296/2.11/responds-to-source",
    "rfc7296/2.23/source-mismatch-allows-updates",
)


def _on_4500(wire: Wire, bench: Bench) -> None:
    """NAT detection in IKE_SA_INIT, everything after it on port 4500, ESP in UDP."""
    for message in wire.ike:
        if message.exchange == IKE_SA_INIT and not set(message.notifies) >= NAT_DETECTION:
            raise Broken(wire.sent_by(message), "both NAT detection notifications", str(message.notifies), _NAT[2])
    for item in wire.records:
        esp = isinstance(item, EspPacket)
        if not esp and getattr(item, "exchange", 0) == IKE_SA_INIT:
            continue
        sender = wire.sent_by(item)
        end = item.source_port if sender == bench.responder.name else item.destination_port
        if end != 4500:
            what = "ESP" if esp else "IKE"
            where = f"port {end}" if end else "no UDP"
            raise Broken(sender, f"{what} on port 4500 of the responder", where, _NAT[1] if esp else _NAT[0])


@scenario("nat", "N", *_NAT, topology="nat")
def nat(bench: Bench) -> None:
    """The initiator is behind a NAT: it is detected, IKE moves to port 4500, and ESP goes in UDP both ways."""
    bench.configure()
    bench.establish()
    bench.ping()
    wire = bench.judge()
    spis = checks.established(wire, bench)
    _on_4500(wire, bench)
    checks.tunnel(wire, bench, spis)


def _alive(connection: Connection) -> Connection:
    return replace(connection, dpd=1)


@scenario("nat-rebinding", "NB", *_REBINDING, topology="nat")
def nat_rebinding(bench: Bench) -> None:
    """The NAT gives the initiator another port: the responder answers IKE there, and its ESP follows."""
    # strongSwan has no command for a liveness check: it makes one by itself after a second without traffic
    alone = bench.initiator.name.startswith("strongswan-")
    bench.configure(initiator=_alive if alone else same)
    sa = bench.establish()
    bench.ping(1)
    before = _ports(bench)
    bench.site.box.rebind()
    if not alone:
        bench.initiator.driver.liveness(sa.spi_i)
    wait(lambda: _ports(bench) - before and bench.seen(INFORMATIONAL))
    # a data plane that cannot move an SA makes another one
    if wait(lambda: bench.ping(1), 4.0):
        bench.ping()
    wire = bench.judge()
    old = checks.established(wire, bench)
    _on_4500(wire, bench)
    _followed(wire, bench, before, old)


def _ports(bench: Bench) -> set[int]:
    """The NAT box' ports that the responder has received IKE or ESP from on port 4500."""
    from peers import pcap

    box, end = bench.site.box.outside, bench.responder.address
    return {
        item.ports[0]
        for item in pcap.read(bench.path)
        if item.source == box and item.destination == end and item.ports and item.ports[1] == 4500
    }


def _followed(wire: Wire, bench: Bench, before: set[int], old: Spis) -> None:
    """IKE responses go to the port of the request, ESP follows the newest validated packet, echoes are answered."""
    moved = [
        item
        for item in wire.records
        if wire.sent_by(item) == bench.initiator.name
        and item.destination_port == 4500
        and item.source_port not in before
    ]
    if not moved:
        raise Broken("", "packets from another port of the NAT box", "none")
    new, frame = moved[0].source_port, moved[0].frame
    for exchange in wire.exchanges(INFORMATIONAL, bench.initiator.name):
        if exchange.request.source_port == new:
            response = exchange.answered("rfc7296/2.11/responds-to-source")
            if response.destination_port != new:
                where = f"to port {response.destination_port}"
                raise Broken(exchange.answerer, f"the response to port {new}", where, "rfc7296/2.11/responds-to-source")
    proof = next((item for item in moved if item.icv_good), None)
    if proof is None:
        raise Broken(bench.initiator.name, "a protected packet from the new port", "none")
    spis = _current(wire, bench, old)
    outward = [item for item in wire.records if wire.sent_by(item) == bench.responder.name and item.frame > frame]
    later = [item for item in outward if isinstance(item, EspPacket)]
    if not later:
        raise Broken(bench.responder.name, f"ESP to port {new}", "no ESP", _REBINDING[0])
    if later[-1].destination_port != new:
        raise Broken(bench.responder.name, f"ESP to port {new}", f"to port {later[-1].destination_port}", _REBINDING[0])
    wire.traffic(spis, bench.hosts, after=later[-4].frame - 1 if len(later) > 4 else frame, count=1)
    wire.no_cleartext(checks.networks(bench))


def _current(wire: Wire, bench: Bench, old: Spis) -> Spis:
    """The SPIs of the newest Child SA of the capture."""
    spis = old
    for exchange in wire.exchanges(CREATE_CHILD_SA):
        if exchange.response is not None and len(spi(exchange.request)) == len(spi(exchange.response)) == 8:
            ends = spi(exchange.request), spi(exchange.response)
            spis = Spis(*(ends if exchange.sender == bench.initiator.name else reversed(ends)))
    return spis
