"""RFC 7296 section 2.4: the device checks whether its peer is alive."""

from conformance.ikev2 import evidence
from conformance.ikev2.evidence import decoded, triggered
from conformance.tester import Empty, Tester, covers
from reference_impl.wire.registries import ExchangeType, PayloadType

INFORMATIONAL = ExchangeType.INFORMATIONAL
NEEDS = ("trigger_liveness",)


@covers(
    "rfc7296/2.4/liveness-is-empty-informational",
    "rfc7296/2.4/empty-message-has-sk",
    needs=NEEDS,
    mutants=["liveness-with-payload"],
)
def test_request(tester: Tester) -> None:
    """A liveness check is an INFORMATIONAL request with an Encrypted payload that contains nothing."""
    sa = tester.establish()
    received = triggered(tester, sa, "liveness", INFORMATIONAL)
    tester.expects(received, Empty())
    first = received.octets[16]
    tester.check(
        first == PayloadType.SK, "an Encrypted payload", f"payload {first}", "rfc7296/2.4/empty-message-has-sk"
    )


@covers(
    "rfc7296/2.1/retransmission-bitwise-identical",
    "rfc7296/2.2/retransmission-same-message-id",
    "rfc7296/2.1/retransmits-until-answered",
    needs=NEEDS,
    mutants=["retransmission-sealed-anew", "takes-any-response"],
)
def test_unanswered(tester: Tester) -> None:
    """Until the response with its Message ID comes, the device repeats its request octet for octet."""
    sa = tester.establish()
    received = triggered(tester, sa, "liveness", INFORMATIONAL)
    sa.send(sa.draft(INFORMATIONAL, message_id=received.message_id + 1, response=True))
    again = tester.wait(
        lambda item: item.sa is sa and item.is_request and item is not received, tester.profile.timing.retransmit_first
    )
    requirement = "rfc7296/2.1/retransmits-until-answered"
    tester.check(again is not None, "the request again", "nothing", requirement)
    assert again is not None
    tester.check(again.octets == received.octets, "the same octets", again.text())
    sa.answer(again)


@covers(
    "rfc7296/2.3/one-request-outstanding",
    needs=(*NEEDS, "trigger_rekey_child"),
    mutants=["ignores-own-window"],
)
def test_one_request_at_a_time(tester: Tester) -> None:
    """With a window of one the device sends no second request before the first is answered."""
    sa = tester.establish()
    received = triggered(tester, sa, "liveness", INFORMATIONAL)
    tester.trigger.rekey_child(sa.spi_i)
    early = evidence.new_requests(sa, received)
    tester.check(not early, "no second request", ", ".join(item.text() for item in early))
    sa.answer(received)
    second = evidence.next_request(sa, received)
    kind = decoded(second).exchange.name if second is not None else "nothing"
    tester.check(second is not None, "the second request, now", kind)


@covers(
    "rfc7296/2.3/accepts-request-while-outstanding",
    needs=NEEDS,
    mutants=["deaf-while-waiting"],
)
def test_answers_while_waiting(tester: Tester) -> None:
    """The device answers requests while one of its own is outstanding."""
    sa = tester.establish()
    received = triggered(tester, sa, "liveness", INFORMATIONAL)
    tester.expects(sa.liveness(), Empty())
    sa.answer(received)
