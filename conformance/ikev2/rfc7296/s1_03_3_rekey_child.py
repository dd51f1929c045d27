"""RFC 7296 section 1.3.3: rekeying Child SAs, the device as responder."""

import os

from conformance.ikev2 import evidence
from conformance.tester import Accepted, NotApplicable, Notify, Tester, covers, order_of
from conformance.tester import misbehaviour as bad
from reference_impl.wire.registries import NotifyType, PayloadType, ProtocolId
from reference_impl.wire.ts import TsiPayload, TsPayload, TsrPayload

UNKNOWN = Notify(NotifyType.CHILD_SA_NOT_FOUND)


@covers(
    "rfc7296/1.3.3/rekey-response-payloads",
    "rfc7296/2.9.2/responder-keeps-current-scope",
    "rfc7296/2.9.2/rekeyed-not-narrower",
    needs=("rekey_child",),
    mutants=["child-rekey-keeps-spi", "rekey-narrows-selectors", "response-without-nonce"],
)
def test_response_payloads(tester: Tester) -> None:
    """The response has SA with a new SPI, Nr, and selectors that are not narrower than those in use."""
    sa = tester.establish()
    old = sa.child
    exchange = sa.try_child(rekey=old)
    tester.expects(exchange.reply, Accepted())
    reply = exchange.reply
    assert reply is not None
    found = set(order_of(reply))
    due = {PayloadType.SA, PayloadType.NONCE, PayloadType.TSI, PayloadType.TSR}
    tester.check(due <= found, "SA, Nr, TSi and TSr", exchange.problem or str(sorted(found)))
    spi = evidence.only_proposal(tester, reply).spi
    tester.check(spi != old.spi_out, "a new SPI", "the old SPI")
    for kind, before in ((TsiPayload, old.own_ts), (TsrPayload, old.far_ts)):
        payload = reply.get(kind)
        assert isinstance(payload, TsPayload)
        for selector in before:
            for address in (selector.start, selector.end):
                inside = any(item.start <= address <= item.end for item in payload.selectors)
                tester.check(
                    inside, "the selectors in use", "narrower ones", "rfc7296/2.9.2/responder-keeps-current-scope"
                )


@covers(
    "rfc7296/1.3.3/rekey-response-payloads",
    "rfc7296/2.17/keymat-with-ke",
    needs=("rekey_child", "pfs"),
    mutants=["child-response-without-ke", "child-keys-without-shared-secret"],
)
def test_with_key_exchange(tester: Tester) -> None:
    """A rekey with a key exchange has KE in the response, and its shared secret is in the keys."""
    sa = tester.establish()
    exchange = sa.try_child(rekey=sa.child, offer=evidence.pfs_suite(tester))
    tester.expects(exchange.reply, Accepted())
    reply = exchange.reply
    tester.check(reply is not None and PayloadType.KE in order_of(reply), "a KE payload", "none")
    if tester.claims("data_plane"):
        assert exchange.child is not None, exchange.problem
        exchange.child.expect_ping(requirement="rfc7296/2.17/keymat-with-ke")


@covers("rfc7296/1.3.3/rekey-response-payloads", needs=("rekey_child",), mutants=["rekeys-child-once"])
def test_rekeyed_again(tester: Tester) -> None:
    """A Child SA can be rekeyed again and again."""
    sa = tester.establish()
    spis = {sa.child.spi_out}
    for _ in range(3):
        spis.add(sa.rekey_child().spi_out)
    tester.check(len(spis) == 4, "a new SPI each time", "a repetition")
    if tester.claims("data_plane"):
        sa.child.expect_ping()


@covers(
    "rfc7296/2.8.1/accepts-on-either-sa",
    "rfc7296/2.8/receives-before-response",
    needs=("rekey_child", "data_plane"),
    mutants=["drops-old-child-on-rekey"],
)
def test_both_carry_traffic(tester: Tester) -> None:
    """Until the old Child SA is deleted packets are accepted on the old and on the new one."""
    sa = tester.establish()
    old = sa.child
    old.expect_ping()
    new = sa.rekey_child(delete_old=False)
    for child in (old, new, old):
        evidence.expect_carried(tester, child)


@covers(
    "rfc7296/2.8/responder-keeps-old-until-proof",
    "rfc7296/2.8.1/accepts-on-either-sa",
    needs=("rekey_child", "data_plane"),
    mutants=["never-sends-on-new-child"],
)
def test_sends_on_new_when_old_is_deleted(tester: Tester) -> None:
    """Once the old Child SA is deleted the responder of the rekey sends on the new one.

    Until then either will do: section 2.8 tells the responder of a rekey to go on sending on the old one, but says
    before that it MAY send on a new one as soon as it has answered.
    """
    sa = tester.establish()
    old = sa.child
    new = sa.rekey_child(delete_old=False)
    evidence.expect_carried(tester, old, "rfc7296/2.8.1/accepts-on-either-sa")
    sa.delete_child(old)
    found = evidence.expect_carried(tester, new)
    tester.check(found is new, "the reply on the new Child SA", "the reply on the old one")


@covers(
    "rfc7296/1.4.1/delete-closes-designated",
    "rfc7296/1.4.1/both-sas-closed",
    needs=("rekey_child", "data_plane"),
    mutants=["keeps-deleted-inbound-sa"],
)
def test_old_refused_after_delete(tester: Tester) -> None:
    """Once the old Child SA is deleted its packets are dropped, and the new one carries the traffic."""
    sa = tester.establish()
    old = sa.child
    new = sa.rekey_child(old)
    evidence.expect_refused_esp(tester, old, new)


@covers(
    "rfc7296/2.25/child-sa-not-found-sent",
    "rfc7296/2.25.1/rekey-of-missing-child",
    needs=("rekey_child",),
    mutants=["rekey-of-unknown-child-accepted"],
)
def test_unknown_spi(tester: Tester) -> None:
    """A rekey of a Child SA that does not exist gets CHILD_SA_NOT_FOUND, and the SAs stay."""
    sa = tester.establish()
    tester.expects(sa.try_child(rekey=sa.child, edit=bad.rekey_spi(os.urandom(4))).reply, UNKNOWN)
    sa.liveness()
    if tester.claims("data_plane"):
        sa.child.expect_ping()


@covers(
    "rfc7296/2.25/child-sa-not-found-spi",
    "rfc7296/3.10/child-protocol-id",
    needs=("rekey_child",),
    mutants=["child-not-found-without-spi"],
)
def test_not_found_names_spi(tester: Tester) -> None:
    """CHILD_SA_NOT_FOUND has the SPI of REKEY_SA, with Protocol ID ESP."""
    sa = tester.establish()
    spi = os.urandom(4)
    reply = sa.try_child(rekey=sa.child, edit=bad.rekey_spi(spi)).reply
    tester.expects(reply, UNKNOWN, "rfc7296/2.25/child-sa-not-found-sent")
    notify = reply.notify(NotifyType.CHILD_SA_NOT_FOUND) if reply is not None else None
    assert notify is not None
    tester.check(notify.spi == spi, f"SPI {spi.hex()}", f"SPI {notify.spi.hex() or 'empty'}")
    protocol = notify.protocol
    tester.check(protocol == ProtocolId.ESP, "Protocol ID 3", str(int(protocol)), "rfc7296/3.10/child-protocol-id")


@covers(
    "rfc7296/2.25.1/rekey-of-missing-child",
    "rfc7296/1.3.3/rekey-sa-spi",
    needs=("rekey_child",),
    mutants=["finds-child-by-either-spi"],
)
def test_spi_of_wrong_direction(tester: Tester) -> None:
    """REKEY_SA names the SPI that its sender receives with; the device's own inbound SPI designates no Child SA."""
    sa = tester.establish()
    tester.expects(sa.try_child(rekey=sa.child, edit=bad.rekey_spi(sa.child.spi_out)).reply, UNKNOWN)


@covers(
    "rfc7296/2.25.1/rekey-of-missing-child",
    needs=("rekey_child", "additional_child"),
    mutants=["deleted-child-is-remembered"],
)
def test_deleted_child(tester: Tester) -> None:
    """A rekey of a Child SA that has been deleted gets CHILD_SA_NOT_FOUND."""
    sa = tester.establish()
    old = sa.child
    evidence.further_child(sa)
    sa.delete_child(old)
    tester.expects(sa.try_child(rekey=old).reply, UNKNOWN)


@covers(
    "rfc7296/1.3.3/same-notifications",
    "rfc7296/1.3.1/transport-acceptance-echoed",
    needs=("rekey_child", "transport", "data_plane"),
    mutants=["rekey-loses-transport"],
)
def test_transport_stays_transport(tester: Tester) -> None:
    """A transport mode Child SA that is rekeyed with USE_TRANSPORT_MODE stays in transport mode."""
    sa = tester.establish(judged=False, mode="transport")
    if sa.child.mode != "transport":
        raise NotApplicable("the device declined transport mode")
    new = sa.rekey_child()
    tester.check(new.mode == "transport", "N(USE_TRANSPORT_MODE) in the response", "none")
    new.expect_ping(requirement="rfc7296/1.3.1/transport-acceptance-echoed")
