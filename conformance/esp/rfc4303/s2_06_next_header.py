"""RFC 4303 section 2.6: next header."""

from conformance.tester import Tester, covers


@covers("rfc4303/2.6/dummy-discarded", needs=("data_plane",), mutants=["dummy-packets-kill-sa"])
def test_dummy_discarded(tester: Tester) -> None:
    """A dummy packet (next header 59) is discarded without prejudice to the traffic after it."""
    child = tester.establish().child
    child.expect_ping()
    child.expect_dropped(lambda: child.send_dummy())
