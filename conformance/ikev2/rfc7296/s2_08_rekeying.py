"""RFC 7296 section 2.8: rekeying."""

from conformance.tester import Tester, covers


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
    old.expect_ping()
    sa.delete_child(old)
    new.expect_ping()


@covers("rfc7296/2.8/new-ike-inherits-children", needs=("rekey_ike", "data_plane"), mutants=["rekey-loses-children"])
def test_rekey_ike(tester: Tester) -> None:
    """The new IKE SA inherits the Child SAs of the old one."""
    sa = tester.establish()
    new = sa.rekey_ike()
    new.liveness()
    new.child.expect_ping()
    new.delete_child()
