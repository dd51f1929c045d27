"""RFC 4303 section 2.1: the Security Parameters Index."""

from __future__ import annotations

from conformance.tester import Tester, covers


@covers(
    "rfc4303/2.1/spi-1-to-255-reserved",
    "rfc4303/2.1/spi-zero-not-sent",
    "rfc7296/3.3.1/later-spi-size",
    mutants=["allocates-reserved-spi"],
)
def test_inbound_spi_not_reserved(tester: Tester) -> None:
    """The SPIs that the device chooses for its inbound SAs have four octets and are none of 0 to 255."""
    sa = tester.establish()
    further = range(2) if tester.claims("additional_child") else ()
    for spi in [sa.child.spi_out, *(sa.create_child().spi_out for _ in further)]:
        tester.check(len(spi) == 4, "4 octets", f"SPI {spi.hex()}", "rfc7296/3.3.1/later-spi-size")
        zero = None if any(spi) else "rfc4303/2.1/spi-zero-not-sent"
        tester.check(int.from_bytes(spi, "big") > 255, "an SPI of 256 or more", f"SPI {spi.hex()}", zero)


@covers("rfc4303/2.1/unicast-lookup-by-spi", needs=("data_plane",), mutants=["one-sa-for-all-spis"])
def test_each_sa_by_its_spi(tester: Tester) -> None:
    """Packets on either of two SAs of one peer are processed with the keys of the SA that their SPI names."""
    sa = tester.establish()
    first = sa.child
    second = sa.create_child()
    first.expect_ping()
    second.expect_ping()
    first.expect_ping()


@covers("rfc4303/2/packet-layout", needs=("data_plane",), mutants=["sends-wrong-spi"])
def test_outbound_spi_is_ours(tester: Tester) -> None:
    """The device sends with the SPI that the tester chose in the SA payload, in the first four octets."""
    child = tester.establish().child
    child.expect_ping()
    packet = child.packets[-1].octets
    tester.check(packet[:4] == child.spi_in, f"SPI {child.spi_in.hex()}", f"SPI {packet[:4].hex()}")
