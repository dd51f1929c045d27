"""The two ends do not agree: what each must say, and what must not exist afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conformance.interop import checks
from conformance.interop.bench import Bench, Change, same, wait
from conformance.interop.scenario import scenario
from conformance.interop.site import Side
from conformance.interop.wire import (
    AUTH,
    AUTHENTICATION_FAILED,
    IDR,
    INVALID_KE_PAYLOAD,
    NO_PROPOSAL_CHOSEN,
    SA,
    TS_UNACCEPTABLE,
    Broken,
    Exchange,
    Wire,
    deletes,
    notify,
)
from peers.scenario import AuthMethod, Connection, Credentials, Identity
from peers.wireshark import IKE_AUTH, IKE_SA_INIT, INFORMATIONAL, IkeMessage

_AUTH = ("rfc7296/2.21.2/auth-failed-in-response", "rfc7296/1.2/auth-failure-no-ike-sa")


def _attempt(
    bench: Bench, exchange: int, auth: AuthMethod = "psk", *, initiator: Change = same, responder: Change = same
) -> None:
    """The initiator starts; returns when the response to this exchange has been seen for a moment."""
    bench.configure(auth, initiator=initiator, responder=responder)
    bench.start()
    wait(lambda: bench.seen(exchange))


def _suites(**members: tuple[str, ...]) -> Change:
    def change(connection: Connection) -> Connection:
        return replace(connection, **members)  # type: ignore[arg-type]

    return change


@scenario("mismatch-proposal", "MP", "rfc7296/2.7/no-proposal-chosen", "rfc7296/1/init-before-others")
def mismatch_proposal(bench: Bench) -> None:
    """No IKE suite in common: NO_PROPOSAL_CHOSEN in a clear IKE_SA_INIT response, and no SA at either end."""
    _attempt(
        bench,
        IKE_SA_INIT,
        initiator=_suites(ike=("aes256gcm16-prfsha384-ecp256",)),
        responder=_suites(ike=("aes128gcm16-prfsha256-ecp256",)),
    )
    bench.nothing_left()
    wire = bench.judge(settle=0.4)
    exchange = checks.init(wire, bench)
    response = checks.refused(
        wire, bench, exchange, NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN", "rfc7296/2.7/no-proposal-chosen"
    )
    if SA in response.types or response.encrypted:
        raise Broken(exchange.answerer, "the error alone, in the clear", f"payloads {response.types}")
    if later := [item for item in wire.ike if item.exchange != IKE_SA_INIT]:
        sender = wire.sent_by(later[0])
        raise Broken(sender, "no further exchange", f"exchange {later[0].exchange}", "rfc7296/1/init-before-others")
    wire.no_esp()


@scenario(
    "mismatch-ke-group",
    "MG",
    "rfc7296/1.2/invalid-ke-names-group",
    "rfc7296/1.2/invalid-ke-retry",
    "rfc7296/1.2/retry-proposes-full-set",
)
def mismatch_ke_group(bench: Bench) -> None:
    """The KE payload is of the wrong group: INVALID_KE_PAYLOAD names the right one, and the second attempt succeeds."""
    both = ("aes128gcm16-prfsha256-ecp384", "aes128gcm16-prfsha256-ecp256")
    bench.configure(initiator=_suites(ike=both), responder=_suites(ike=both[1:]))
    bench.start()
    if wait(lambda: all(bench.up(side) for side in bench.sides)):
        bench.ping()
    wire = bench.judge()
    found = wire.exchanges(IKE_SA_INIT, bench.initiator.name)
    first = found[0]
    response = checks.refused(
        wire, bench, first, INVALID_KE_PAYLOAD, "INVALID_KE_PAYLOAD", "rfc7296/1.2/invalid-ke-names-group"
    )
    told = notify(response, INVALID_KE_PAYLOAD)
    data = told.get("isakmp.notify.data").replace(":", "") if told else ""
    if data != "0013":
        raise Broken(
            first.answerer, "group 19 in INVALID_KE_PAYLOAD", data or "no data", "rfc7296/1.2/invalid-ke-names-group"
        )
    if len(found) < 2 or found[1].request.of(34)[0].get("isakmp.key_exchange.dh_group") != "19":
        raise Broken(first.sender, "IKE_SA_INIT again with group 19", "none", "rfc7296/1.2/invalid-ke-retry")
    offers = [_proposals(item.request) for item in found[:2]]
    if offers[0] != offers[1]:
        raise Broken(first.sender, "the same proposals again", "others", "rfc7296/1.2/retry-proposes-full-set")
    checks.tunnel(wire, bench, checks.established(wire, bench))


def _proposals(message: IkeMessage) -> list[tuple[str, ...]]:
    """The transforms of each proposal, in an order of their own: an initiator may now prefer the right group."""
    found: list[list[str]] = []
    for name, value in message.of(SA)[0].fields:
        if name == "isakmp.prop.number":
            found.append([])
        elif name.startswith("isakmp.tf.") or name.endswith("key_length"):
            found[-1].append(f"{name}={value}")
    return sorted(tuple(sorted(item)) for item in found)


def _authentication_fails(bench: Bench, wire: Wire) -> Exchange:
    """IKE_AUTH is refused by a protected AUTHENTICATION_FAILED, and there is no SA."""
    exchange = checks.auth(wire, bench)
    response = checks.refused(wire, bench, exchange, AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", _AUTH[0])
    if not response.encrypted:
        raise Broken(exchange.answerer, "a protected response", "one in the clear", _AUTH[0])
    if AUTH in response.types or SA in response.types:
        raise Broken(exchange.answerer, "no AUTH and SA payload", f"payloads {response.types}", _AUTH[1])
    wire.no_esp()
    return exchange


@scenario("mismatch-psk", "MK", *_AUTH, "rfc7296/1.2/verifies-auth")
def mismatch_psk(bench: Bench) -> None:
    """The pre-shared keys differ: a protected AUTHENTICATION_FAILED, and no SA at either end."""

    def other(connection: Connection) -> Connection:
        wrong = Credentials(psk=b"not the key of the responder")
        return replace(
            connection,
            local=replace(connection.local, credentials=wrong),
            remote=replace(connection.remote, credentials=wrong),
        )

    _attempt(bench, IKE_AUTH, initiator=other)
    bench.nothing_left()
    _authentication_fails(bench, bench.judge(settle=0.4))


@scenario("mismatch-identity", "MI", *_AUTH, "rfc7296/2.21.2/auth-failure-notified")
def mismatch_identity(bench: Bench) -> None:
    """The responder expects another identity: a protected AUTHENTICATION_FAILED, and no SA at either end."""

    def expects(connection: Connection) -> Connection:
        stranger = Identity("fqdn", "somebody-else.example")
        return replace(connection, remote=replace(connection.remote, identity=stranger))

    _attempt(bench, IKE_AUTH, responder=expects)
    bench.nothing_left()
    _authentication_fails(bench, bench.judge(settle=0.4))


def _with_foreign_certificate(bench: Bench, side: Side, connection: Connection) -> Connection:
    # another name: NSS files certificates by it
    return replace(connection, name="interop-foreign", local=bench.site.untrusted(side, "rsa"))


@scenario("mismatch-certificate", "MC", *_AUTH, "rfc7296/2.21.2/auth-failure-notified")
def mismatch_certificate(bench: Bench) -> None:
    """The initiator's certificate is from a CA that nobody trusts: AUTHENTICATION_FAILED, and no SA at either end."""

    def foreign(connection: Connection) -> Connection:
        return _with_foreign_certificate(bench, bench.initiator, connection)

    _attempt(bench, IKE_AUTH, "rsa", initiator=foreign)
    bench.nothing_left()
    _authentication_fails(bench, bench.judge(settle=0.4))


@scenario("mismatch-responder-certificate", "MR", "rfc7296/1.2/verifies-auth", "rfc7296/2.21/bad-response-cleans-up")
def mismatch_responder_certificate(bench: Bench) -> None:
    """The responder's certificate is from a CA that nobody trusts: the initiator keeps no SA and sends no ESP."""

    def foreign(connection: Connection) -> Connection:
        return _with_foreign_certificate(bench, bench.responder, connection)

    _attempt(bench, IKE_AUTH, "rsa", responder=foreign)
    # the initiator takes a moment to verify what it has got
    wait(lambda: bench.seen(INFORMATIONAL), 1.0)
    if bench.up(bench.initiator):
        raise Broken(bench.initiator.name, "no SA at the initiator", "an established one", "rfc7296/1.2/verifies-auth")
    wire = bench.judge(settle=0.4)
    exchange = checks.auth(wire, bench)
    checks.payloads(exchange.answerer, exchange.answered(), (IDR, AUTH), "rfc7296/1.2/auth-response-payloads")
    for item in wire.esp:
        if wire.sent_by(item) == bench.initiator.name:
            raise Broken(bench.initiator.name, "no ESP", f"ESP with SPI {item.spi}", "rfc7296/1.2/verifies-auth")
    told = wire.exchanges(INFORMATIONAL, bench.initiator.name)
    for each in told:
        if notify(each.request, AUTHENTICATION_FAILED) is None and deletes(each.request, "1") is None:
            kinds = f"payloads {each.request.types}"
            raise Broken(
                each.sender,
                ("AUTHENTICATION_FAILED", "Delete of the IKE SA", "no INFORMATIONAL request"),
                kinds,
                "rfc7296/2.21/bad-response-cleans-up",
            )


def _no_child(bench: Bench, kind: int, name: str, requirement: str) -> None:
    """IKE_AUTH authenticates both ends, but the response has an error in place of the Child SA."""
    bench.nothing_left(ike=False)
    wire = bench.judge(settle=0.4)
    exchange = checks.auth(wire, bench)
    response = checks.refused(wire, bench, exchange, kind, name, requirement)
    if not response.encrypted:
        raise Broken(exchange.answerer, "a protected response", "one in the clear", requirement)
    created = "rfc7296/1.2/child-failure-creates-ike"
    checks.payloads(exchange.answerer, response, (IDR, AUTH), created)
    if SA in response.types:
        raise Broken(exchange.answerer, "no SA payload", f"payloads {response.types}", requirement)
    wire.no_esp()
    _ike_sa_is_kept_or_deleted(bench, wire, exchange)


def _ike_sa_is_kept_or_deleted(bench: Bench, wire: Wire, exchange: Exchange) -> None:
    """The initiator may delete the IKE SA later, by a Delete; it does not just forget it."""
    end = [item for item in wire.exchanges(INFORMATIONAL) if deletes(item.request, "1") is not None]
    kept: Callable[[], bool] = lambda: any(sa.established for sa in bench.initiator.driver.state())  # noqa: E731
    if not end and not kept():
        raise Broken(
            exchange.sender,
            ("the IKE SA is kept", "the IKE SA is deleted by a Delete payload"),
            "it is gone silently",
            "rfc7296/2.21.2/initiator-tolerates-child-failure",
        )


@scenario(
    "mismatch-child-proposal",
    "ME",
    "rfc7296/3.10.1/no-proposal-chosen-generic",
    "rfc7296/1.2/child-failure-creates-ike",
    "rfc7296/2.21.2/initiator-tolerates-child-failure",
)
def mismatch_child_proposal(bench: Bench) -> None:
    """No ESP suite in common: a protected NO_PROPOSAL_CHOSEN, an IKE SA without Child SA, and no ESP."""
    _attempt(bench, IKE_AUTH, initiator=_suites(esp=("aes256-sha512",)), responder=_suites(esp=("aes128gcm16",)))
    _no_child(bench, NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN", "rfc7296/3.10.1/no-proposal-chosen-generic")


@scenario(
    "mismatch-selectors",
    "MT",
    "rfc7296/2.9/ts-unacceptable",
    "rfc7296/1.2/child-failure-creates-ike",
    "rfc7296/2.21.2/initiator-tolerates-child-failure",
)
def mismatch_selectors(bench: Bench) -> None:
    """No Traffic Selectors in common: a protected TS_UNACCEPTABLE, an IKE SA without Child SA, and no ESP."""

    def elsewhere(connection: Connection) -> Connection:
        return replace(connection, remote=replace(connection.remote, networks=("10.99.0.0/24",)))

    _attempt(bench, IKE_AUTH, initiator=elsewhere)
    _no_child(bench, TS_UNACCEPTABLE, "TS_UNACCEPTABLE", "rfc7296/2.9/ts-unacceptable")
