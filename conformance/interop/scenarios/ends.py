"""Liveness, and the end of Child SA and IKE SA, from either end."""

from __future__ import annotations

from dataclasses import replace

from conformance.interop import checks
from conformance.interop.bench import Bench, same, wait
from conformance.interop.scenario import scenario
from conformance.interop.site import Side
from conformance.interop.wire import Broken, deletes
from peers.scenario import Connection
from peers.wireshark import INFORMATIONAL

_LIVENESS = ("rfc7296/2.4/liveness-is-empty-informational", "rfc7296/2.4/empty-message-has-sk")
_CHILD = (
    "rfc7296/1.4.1/delete-closes-designated",
    "rfc7296/1.4.1/delete-lists-inbound-spis",
    "rfc7296/1.4.1/response-deletes-paired",
)
_IKE = ("rfc7296/1.4.1/ike-delete-closes-children", "rfc7296/1.4.1/ike-delete-response-empty")


def _checking(connection: Connection) -> Connection:
    return replace(connection, dpd=1)


def _liveness(bench: Bench, side: Side) -> None:
    # strongSwan has no command for it: it checks by itself
    alone = side.name.startswith("strongswan-")
    bench.configure(
        initiator=_checking if alone and side is bench.initiator else same,
        responder=_checking if alone and side is bench.responder else same,
    )
    sa = bench.establish()
    if not alone:
        side.driver.liveness(sa.spi_i)
    wait(lambda: bench.seen(INFORMATIONAL))
    wire = bench.judge()
    checks.established(wire, bench)
    exchange = wire.the(
        INFORMATIONAL, side.name, "without payloads", _LIVENESS[0], having=lambda item: item.request.types == [46]
    )
    response = exchange.answered(_LIVENESS[0])
    if not response.encrypted or not response.icv_good:
        raise Broken(exchange.answerer, "a protected response", "none", _LIVENESS[1])


@scenario("liveness-by-initiator", "LI", *_LIVENESS)
def liveness_by_initiator(bench: Bench) -> None:
    """The initiator asks for a sign of life by an empty INFORMATIONAL request and gets it."""
    _liveness(bench, bench.initiator)


@scenario("liveness-by-responder", "LR", *_LIVENESS)
def liveness_by_responder(bench: Bench) -> None:
    """The responder asks for a sign of life by an empty INFORMATIONAL request and gets it."""
    _liveness(bench, bench.responder)


def _delete_child(bench: Bench, side: Side) -> None:
    bench.configure()
    sa = bench.establish()
    bench.ping(1)
    side.driver.delete_child(sa.spi_i)
    bench.gone(sa, ike=False)
    wire = bench.judge(settle=0.3)
    spis = checks.established(wire, bench)
    exchange = wire.the(
        INFORMATIONAL,
        side.name,
        "that deletes the Child SA",
        _CHILD[0],
        having=lambda item: deletes(item.request, "3") is not None,
    )
    checks.child_deleted(exchange, spis, bench.initiator.name)
    wire.no_esp(after=exchange.answered().frame)


@scenario("delete-child-by-initiator", "DI", *_CHILD)
def delete_child_by_initiator(bench: Bench) -> None:
    """The initiator deletes the Child SA: both ends close it, each lists its inbound SPI, and no ESP follows."""
    _delete_child(bench, bench.initiator)


@scenario("delete-child-by-responder", "DR", *_CHILD)
def delete_child_by_responder(bench: Bench) -> None:
    """The responder deletes the Child SA: both ends close it, each lists its inbound SPI, and no ESP follows."""
    _delete_child(bench, bench.responder)


def _delete_ike(bench: Bench, side: Side) -> None:
    bench.configure()
    sa = bench.establish()
    bench.ping(1)
    side.driver.delete_ike(sa.spi_i)
    bench.gone(sa)
    wire = bench.judge(settle=0.3)
    checks.established(wire, bench)
    exchange = wire.the(
        INFORMATIONAL,
        side.name,
        "that deletes the IKE SA",
        _IKE[0],
        having=lambda item: deletes(item.request, "1") is not None,
    )
    checks.ike_deleted(exchange)
    wire.no_esp(after=exchange.answered().frame)


@scenario("delete-ike-by-initiator", "EI", *_IKE)
def delete_ike_by_initiator(bench: Bench) -> None:
    """The initiator deletes the IKE SA: the response is empty, nothing is left at either end, and no ESP follows."""
    _delete_ike(bench, bench.initiator)


@scenario("delete-ike-by-responder", "ER", *_IKE)
def delete_ike_by_responder(bench: Bench) -> None:
    """The responder deletes the IKE SA: the response is empty, nothing is left at either end, and no ESP follows."""
    _delete_ike(bench, bench.responder)
