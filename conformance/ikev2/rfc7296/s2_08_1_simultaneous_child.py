"""RFC 7296 section 2.8.1: both sides rekey the same Child SA at once."""

import os
from dataclasses import dataclass

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, deleted_spis, nonce_of, triggered
from conformance.tester import ChildSa, IkeSa, Inconclusive, Received, Tester, covers
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, ProtocolId

CREATE = ExchangeType.CREATE_CHILD_SA
NEEDS = ("trigger_rekey_child", "rekey_child")
ROUNDS = 16


def low() -> bytes:
    """A nonce below any that a device chooses."""
    return bytes(6) + os.urandom(26)


def high() -> bytes:
    """A nonce above any that a device chooses."""
    return b"\xff" * 6 + os.urandom(26)


@dataclass(slots=True)
class Collision:
    """Two crossed rekeys of `old`: `ours` and `theirs` replace it. lowest: whose nonce of the four is the lowest."""

    received: Received
    old: ChildSa
    ours: ChildSa
    theirs: ChildSa
    lowest: str

    @property
    def ours_is_redundant(self) -> bool:
        """The lowest nonce is one of our exchange."""
        return self.lowest in ("our-request", "their-response")


def collide(tester: Tester, sa: IkeSa, order: str) -> Collision:
    """Let the device and the tester rekey the Child SA of `sa` at once, the tester's nonces chosen for `order`."""
    old = sa.child
    received = triggered(tester, sa, "rekey_child", CREATE)
    their_request = nonce_of(decoded(received))
    our_request = {"our-request": low(), "prefix": their_request[:16]}.get(order, high())
    exchange = sa.try_child(rekey=old, nonce=our_request)
    if exchange.child is None or exchange.reply is None:
        tester.fail("the rekey is answered as usual", exchange.problem, "rfc7296/2.25.1/rekey-of-rekeying-child")
    our_response = low() if order == "our-response" else high()
    theirs = evidence.accept_child(sa, received, nonce=our_response)
    nonces = {
        "our-request": our_request,
        "our-response": our_response,
        "their-request": their_request,
        "their-response": nonce_of(exchange.reply),
    }
    return Collision(received, old, exchange.child, theirs, min(nonces, key=nonces.__getitem__))


def collide_until(tester: Tester, order: str) -> tuple[IkeSa, Collision]:
    """Collisions on fresh IKE SAs until the lowest nonce is that of `order`; the device's own are chance."""
    wanted = "our-request" if order == "prefix" else order
    for _ in range(ROUNDS):
        sa = tester.establish()
        found = collide(tester, sa, order)
        if found.lowest == wanted:
            return sa, found
    raise Inconclusive(f"the order {order} did not come up in {ROUNDS} collisions")


@covers(
    "rfc7296/2.8.1/lowest-nonce-sa-closed",
    "rfc7296/2.8.1/lowest-is-octetwise",
    "rfc7296/2.8.1/survivor-deletes-replaced",
    "rfc7296/2.25.1/rekey-collision-closes-redundant",
    "rfc7296/2.25.1/rekey-of-rekeying-child",
    needs=NEEDS,
    mutants=[
        "keeps-lowest-nonce",
        "compares-request-nonces-only",
        "longer-nonce-is-lower",
        "rekey-of-rekeying-child-refused",
    ],
)
@pytest.mark.parametrize("order", ["our-request", "our-response", "their-request", "their-response", "prefix"])
def test_redundant_child(tester: Tester, order: str) -> None:
    """The device deletes its new Child SA when its exchange has the lowest of the four nonces, and else the old one."""
    sa, found = collide_until(tester, order)
    second = evidence.next_request(sa, found.received)
    spis = deleted_spis(decoded(second)) if second is not None else []
    names = {found.old.spi_out: "the old one", found.theirs.spi_out: "its new one", found.ours.spi_out: "ours"}
    due = found.old.spi_out if found.ours_is_redundant else found.theirs.spi_out
    shown = ", ".join(names.get(spi, spi.hex()) for spi in spis) or "no Delete"
    tester.check(spis == [due], f"a Delete of {names[due]}", shown)
    assert second is not None
    sa.answer_automatically(second)
    sa.delete_child(found.ours if found.ours_is_redundant else found.old)
    if tester.claims("data_plane"):
        survivor = found.theirs if found.ours_is_redundant else found.ours
        evidence.expect_carried(tester, survivor, "rfc7296/2.8.1/accepts-on-either-sa")


@covers(
    "rfc7296/2.8.1/accepts-on-either-sa",
    needs=(*NEEDS, "data_plane"),
    mutants=["collision-drops-peers-child"],
)
def test_all_three_receive(tester: Tester) -> None:
    """After crossed rekeys packets are accepted on both new Child SAs."""
    sa = tester.establish()
    found = collide(tester, sa, "our-response")
    for child in (found.ours, found.theirs):
        evidence.expect_carried(tester, child)


@covers(
    "rfc7296/2.8.1/not-found-ignored-in-collision",
    needs=NEEDS,
    mutants=["not-found-not-ignored"],
)
def test_unnoticed_collision(tester: Tester) -> None:
    """CHILD_SA_NOT_FOUND for a Child SA that the peer has rekeyed and deleted meanwhile is ignored."""
    sa = tester.establish()
    old = sa.child
    received = triggered(tester, sa, "rekey_child", CREATE)
    exchange = sa.try_child(rekey=old)
    if exchange.child is None:
        tester.fail("the rekey is answered as usual", exchange.problem, "rfc7296/2.25.1/rekey-of-rekeying-child")
    sa.request(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (old.spi_in,))])
    sa.forget_child(old)
    sa.answer(received, [NotifyPayload(NotifyType.CHILD_SA_NOT_FOUND, b"", ProtocolId.ESP, old.spi_out)])
    later = [item.text() for item in evidence.new_requests(sa, received) if decoded(item).exchange == CREATE]
    tester.check(not later, "no request for another Child SA", ", ".join(later))
    if tester.claims("data_plane"):
        exchange.child.expect_ping()
