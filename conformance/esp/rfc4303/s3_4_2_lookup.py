"""RFC 4303 section 3.4.2: finding the security association of a packet."""

from __future__ import annotations

import os

import pytest

from conformance.tester import Tester, covers


@covers("rfc4303/3.4.2/unknown-sa-discarded", needs=("data_plane",), mutants=["one-sa-for-all-spis"])
def test_unknown_spi_discarded(tester: Tester) -> None:
    """A packet whose SPI belongs to no SA is discarded, whatever keys it was made with."""
    child = tester.establish().child
    other = bytes([child.spi_out[0] ^ 0x55]) + os.urandom(3)
    child.expect_dropped(lambda: child.send_ping(spi=other))


@covers("rfc4303/3.4.2/unknown-sa-discarded", needs=("data_plane",), mutants=["one-sa-for-all-spis"])
@pytest.mark.parametrize("spi", [1, 255], ids=["one", "255"])
def test_reserved_spi_discarded(tester: Tester, spi: int) -> None:
    """A packet with an SPI of the reserved range has no SA and is discarded."""
    child = tester.establish().child
    child.expect_dropped(lambda: child.send_ping(spi=spi.to_bytes(4, "big")))
