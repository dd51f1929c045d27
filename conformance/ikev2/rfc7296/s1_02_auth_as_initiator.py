"""RFC 7296 section 1.2: the device's own IKE_AUTH request, and what it makes of the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.ikev2.rfc7296.authenticating import (
    check_each_once,
    check_first_auth,
    family,
    inside,
    is_auth_of,
    text_of,
)
from conformance.tester import ChildSa, DutInitiator, IkeSa, Inconclusive, Tester, covers, error_of, order_of
from conformance.tester.expect import observed
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import NotifyType, PayloadType, ProtocolId, TransformType
from reference_impl.wire.sa import SaPayload, Transform, key_length
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsPayload, TsrPayload

NEEDS = ("initiator",)
WITH_DATA = ("initiator", "data_plane", "natt")
FIGURE = (
    PayloadType.IDI,
    PayloadType.CERT,
    PayloadType.CERTREQ,
    PayloadType.IDR,
    PayloadType.AUTH,
    PayloadType.SA,
    PayloadType.TSI,
    PayloadType.TSR,
)
ONCE = (PayloadType.IDI, PayloadType.AUTH, PayloadType.SA, PayloadType.TSI, PayloadType.TSR)


def auth_request(tester: Tester) -> tuple[DutInitiator, Message]:
    """The device's IKE_AUTH request, after a proper IKE_SA_INIT."""
    peer = tester.await_initiation()
    peer.answer_init()
    return peer, peer.receive_auth()


# -- the request -----------------------------------------------------------------------------------------------------


@covers("rfc7296/1.2/auth-request-payloads", mutants=["initiator-without-tsr"], role="initiator", needs=NEEDS)
def test_auth_request_payloads(tester: Tester) -> None:
    """The IKE_AUTH request has IDi, AUTH, SA, TSi and TSr, once each."""
    peer, request = auth_request(tester)
    check_each_once(tester, request, ONCE)
    peer.answer_auth()


@covers("rfc7296/2.5/payload-order-as-shown", mutants=["initiator-auth-last"], role="initiator", needs=NEEDS)
def test_auth_request_order(tester: Tester) -> None:
    """The payloads of the IKE_AUTH request come in the order of the figure."""
    peer, request = auth_request(tester)
    ranks = [FIGURE.index(PayloadType(kind)) for kind in order_of(request) if kind in FIGURE]
    tester.check(ranks == sorted(ranks), " ".join(kind.name for kind in FIGURE), observed(request))
    peer.answer_auth()


@covers(
    "rfc7296/2.2/first-auth-message-id-one",
    "rfc7296/1.2/all-later-have-sk",
    mutants=["initiator-auth-in-clear"],
    role="initiator",
    needs=NEEDS,
)
def test_auth_request_protected(tester: Tester) -> None:
    """The IKE_AUTH request has Message ID 1 and its payloads in an Encrypted payload only."""
    peer = tester.await_initiation()
    peer.answer_init()
    spi = peer.request.spi_i
    found = tester.wait(lambda item: item.is_request and is_auth_of(item, spi), tester.profile.timing.trigger)
    if found is None:
        raise Inconclusive("the device sent no IKE_AUTH request in time")
    check_first_auth(tester, found)
    found.taken = False
    peer.answer_auth()


@covers("rfc7296/1.2/auth-without-ke-nonce", mutants=["initiator-offers-group-in-auth"], role="initiator", needs=NEEDS)
def test_auth_request_without_ke(tester: Tester) -> None:
    """The IKE_AUTH request has no KE and nonce payload, and its proposals no group but NONE."""
    peer, request = auth_request(tester)
    tester.check(not request.get(KePayload) and not request.get(NoncePayload), "no KE and nonce", observed(request))
    for proposal in _offer(tester, request).proposals:
        groups = [item.id for item in proposal.of(TransformType.KE)]
        tester.check(not any(groups), "no group but NONE", f"groups {groups} in proposal {proposal.number}")
    peer.answer_auth()


@covers("rfc7296/1.2/omits-none-group", mutants=["initiator-offers-group-none"], role="initiator", needs=NEEDS)
def test_auth_request_omits_none(tester: Tester) -> None:
    """The proposals of the IKE_AUTH request leave the group out instead of saying NONE."""
    peer, request = auth_request(tester)
    for proposal in _offer(tester, request).proposals:
        found = proposal.of(TransformType.KE)
        tester.check(not found, "no group transform", f"{len(found)} in proposal {proposal.number}")
    peer.answer_auth()


@covers(
    "rfc7296/3.3.1/first-number-one",
    "rfc7296/3.3.1/next-number-plus-one",
    "rfc7296/3.3.1/later-spi-size",
    "rfc4303/2.1/spi-1-to-255-reserved",
    mutants=["allocates-reserved-spi", "initiator-numbers-from-zero"],
    role="initiator",
    needs=NEEDS,
)
def test_auth_request_proposals(tester: Tester) -> None:
    """The ESP proposals of the IKE_AUTH request are numbered from 1 and have SPIs of 4 octets above 255."""
    peer, request = auth_request(tester)
    proposals = _offer(tester, request).proposals
    numbers = [item.number for item in proposals]
    tester.check(numbers[:1] == [1], "1 first", str(numbers))
    wanted = list(range(1, len(numbers) + 1))
    tester.check(numbers == wanted, str(wanted), str(numbers), "rfc7296/3.3.1/next-number-plus-one")
    for item in proposals:
        tester.check(len(item.spi) == 4, "4 octets", f"{len(item.spi)}", "rfc7296/3.3.1/later-spi-size")
        number = int.from_bytes(item.spi, "big")
        tester.check(number > 255, "an SPI above 255", str(number), "rfc4303/2.1/spi-1-to-255-reserved")
    peer.answer_auth()


@covers(
    "rfc7296/2.9/two-ts-payloads",
    "rfc7296/3.13/one-or-more-selectors",
    "rfc7296/3.13.1/any-ports",
    "rfc7296/3.13/reserved-sent-zero",
    "rfc7296/2.9.1/proposes-own-policy-only",
    mutants=["initiator-proposes-everything", "any-ports-as-zero"],
    role="initiator",
    needs=NEEDS,
)
def test_auth_request_selectors(tester: Tester) -> None:
    """TSi and TSr of the IKE_AUTH request are what the device's policy protects, well written."""
    peer, request = auth_request(tester)
    found = [item for item in request.payloads if isinstance(item, TsPayload)]
    tester.check(len(found) == 2, "TSi and TSr", observed(request))
    for item in found:
        tester.check(bool(item.selectors), "a selector", "none", "rfc7296/3.13/one-or-more-selectors")
        tester.check(not item.reserved2, "reserved octets zero", hex(item.reserved2), "rfc7296/3.13/reserved-sent-zero")
        for each in item.selectors:
            ports = (each.start_port, each.end_port)
            fine = each.protocol != 0 or ports == (0, 65535)
            tester.check(fine, "ports 0 to 65535", f"{ports[0]} to {ports[1]}", "rfc7296/3.13.1/any-ports")
    traffic = tester.profile.traffic
    if traffic is not None and request.notify(NotifyType.USE_TRANSPORT_MODE) is None:
        for kind, network in ((TsiPayload, traffic.local), (TsrPayload, traffic.remote)):
            got, policy = request.get(kind), [TrafficSelector.from_network(network)]
            held = got is not None and inside(got.selectors, policy)
            tester.check(
                held, text_of(policy), text_of(got.selectors if got else ()), "rfc7296/2.9.1/proposes-own-policy-only"
            )
    peer.answer_auth()


def _offer(tester: Tester, request: Message) -> SaPayload:
    found = request.get(SaPayload)
    if found is None or not found.proposals:
        tester.fail("an SA payload", observed(request), "rfc7296/1.2/auth-request-payloads")
    return found


# -- the answer: the Child SA is refused ------------------------------------------------------------------------------

NOT_FATAL = (
    NotifyType.NO_PROPOSAL_CHOSEN,
    NotifyType.TS_UNACCEPTABLE,
    NotifyType.SINGLE_PAIR_REQUIRED,
    NotifyType.INTERNAL_ADDRESS_FAILURE,
    NotifyType.FAILED_CP_REQUIRED,
)


@covers(
    "rfc7296/2.21.2/initiator-tolerates-child-failure",
    "rfc7296/1.2/child-errors-not-fatal",
    "rfc7296/2.21.2/only-three-fatal-in-auth",
    mutants=["initiator-fails-with-child"],
    role="initiator",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", NOT_FATAL, ids=lambda item: item.name.lower().replace("_", "-"))
def test_child_refused(tester: Tester, kind: NotifyType) -> None:
    """An initiator whose Child SA was refused has an IKE SA all the same, until it deletes it by Delete."""
    peer, _ = auth_request(tester)
    sa = peer.answer_auth(child=False, extra=[NotifyPayload(kind)])
    expect_alive_or_deleted(tester, sa)


def expect_alive_or_deleted(tester: Tester, sa: IkeSa) -> None:
    """Fail unless the device answers on the IKE SA, or has deleted it by Delete and not by an error."""
    sa.run(0.05)
    for item in sa.requests:
        error = error_of(item.message) if item.message is not None else None
        tester.check(error is None, "no error notification", item.text())
    if not any(_deletes_ike(item.message) for item in sa.requests):
        sa.liveness()


def _deletes_ike(message: Message | None) -> bool:
    return message is not None and any(item.protocol == ProtocolId.IKE for item in message.all(DeletePayload))


# -- the answer: something that was not asked for ---------------------------------------------------------------------


def expect_no_traffic(tester: Tester, sa: IkeSa, child: ChildSa, requirement: str, src: str | None = None) -> None:
    """Fail if the device answers an echo request over the Child SA, from `src` if given."""
    sa.run(0.05, until=lambda: sa.closed or not sa.children)
    packet, echo = child.echo_packet(src=src)
    child.send_esp(packet, note="this must not be answered")
    tester.fence()
    sa.run(0.05, until=lambda: bool(child.answered(echo)))
    tester.check(not child.answered(echo), "the Child SA is not used", "an echo reply", requirement)


@covers(
    "rfc7296/3.3.6/initiator-checks-offer",
    "rfc7296/3.3.6/inconsistent-offer-terminates",
    mutants=["takes-unoffered-suite"],
    role="initiator",
    needs=WITH_DATA,
)
def test_answer_not_offered(tester: Tester) -> None:
    """An accepted proposal with a key length that it did not offer makes no Child SA for the initiator."""
    peer, request = auth_request(tester)
    offered = {item.key_length for each in _offer(tester, request).proposals for item in each.of(TransformType.ENCR)}
    bits = next((each for each in (192, 256, 128) if each not in offered), None)
    if bits is None:
        raise Inconclusive("the device offers all key lengths")

    def edit(payloads: list[Payload]) -> list[Payload]:
        return [_with_key_length(item, bits) if isinstance(item, SaPayload) else item for item in payloads]

    sa = peer.answer_auth(edit=edit)
    nonce = peer.request.get(NoncePayload)
    assert nonce is not None
    usual = sa.child
    # Where the device takes the answer as it is, its keys are those of the cipher with the other key length.
    other = sa.add_child(
        replace(usual.suite, key_bits=bits),
        usual.spi_in,
        usual.spi_out,
        nonce.data,
        peer.nonce_r,
        initiator=False,
        tsi=usual.far_ts,
        tsr=usual.own_ts,
    )
    expect_no_traffic(tester, sa, other, "rfc7296/3.3.6/inconsistent-offer-terminates")


def _with_key_length(item: SaPayload, bits: int) -> SaPayload:
    def changed(transform: Transform) -> Transform:
        return replace(transform, attributes=(key_length(bits),)) if transform.type == TransformType.ENCR else transform

    return SaPayload(
        tuple(replace(each, transforms=tuple(changed(one) for one in each.transforms)) for each in item.proposals)
    )


@covers(
    "rfc7296/1.3.1/response-ts-is-subset",
    "rfc7296/2.9/narrowing-is-subset",
    mutants=["initiator-accepts-wider-selectors"],
    role="initiator",
    needs=WITH_DATA,
)
def test_wider_selectors(tester: Tester) -> None:
    """An initiator takes no traffic from addresses that it did not ask for, though the answer has them."""
    peer, request = auth_request(tester)
    asked = request.get(TsrPayload)
    if asked is None or not asked.selectors:
        raise Inconclusive(f"no selectors in {observed(request)}")
    everything = TrafficSelector.from_network(family(tester).everything)
    sa = peer.answer_auth(tsr=[everything])
    expect_no_traffic(tester, sa, sa.child, "rfc7296/1.3.1/response-ts-is-subset", src=family(tester).host_elsewhere)


@covers(
    "rfc7296/1.3.1/response-ts-is-subset",
    mutants=["initiator-refuses-narrowing"],
    role="initiator",
    needs=WITH_DATA,
)
def test_narrowed_selectors(tester: Tester) -> None:
    """An initiator takes the Child SA with the narrower selectors of the answer."""
    peer, request = auth_request(tester)
    asked = request.get(TsrPayload)
    if asked is None or not asked.selectors:
        raise Inconclusive(f"no selectors in {observed(request)}")
    one = TrafficSelector.from_network(tester.inner_address)
    if not inside([one], asked.selectors):
        raise Inconclusive("the device asks for other addresses than dut.traffic.remote")
    sa = peer.answer_auth(tsr=[one])
    sa.child.expect_ping()
