"""RFC 7296 section 2.8.2: both sides rekey the IKE SA at once."""

import os
from dataclasses import dataclass

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import accept_ike_rekey, decoded, deleted_spis, deletes_ike, nonce_of, triggered
from conformance.tester import ChildSa, Deleted, Empty, IkeSa, Inconclusive, Received, Tester, covers
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId

CREATE = ExchangeType.CREATE_CHILD_SA
INFORMATIONAL = ExchangeType.INFORMATIONAL
NEEDS = ("trigger_rekey_ike", "rekey_ike")
ROUNDS = 16


@dataclass(slots=True)
class Collision:
    """Two crossed rekeys of `old`, which has `child`. lowest: whose nonce of the four is the lowest."""

    old: IkeSa
    ours: IkeSa
    theirs: IkeSa
    child: ChildSa
    lowest: str

    @property
    def ours_is_redundant(self) -> bool:
        """The lowest nonce is one of our exchange."""
        return self.lowest in ("our-request", "their-response")


def collide(tester: Tester, sa: IkeSa, order: str) -> Collision:
    """Let the device and the tester rekey `sa` at once, the tester's nonces chosen for `order`."""
    child = sa.child
    received = triggered(tester, sa, "rekey_ike", CREATE)
    nonces = {
        name: (bytes(6) if name == order else b"\xff" * 6) + os.urandom(26) for name in ("our-request", "our-response")
    }
    nonces["their-request"] = nonce_of(decoded(received))
    exchange = sa.try_rekey_ike(nonce=nonces["our-request"])
    if exchange.sa is None or exchange.reply is None:
        tester.fail("the rekey is answered as usual", exchange.problem, "rfc7296/2.25.2/ike-rekey-of-rekeying")
    nonces["their-response"] = nonce_of(exchange.reply)
    theirs = accept_ike_rekey(sa, received, nonce=nonces["our-response"])
    return Collision(sa, exchange.sa, theirs, child, min(nonces, key=nonces.__getitem__))


def next_delete(tester: Tester, among: list[IkeSa]) -> Received | None:
    """The device's first Delete of one of these IKE SAs."""

    def wanted(item: Received) -> bool:
        return item.sa in among and item.is_request and item.opened and deletes_ike(decoded(item))

    return tester.wait(wanted, tester.profile.timing.answer)


@covers(
    "rfc7296/2.8.2/lowest-nonce-ike-deleted",
    "rfc7296/2.8.2/survivor-inherits-children",
    "rfc7296/2.25.2/ike-rekey-of-rekeying",
    "rfc7296/2.25.2/ike-rekey-collision-by-nonces",
    needs=NEEDS,
    mutants=["keeps-lowest-nonce", "compares-request-nonces-only", "redundant-ike-inherits-children"],
)
@pytest.mark.parametrize("order", ["our-request", "our-response", "their-request", "their-response"])
def test_redundant_ike_sa(tester: Tester, order: str) -> None:
    """The device deletes its new IKE SA when its exchange has the lowest nonce, else the old; the other inherits."""
    for _ in range(ROUNDS):
        found = collide(tester, tester.establish(), order)
        if found.lowest == order:
            break
    else:
        raise Inconclusive(f"the order {order} did not come up in {ROUNDS} collisions")
    names = {id(found.old): "the old one", id(found.ours): "ours", id(found.theirs): "its new one"}
    received = next_delete(tester, [found.old, found.ours, found.theirs])
    due = found.old if found.ours_is_redundant else found.theirs
    shown = names[id(received.sa)] if received is not None else "no Delete"
    tester.check(received is not None and received.sa is due, f"a Delete of {names[id(due)]}", shown)
    assert received is not None
    due.answer(received)
    due.closed = True
    gone = found.ours if found.ours_is_redundant else found.old
    tester.expects(gone.delete_ike(), Empty(), "rfc7296/1.4.1/ike-delete-response-empty")
    survivor = found.theirs if found.ours_is_redundant else found.ours
    requirement = "rfc7296/2.8.2/survivor-inherits-children"
    # The answer to a Delete may come before the device has removed what went with it; the next answer comes after.
    tester.expects(survivor.liveness(), Empty())
    if tester.claims("data_plane"):
        found.child.expect_ping(requirement=requirement)
    delete = DeletePayload(ProtocolId.ESP, 4, (found.child.spi_in,))
    spis = deleted_spis(survivor.request(INFORMATIONAL, [delete], requirement=requirement))
    # Not just any Delete payload: some devices return one for an SPI that they do not know.
    shown = ", ".join(map(bytes.hex, spis)) or "none"
    tester.check(spis == [found.child.spi_out], f"a Delete of SPI {found.child.spi_out.hex()}", shown, requirement)


@covers(
    "rfc7296/2.8.2/delete-forgets-own-rekey",
    "rfc7296/2.8.2/survivor-inherits-children",
    needs=NEEDS,
    mutants=["children-stay-with-old-ike", "unnoticed-rekey-loses-children"],
)
def test_unnoticed_collision(tester: Tester) -> None:
    """When the peer rekeys and deletes the IKE SA without having seen the device's rekey, the peer's SA inherits."""
    sa = tester.establish()
    triggered(tester, sa, "rekey_ike", CREATE)
    exchange = sa.try_rekey_ike()
    if exchange.sa is None:
        tester.fail("the rekey is answered as usual", exchange.problem, "rfc7296/2.25.2/ike-rekey-of-rekeying")
    tester.expects(sa.delete_ike(), Empty(), "rfc7296/1.4.1/ike-delete-response-empty")
    new = exchange.sa
    evidence.expect_answers(new)
    if tester.claims("data_plane"):
        new.child.expect_ping(requirement="rfc7296/2.8.2/survivor-inherits-children")
    tester.expects(new.delete_child(), Deleted(), "rfc7296/2.8.2/survivor-inherits-children")
