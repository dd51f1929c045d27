"""RFC 7296 section 2.5: version numbers and forward compatibility."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import answers, everything_for, init_or_silence
from conformance.tester import (
    Deleted,
    Draft,
    Edit,
    IkeSa,
    Inconclusive,
    Kind,
    NoError,
    Notify,
    Received,
    Reply,
    Silence,
    Tester,
    covers,
)
from conformance.tester import misbehaviour as bad
from reference_impl.wire.base import Payload
from reference_impl.wire.header import Flags
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.raw import UnknownPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType, ProtocolId
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import AuthPayload, IdrPayload, KePayload, NoncePayload
from reference_impl.wire.ts import TsiPayload, TsrPayload

UNKNOWN_TYPES = [1, 127, 200]


def insert(position: str, number: int = 200, *, critical: bool = False) -> Edit:
    """An unknown payload at the front, after the first one, at the end, or at all three places."""

    def edit(draft: Draft) -> None:
        size = len(draft.payloads)
        places = {"first": [0], "between": [1], "last": [size], "everywhere": [size, 1, 0]}
        for place in places[position]:
            draft.payloads.insert(place, UnknownPayload(PayloadType(number), b"ikeproof", critical=critical))

    return Edit(f"unknown {'critical ' if critical else ''}payload {number} {position}", edit)


# -- payloads that are not defined --------------------------------------------------------------------------------


@covers(
    "rfc7296/2.5/undefined-payloads-skipped",
    "rfc7296/2.5/noncritical-unknown-ignored",
    mutants=["rejects-unknown-payloads"],
)
@pytest.mark.parametrize("number", UNKNOWN_TYPES)
def test_unknown_payload_type_in_init(tester: Tester, number: int) -> None:
    """A payload of an undefined type in IKE_SA_INIT is skipped: reserved, unassigned and private-use types alike."""
    sa = tester.establish(edit_init=insert("last", number))
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/2.5/undefined-payloads-skipped", mutants=["unknown-payload-ends-chain"])
@pytest.mark.parametrize("position", ["first", "between", "everywhere"])
def test_unknown_payload_place_in_init(tester: Tester, position: str) -> None:
    """An unknown payload in IKE_SA_INIT is skipped wherever it stands among the known ones."""
    sa = tester.establish(edit_init=insert(position))
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/2.5/undefined-payloads-skipped", mutants=["unknown-payload-ends-chain", "rejects-unknown-payloads"])
@pytest.mark.parametrize("position", ["first", "between", "last", "everywhere"])
def test_unknown_payload_in_auth(tester: Tester, position: str) -> None:
    """An unknown payload in IKE_AUTH is skipped wherever it stands among the known ones."""
    sa = tester.establish(edit_auth=insert(position))
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/2.5/undefined-payloads-skipped", mutants=["rejects-unknown-payloads"])
@pytest.mark.parametrize("number", UNKNOWN_TYPES)
def test_unknown_payload_in_informational(tester: Tester, number: int) -> None:
    """An INFORMATIONAL request with nothing but an undefined payload is answered without error."""
    sa = tester.establish()
    tester.expects(sa.request(payloads=[UnknownPayload(PayloadType(number), b"ikeproof")]), NoError())


@covers(
    "rfc7296/2.5/undefined-payloads-skipped",
    needs=("rekey_child",),
    mutants=["unknown-payload-ends-chain", "rejects-unknown-payloads"],
)
@pytest.mark.parametrize("position", ["first", "between", "last", "everywhere"])
def test_unknown_payload_in_create_child(tester: Tester, position: str) -> None:
    """An unknown payload in CREATE_CHILD_SA is skipped wherever it stands among the known ones."""
    edited_rekey(tester, insert(position))


# -- critical -----------------------------------------------------------------------------------------------------


@covers("rfc7296/2.5/critical-unknown-rejected", mutants=["ignores-critical-bit"])
def test_unknown_critical_in_init(tester: Tester) -> None:
    """An IKE_SA_INIT request with an unknown critical payload makes no IKE SA.

    Before there is an authenticated IKE SA, section 2.21 leaves it to the responder whether it says why.
    """
    reply = init_or_silence(tester, insert("last", 201, critical=True))
    tester.expects(reply, {Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([201])), Silence()})


@covers(
    "rfc7296/2.5/critical-unknown-notified",
    "rfc7296/2.5/critical-unknown-rejected",
    "rfc7296/2.21.2/malformed-auth-rejected",
    "rfc7296/2.21.2/malformed-only-notify",
    mutants=["ignores-critical-bit", "critical-answered-by-invalid-syntax"],
)
@pytest.mark.parametrize("position", ["first", "last"])
def test_unknown_critical_in_auth(tester: Tester, position: str) -> None:
    """An IKE_AUTH request with an unknown critical payload is rejected as a whole, by that notification only."""
    attempt = tester.attempt(edit_auth=insert(position, 201, critical=True))
    tester.check(attempt.init.accepted, "IKE_SA_INIT is accepted", attempt.problem)
    tester.expects(attempt.reply, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD))
    alone = Reply("no payload of an accepted authentication", lambda reply: reply.get(AuthPayload) is None)
    tester.expects(attempt.reply, alone, "rfc7296/2.21.2/malformed-only-notify")


@covers(
    "rfc7296/2.5/critical-unknown-notified",
    "rfc7296/2.5/critical-unknown-rejected",
    mutants=["ignores-critical-bit", "critical-answered-by-invalid-syntax"],
)
def test_unknown_critical_in_informational(tester: Tester) -> None:
    """An INFORMATIONAL request with an unknown critical payload is answered by UNSUPPORTED_CRITICAL_PAYLOAD."""
    sa = later_sa(tester)
    reply = sa.request(payloads=[UnknownPayload(PayloadType(201), b"ikeproof", critical=True)])
    tester.expects(reply, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD))


@covers(
    "rfc7296/2.5/critical-unknown-notified",
    "rfc7296/2.5/critical-unknown-rejected",
    mutants=["ignores-critical-bit", "critical-answered-by-invalid-syntax"],
)
def test_unknown_critical_in_create_child(tester: Tester) -> None:
    """A CREATE_CHILD_SA request with an unknown critical payload is answered by UNSUPPORTED_CRITICAL_PAYLOAD."""
    sa = later_sa(tester)
    exchange = sa.try_child(edit=insert("last", 201, critical=True))
    tester.expects(exchange.reply, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD))


@covers("rfc7296/2.5/critical-notify-data", mutants=["critical-notify-without-data"])
@pytest.mark.parametrize("number", [127, 201])
def test_critical_notify_data(tester: Tester, number: int) -> None:
    """The data of UNSUPPORTED_CRITICAL_PAYLOAD is the type of the payload that was not understood, one octet."""
    sa = later_sa(tester)
    known = NotifyPayload(NotifyType(40960), b"ikeproof")
    unknown = UnknownPayload(PayloadType(number), b"ikeproof", critical=True)
    reply = sa.request(payloads=[known, UnknownPayload(PayloadType(202), b"skipped"), unknown])
    tester.expects(reply, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([number])))


@covers(
    "rfc7296/2.5/critical-unknown-rejected",
    "rfc7296/2.21/fatal-errors-delete-silently",
    mutants=["acts-before-critical-check"],
)
def test_critical_rejects_whole_message(tester: Tester) -> None:
    """The Delete payload in a request that is rejected for an unknown critical payload is not carried out."""
    sa = later_sa(tester)
    delete = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))
    reply = sa.request(payloads=[delete, UnknownPayload(PayloadType(201), b"ikeproof", critical=True)])
    tester.expects(reply, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD))
    again = sa.request(payloads=[delete], requirement="rfc7296/2.21/fatal-errors-delete-silently")
    tester.expects(again, Deleted(ProtocolId.ESP))


@covers("rfc7296/2.21/fatal-errors-delete-silently", mutants=["critical-closes-ike-sa"])
def test_critical_keeps_ike_sa(tester: Tester) -> None:
    """A request that is rejected for an unknown critical payload does not end the authenticated IKE SA."""
    sa = later_sa(tester)
    sa.request(payloads=[UnknownPayload(PayloadType(201), b"ikeproof", critical=True)])
    tester.expects(sa.liveness(), NoError())


# -- order of payloads --------------------------------------------------------------------------------------------


def reversed_order(draft: Draft) -> None:
    """All payloads in reverse, but for COOKIE, which section 2.6 wants first."""
    cookies = [item for item in draft.payloads if isinstance(item, NotifyPayload) and item.notify == NotifyType.COOKIE]
    draft.payloads = cookies + [item for item in reversed(draft.payloads) if item not in cookies]


REVERSED = Edit("payloads in reverse order", reversed_order)


@covers("rfc7296/2.5/any-payload-order-accepted", mutants=["insists-on-payload-order"])
def test_reverse_order_in_init(tester: Tester) -> None:
    """An IKE_SA_INIT request is not rejected because its payloads come in another order."""
    sa = tester.establish(edit_init=REVERSED)
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/2.5/any-payload-order-accepted", mutants=["insists-on-payload-order"])
def test_reverse_order_in_auth(tester: Tester) -> None:
    """An IKE_AUTH request is not rejected because its payloads come in another order."""
    sa = tester.establish(edit_auth=REVERSED)
    tester.expects(sa.liveness(), NoError())


@covers("rfc7296/2.5/any-payload-order-accepted", needs=("rekey_child",), mutants=["insists-on-payload-order"])
def test_reverse_order_in_create_child(tester: Tester) -> None:
    """A CREATE_CHILD_SA request is not rejected because its payloads come in another order."""
    edited_rekey(tester, REVERSED)


ORDERS: dict[ExchangeType, list[type[Payload]]] = {
    ExchangeType.IKE_SA_INIT: [SaPayload, KePayload, NoncePayload],
    ExchangeType.IKE_AUTH: [IdrPayload, AuthPayload, SaPayload, TsiPayload, TsrPayload],
    ExchangeType.CREATE_CHILD_SA: [SaPayload, NoncePayload, KePayload, TsiPayload, TsrPayload],
}


@covers("rfc7296/2.5/payload-order-as-shown", mutants=["sends-payloads-in-reverse"])
def test_order_sent(tester: Tester) -> None:
    """The payloads of a response come in the order of the figures in sections 1 and 2."""
    for answer in answers(tester)[1]:
        order = ORDERS.get(answer.exchange, [])
        message = answer.received.message
        found = [type(item) for item in message.payloads if type(item) in order] if message else []
        wanted = [kind for kind in order if kind in found]
        names = " ".join(kind.__name__.removesuffix("Payload") for kind in found)
        tester.check(found == wanted, f"the order of the figures in {answer.name}", names)


# -- version numbers ----------------------------------------------------------------------------------------------


@covers("rfc7296/2.5/higher-major-dropped", "rfc7296/3.1/higher-major-rejected", mutants=["accepts-higher-major"])
@pytest.mark.parametrize("major", [3, 15])
def test_higher_major_in_init(tester: Tester, major: int) -> None:
    """An IKE_SA_INIT request of a higher major version is dropped."""
    reply = init_or_silence(tester, bad.major_version(major))
    tester.expects(reply, {Silence(), Notify(NotifyType.INVALID_MAJOR_VERSION)})


@covers("rfc7296/2.5/higher-major-notified", mutants=["silent-about-higher-major"])
def test_higher_major_notified(tester: Tester) -> None:
    """A request of a higher major version is answered by INVALID_MAJOR_VERSION."""
    reply = init_or_silence(tester, bad.major_version(3))
    tester.expects(reply, Notify(NotifyType.INVALID_MAJOR_VERSION))


@covers(
    "rfc7296/1.5/unknown-spi-answer-copies",
    "rfc7296/1.5/unknown-spi-answer-flags",
    "rfc7296/1.5/unknown-spi-answer-unprotected",
    "rfc7296/2.5/higher-major-notified",
    mutants=["answers-in-requested-version", "major-version-answer-as-request"],
)
def test_higher_major_answer(tester: Tester) -> None:
    """INVALID_MAJOR_VERSION comes in a response of version 2 with SPIs, Message ID and exchange type of the request."""
    draft = tester.draft(ExchangeType.IKE_SA_INIT, message_id=0, edit=bad.major_version(3))
    draft.payloads.append(NoncePayload(bytes(32)))
    found = [item for item in everything_for(tester, draft) if item.kind == Kind.IKE and item.message is not None]
    for item in found:
        judge_major_version_answer(tester, item, draft)


def judge_major_version_answer(tester: Tester, item: Received, draft: Draft) -> None:
    """No answer is all right here: whether there is one, another test asks."""
    message = item.message
    assert message is not None
    major = "rfc7296/2.5/higher-major-notified"
    tester.expects(message, Notify(NotifyType.INVALID_MAJOR_VERSION), major)
    tester.check(message.major == 2, "the highest supported version, 2", f"version {message.major}", major)
    copied = (message.spi_i, message.spi_r, message.message_id, message.exchange)
    expected = (draft.spi_i, draft.spi_r, draft.message_id, draft.exchange)
    tester.check(copied == expected, "SPIs, Message ID and exchange type of the request", item.text())
    flags = "rfc7296/1.5/unknown-spi-answer-flags"
    tester.check(bool(message.flags & Flags.RESPONSE), "the Response flag set", repr(message.flags), flags)


@covers("rfc7296/2.5/higher-major-dropped", mutants=["accepts-higher-major"])
def test_higher_major_on_ike_sa(tester: Tester) -> None:
    """A protected request of a higher major version is not carried out, and the IKE SA goes on."""
    sa = tester.establish()
    delete = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))
    draft = sa.draft(ExchangeType.INFORMATIONAL, [delete], edit=bad.major_version(3))
    for item in sa.answers_to(draft):
        tester.check(not item.opened, "no answer, or an unprotected one", item.text())
        tester.expects(item, Notify(NotifyType.INVALID_MAJOR_VERSION))
    tester.expects(sa.request(payloads=[delete]), Deleted(ProtocolId.ESP))


@covers("rfc7296/2.5/responds-in-same-major", mutants=["accepts-lower-major"])
@pytest.mark.parametrize("major", [0, 1])
def test_lower_major_in_init(tester: Tester, major: int) -> None:
    """A message of major version 0 or 1 is never answered as if it were one of version 2."""
    reply = init_or_silence(tester, bad.major_version(major))
    own = Reply(f"a response of version {major}", lambda message: message.major == major)
    refused = Reply("a response that accepts nothing", lambda message: message.get(SaPayload) is None)
    tester.expects(reply, {Silence(), own, refused})


def edited_rekey(tester: Tester, edit: Edit) -> None:
    """Fail when this rekey of a Child SA is refused and a plain one is not."""
    sa = tester.establish()
    exchange = sa.try_child(rekey=sa.child, edit=edit)
    if exchange.child is None and sa.try_child(rekey=sa.child).child is None:
        raise Inconclusive(f"a plain rekey is refused, too: {exchange.problem}")
    tester.check(exchange.child is not None, "the Child SA is rekeyed", exchange.problem)


def later_sa(tester: Tester) -> IkeSa:
    """An IKE SA past the exchange after IKE_AUTH, in which errors have another meaning (section 2.21.2)."""
    sa = tester.establish()
    sa.liveness()
    return sa
