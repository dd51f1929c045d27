"""RFC 4303 section 2.3: payload data and IV."""

from __future__ import annotations

from conformance.tester import Tester, covers


@covers("rfc4303/2.3/iv-in-payload", needs=("data_plane",), mutants=["constant-esp-iv"])
def test_iv_not_repeated(tester: Tester) -> None:
    """No two packets of the device on one SA have the same IV."""
    child = tester.establish().child
    for number in range(6):
        child.expect_ping(bytes([number]))
    ivs = [item.iv for item in child.packets]
    tester.check(len(set(ivs)) == len(ivs), "as many IVs as packets", f"{len(set(ivs))} IVs in {len(ivs)} packets")
