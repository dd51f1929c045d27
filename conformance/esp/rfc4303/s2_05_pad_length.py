"""RFC 4303 section 2.5: Pad Length."""

from __future__ import annotations

from conformance.tester import Tester, covers


@covers("rfc4303/2.5/pad-length-range", needs=("data_plane",), mutants=["trusts-pad-length"])
def test_pad_length_beyond_packet_discarded(tester: Tester) -> None:
    """A packet whose Pad Length is larger than what was decrypted is discarded, and traffic goes on."""
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(pad_length=255))
