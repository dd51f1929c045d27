"""RFC 7296 section 2.23: ESP in UDP where no NAT asks for it."""

from conformance.tester import Tester, covers


@covers(
    "rfc7296/2.23/encapsulated-esp-without-nat",
    needs=("natt", "data_plane", "raw_esp"),
    mutants=["refuses-udp-without-nat"],
)
def test_encapsulated_without_nat(tester: Tester) -> None:
    """A device takes ESP in UDP also on an SA for which no NAT was found; it may answer with or without UDP."""
    child = tester.establish(nat=False).child
    child.expect_ping()
    port = tester.open_port()
    packet, echo = child.echo_packet()
    tester.send_datagram(child.seal(packet), port=port, note="ESP in UDP")
    tester.check(child.await_echo(echo), "an echo reply", "none")
