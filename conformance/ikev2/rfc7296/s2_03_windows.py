"""RFC 7296 section 2.3: window size for overlapping requests."""

from conformance.tester import Tester, covers
from conformance.tester import misbehaviour as bad


@covers("rfc7296/2.3/outside-window-not-acknowledged", mutants=["answers-outside-window"])
def test_beyond_window(tester: Tester) -> None:
    """A request whose message ID lies beyond the window is not answered."""
    sa = tester.establish()
    sa.expect_silence(sa.draft(edit=bad.message_id_ahead(50)))
