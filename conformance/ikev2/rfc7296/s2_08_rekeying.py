"""RFC 7296 section 2.8: rekeying as a whole."""

from conformance.ikev2 import evidence
from conformance.tester import Deleted, Tester, covers


@covers(
    "rfc7296/2.8/rekey-create-then-delete",
    needs=("rekey_child", "data_plane"),
    mutants=["drops-old-child-on-rekey"],
)
def test_rekey_child(tester: Tester) -> None:
    """After the rekey of a Child SA traffic flows on both until the old one is deleted, then on the new one."""
    sa = tester.establish()
    old = sa.child
    old.expect_ping()
    new = sa.rekey_child(delete_old=False)
    evidence.expect_carried(tester, old)
    sa.delete_child(old)
    new.expect_ping()


@covers(
    "rfc7296/2.8/new-ike-inherits-children",
    needs=("rekey_ike", "additional_child"),
    mutants=["children-stay-with-old-ike", "rekey-moves-first-child-only"],
)
def test_rekey_ike_with_children(tester: Tester) -> None:
    """The new IKE SA inherits all the Child SAs of the old one."""
    sa = tester.establish()
    for _ in range(2):
        evidence.further_child(sa)
    new = sa.rekey_ike()
    assert len(new.children) == 3
    for child in list(new.children):
        if tester.claims("data_plane"):
            child.expect_ping()
        tester.expects(new.delete_child(child), Deleted())
