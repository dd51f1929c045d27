"""What several scenarios look for in a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.interop.wire import (
    AUTH,
    IDI,
    IDR,
    KE,
    NONCE,
    SA,
    TSI,
    TSR,
    Broken,
    Exchange,
    Spis,
    Wire,
    deletes,
    notify,
    spi,
)
from peers.wireshark import IKE_AUTH, IKE_SA_INIT, IkeMessage

if TYPE_CHECKING:
    from conformance.interop.bench import Bench

# RFC 7296 section 3.8, RFC 4754, RFC 7427, RFC 8420
METHODS = {"psk": {"2"}, "rsa": {"1", "14"}, "ecdsa": {"9", "14"}, "ed25519": {"14"}}


def payloads(sender: str, message: IkeMessage, wanted: tuple[int, ...], requirement: str) -> None:
    """All these payload types are in the message."""
    if missing := [kind for kind in wanted if kind not in message.types]:
        raise Broken(
            sender,
            f"payloads {', '.join(map(str, wanted))}",
            f"no payload {', '.join(map(str, missing))} among {', '.join(map(str, message.types))}",
            requirement,
        )


def init(wire: Wire, bench: Bench) -> Exchange:
    """The last IKE_SA_INIT exchange, which the initiator began."""
    one = bench.initiator.name
    wire.the(IKE_SA_INIT, one, "to begin with", "rfc7296/1.2/begins-with-init-and-auth")
    exchange = wire.exchanges(IKE_SA_INIT, one)[-1]
    payloads(one, exchange.request, (SA, KE, NONCE), "rfc7296/1.2/init-request-payloads")
    return exchange


def auth(wire: Wire, bench: Bench) -> Exchange:
    """The IKE_AUTH exchange with a complete request."""
    one = bench.initiator.name
    found = wire.exchanges(IKE_AUTH, one)
    if not found:
        # for a fault of its own, or because of what the response lacks
        raise Broken("", f"an IKE_AUTH request of {one}", "none", "rfc7296/1.2/begins-with-init-and-auth")
    exchange = found[0]
    wanted = (IDI, AUTH, SA, TSI, TSR)
    payloads(one, exchange.request, wanted, "rfc7296/1.2/auth-request-payloads")
    return exchange


def established(wire: Wire, bench: Bench) -> Spis:
    """IKE_SA_INIT and IKE_AUTH as they should be, by the configured authentication method; the SPIs of the Child SA."""
    first = init(wire, bench)
    payloads(
        first.answerer,
        first.answered("rfc7296/1/every-request-answered"),
        (SA, KE, NONCE),
        "rfc7296/1.2/init-response-payloads",
    )
    exchange = auth(wire, bench)
    response = exchange.answered("rfc7296/1/every-request-answered")
    payloads(exchange.answerer, response, (IDR, AUTH, SA, TSI, TSR), "rfc7296/1.2/auth-response-payloads")
    for sender, message in ((exchange.sender, exchange.request), (exchange.answerer, response)):
        used = message.of(AUTH)[0].get("isakmp.auth.method")
        if used not in METHODS[bench.auth]:
            raise Broken(sender, f"authentication method {' or '.join(METHODS[bench.auth])}", f"method {used}")
    wire.no_errors()
    return Spis(spi(exchange.request), spi(response))


def networks(bench: Bench) -> tuple[str, str]:
    """The protected networks."""
    return bench.initiator.network, bench.responder.network


def tunnel(wire: Wire, bench: Bench, spis: Spis, after: int = 0) -> None:
    """Traffic goes both ways through this Child SA, and nothing of it outside of it."""
    wire.traffic(spis, bench.hosts, after=after, count=3)
    wire.no_cleartext(networks(bench))


def refused(wire: Wire, bench: Bench, exchange: Exchange, kind: int, name: str, requirement: str) -> IkeMessage:
    """The response has this error notification."""
    response = exchange.answered()
    if notify(response, kind) is None:
        told = ", ".join(map(str, response.notifies)) or "none"
        raise Broken(
            exchange.answerer, f"{name} in the {exchange.name} response", f"notifications: {told}", requirement
        )
    del wire, bench
    return response


def child_deleted(exchange: Exchange, spis: Spis, owner: str) -> None:
    """A Delete of one Child SA: the sender's own inbound SPI in the request, the other one in the response.

    `owner`: the implementation that has spis.initiator.
    """
    own, others = (spis.initiator, spis.responder) if exchange.sender == owner else (spis.responder, spis.initiator)
    if own not in (deletes(exchange.request, "3") or []):
        listed = ", ".join(deletes(exchange.request, "3") or []) or "none"
        raise Broken(
            exchange.sender,
            f"a Delete payload with its inbound SPI {own}",
            listed,
            "rfc7296/1.4.1/delete-lists-inbound-spis",
        )
    response = exchange.answered("rfc7296/1.4/informational-answered")
    if others not in (deletes(response, "3") or []):
        listed = ", ".join(deletes(response, "3") or []) or "no Delete payload"
        raise Broken(
            exchange.answerer,
            f"a Delete payload with the paired SPI {others}",
            listed,
            "rfc7296/1.4.1/response-deletes-paired",
        )


def ike_deleted(exchange: Exchange) -> None:
    """A Delete of the IKE SA with an empty response."""
    response = exchange.answered("rfc7296/1.4/informational-answered")
    inner = [kind for kind in response.types if kind != 46]
    if inner:
        raise Broken(
            exchange.answerer,
            "an empty response to the Delete of the IKE SA",
            f"payloads {inner}",
            "rfc7296/1.4.1/ike-delete-response-empty",
        )
