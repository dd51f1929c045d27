"""RFC 4303 section 2: ESP right in IP, without UDP."""

from conformance.tester import Tester, covers


@covers("rfc4303/2/protocol-50", needs=("data_plane", "raw_esp"), mutants=["esp-always-in-udp", "no-esp-without-udp"])
def test_protocol_50(tester: Tester) -> None:
    """Without a NAT, ESP is received and sent as IP protocol 50."""
    child = tester.establish(nat=False).child
    child.expect_ping()
    found = [item.datagram.port.esp for item in tester.inbox if item.child is child]
    tester.check(all(found), "IP protocol 50", "UDP")
