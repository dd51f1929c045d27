"""RFC 7296 section 2.21: error handling, once there are keys to protect the answer."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import expect_no_effect, init_or_silence
from conformance.tester import (
    Accepted,
    Edit,
    ErrorNotify,
    IkeSa,
    NoError,
    Notify,
    Reply,
    Silence,
    Tester,
    covers,
    error_of,
)
from conformance.tester import misbehaviour as bad
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.raw import RawPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType, ProtocolId
from reference_impl.wire.simple import AuthPayload

MALFORMED = {
    "length-zero": lambda: RawPayload(PayloadType.NOTIFY, b"ikeproof", 0),
    "overrun": lambda: RawPayload(PayloadType.NOTIFY, b"ikeproof", 0xFFFF),
    "missing": lambda: RawPayload(PayloadType.NOTIFY, bytes(2) + b"\xa0\x00", None, PayloadType.NOTIFY),
}


def malformed_request(sa: IkeSa, kind: str) -> Message | None:
    """The answer to an authentic INFORMATIONAL request that cannot be parsed; None when there is none in time."""
    return sa.await_reply(sa.send_request(ExchangeType.INFORMATIONAL, [MALFORMED[kind]()]))


@covers(
    "rfc7296/3.10.1/invalid-syntax-for-others",
    "rfc7296/2.21.3/error-requests-answered",
    "rfc7296/2.21/bad-request-gets-notify",
    mutants=["drops-malformed-requests", "malformed-answered-by-no-proposal-chosen"],
)
@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_informational(tester: Tester, kind: str) -> None:
    """An authentic request that cannot be parsed is answered by INVALID_SYNTAX, protected."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    reply = malformed_request(sa, kind)
    tester.expects(reply, ErrorNotify(), "rfc7296/2.21.3/error-requests-answered")
    tester.expects(reply, Notify(NotifyType.INVALID_SYNTAX))


@covers("rfc7296/2.21.3/invalid-syntax-deletes-sa", mutants=["invalid-syntax-keeps-ike-sa"])
def test_invalid_syntax_closes_ike_sa(tester: Tester) -> None:
    """After INVALID_SYNTAX for an authentic request the IKE SA is gone, without a Delete payload."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    reply = malformed_request(sa, "overrun")
    tester.expects(reply, Notify(NotifyType.INVALID_SYNTAX))
    for item in tester.answers_to(lambda: sa.send(sa.draft(), note="the IKE SA is gone")):
        tester.check(not (item.is_response and item.opened), "no protected answer any more", item.text())
    deletes = [item.text() for item in sa.requests]
    tester.check(not deletes, "no Delete payload", ", ".join(deletes))
    sa.closed = True


@covers(
    "rfc7296/2.21.2/malformed-only-notify",
    "rfc7296/2.21.2/malformed-auth-rejected",
    mutants=["malformed-answered-by-authentication-failed"],
)
@pytest.mark.parametrize(
    "edit",
    [
        bad.payload_length_zero("SA"),
        bad.payload_length_beyond_message("TSr"),
        bad.next_payload("TSr", PayloadType.NOTIFY),
    ],
    ids=["length-zero", "overrun", "missing"],
)
def test_malformed_auth(tester: Tester, edit: Edit) -> None:
    """An IKE_AUTH request that cannot be parsed is rejected as a whole, by INVALID_SYNTAX or silently."""
    attempt = tester.attempt(edit_auth=edit)
    tester.check(attempt.init.accepted, "IKE_SA_INIT is accepted", attempt.problem)
    tester.expects(attempt.reply, {Notify(NotifyType.INVALID_SYNTAX), Silence()})
    if attempt.reply is not None:
        alone = Reply("no payload of an accepted authentication", lambda reply: reply.get(AuthPayload) is None)
        tester.expects(attempt.reply, alone)


@covers("rfc7296/3.10.1/invalid-syntax-only-protected", mutants=["invalid-syntax-in-clear"])
@pytest.mark.parametrize(
    "edit",
    [bad.payload_length_zero("Ni"), bad.payload_length_beyond_message("Ni"), bad.omit("Ni"), bad.omit_all()],
    ids=["length-zero", "overrun", "no-nonce", "empty"],
)
def test_invalid_syntax_never_in_clear(tester: Tester, edit: Edit) -> None:
    """A malformed IKE_SA_INIT request is not answered by INVALID_SYNTAX, which goes in encrypted messages only."""
    other = Reply("another error", lambda reply: error_of(reply) not in (None, NotifyType.INVALID_SYNTAX))
    tester.expects(init_or_silence(tester, edit), {Silence(), other})


@covers("rfc7296/3.10.1/invalid-syntax-only-protected", mutants=["forgery-answered-by-invalid-syntax"])
@pytest.mark.parametrize(
    "edit", [[bad.garbage_inside(), bad.corrupt_icv()], [bad.corrupt_icv()]], ids=["malformed", "well-formed"]
)
def test_forged_request_gets_no_error(tester: Tester, edit: list[Edit]) -> None:
    """A request whose checksum is wrong is not answered by an error, however malformed it is."""
    sa = tester.establish()
    sa.expect_silence(sa.draft(edit=edit))


OUTSIDE = {
    "length-zero": RawPayload(PayloadType.NONCE, b"ikeproof", 0),
    "overrun": RawPayload(PayloadType.NONCE, b"ikeproof", 0xFFFF),
    "protocol": NotifyPayload(NotifyType(40960), b"", ProtocolId(77)),
}


@pytest.mark.parametrize("kind", OUTSIDE)
@pytest.mark.parametrize("exchange", [ExchangeType.INFORMATIONAL, ExchangeType.CREATE_CHILD_SA], ids=lambda x: x.name)
@covers(
    "rfc7296/3.10.1/invalid-syntax-only-protected",
    "rfc7296/2.21.3/invalid-syntax-deletes-sa",
    mutants=["malformed-outside-ends-sa"],
)
def test_forged_malformed_request(tester: Tester, exchange: ExchangeType, kind: str) -> None:
    """A request with a malformed payload in the clear and a wrong checksum, as anybody can send it, ends no IKE SA."""
    sa = tester.establish()
    draft = sa.draft(exchange, edit=[bad.clear_payload_before(OUTSIDE[kind]), bad.corrupt_icv()])
    expect_no_effect(sa, draft)


@covers("rfc7296/2.21.3/error-requests-answered", mutants=["drops-requests-with-duplicates"])
@pytest.mark.parametrize("which", ["SA", "Ni", "TSi"])
def test_create_child_with_payload_twice(tester: Tester, which: str) -> None:
    """A CREATE_CHILD_SA request with a payload twice is answered, by an error or by acceptance of what it says."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    exchange = sa.try_child(edit=bad.duplicate(which))
    tester.expects(exchange.reply, {ErrorNotify(), Accepted()})


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    "rfc7296/3.1/exchange-types",
    mutants=["unknown-exchange-is-informational"],
)
@pytest.mark.parametrize("number", [33, 127, 240])
def test_unknown_exchange_type(tester: Tester, number: int) -> None:
    """A protected request of an unknown exchange type is not carried out: an error answers it, or nothing."""
    sa = tester.establish()
    tester.expects(sa.liveness(), NoError())
    sent = sa.send_request(ExchangeType(number), [NotifyPayload(NotifyType(40960))])
    tester.expects(sa.await_reply(sent), {ErrorNotify(), Silence()})
