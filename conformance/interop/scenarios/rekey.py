"""Either end gives the Child SA or the IKE SA new keys; the old one is deleted, traffic goes on."""

from __future__ import annotations

from dataclasses import replace

from conformance.interop import checks
from conformance.interop.bench import Bench, wait
from conformance.interop.scenario import scenario
from conformance.interop.site import Side
from conformance.interop.wire import KE, NONCE, REKEY_SA, SA, TSI, TSR, Broken, Spis, deletes, notify, notify_spi, spi
from peers.scenario import Connection
from peers.wireshark import CREATE_CHILD_SA, INFORMATIONAL

_PFS = "aes128gcm16-ecp256"
_CHILD = (
    "rfc7296/2.8/rekey-create-then-delete",
    "rfc7296/1.3.3/rekey-sa-included",
    "rfc7296/1.3.3/rekey-sa-spi",
    "rfc7296/1.3.3/rekey-response-payloads",
    "rfc7296/1.4.1/response-deletes-paired",
)
_IKE = (
    "rfc7296/2.8/initiator-deletes-old-ike",
    "rfc7296/1.3.2/ike-rekey-has-ke",
    "rfc7296/1.3.2/new-responder-spi",
    "rfc7296/1.3.2/rekey-initiator-is-original",
    "rfc7296/1.3.2/new-ike-message-id-zero",
    "rfc7296/2.8/new-ike-inherits-children",
    "rfc7296/2.18/no-ts-in-ike-rekey",
)


def _with_pfs(connection: Connection) -> Connection:
    return replace(connection, esp=(_PFS,))


def _rekey_child(bench: Bench, side: Side) -> None:
    bench.configure(initiator=_with_pfs, responder=_with_pfs)
    sa = bench.establish()
    bench.ping(1)
    one = sa.children[0]
    side.driver.rekey_child(sa.spi_i)
    bench.replaced(Spis(one.spi_in, one.spi_out))
    wait(lambda: bench.seen(INFORMATIONAL), 2.0)
    bench.ping()
    wire = bench.judge()
    old = checks.established(wire, bench)
    exchange = wire.the(
        CREATE_CHILD_SA, side.name, "that rekeys the Child SA", _CHILD[0], having=lambda item: SA in item.request.types
    )
    rekey = notify(exchange.request, REKEY_SA)
    if rekey is None:
        raise Broken(side.name, "REKEY_SA in the request", "none", _CHILD[1])
    inbound = old.initiator if side is bench.initiator else old.responder
    if notify_spi(rekey) != inbound:
        raise Broken(side.name, f"its inbound SPI {inbound} in REKEY_SA", notify_spi(rekey), _CHILD[2])
    checks.payloads(side.name, exchange.request, (SA, NONCE, KE, TSI, TSR), "rfc7296/1.3.1/child-request-payloads")
    response = exchange.answered("rfc7296/1/every-request-answered")
    checks.payloads(exchange.answerer, response, (SA, NONCE, KE, TSI, TSR), _CHILD[3])
    new = Spis(spi(exchange.request), spi(response))
    if side is bench.responder:
        new = Spis(new.responder, new.initiator)
    if {new.initiator, new.responder} & {old.initiator, old.responder}:
        raise Broken("", "new SPIs", f"{new} after {old}", _CHILD[0])
    deletion = wire.the(
        INFORMATIONAL,
        side.name,
        "that deletes the old Child SA",
        _CHILD[0],
        having=lambda item: bool(deletes(item.request, "3")),
    )
    checks.child_deleted(deletion, old, bench.initiator.name)
    checks.tunnel(wire, bench, new, after=deletion.answered().frame)


@scenario("rekey-child-by-initiator", "KI", *_CHILD)
def rekey_child_by_initiator(bench: Bench) -> None:
    """The initiator rekeys the Child SA: new SPIs, the old one is deleted, traffic goes on in the new one."""
    _rekey_child(bench, bench.initiator)


@scenario("rekey-child-by-responder", "KR", *_CHILD)
def rekey_child_by_responder(bench: Bench) -> None:
    """The responder rekeys the Child SA: new SPIs, the old one is deleted, traffic goes on in the new one."""
    _rekey_child(bench, bench.responder)


def _rekey_ike(bench: Bench, side: Side) -> None:
    bench.configure()
    sa = bench.establish()
    side.driver.rekey_ike(sa.spi_i)

    def renewed() -> bool:
        views = [[each for each in end.driver.state() if each.established] for end in bench.sides]
        return all(len(each) == 1 and each[0].spi_i not in ("", sa.spi_i) for each in views)

    wait(renewed)
    bench.ping()
    new_sa = bench.ike_sa(side)
    side.driver.delete_ike(new_sa.spi_i)
    bench.gone(new_sa)
    wire = bench.judge()
    child = checks.established(wire, bench)
    exchange = wire.the(
        CREATE_CHILD_SA, side.name, "that rekeys the IKE SA", _IKE[0], having=lambda item: SA in item.request.types
    )
    response = exchange.answered("rfc7296/1/every-request-answered")
    checks.payloads(side.name, exchange.request, (SA, NONCE, KE), _IKE[1])
    checks.payloads(exchange.answerer, response, (SA, NONCE, KE), "rfc7296/1.3.2/ike-rekey-response-payloads")
    for sender, message in ((side.name, exchange.request), (exchange.answerer, response)):
        if TSI in message.types or TSR in message.types:
            raise Broken(sender, "no Traffic Selectors in a rekey of the IKE SA", "TSi or TSr", _IKE[6])
        if len(spi(message)) != 16:
            raise Broken(sender, "an IKE SPI of 8 octets in the proposal", spi(message) or "none", _IKE[2])
    old = (exchange.request.spi_i, exchange.request.spi_r)
    new = (spi(exchange.request), spi(response))
    deletion = wire.the(
        INFORMATIONAL,
        side.name,
        "that deletes the old IKE SA",
        _IKE[0],
        having=lambda item: (item.request.spi_i, item.request.spi_r) == old and deletes(item.request, "1") is not None,
    )
    checks.ike_deleted(deletion)
    wire.traffic(child, bench.hosts, after=deletion.answered().frame, count=3)
    wire.no_cleartext(checks.networks(bench))
    first = [item for item in wire.ike if (item.spi_i, item.spi_r) == new]
    if not first:
        raise Broken("", f"messages under the new SPIs {new[0]}/{new[1]}", "none", _IKE[0])
    for item in first:
        if item.from_initiator != (wire.sent_by(item) == side.name):
            flag = f"the Initiator flag {'set' if item.from_initiator else 'clear'}"
            raise Broken(wire.sent_by(item), f"{side.name} as the initiator of the new IKE SA", flag, _IKE[3])
    if first[0].message_id != 0:
        number = f"Message ID {first[0].message_id}"
        raise Broken(wire.sent_by(first[0]), "Message ID 0 in the first request", number, _IKE[4])


@scenario("rekey-ike-by-initiator", "II", *_IKE)
def rekey_ike_by_initiator(bench: Bench) -> None:
    """The initiator rekeys the IKE SA: the new SPIs are used, the old SA is deleted, the Child SA is kept."""
    _rekey_ike(bench, bench.initiator)


@scenario("rekey-ike-by-responder", "IR", *_IKE)
def rekey_ike_by_responder(bench: Bench) -> None:
    """The responder rekeys the IKE SA: the new SPIs are used, the old SA is deleted, the Child SA is kept."""
    _rekey_ike(bench, bench.responder)
