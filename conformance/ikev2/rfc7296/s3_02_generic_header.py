"""RFC 7296 section 3.2: the generic payload header, in both directions."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import answers, init_or_silence
from conformance.tester import Draft, Edit, ErrorNotify, NoError, Silence, Tester, covers
from conformance.tester import misbehaviour as bad
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.raw import RawPayload, UnknownPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType
from reference_impl.wire.simple import NoncePayload

RESERVED = 0x7F
STATUS = NotifyPayload(NotifyType(40960), b"ikeproof")


@covers("rfc7296/3.2/reserved-ignored", "rfc7296/2.5/reserved-ignored-on-receipt", mutants=["rejects-reserved-bits"])
def test_reserved_ignored(tester: Tester) -> None:
    """The reserved bits of the generic headers change nothing, in no payload of the exchanges that set up an IKE SA."""
    sa = tester.establish(edit_init=bad.reserved_bits_everywhere(), edit_auth=bad.reserved_bits_everywhere())
    tester.expects(sa.request(payloads=[STATUS], edit=bad.reserved_bits_everywhere()), NoError())


@covers("rfc7296/3.2/reserved-ignored", mutants=["rejects-reserved-bits-of-sk"])
def test_reserved_of_encrypted_ignored(tester: Tester) -> None:
    """The reserved bits of the Encrypted payload's own generic header change nothing."""
    sa = tester.establish(edit_auth=bad.sk_reserved(RESERVED))
    tester.expects(sa.liveness(edit=bad.sk_reserved(RESERVED)), NoError())


@covers("rfc7296/3.2/reserved-sent-zero", "rfc7296/2.5/reserved-sent-zero", mutants=["reserved-bits-set"])
def test_reserved_sent_zero(tester: Tester) -> None:
    """The reserved bits of every generic header are sent as zero."""
    for answer in answers(tester)[1]:
        tester.check(
            not answer.first_generic_flags & RESERVED, f"zero in the first payload of {answer.name}", "not zero"
        )
        for payload in payloads(answer.received.message):
            wrong = f"{payload.reserved:#04x} in {PayloadType(payload.type_id).name}"
            tester.check(not payload.reserved, f"reserved bits zero in {answer.name}", wrong)


@covers(
    "rfc7296/2.5/responses-not-critical", "rfc7296/3.2/critical-zero-for-defined", mutants=["marks-payloads-critical"]
)
def test_responses_not_critical(tester: Tester) -> None:
    """No payload of a response has the critical bit set."""
    for answer in answers(tester)[1]:
        critical = bool(answer.first_generic_flags & ~RESERVED)
        tester.check(not critical, f"the critical bit clear in the first payload of {answer.name}", "set")
        for payload in payloads(answer.received.message):
            name = PayloadType(payload.type_id).name
            tester.check(not payload.critical, f"the critical bit clear in {answer.name}", f"set in {name}")


@covers(
    "rfc7296/3.2/last-next-payload-zero",
    "rfc7296/3.2/sk-next-payload-is-inner",
    "rfc7296/3.2/payload-length-includes-header",
    "rfc7296/3.1/payload-chain",
    mutants=["last-payload-announces-another"],
)
def test_chain_sent(tester: Tester) -> None:
    """The payloads of every response make a whole chain: true lengths, true types, 0 at the end, nothing after it."""
    for answer in answers(tester)[1]:
        problem = answer.received.malformed or answer.received.problem
        tester.check(not problem, f"a whole chain of payloads in {answer.name}", problem)


@covers(
    "rfc7296/3.2/critical-known-ignored",
    "rfc7296/2.5/critical-only-for-type",
    mutants=["rejects-critical-known-payload"],
)
def test_critical_on_known_payloads(tester: Tester) -> None:
    """The critical bit of payloads that every device knows changes nothing."""
    sa = tester.establish(edit_init=bad.critical_everywhere(), edit_auth=bad.critical_everywhere())
    tester.expects(sa.request(payloads=[STATUS], edit=bad.critical_everywhere()), NoError())


@covers("rfc7296/3.2/critical-known-ignored", mutants=["rejects-critical-sk"])
def test_critical_on_encrypted(tester: Tester) -> None:
    """The critical bit of the Encrypted payload changes nothing."""
    sa = tester.establish(edit_auth=bad.sk_critical())
    tester.expects(sa.liveness(edit=bad.sk_critical()), NoError())


@covers("rfc7296/2.5/critical-only-for-type", mutants=["critical-covers-contents"])
def test_critical_on_unknown_notify(tester: Tester) -> None:
    """The critical bit of a Notify payload does not make its unknown status type critical."""
    sa = tester.establish()
    unknown = NotifyPayload(NotifyType(40961), b"ikeproof", critical=True)
    tester.expects(sa.request(payloads=[unknown]), NoError())


@covers("rfc7296/3.2/critical-applies-to-current", mutants=["critical-of-the-payload-before"])
def test_critical_is_of_its_own_payload(tester: Tester) -> None:
    """An unknown payload without critical bit is skipped though the payload before it, which is known, is critical."""

    def edit(draft: Draft) -> None:
        position = draft.index(NoncePayload)
        nonce = draft.payloads[position]
        assert isinstance(nonce, NoncePayload)
        draft.payloads[position : position + 1] = [
            NoncePayload(nonce.data, critical=True),
            UnknownPayload(PayloadType(200), b"ikeproof"),
        ]

    sa = tester.establish(edit_init=Edit("a critical known payload before an unknown one", edit))
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/3.2/payload-length-includes-header", mutants=["repairs-payload-length"])
@pytest.mark.parametrize("length", [0, 1, 3, 0xFFFF])
def test_init_payload_length(tester: Tester, length: int) -> None:
    """An IKE_SA_INIT request with a Payload Length that is too small or reaches beyond the message is refused."""
    tester.expects(init_or_silence(tester, bad.payload_length("Ni", length)), {Silence(), ErrorNotify()})


@covers("rfc7296/3.2/skipped-payload-well-formed", mutants=["repairs-payload-length"])
@pytest.mark.parametrize("length", [0, 3, 0xFFFF])
def test_unknown_payload_length(tester: Tester, length: int) -> None:
    """An unknown payload cannot be skipped when its Payload Length is impossible: the request is refused."""

    def edit(draft: Draft) -> None:
        draft.payloads.insert(0, RawPayload(PayloadType(200), b"ikeproof", length))

    reply = init_or_silence(tester, Edit(f"unknown payload of length {length}", edit))
    tester.expects(reply, {Silence(), ErrorNotify()})


@covers(
    "rfc7296/3.2/payload-length-includes-header",
    "rfc7296/2.21.3/error-requests-answered",
    mutants=["repairs-payload-length", "drops-malformed-requests"],
)
@pytest.mark.parametrize("length", [0, 3, 0xFFFF])
def test_protected_payload_length(tester: Tester, length: int) -> None:
    """An authentic request with an impossible Payload Length is answered by an error."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    bogus = RawPayload(PayloadType.NOTIFY, STATUS.body(), length)
    reply = sa.request(ExchangeType.INFORMATIONAL, [bogus], requirement="rfc7296/2.21.3/error-requests-answered")
    tester.expects(reply, ErrorNotify())


@covers("rfc7296/3.1/payload-chain", "rfc7296/2.21.3/error-requests-answered", mutants=["drops-malformed-requests"])
def test_announced_payload_missing(tester: Tester) -> None:
    """An authentic request whose last payload announces another one, which is not there, is answered by an error."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    last = RawPayload(PayloadType.NOTIFY, STATUS.body(), None, PayloadType.NOTIFY)
    reply = sa.request(ExchangeType.INFORMATIONAL, [last], requirement="rfc7296/2.21.3/error-requests-answered")
    tester.expects(reply, ErrorNotify())


def payloads(message: object) -> tuple[Payload, ...]:
    """The payloads of a decoded message."""
    found: tuple[Payload, ...] = getattr(message, "payloads", ())
    return found
