"""Mutants of the message layer: Message IDs, retransmission, windows, unprotected messages, errors (RFC 7296 §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.mutants.registry import Patch, mutant

# -- responses to responses, unknown SPIs ---------------------------------------------------------------------------


@mutant("ignores-response-flag", breaks="rfc7296/3.1/no-response-to-response")
def ignores_response_flag(patch: Patch) -> None:
    """Takes an IKE_SA_INIT message that is marked as a response for a request."""
    from reference_impl.ikev2 import sa_init
    from reference_impl.wire.registries import ExchangeType

    def is_new_request(header: Any) -> bool:
        return bool(header.exchange == ExchangeType.IKE_SA_INIT) and header.spi_r == bytes(8)

    patch(sa_init, "is_new_request", is_new_request)


@mutant("any-first-message-starts-ike-sa", breaks="rfc7296/2.21.4/unknown-sa-answer-notify")
def any_first_message_starts_ike_sa(patch: Patch) -> None:
    """Takes every request without responder SPI for IKE_SA_INIT, whatever its exchange type."""
    from reference_impl.ikev2 import sa_init

    patch(sa_init, "is_new_request", lambda header: not header.flags & 0x20 and header.spi_r == bytes(8))


@mutant("answers-responses", breaks="rfc7296/3.1/no-response-to-response")
def answers_responses(patch: Patch) -> None:
    """Answers a protected response that belongs to none of its requests."""
    from reference_impl.ikev2 import messages, protected

    def on_response(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if header.message_id in sa.outbound.pending:
            original(engine, sa, header, opened, path)
            return
        sealed = messages.seal(engine, sa, header.exchange, header.message_id, [], response=True)
        engine.transmit(sealed, path.local, path.remote)

    patch.wrap(protected, "on_response", on_response)


def unknown_spi_reply(patch: Patch, answers: Callable[[Any], bool], notify: str = "INVALID_IKE_SPI") -> None:
    """Messages of unknown SPIs that `answers` picks are answered by this notification."""
    from reference_impl.ikev2 import receive
    from reference_impl.wire.registries import NotifyType

    def on_unknown_spi(engine: Any, header: Any, data: bytes, path: Any) -> None:
        if answers(header):
            engine.reply_in_clear(header, NotifyType[notify], path)

    patch(receive, "on_unknown_spi", on_unknown_spi)


@mutant("answers-unknown-spi-responses", breaks="rfc7296/2.21.4/unknown-sa-response-unanswered")
def answers_unknown_spi_responses(patch: Patch) -> None:
    """Answers messages of unknown SPIs although they are marked as responses."""
    unknown_spi_reply(patch, lambda header: True)


@mutant("answers-unprotected-informational", breaks="rfc7296/1.5/unprotected-informational-unanswered")
def answers_unprotected_informational(patch: Patch) -> None:
    """Answers every request of unknown SPIs, also a one-way INVALID_SPI notification."""
    unknown_spi_reply(patch, lambda header: not header.flags & 0x20)


@mutant("unknown-spi-answered-by-invalid-spi", breaks="rfc7296/2.21.4/unknown-sa-answer-notify")
def unknown_spi_answered_by_invalid_spi(patch: Patch) -> None:
    """Answers a request of unknown IKE SPIs by INVALID_SPI, which is about ESP."""
    unknown_spi_reply(patch, lambda header: not header.flags & 0x20, "INVALID_SPI")


@mutant("unknown-spi-answer-swaps-spis", breaks="rfc7296/2.21.4/unknown-sa-answer-to-source")
def unknown_spi_answer_swaps_spis(patch: Patch) -> None:
    """Exchanges the SPIs of the request in its INVALID_IKE_SPI answer."""
    from conformance.mutants.message_layer import clear_replies

    clear_replies(patch, "INVALID_IKE_SPI", lambda data: data[8:16] + data[:8] + data[16:])


@mutant("unknown-spi-answer-as-request", breaks="rfc7296/1.5/unknown-spi-answer-flags")
def unknown_spi_answer_as_request(patch: Patch) -> None:
    """Sends INVALID_IKE_SPI without the Response flag."""
    from conformance.mutants.message_layer import clear_replies

    clear_replies(patch, "INVALID_IKE_SPI", lambda data: data[:19] + b"\x08" + data[20:])


@mutant("lookup-by-either-spi", breaks="rfc7296/2.6/lookup-by-spi-only")
def lookup_by_either_spi(patch: Patch) -> None:
    """Finds an IKE SA by any of its two SPIs in any of the two fields."""
    from reference_impl.ikev2 import receive

    def find(engine: Any, header: Any) -> Any:
        given = {header.spi_i, header.spi_r}
        return next((sa for sa in engine.by_spi.values() if {sa.spi_i, sa.spi_r} & given), None)

    patch(receive, "find", find)


# -- messages that anybody could have sent --------------------------------------------------------------------------


def on_unprotected(patch: Patch, act: Callable[[Any, Any, Any, Any, Any], None]) -> None:
    """Well-formed unprotected messages with the SPIs of an IKE SA go to `act(engine, sa, header, message, path)`."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.errors import WireError
    from reference_impl.wire.message import Message

    def replacement(engine: Any, sa: Any, header: Any, data: bytes, detail: str, path: Any) -> None:
        try:
            message = Message.parse(data)
        except WireError:
            return
        act(engine, sa, header, message, path)

    patch(protected, "on_unprotected", replacement)


@mutant("believes-unprotected-errors", breaks="rfc7296/2.21.4/invalid-ike-spi-changes-nothing")
def believes_unprotected_errors(patch: Patch) -> None:
    """Closes an IKE SA for an unprotected notification."""
    from reference_impl.ikev2 import closing
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.notify import NotifyPayload

    def act(engine: Any, sa: Any, header: Any, message: Any, path: Any) -> None:
        if message.get(NotifyPayload) is not None:
            closing.close(engine, sa, Reason.ERROR_NOTIFY, "unprotected", linger=False)

    on_unprotected(patch, act)


@mutant("carries-out-unprotected-requests", breaks="rfc7296/1.4/informational-after-initial")
def carries_out_unprotected_requests(patch: Patch) -> None:
    """Carries out INFORMATIONAL requests that are not protected."""
    from reference_impl.ikev2 import informational, protected

    def act(engine: Any, sa: Any, header: Any, message: Any, path: Any) -> None:
        payloads, afterwards = informational.answer(engine, sa, message)
        protected.respond(engine, sa, header, payloads, path)
        if afterwards is not None:
            afterwards()

    on_unprotected(patch, act)


@mutant("answers-unprotected-invalid-ike-spi", breaks="rfc7296/2.21.4/invalid-ike-spi-unanswered")
def answers_unprotected_invalid_ike_spi(patch: Patch) -> None:
    """Answers an unprotected message with the SPIs of an IKE SA by an unprotected error."""
    from reference_impl.wire.registries import NotifyType

    on_unprotected(
        patch,
        lambda engine, sa, header, message, path: engine.reply_in_clear(header, NotifyType.INVALID_IKE_SPI, path),
    )


@mutant("init-restarts-ike-sa", breaks="rfc7296/2.4/unprotected-is-no-failure")
def init_restarts_ike_sa(patch: Patch) -> None:
    """Closes an IKE SA when an IKE_SA_INIT message with its SPIs arrives."""
    from reference_impl.ikev2 import closing, receive
    from reference_impl.ikev2.events import Reason

    def on_late_init(engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> None:
        closing.close(engine, sa, Reason.UNEXPECTED_EXCHANGE, "the peer starts again", linger=False)

    patch(receive, "on_late_init", on_late_init)


@mutant("liveness-check-for-every-hint", breaks="rfc7296/2.4/unprotected-actions-rate-limited")
def liveness_check_for_every_hint(patch: Patch) -> None:
    """Checks liveness for every forged INVALID_IKE_SPI."""
    from reference_impl.ikev2 import informational

    patch(informational, "on_hint", lambda engine, sa: informational.check_liveness(engine, sa))


@mutant("empty-informational-unanswered", breaks="rfc7296/2.4/liveness-is-empty-informational")
def empty_informational_unanswered(patch: Patch) -> None:
    """Ignores INFORMATIONAL requests that contain nothing."""
    from reference_impl.ikev2 import protected

    def process(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if getattr(opened, "inner", b"?"):
            original(engine, sa, header, opened, path)

    patch.wrap(protected, "process", process)


# -- retransmission -------------------------------------------------------------------------------------------------


@mutant("ignores-retransmissions", breaks="rfc7296/2.1/retransmitted-request-repeats-response")
def ignores_retransmissions(patch: Patch) -> None:
    """Does not send a response again."""
    from reference_impl.ikev2 import protected

    patch(protected, "repeat_response", lambda engine, sa, message_id, opened, path: None)


def judgement(patch: Patch, before: str, after: str) -> None:
    """Requests with one standing in the window are treated as if they had another."""
    from reference_impl.ikev2.window import InboundWindow, Verdict

    def judge(original: Any, self: Any, message_id: int) -> Any:
        verdict = original(self, message_id)
        return Verdict[after] if verdict is Verdict[before] else verdict

    patch.wrap(InboundWindow, "judge", judge)


@mutant("answers-retransmission-anew", breaks="rfc7296/2.1/retransmitted-request-repeats-response")
def answers_retransmission_anew(patch: Patch) -> None:
    """Carries a retransmitted request out again and builds a new response."""
    judgement(patch, "RETRANSMISSION", "NEW")


@mutant("carries-out-old-requests", breaks="rfc7296/2.1/forgotten-response-ignores-request")
def carries_out_old_requests(patch: Patch) -> None:
    """Carries out requests whose Message ID was used long ago."""
    judgement(patch, "OLD", "NEW")


@mutant("sends-every-response-twice", breaks="rfc7296/2.1/response-only-on-request")
def sends_every_response_twice(patch: Patch) -> None:
    """Sends every protected response a second time, to be safe."""
    from reference_impl.ikev2.engine import Engine

    def transmit(original: Any, self: Any, datagrams: Any, local: Any, remote: Any) -> None:
        original(self, datagrams, local, remote)
        if datagrams[0][18] != 34 and datagrams[0][19] & 0x20:
            original(self, datagrams, local, remote)

    patch.wrap(Engine, "transmit", transmit)


# -- Message IDs and windows ----------------------------------------------------------------------------------------


@mutant("rekeyed-sa-goes-on-counting", breaks="rfc7296/2.2/rekey-resets-message-id")
def rekeyed_sa_goes_on_counting(patch: Patch) -> None:
    """Expects the next Message ID of the old IKE SA on the one that a rekey made."""
    from reference_impl.ikev2 import rekey_ike

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        new = original(engine, old, *arguments, **options)
        new.inbound.expected = old.inbound.expected
        return new

    patch.wrap(rekey_ike, "make_successor", make_successor)


@mutant("window-one-too-large", breaks="rfc7296/2.3/outside-window-not-acknowledged")
def window_one_too_large(patch: Patch) -> None:
    """Accepts a request that is one Message ID ahead of its window."""
    from reference_impl.ikev2.window import InboundWindow, Verdict

    def judge(original: Any, self: Any, message_id: int) -> Any:
        return Verdict.NEW if message_id == self.expected + self.size else original(self, message_id)

    patch.wrap(InboundWindow, "judge", judge)


@mutant("accepts-any-message-id", breaks="rfc7296/2.3/outside-window-not-acknowledged")
def accepts_any_message_id(patch: Patch) -> None:
    """Accepts every Message ID that is not old."""
    judgement(patch, "AHEAD", "NEW")


def outside_window(patch: Patch, act: Callable[[Any, Any, Any, int, Any], None]) -> None:
    """What is done about a Message ID outside the window: `act(engine, sa, notify, message_id, path)`."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType

    def on_outside_window(engine: Any, sa: Any, message_id: int, path: Any) -> None:
        act(engine, sa, NotifyPayload(NotifyType.INVALID_MESSAGE_ID, message_id.to_bytes(4, "big")), message_id, path)

    patch(protected, "on_outside_window", on_outside_window)


def notice(engine: Any, sa: Any, notify: Any) -> None:
    """Send a notification in an INFORMATIONAL request."""
    from reference_impl.ikev2 import exchange, informational

    exchange.enqueue(engine, sa, informational.Notice(notify))


@mutant("reports-every-invalid-message-id", breaks="rfc7296/2.3/invalid-message-id-rate-limited")
def reports_every_invalid_message_id(patch: Patch) -> None:
    """Sends INVALID_MESSAGE_ID for every request outside the window."""
    outside_window(patch, lambda engine, sa, notify, message_id, path: notice(engine, sa, notify))


@mutant("invalid-message-id-without-data", breaks="rfc7296/2.3/invalid-message-id-data")
def invalid_message_id_without_data(patch: Patch) -> None:
    """Does not say in INVALID_MESSAGE_ID which one it was."""
    from dataclasses import replace

    outside_window(patch, lambda engine, sa, notify, message_id, path: notice(engine, sa, replace(notify, data=b"")))


@mutant("invalid-message-id-in-response", breaks="rfc7296/2.3/invalid-message-id-not-response")
def invalid_message_id_in_response(patch: Patch) -> None:
    """Answers a request outside the window by INVALID_MESSAGE_ID."""
    from reference_impl.ikev2 import messages
    from reference_impl.wire.registries import ExchangeType

    def act(engine: Any, sa: Any, notify: Any, message_id: int, path: Any) -> None:
        sealed = messages.seal(engine, sa, ExchangeType.INFORMATIONAL, message_id, [notify], response=True)
        engine.transmit(sealed, path.local, path.remote)

    outside_window(patch, act)


def announce_window(patch: Patch, data: bytes) -> None:
    """The IKE_AUTH response has SET_WINDOW_SIZE with these octets."""
    from reference_impl.ikev2 import ike_auth
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> list[Any]:
        return [*original(engine, sa, message), NotifyPayload(NotifyType.SET_WINDOW_SIZE, data)]

    patch.wrap(ike_auth, "answer", answer)


@mutant("window-size-of-two-octets", breaks="rfc7296/2.3/window-size-data")
def window_size_of_two_octets(patch: Patch) -> None:
    """Announces its window size in two octets."""
    announce_window(patch, b"\0\x04")


@mutant("window-announced-but-not-kept", breaks="rfc7296/2.3/out-of-order-within-window")
def window_announced_but_not_kept(patch: Patch) -> None:
    """Announces a window of 4 and takes requests in strict order."""
    announce_window(patch, b"\0\0\0\x04")


@mutant("chokes-on-window-size", breaks="rfc7296/2.3/window-one-initially")
def chokes_on_window_size(patch: Patch) -> None:
    """Refuses a request with SET_WINDOW_SIZE."""
    from reference_impl.ikev2 import ike_auth
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def note_window(sa: Any, message: Any) -> None:
        if message.notify(NotifyType.SET_WINDOW_SIZE) is not None:
            raise invalid_syntax(Reason.INVALID_SYNTAX, "SET_WINDOW_SIZE")

    patch(ike_auth, "note_window", note_window)


# -- errors ---------------------------------------------------------------------------------------------------------


def refusals(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Refusals by INVALID_SYNTAX go out as `change` makes them; None: no answer at all."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.registries import NotifyType

    def refuse(original: Any, engine: Any, sa: Any, header: Any, refusal: Any, path: Any) -> None:
        changed = change(refusal) if refusal.notify == NotifyType.INVALID_SYNTAX else refusal
        if changed is not None:
            original(engine, sa, header, changed, path)

    patch.wrap(protected, "refuse", refuse)


@mutant("drops-malformed-requests", breaks="rfc7296/2.21.3/error-requests-answered")
def drops_malformed_requests(patch: Patch) -> None:
    """Does not answer authentic requests that it cannot read or that lack a payload."""
    refusals(patch, lambda refusal: None)


@mutant("drops-requests-with-duplicates", breaks="rfc7296/2.21.3/error-requests-answered")
def drops_requests_with_duplicates(patch: Patch) -> None:
    """Does not answer a request that has an SA, nonce or TSi payload twice."""
    from reference_impl.ikev2 import protected

    def process(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        names = [type(item).__name__ for item in protected.parse(opened).payloads]
        if all(names.count(name) < 2 for name in ("SaPayload", "NoncePayload", "TsiPayload")):
            original(engine, sa, header, opened, path)

    patch.wrap(protected, "process", process)


def _answer_malformed_by(patch: Patch, name: str) -> None:
    from reference_impl.wire.registries import NotifyType

    def change(refusal: Any) -> Any:
        refusal.notify = NotifyType[name]
        return refusal

    refusals(patch, change)


@mutant("malformed-answered-by-no-proposal-chosen", breaks="rfc7296/3.10.1/invalid-syntax-for-others")
def malformed_answered_by_no_proposal_chosen(patch: Patch) -> None:
    """Answers a malformed request by NO_PROPOSAL_CHOSEN."""
    _answer_malformed_by(patch, "NO_PROPOSAL_CHOSEN")


@mutant("malformed-answered-by-authentication-failed", breaks="rfc7296/2.21.2/malformed-only-notify")
def malformed_answered_by_authentication_failed(patch: Patch) -> None:
    """Answers a malformed request by AUTHENTICATION_FAILED."""
    _answer_malformed_by(patch, "AUTHENTICATION_FAILED")


@mutant("invalid-syntax-keeps-ike-sa", breaks="rfc7296/2.21.3/invalid-syntax-deletes-sa")
def invalid_syntax_keeps_ike_sa(patch: Patch) -> None:
    """Goes on with the IKE SA after it sent INVALID_SYNTAX."""

    def change(refusal: Any) -> Any:
        refusal.fatal = False
        return refusal

    refusals(patch, change)


@mutant("invalid-syntax-in-clear", breaks="rfc7296/3.10.1/invalid-syntax-only-protected")
def invalid_syntax_in_clear(patch: Patch) -> None:
    """Answers a malformed or incomplete IKE_SA_INIT request by an unprotected INVALID_SYNTAX."""
    from reference_impl.ikev2 import sa_init
    from reference_impl.wire.errors import WireError
    from reference_impl.wire.message import Message
    from reference_impl.wire.registries import NotifyType
    from reference_impl.wire.simple import NoncePayload

    def on_request(original: Any, engine: Any, header: Any, data: bytes, path: Any) -> None:
        try:
            complete = Message.parse(data).get(NoncePayload) is not None
        except WireError:
            complete = False
        if complete:
            original(engine, header, data, path)
        else:
            engine.reply_in_clear(header, NotifyType.INVALID_SYNTAX, path)

    patch.wrap(sa_init, "on_request", on_request)


@mutant("forgery-answered-by-invalid-syntax", breaks="rfc7296/3.10.1/invalid-syntax-only-protected")
def forgery_answered_by_invalid_syntax(patch: Patch) -> None:
    """Answers a message whose checksum is wrong by an unprotected INVALID_SYNTAX."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.registries import NotifyType

    def decrypt(original: Any, engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> Any:
        opened = original(engine, sa, header, data, path)
        if opened is None:
            engine.reply_in_clear(header, NotifyType.INVALID_SYNTAX, path)
        return opened

    patch.wrap(protected, "decrypt", decrypt)


@mutant("malformed-outside-ends-sa", breaks="rfc7296/3.10.1/invalid-syntax-only-protected")
def malformed_outside_ends_sa(patch: Patch) -> None:
    """Looks for malformed payloads before the checksum: answers them by INVALID_SYNTAX and gives the IKE SA up."""
    from reference_impl.ikev2 import closing, messages, protected
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.encrypted import SkfPayload
    from reference_impl.wire.errors import WireError
    from reference_impl.wire.message import Message
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType, ProtocolId

    def malformed(data: bytes) -> bool:
        try:
            message = Message.parse(data)
        except WireError:
            return True
        fragment = message.get(SkfPayload)
        return any(item.protocol > ProtocolId.ESP for item in message.all(NotifyPayload)) or (
            fragment is not None and not 1 <= fragment.fragment <= fragment.total
        )

    def decrypt(original: Any, engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> Any:
        if malformed(data) and not messages.is_response(header):
            engine.reply_in_clear(header, NotifyType.INVALID_SYNTAX, path)
            closing.close(engine, sa, Reason.MALFORMED, linger=False)
            return None
        return original(engine, sa, header, data, path)

    patch.wrap(protected, "decrypt", decrypt)


@mutant("unknown-exchange-is-informational", breaks="rfc7296/3.1/exchange-types")
def unknown_exchange_is_informational(patch: Patch) -> None:
    """Takes every exchange type that it does not know for INFORMATIONAL."""
    from reference_impl.ikev2 import protected
    from reference_impl.ikev2.states import IkeState
    from reference_impl.wire.registries import ExchangeType

    every = frozenset(ExchangeType(number) for number in range(36, 256)) | {ExchangeType(33)}
    patch(protected, "ALLOWED", {**protected.ALLOWED, IkeState.ESTABLISHED: every})
