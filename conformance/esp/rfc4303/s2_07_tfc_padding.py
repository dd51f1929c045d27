"""RFC 4303 section 2.7: traffic flow confidentiality padding."""

from __future__ import annotations

from conformance.tester import Tester, covers


@covers(
    "rfc4303/2.7/tfc-padding-discarded",
    "rfc4303/3.4.4.1/tfc-padding-removed",
    needs=("data_plane",),
    mutants=["refuses-tfc-padding"],
)
def test_tfc_padding_discarded(tester: Tester) -> None:
    """TFC padding after the inner packet is discarded by the inner packet's own length."""
    child = tester.establish().child
    child.expect_ping(tfc=100)
