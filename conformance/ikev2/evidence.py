"""What several suites ask of Child SAs and proposals: who answers an echo, which groups there are to choose from."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from conformance.tester import (
    Accepted,
    ChildSa,
    Empty,
    IkeSa,
    Inconclusive,
    Kind,
    NotApplicable,
    Received,
    Tester,
    automatic,
)
from conformance.tester.child_exchanges import ChildExchange
from conformance.tester.proposals import group as group_transform
from reference_impl.crypto.suite import parse_esp, parse_ike
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, ProtocolId, TransformType
from reference_impl.wire.sa import Proposal, SaPayload
from reference_impl.wire.simple import NoncePayload

T = TypeVar("T")
LINGER_STEP = 0.5

SOON = 0.1
SPARE_GROUPS = (Group.ECP_521, Group.CURVE448, Group.MODP_4096, Group.BRAINPOOL_P256R1, Group.MODP_1536)


def answered_on(tester: Tester, child: ChildSa, tries: int = 3) -> ChildSa | None:
    """Send echo requests on `child`; the Child SA on which the first reply comes, or None when there is none."""
    limit = tester.profile.timing.answer / tries
    for _ in range(tries):
        echo = child.send_ping()
        if child.await_echo(echo, limit):
            return child.carrier(echo)
    return None


def further_child(sa: IkeSa, requirement: str | None = None, **options: Any) -> ChildSa:
    """A further Child SA. Inconclusive when the device accepts none at all; else a refusal breaks `requirement`."""
    exchange = sa.try_child(**options)
    expect_accepted(sa.tester, exchange, requirement)
    if exchange.child is None:
        sa.tester.fail("an answer that makes a Child SA", exchange.problem, requirement)
    return exchange.child


def expect_accepted(tester: Tester, exchange: ChildExchange, requirement: str | None = None) -> None:
    """Fail when the Child SA is refused, unless the device refuses the plainest request for one as well."""
    if Accepted().matches(exchange.reply):
        return
    control = tester.establish().try_child()
    if not Accepted().matches(control.reply):
        raise Inconclusive(f"the device accepts no further Child SA: {control.problem}")
    tester.expects(exchange.reply, Accepted(), requirement)


def expect_carried(tester: Tester, child: ChildSa, requirement: str | None = None) -> ChildSa:
    """Fail unless an echo request on `child` is answered, on whichever Child SA; that one is the result."""
    found = answered_on(tester, child)
    if found is None:
        tester.fail(f"the Child SA with SPI {child.spi_out.hex()} carries traffic", "no echo reply", requirement)
    return found


def expect_refused_esp(tester: Tester, dead: ChildSa, alive: ChildSa, requirement: str | None = None) -> None:
    """Fail if the device uses `dead` or answers echo requests on it; `alive` shows that it has looked at them.

    A device may take a moment to stop sending: what counts is the last of three requests. It may go on receiving for
    as long as `timing.linger`, for packets that were on their way: RFC 7296 §1.4.1 sets no time for closing an SA.
    """
    end = time.monotonic() + tester.profile.timing.linger
    tries = 0
    while True:
        tries += 1
        mark = tester.mark()
        echo = dead.send_ping(note="on a Child SA that is gone")
        carried = answered_on(tester, alive) is not None
        tester.drain(tester.profile.timing.fence_grace)
        if any(item.kind == Kind.ESP and item.octets[:4] == dead.spi_in for item in tester.since(mark)):
            seen = f"a packet with SPI {dead.spi_in.hex()} of it"
            last = tries >= 3
        elif dead.answered(echo):
            seen = f"an echo reply to a packet with SPI {dead.spi_out.hex()} of it"
            last = tries >= 3 and time.monotonic() >= end
        else:
            break
        if last:
            tester.fail("a Child SA that is gone is used in neither direction", seen, requirement)
        if tries >= 3:
            tester.drain(LINGER_STEP)
    if not carried:
        raise Inconclusive("no other Child SA carries traffic, so that silence says nothing")


def esp_suite(tester: Tester, *, combined: bool) -> str:
    """The first ESP suite of the profile with (or without) a combined-mode cipher, and without a group."""
    for text in tester.profile.child:
        suite = parse_esp(text)
        if suite.cipher_algorithm().aead == combined and suite.group is None:
            return text
    raise NotApplicable(f"no such suite in dut.proposals.child ({'combined' if combined else 'separate'} integrity)")


def pfs_suite(tester: Tester) -> str:
    """The first ESP suite of the profile that has a group."""
    for text in tester.profile.child:
        if parse_esp(text).group is not None:
            return text
    raise NotApplicable("no suite in dut.proposals.child has a key exchange group")


def pfs_group(tester: Tester) -> Group:
    """The group of that suite."""
    group = parse_esp(pfs_suite(tester)).group
    assert group is not None
    return group


def spare_group(used: Iterable[Group | None]) -> Group:
    """A group that is not among `used`: one that the device is expected not to choose."""
    taken = set(used)
    for group in SPARE_GROUPS:
        if group not in taken:
            return group
    raise NotApplicable("the device accepts every group that the tester knows")


def esp_groups(tester: Tester) -> list[Group | None]:
    """The groups of the profile's ESP suites."""
    return [parse_esp(text).group for text in tester.profile.child]


def ike_groups(tester: Tester) -> list[Group | None]:
    """The groups of the profile's IKE suites."""
    return [parse_ike(text).group for text in tester.profile.ike]


def with_groups(proposal: Proposal, groups: Sequence[Group]) -> Proposal:
    """The proposal with just these groups, in this order."""
    others = [item for item in proposal.transforms if item.type != TransformType.KE]
    return Proposal(proposal.number, proposal.protocol, proposal.spi, (*others, *map(group_transform, groups)))


def only_proposal(tester: Tester, message: Message, requirement: str | None = None) -> Proposal:
    """The one proposal of an accepted SA payload; fails when there are none or several."""
    payload = message.get(SaPayload)
    count = len(payload.proposals) if payload is not None else 0
    tester.check(count == 1, "an SA payload with one proposal", f"{count} proposals", requirement)
    assert payload is not None
    return payload.proposals[0]


def triggered(tester: Tester, sa: IkeSa, action: str, exchange: ExchangeType) -> Received:
    """Trigger the device (`rekey_child`, `delete_ike` …); its request on `sa`, which nothing answers by itself.

    From then on the tester answers no request of the device on this SA, or its successor, automatically.
    """
    sa.policy.enabled = False
    getattr(tester.trigger, action)(sa.spi_i)
    return sa.receive_request(exchange)


def accept_child(sa: IkeSa, received: Received, **options: Any) -> ChildSa:
    """Accept the device's request for a Child SA (keywords of `automatic.answer_child`). Raises Inconclusive."""
    return _taken(automatic.answer_child(sa, received, **options))


def accept_ike_rekey(sa: IkeSa, received: Received, **options: Any) -> IkeSa:
    """Accept the device's rekey of the IKE SA (keywords of `automatic.answer_ike_rekey`). Raises Inconclusive."""
    return _taken(automatic.answer_ike_rekey(sa, received, **options))


def _taken(made: T | None) -> T:
    if made is None:
        raise Inconclusive("the tester does not accept what the device offers")
    return made


def expect_answers(sa: IkeSa, requirement: str | None = None) -> None:
    """Fail unless the device answers on an IKE SA that was made a moment ago.

    The request is soon repeated: it may come while the device is still computing the keys, and be dropped.
    """
    tester = sa.tester
    sent, reply = sa.send_request(), None
    for _ in range(max(1, round(tester.profile.timing.answer / SOON))):
        reply = sa.await_reply(sent, SOON, retransmit=False)
        if reply is not None:
            break
        sa.send_raw(sent.datagrams[0], note="the same request again")
    tester.expects(reply, Empty(), requirement)


def demand_group(sa: IkeSa, received: Received, group: Group) -> Received:
    """Answer the device's request by INVALID_KE_PAYLOAD with this group; its next. Inconclusive when none comes."""
    sa.answer(received, [NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, int(group).to_bytes(2, "big"))])
    second = next_request(sa, received)
    if second is None:
        raise Inconclusive("the device does not try again")
    return second


def expect_ike_kept(sa: IkeSa, received: Received, error: NotifyType) -> None:
    """Refuse the device's request with `error`; fail when it then deletes the IKE SA."""
    sa.answer(received, [NotifyPayload(error)])
    closes = any(deletes_ike(decoded(item)) for item in new_requests(sa, received))
    sa.tester.check(not closes, "the IKE SA goes on", "its Delete")


def expect_no_retry(sa: IkeSa, received: Received) -> None:
    """Answer the device's request with TEMPORARY_FAILURE; fail when it sends another CREATE_CHILD_SA right after."""
    sa.answer(received, [NotifyPayload(NotifyType.TEMPORARY_FAILURE)])
    requests = [item for item in new_requests(sa, received) if decoded(item).exchange == ExchangeType.CREATE_CHILD_SA]
    again = ", ".join(item.text() for item in requests)
    sa.tester.check(not requests, "no CREATE_CHILD_SA request for now", again)


def next_request(sa: IkeSa, after: Received, timeout: float | None = None) -> Received | None:
    """The device's next request on `sa` with a higher Message ID than `after`, or None when none comes."""
    limit = sa.tester.profile.timing.answer if timeout is None else timeout
    return sa.tester.wait(
        lambda item: item.sa is sa and item.is_request and item.opened and item.message_id > after.message_id, limit
    )


def new_requests(sa: IkeSa, after: Received) -> list[Received]:
    """The device's requests on `sa` with a higher Message ID that came by the time it answered a fence."""
    for _ in range(2):
        sa.liveness()
    sa.tester.drain(sa.tester.profile.timing.fence_grace)
    return [item for item in sa.requests if item.message_id > after.message_id]


def decoded(received: Received) -> Message:
    """The message of a request that was decrypted."""
    if received.message is None:
        raise Inconclusive("the device's message cannot be decoded")
    return received.message


def nonce_of(message: Message) -> bytes:
    """The nonce of a message. Raises Inconclusive."""
    found = message.get(NoncePayload)
    if found is None:
        raise Inconclusive("the message has no nonce")
    return found.data


def deleted_spis(message: Message) -> list[bytes]:
    """The ESP SPIs in its Delete payloads."""
    return [spi for item in message.all(DeletePayload) if item.protocol == ProtocolId.ESP for spi in item.spis]


def deletes_ike(message: Message) -> bool:
    """Whether it deletes the IKE SA."""
    return any(item.protocol == ProtocolId.IKE for item in message.all(DeletePayload))
