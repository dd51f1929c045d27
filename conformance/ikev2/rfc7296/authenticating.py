"""What tests of IKE_AUTH judge alike: a refusal, an IKE SA that is gone, selectors that stay inside others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conformance.tester import (
    AuthExchange,
    Draft,
    Edit,
    IkeSa,
    InitExchange,
    NotApplicable,
    NotEstablished,
    Notify,
    Outcome,
    Received,
    Silence,
    Tester,
    error_of,
    order_of,
)
from conformance.tester.expect import observed
from conformance.tester.proposals import encr, esn, integ
from reference_impl.crypto.auth import signed_octets
from reference_impl.wire.message import Message
from reference_impl.wire.registries import Encr, ExchangeType, Integ, NotifyType, PayloadType, ProtocolId
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import AuthPayload, IdiPayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

NOTIFIED = "rfc7296/2.21.2/auth-failure-notified"
"""The SHOULD that asks for AUTHENTICATION_FAILED."""

FAILED = Notify(NotifyType.AUTHENTICATION_FAILED)
SYNTAX = Notify(NotifyType.INVALID_SYNTAX)

ANY_PORTS = (0, 65535)
OPAQUE_PORTS = (65535, 0)


@dataclass(frozen=True, slots=True)
class Family:
    """Networks of one IP version: all of it, and a documentation network that no profile's traffic holds."""

    everything: str
    elsewhere: str
    host_elsewhere: str


IPV4 = Family("0.0.0.0/0", "198.51.100.0/24", "198.51.100.7")
IPV6 = Family("::/0", "2001:db8:ffff::/64", "2001:db8:ffff::7")


def family(tester: Tester, *, other: bool = False) -> Family:
    """The IP version of the protected networks, or the `other`."""
    traffic = tester.profile.traffic
    is_ipv6 = traffic is not None and ":" in traffic.local
    return IPV6 if is_ipv6 != other else IPV4


# -- the messages ---------------------------------------------------------------------------------------------------


def check_each_once(tester: Tester, message: Message, wanted: tuple[PayloadType, ...]) -> None:
    """Fail unless each of these payload types occurs exactly once."""
    kinds = order_of(message)
    for kind in wanted:
        tester.check(kinds.count(kind) == 1, f"one {kind.name} payload", observed(message))


def is_auth_of(item: Received, spi_i: bytes) -> bool:
    """Whether it is an IKE_AUTH message of the IKE SA with this initiator SPI."""
    return item.header is not None and item.header.spi_i == spi_i and item.header.exchange == ExchangeType.IKE_AUTH


def check_first_auth(tester: Tester, item: Received) -> None:
    """Fail unless it has Message ID 1, and an Encrypted payload with nothing in the clear before it."""
    tester.check(item.message_id == 1, "Message ID 1", str(item.message_id))
    # The header's Next Payload is that of the outermost payload.
    first = item.octets[16]
    fitting = (PayloadType.SK, PayloadType.SKF)
    tester.check(first in fitting, "SK first", f"payload type {first}", "rfc7296/1.2/all-later-have-sk")


# -- refusals -------------------------------------------------------------------------------------------------------


def expect_refused(tester: Tester, attempt: AuthExchange, *also: Outcome) -> None:
    """Fail if the device proved itself, and so accepted the peer; at SHOULD level if AUTHENTICATION_FAILED is missing.

    also: other error notifications that name this fault as well.
    """
    reply = attempt.reply
    if attempt.init.reply is None or not attempt.init.accepted:
        raise NotEstablished(attempt.problem)
    accepted = reply is not None and (reply.get(AuthPayload) is not None or reply.get(SaPayload) is not None)
    tester.check(not accepted, "IKE_AUTH is refused", observed(reply))
    tester.expects(reply, {FAILED, *also}, NOTIFIED)


def answers_on(sa: IkeSa, exchange: ExchangeType = ExchangeType.INFORMATIONAL, message_id: int = 2) -> list[Received]:
    """The protected answers without an error to a valid request on this IKE SA."""
    tester = sa.tester
    found = tester.answers_to(lambda: sa.send(sa.draft(exchange, message_id=message_id), note="is the IKE SA there?"))
    return [
        item
        for item in found
        if item.sa is sa
        and item.is_response
        and item.opened
        and item.message is not None
        and not error_of(item.message)
    ]


def expect_gone(sa: IkeSa, requirement: str | None = None, message_id: int = 2) -> None:
    """Fail if the device answers a request on this IKE SA as if it were established."""
    found = answers_on(sa, message_id=message_id)
    if found:
        sa.tester.fail("there is no IKE SA", found[0].text(), requirement)


def half_open(tester: Tester, init: InitExchange | None = None) -> tuple[InitExchange, IkeSa]:
    """After IKE_SA_INIT. Raises NotEstablished when the device refused it."""
    init = init or tester.ike_sa_init()
    if not init.accepted:
        raise NotEstablished(f"IKE_SA_INIT: {observed(init.reply)}")
    return init, init.open_sa()


def silent_or(tester: Tester, sa: IkeSa, draft: Draft, *outcomes: Outcome) -> None:
    """Send a message before IKE_AUTH is done; fail unless it is not answered, or by one of these outcomes."""
    found = tester.answers_to(lambda: sa.send(draft))
    for item in found:
        if item.is_response and item.message is not None:
            tester.expects(item, {Silence(), *outcomes})


def expect_ignored(tester: Tester, init: InitExchange, edit: Edit) -> None:
    """Send IKE_AUTH with a fault that must not get a protected answer, then as it should be, to be accepted."""
    sa = init.open_sa()
    found = tester.answers_to(lambda: tester.ike_auth(init, edit=edit, timeout=0.0))
    for item in found:
        answered = item.sa is sa and item.is_response and (item.opened or _accepts(item.message))
        tester.check(not answered, "no protected answer", item.text())
    after = tester.ike_auth(init)
    tester.check(
        not after.problem,
        "the valid request after it is accepted",
        after.problem,
        "rfc7296/2.4/unprotected-is-no-failure",
    )


def _accepts(message: Message | None) -> bool:
    return message is not None and message.get(AuthPayload) is not None


# -- octets that AUTH proves ------------------------------------------------------------------------------------------


def signed(
    tester: Tester,
    init: InitExchange,
    *,
    message: bytes | None = None,
    nonce: bytes | None = None,
    sk_p: bytes | None = None,
    body: bytes | None = None,
) -> bytes:
    """The initiator's octets (RFC 7296 section 2.15) with one part replaced."""
    who = tester.identity
    own = IdiPayload(who.id_type, who.data).body() if body is None else body
    return signed_octets(
        init.request if message is None else message,
        init.nonce_r if nonce is None else nonce,
        init.suite.prf_algorithm(),
        init.keys().sk_pi if sk_p is None else sk_p,
        own,
    )


def edit_auth_data(change: Callable[[bytes], bytes], name: str) -> Edit:
    """An edit of the authentication data."""

    def apply(draft: Draft) -> None:
        draft.payloads = [
            replace(item, data=change(item.data)) if isinstance(item, AuthPayload) else item for item in draft.payloads
        ]

    return Edit(name, apply)


# -- claims ---------------------------------------------------------------------------------------------------------


def require(tester: Tester, *claims: str) -> None:
    """Raise NotApplicable unless the device makes all of these claims."""
    missing = tester.profile.missing(claims)
    if missing:
        raise NotApplicable(f"the device does not claim {', '.join(missing)}")


def require_any_identity(tester: Tester) -> None:
    """Raise NotApplicable unless the profile says, by "%d" in the tester's identity, that any identity will do."""
    if "%d" not in tester.profile.tester_identity:
        raise NotApplicable("the profile names one identity of the tester; others are not known to the device")


# -- Child SAs ------------------------------------------------------------------------------------------------------


def refused_esp(spi: bytes = b"\x0a\x0b\x0c\x0d") -> Proposal:
    """An ESP proposal that no device accepts: DES with MD5 (RFC 8221 forbids both)."""
    return Proposal(1, ProtocolId.ESP, spi, (encr(Encr.DES), integ(Integ.HMAC_MD5_96), esn()))


def only_proposal(tester: Tester, reply: Message | None) -> Proposal:
    """The one proposal of an answer that accepts a Child SA; fails without it."""
    found = reply.get(SaPayload) if reply is not None else None
    if found is None or len(found.proposals) != 1:
        tester.fail("an SA payload with one proposal", observed(reply))
    return found.proposals[0]


def pair(tester: Tester, reply: Message | None) -> tuple[tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]:
    """TSi and TSr of an answer that accepts a Child SA; fails without them."""
    tsi, tsr = (reply.get(TsiPayload), reply.get(TsrPayload)) if reply is not None else (None, None)
    if tsi is None or tsr is None:
        tester.fail("TSi and TSr", observed(reply))
    return tsi.selectors, tsr.selectors


def inside(inner: Sequence[TrafficSelector], outer: Sequence[TrafficSelector]) -> bool:
    """Whether all traffic of `inner` is in the union of `outer`, by address ranges with the same protocol and ports."""
    return all(_covered(item, outer) for item in inner)


def _covered(item: TrafficSelector, outer: Sequence[TrafficSelector]) -> bool:
    if item.start > item.end:
        return False
    need = item.start
    fitting = [each for each in outer if _traffic_fits(item, each)]
    for each in sorted(fitting, key=lambda selector: selector.start):
        if each.start <= need <= each.end:
            if each.end >= item.end:
                return True
            need = (int.from_bytes(each.end, "big") + 1).to_bytes(len(need), "big")
    return False


def _traffic_fits(item: TrafficSelector, outer: TrafficSelector) -> bool:
    """Whether type, protocol and ports of `item` are inside those of `outer`; ANY includes OPAQUE (3.13.1)."""
    ports, limits = (item.start_port, item.end_port), (outer.start_port, outer.end_port)
    return (
        item.ts_type == outer.ts_type
        and len(item.start) == len(outer.start)
        and outer.protocol in (0, item.protocol)
        and (limits in (ports, ANY_PORTS) or (OPAQUE_PORTS not in (ports, limits) and _within(ports, limits)))
    )


def _within(ports: tuple[int, int], limits: tuple[int, int]) -> bool:
    return limits[0] <= ports[0] <= ports[1] <= limits[1]


def text_of(selectors: Sequence[TrafficSelector]) -> str:
    """One line for verdicts."""
    return ", ".join(_text(item) for item in selectors) or "none"


def _text(item: TrafficSelector) -> str:
    if not item.is_address_range:
        return f"type {int(item.ts_type)}"
    networks = "+".join(str(network) for network in item.networks()) or f"{item.start.hex()}-{item.end.hex()}"
    ports = (item.start_port, item.end_port)
    return f"{networks}[{item.protocol or 'any'}/{'any' if ports == ANY_PORTS else f'{ports[0]}-{ports[1]}'}]"


def check_inside(
    tester: Tester,
    got: Sequence[TrafficSelector],
    limit: Sequence[TrafficSelector],
    requirement: str = "rfc7296/2.9/narrowing-is-subset",
) -> None:
    """Fail unless `got` is not empty and inside `limit`."""
    tester.check(bool(got) and inside(got, limit), f"a part of {text_of(limit)}", text_of(got), requirement)
