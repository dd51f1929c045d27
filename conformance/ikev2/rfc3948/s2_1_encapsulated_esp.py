"""RFC 3948 section 2.1: UDP-encapsulated ESP."""

from __future__ import annotations

import socket
import sys

import pytest

from conformance.tester import NotApplicable, Tester, covers

# Linux: the kernel sends UDP over IPv4 with a checksum of zero.
SO_NO_CHECK = 11


@pytest.mark.parametrize("checksum", ["computed", "zero"])
@covers("rfc3948/2.1/any-checksum-accepted", needs=("natt", "data_plane"), mutants=["drops-encapsulated-esp"])
def test_checksum(tester: Tester, checksum: str) -> None:
    """Encapsulated ESP is accepted with a UDP checksum and without one (zero, as section 2.1 asks of senders)."""
    sa = tester.establish(nat=True)
    if checksum == "zero":
        if not sys.platform.startswith("linux") or ":" in tester.profile.address:
            raise NotApplicable("only Linux sends UDP without a checksum, over IPv4 only")
        sa.port.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    sa.child.expect_ping()
