"""RFC 7296 section 2.9.2: a Child SA whose selectors were narrowed when it was made keeps them through rekeys."""

from __future__ import annotations

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, deleted_spis, triggered
from conformance.ikev2.rfc7296.authenticating import check_inside, family, inside, pair, text_of
from conformance.ikev2.rfc7296.s2_09_traffic_selectors import as_selectors, halves, local
from conformance.tester import Accepted, IkeSa, NotApplicable, Tester, covers
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType, NotifyType
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsPayload, TsrPayload

SCOPE = "rfc7296/2.9.2/responder-keeps-current-scope"
SUBSET = "rfc7296/1.3.1/response-ts-is-subset"
PAYLOADS = "rfc7296/1.3.3/rekey-response-payloads"
HOW = ("asked-for-less", "got-less")


def narrowed(tester: Tester, how: str) -> tuple[IkeSa, list[str]]:
    """An IKE SA whose Child SA is narrower than one end's policy, and the wider TSr that a rekey may propose.

    asked-for-less: the tester asked for a half of the device's network. got-less: it asked for more than that network.
    """
    half, network, elsewhere = halves(tester)[0], local(tester), family(tester).elsewhere
    asked, wider = ([half], [network]) if how == "asked-for-less" else ([network, elsewhere], [network, elsewhere])
    attempt = tester.attempt(tsr=asked, need_child=False)
    if attempt.sa is None or attempt.child is None:
        raise NotApplicable(f"the device makes no such Child SA, which section 2.9 judges: {attempt.problem}")
    used = as_selectors([half if how == "asked-for-less" else network])
    if not (inside(attempt.child.far_ts, used) and inside(used, attempt.child.far_ts)):
        raise NotApplicable(f"the device chose other selectors: {text_of(attempt.child.far_ts)}")
    return attempt.sa, wider


def check_covers(
    tester: Tester, message: Message, tsi: tuple[TrafficSelector, ...], tsr: tuple[TrafficSelector, ...], broken: str
) -> None:
    """Fail unless the message's selectors include these."""
    for kind, due in ((TsiPayload, tsi), (TsrPayload, tsr)):
        payload = message.get(kind)
        found = payload.selectors if isinstance(payload, TsPayload) else ()
        tester.check(inside(due, found), f"selectors that include {text_of(due)}", text_of(found) or "none", broken)


@covers(
    SCOPE,
    "rfc7296/2.9.2/rekeyed-not-narrower",
    "rfc7296/2.9/ts-unacceptable",
    "rfc7296/2.8/responder-keeps-old-until-proof",
    PAYLOADS,
    SUBSET,
    needs=("rekey_child", "narrowing"),
    mutants=["rekey-needs-configured-selectors", "rekey-needs-same-selectors", "rekey-narrows-selectors"],
)
@pytest.mark.parametrize("offer", ["same", "wider"])
@pytest.mark.parametrize("how", HOW)
def test_narrowed_child_rekeyed(tester: Tester, how: str, offer: str) -> None:
    """A rekey that proposes the selectors of a narrowed Child SA, or wider ones, is accepted with those in use."""
    sa, wider = narrowed(tester, how)
    old = sa.child
    exchange = sa.try_child(rekey=old, tsi=old.own_ts, tsr=old.far_ts if offer == "same" else wider)
    reply = exchange.reply
    refused = reply is not None and reply.notify(NotifyType.TS_UNACCEPTABLE) is not None
    tester.expects(reply, Accepted(), "rfc7296/2.9/ts-unacceptable" if refused else PAYLOADS)
    assert reply is not None
    check_covers(tester, reply, old.own_ts, old.far_ts, SCOPE)
    check_inside(tester, pair(tester, reply)[1], old.far_ts if offer == "same" else as_selectors(wider), SUBSET)
    tester.check(exchange.child is not None, "a new Child SA", exchange.problem, PAYLOADS)
    assert exchange.child is not None
    sa.delete_child(old)
    if tester.claims("data_plane"):
        evidence.expect_carried(tester, exchange.child, "rfc7296/2.8/responder-keeps-old-until-proof")


@covers(
    "rfc7296/2.9.2/rekey-proposes-superset",
    "rfc7296/2.8/rekey-create-then-delete",
    "rfc7296/2.9/narrowing-is-subset",
    needs=("trigger_rekey_child", "narrowing"),
    mutants=["rekey-proposes-narrower", "rekey-insists-on-policy"],
)
@pytest.mark.parametrize("how", HOW)
def test_device_rekeys_narrowed_child(tester: Tester, how: str) -> None:
    """The device rekeys a narrowed Child SA with its selectors or wider ones, and takes the same narrow ones again."""
    sa, _ = narrowed(tester, how)
    old = sa.child
    received = triggered(tester, sa, "rekey_child", ExchangeType.CREATE_CHILD_SA)
    check_covers(tester, decoded(received), old.far_ts, old.own_ts, "rfc7296/2.9.2/rekey-proposes-superset")
    new = evidence.accept_child(sa, received, tsi=old.far_ts, tsr=old.own_ts)
    second = evidence.next_request(sa, received)
    spis = deleted_spis(decoded(second)) if second is not None else []
    seen = (
        "its new Child SA is deleted" if new.spi_out in spis else second.text() if second is not None else "no Delete"
    )
    tester.check(spis == [old.spi_out], "the old Child SA is deleted", seen, "rfc7296/2.8/rekey-create-then-delete")
    assert second is not None
    sa.answer_automatically(second)
    if tester.claims("data_plane"):
        evidence.expect_carried(tester, new, "rfc7296/2.8/rekey-create-then-delete")
