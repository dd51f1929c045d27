"""RFC 7296 section 1.3: requests for Child SAs that are refused."""

from collections.abc import Callable

import pytest

from conformance.ikev2 import evidence
from conformance.tester import Accepted, ChildSa, Empty, ErrorNotify, IkeSa, NotApplicable, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.proposals import encr, esn, esp_proposal, integ
from reference_impl.crypto.ke import key_exchange
from reference_impl.crypto.suite import parse_esp
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import Encr, ExchangeType, Group, Integ, NotifyType, ProtocolId
from reference_impl.wire.sa import Proposal
from reference_impl.wire.simple import KePayload

FORBIDDEN_NETWORK = "192.0.2.0/24"


def weak_offer(sa: IkeSa) -> Proposal:
    """An ESP proposal that no device accepts: DES and MD5."""
    transforms = (encr(Encr.DES), integ(Integ.HMAC_MD5_96), esn())
    return Proposal(1, ProtocolId.ESP, sa.fresh_spi(), transforms)


def other_group(tester: Tester, sa: IkeSa, rekey: ChildSa | None = None) -> tuple[Message | None, Group, Group]:
    """Offer a group that the device does not accept and one that it does, with KE of the former; both groups."""
    suite = evidence.pfs_suite(tester)
    good, spare = evidence.pfs_group(tester), evidence.spare_group(evidence.esp_groups(tester))
    proposal = evidence.with_groups(esp_proposal(suite, sa.fresh_spi()), [spare, good])
    reply = sa.try_child(offer=proposal, ke=KePayload(spare, key_exchange(spare).public), rekey=rekey).reply
    return reply, spare, good


@covers(
    "rfc7296/1.3/other-group-rejected",
    "rfc7296/1.3/invalid-ke-data",
    "rfc7296/3.4/other-group-invalid-ke",
    needs=("additional_child", "pfs"),
    mutants=["invalid-ke-octets-swapped", "other-group-as-no-proposal"],
)
def test_other_group(tester: Tester) -> None:
    """A device that selects another group than that of the KE payload answers INVALID_KE_PAYLOAD with its group."""
    sa = tester.establish()
    reply, spare, good = other_group(tester, sa)
    demand = Notify(NotifyType.INVALID_KE_PAYLOAD, int(good).to_bytes(2, "big"))
    if tester.expects(reply, {demand, Accepted()}) == Accepted():
        assert reply is not None
        value = reply.get(KePayload)
        chosen = value.group if value is not None else None
        tester.check(chosen == spare, f"KE of the offered group {spare.name}", f"KE of group {chosen}")
    evidence.expect_accepted(tester, sa.try_child(offer=evidence.pfs_suite(tester)))


@covers("rfc7296/3.10.1/no-proposal-chosen-generic", needs=("additional_child",), mutants=["refusal-as-invalid-syntax"])
def test_no_common_proposal(tester: Tester) -> None:
    """An offer without any acceptable suite gets NO_PROPOSAL_CHOSEN."""
    sa = tester.establish()
    tester.expects(sa.try_child(offer=weak_offer(sa)).reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))


@covers("rfc7296/2.9/ts-unacceptable", needs=("additional_child",), mutants=["refusal-as-invalid-syntax"])
def test_selectors_unacceptable(tester: Tester) -> None:
    """Selectors of which nothing is acceptable get TS_UNACCEPTABLE."""
    reply = tester.establish().try_child(tsr=[FORBIDDEN_NETWORK]).reply
    tester.expects(reply, Notify(NotifyType.TS_UNACCEPTABLE))


Refused = Callable[[Tester, IkeSa, ChildSa], Message | None]
REFUSED: dict[str, Refused] = {
    "no-proposal": lambda tester, sa, child: sa.try_child(offer=weak_offer(sa)).reply,
    "selectors": lambda tester, sa, child: sa.try_child(tsr=[FORBIDDEN_NETWORK]).reply,
    "group": lambda tester, sa, child: other_group(tester, sa)[0],
    "rekey-no-proposal": lambda tester, sa, child: sa.try_child(offer=weak_offer(sa), rekey=child).reply,
    "rekey-group": lambda tester, sa, child: other_group(tester, sa, child)[0],
}


@covers(
    "rfc7296/1.3.1/failed-child-keeps-ike",
    needs=("additional_child",),
    mutants=["refused-child-closes-ike", "refused-rekey-drops-child"],
)
@pytest.mark.parametrize("reason", REFUSED)
def test_refusal_keeps_sas(tester: Tester, reason: str) -> None:
    """A refused request for a Child SA leaves the IKE SA and its Child SA as they were."""
    if "group" in reason and not tester.claims("pfs"):
        raise NotApplicable("the device does not claim pfs")
    sa = tester.establish()
    child = sa.child
    outcome = tester.expects(REFUSED[reason](tester, sa, child), {ErrorNotify(), Accepted()})
    if outcome == Accepted():
        raise NotApplicable("the device accepts the request")
    tester.expects(sa.request(ExchangeType.INFORMATIONAL), Empty())
    if tester.claims("data_plane"):
        child.expect_ping()


@covers(
    "rfc7296/3.10/no-spi-protocol-zero",
    "rfc7296/3.10/spi-only-in-three",
    needs=("additional_child",),
    mutants=["notify-names-protocol"],
)
@pytest.mark.parametrize("reason", ["no-proposal", "selectors", "group"])
def test_error_without_spi(tester: Tester, reason: str) -> None:
    """The error notification of a refused Child SA has neither an SPI nor a Protocol ID."""
    if reason == "group" and not tester.claims("pfs"):
        raise NotApplicable("the device does not claim pfs")
    sa = tester.establish()
    reply = REFUSED[reason](tester, sa, sa.child)
    if tester.expects(reply, {ErrorNotify(), Accepted()}) == Accepted() or reply is None:
        raise NotApplicable("the device accepts the request")
    for notify in reply.all(NotifyPayload):
        tester.check(not notify.spi, "no SPI", f"{len(notify.spi)} octets", "rfc7296/3.10/spi-only-in-three")
        tester.check(notify.protocol == 0, "Protocol ID 0", f"Protocol ID {int(notify.protocol)}")


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    "rfc7296/1/every-request-answered",
    mutants=["drops-malformed-requests", "takes-missing-nonce", "takes-child-without-selectors"],
)
@pytest.mark.parametrize("which", ["SA", "Ni", "TSi", "TSr", "all"])
def test_missing_payload(tester: Tester, which: str) -> None:
    """A request for a Child SA that lacks a payload gets an error, and no Child SA is made."""
    edit = bad.omit_all() if which == "all" else bad.omit(which)
    tester.expects(tester.establish().try_child(edit=edit).reply, ErrorNotify())


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    needs=("additional_child", "pfs"),
    mutants=["child-without-demanded-ke"],
)
def test_missing_ke(tester: Tester) -> None:
    """A request whose only offer has a group, but that has no KE payload, gets an error."""
    reply = tester.establish().try_child(offer=evidence.pfs_suite(tester), edit=bad.omit("KE")).reply
    tester.expects(reply, ErrorNotify())


@covers("rfc7296/3.3.1/later-spi-size", needs=("additional_child",), mutants=["takes-any-spi-size"])
@pytest.mark.parametrize("octets", [0, 2, 8])
def test_wrong_spi_size(tester: Tester, octets: int) -> None:
    """A proposal for ESP whose SPI does not have 4 octets is not accepted."""
    reply = tester.establish().try_child(edit=bad.proposal_spi(bytes(range(1, octets + 1)))).reply
    tester.expects(reply, ErrorNotify())


@covers("rfc4303/2.1/spi-zero-not-sent", needs=("additional_child", "data_plane"), mutants=["sends-spi-zero"])
def test_spi_zero(tester: Tester) -> None:
    """A Child SA for which the peer wants packets with SPI zero is refused, or no packet is sent on it."""
    sa = tester.establish()
    first = sa.child
    exchange = sa.try_child(spi=bytes(4))
    requirement = "rfc7296/2.21.3/error-requests-answered"
    if tester.expects(exchange.reply, {Accepted(), ErrorNotify()}, requirement) == ErrorNotify():
        return
    assert exchange.child is not None, exchange.problem
    mark = tester.mark()
    exchange.child.send_ping()
    evidence.answered_on(tester, first, tries=1)
    zero = [item for item in tester.since(mark) if item.datagram.data[:4] == bytes(4) and not item.opened]
    tester.check(not zero, "no packet with SPI zero", f"{len(zero)} of them")


BAD_VALUES = {
    "zero": bad.ke_zero,
    "one": bad.ke_one,
    "short": bad.ke_shorter,
    "long": bad.ke_longer,
    "off-curve": bad.ke_off_curve,
    "empty": lambda: bad.ke_value(b""),
}


BROKEN = {
    "modp-zero": "rfc6989/2.1/modp-range",
    "modp-one": "rfc6989/2.1/modp-range",
    "ecp-off-curve": "rfc6989/2.3/point-on-curve",
}


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    "rfc6989/2.1/modp-range",
    "rfc6989/2.3/point-on-curve",
    "rfc6989/2.5/later-request-invalid-syntax",
    needs=("additional_child", "pfs"),
    mutants=["takes-any-public-value", "drops-malformed-requests"],
)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(kind, value, id=f"{kind}-{value}")
        for kind in ("ecp", "modp")
        for value in BAD_VALUES
        if (kind, value) != ("modp", "off-curve")
    ],
)
def test_bad_public_value(tester: Tester, kind: str, value: str) -> None:
    """A public value of the wrong size, or one that RFC 6989 refuses, gets an error and makes no Child SA."""
    suite = next((text for text in tester.profile.child if kind in _group_name(text)), None)
    if suite is None:
        raise NotApplicable(f"no such group in dut.proposals.child ({kind})")
    reply = tester.establish().try_child(offer=suite, edit=BAD_VALUES[value]()).reply
    tester.expects(reply, ErrorNotify(), BROKEN.get(f"{kind}-{value}", "rfc7296/2.21.3/error-requests-answered"))


def _group_name(text: str) -> str:
    group = parse_esp(text).group
    return group.name.lower() if group is not None else ""
