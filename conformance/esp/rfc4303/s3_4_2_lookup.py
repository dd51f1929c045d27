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


@covers("rfc4303/3.4.2/unknown-sa-discarded", needs=("data_plane",), mutants=["keeps-deleted-inbound-sa"])
def test_deleted_sa_discards(tester: Tester) -> None:
    """After a Child SA has been deleted, packets with its SPI are discarded; another SA of the peer goes on."""
    sa = tester.establish()
    old = sa.child
    new = sa.create_child()
    sealed = old.seal(old.echo_packet(b"after deletion")[0])
    sa.delete_child(old)
    new.expect_dropped(lambda: old.send_sealed(sealed, note="on the deleted SA"))
    tester.check(not any(item.child is old for item in tester.inbox), "silence on the deleted SA", "a packet on it")
