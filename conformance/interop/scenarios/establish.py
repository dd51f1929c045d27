"""The tunnel comes up by each authentication method and carries traffic both ways."""

from __future__ import annotations

from conformance.interop import checks
from conformance.interop.bench import Bench
from conformance.interop.scenario import scenario
from conformance.interop.wire import CERT, SKF, Broken
from peers.scenario import AuthMethod
from peers.wireshark import IKE_AUTH

_BEGINS = "rfc7296/1.2/begins-with-init-and-auth"
_VERIFIES = "rfc7296/1.2/verifies-auth"
_PROTECTED = "rfc7296/1.2/later-messages-protected"


def _establish(bench: Bench, method: AuthMethod) -> None:
    bench.configure(method)
    bench.establish()
    bench.ping()
    wire = bench.judge()
    spis = checks.established(wire, bench)
    checks.tunnel(wire, bench, spis)
    if method != "psk":
        exchange = checks.auth(wire, bench)
        for sender, message in ((exchange.sender, exchange.request), (exchange.answerer, exchange.answered())):
            checks.payloads(sender, message, (CERT,), "rfc7296/3.6/certificates-included")


@scenario("establish-psk", "P", _BEGINS, _VERIFIES, _PROTECTED)
def establish_psk(bench: Bench) -> None:
    """With a pre-shared key the tunnel comes up and carries traffic both ways, none of it in the clear."""
    _establish(bench, "psk")


@scenario("establish-rsa", "R", _BEGINS, _VERIFIES, _PROTECTED, "rfc7296/3.6/certificates-included")
def establish_rsa(bench: Bench) -> None:
    """With RSA certificates the tunnel comes up and carries traffic both ways, none of it in the clear."""
    _establish(bench, "rsa")


@scenario("establish-ecdsa", "C", _BEGINS, _VERIFIES, _PROTECTED, "rfc7296/3.6/certificates-included")
def establish_ecdsa(bench: Bench) -> None:
    """With ECDSA certificates the tunnel comes up and carries traffic both ways, none of it in the clear."""
    _establish(bench, "ecdsa")


@scenario("establish-ed25519", "D", _BEGINS, _VERIFIES, _PROTECTED, "rfc7296/3.6/certificates-included")
def establish_ed25519(bench: Bench) -> None:
    """With Ed25519 certificates the tunnel comes up and carries traffic both ways, none of it in the clear."""
    _establish(bench, "ed25519")


@scenario("fragments", "F", "rfc7383/2.5/skf-type-53", "rfc7383/2.5/skf-is-last", "rfc7383/2.5/number-starts-at-one")
def fragments(bench: Bench) -> None:
    """An IKE_AUTH exchange with RSA certificates goes in IKE fragments where it is large, and the tunnel comes up."""
    bench.configure("rsa")
    bench.establish()
    wire = bench.judge()
    checks.established(wire, bench)
    parts = [item for item in wire.ike if item.exchange == IKE_AUTH and SKF in item.types]
    if not parts:
        raise Broken("", "an IKE_AUTH message in Encrypted Fragment payloads", "none", "rfc7383/2.5/skf-type-53")
    for item in parts:
        fragment = item.of(SKF)[0]
        number, total = int(fragment.get("isakmp.frag.number") or 0), int(fragment.get("isakmp.frag.total") or 0)
        if not 1 <= number <= total:
            where = f"fragment {number} of {total}"
            raise Broken(wire.sent_by(item), "fragments counted from 1", where, "rfc7383/2.5/number-starts-at-one")
