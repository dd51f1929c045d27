"""RFC 3948 section 2.3: NAT keepalives."""

from __future__ import annotations

from conformance.tester import Kind, NoError, Tester, covers

KEEPALIVE = b"\xff"


@covers("rfc3948/2.3/keepalive-ignored", needs=("natt",), mutants=["returns-keepalives"])
def test_ignored(tester: Tester) -> None:
    """A keepalive is not answered, before there is an SA and after."""
    tester.expect_silence(lambda: tester.send_datagram(KEEPALIVE), natt=True)
    sa = tester.establish(nat=True)
    mark = tester.mark()
    for _ in range(3):
        tester.send_datagram(KEEPALIVE, port=sa.port)
    tester.expects(sa.liveness(), NoError())
    tester.drain(tester.profile.timing.fence_grace)
    returned = [item for item in tester.since(mark) if item.kind in (Kind.KEEPALIVE, Kind.GARBAGE)]
    tester.check(not returned, "no answer to keepalives", f"{len(returned)} datagrams")


@covers("rfc3948/2.3/keepalive-ignored", needs=("natt",), mutants=["keepalives-end-sa"])
def test_sa_goes_on(tester: Tester) -> None:
    """Keepalives between the messages of an IKE SA, also between IKE_SA_INIT and IKE_AUTH, change nothing."""
    init = tester.ike_sa_init(nat=True)
    tester.send_datagram(KEEPALIVE)
    exchange = tester.ike_auth(init, need_child=False)
    if exchange.sa is None:
        tester.fail("the IKE SA is set up", exchange.problem)
    tester.send_datagram(KEEPALIVE, port=exchange.sa.port)
    tester.expects(exchange.sa.liveness(), NoError())
