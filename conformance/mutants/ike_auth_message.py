"""Mutants of IKE_AUTH: what may come before it, its payloads, identities and INITIAL_CONTACT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.mutants._auth import Silence, allow_silence, before_auth, change_answer, change_payload, refuse_if
from conformance.mutants.registry import Patch, mutant

# -- before IKE_AUTH is done ------------------------------------------------------------------------------------------


@mutant("early-exchanges-allowed", breaks="rfc7296/1/no-early-later-exchanges")
def early_exchanges_allowed(patch: Patch) -> None:
    """Carries out any exchange as soon as there are keys."""
    from reference_impl.ikev2 import protected

    def allowed(sa: Any, exchange: Any) -> bool:
        sa.connection = sa.connection or sa.candidates[0]
        return True

    patch(protected, "is_allowed", allowed)


@mutant("answers-auth-without-init", breaks="rfc7296/1/init-before-others")
def answers_auth_without_init(patch: Patch) -> None:
    """Answers requests of unknown IKE SAs by AUTHENTICATION_FAILED."""
    from reference_impl.ikev2 import receive
    from reference_impl.wire.registries import NotifyType

    def unknown(engine: Any, header: Any, data: bytes, path: Any) -> None:
        engine.reply_in_clear(header, NotifyType.AUTHENTICATION_FAILED, path)

    patch(receive, "on_unknown_spi", unknown)


@mutant("accepts-auth-in-clear", breaks="rfc7296/1.2/later-messages-protected")
def accepts_auth_in_clear(patch: Patch) -> None:
    """Processes an IKE_AUTH request that is not encrypted."""
    from reference_impl.ikev2 import ike_auth, protected
    from reference_impl.wire.message import Message

    def unprotected(engine: Any, sa: Any, header: Any, data: bytes, detail: str, path: Any) -> None:
        payloads = ike_auth.answer(engine, sa, Message.parse(data))
        protected.respond(engine, sa, header, payloads, path)

    patch(protected, "on_unprotected", unprotected)


@mutant("forgets-sa-on-bad-icv", breaks="rfc7296/2.4/unprotected-is-no-failure")
def forgets_sa_on_bad_icv(patch: Patch) -> None:
    """Gives a half-open IKE SA up when the checksum of its IKE_AUTH request is wrong."""
    from reference_impl.ikev2 import closing, protected
    from reference_impl.ikev2.events import Reason

    def decrypt(original: Any, engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> Any:
        opened = original(engine, sa, header, data, path)
        if opened is None and not sa.established:
            closing.close(engine, sa, Reason.INTEGRITY, linger=False)
        return opened

    patch.wrap(protected, "decrypt", decrypt)


@mutant("ignores-auth-message-id", breaks="rfc7296/2.2/first-auth-message-id-one")
def ignores_auth_message_id(patch: Patch) -> None:
    """Takes any Message ID for the first IKE_AUTH request."""
    from reference_impl.ikev2.window import InboundWindow, Verdict

    def judge(original: Any, self: Any, message_id: int) -> Any:
        return Verdict.NEW if self.expected == 1 else original(self, message_id)

    patch.wrap(InboundWindow, "judge", judge)


# -- the message ------------------------------------------------------------------------------------------------------


@mutant("auth-response-without-idr", breaks="rfc7296/1.2/auth-response-payloads")
def auth_response_without_idr(patch: Patch) -> None:
    """Leaves IDr out when the initiator did not ask for an identity."""
    from reference_impl.wire.simple import IdrPayload

    def change(sa: Any, message: Any, payloads: list[Any]) -> list[Any]:
        return [item for item in payloads if not isinstance(item, IdrPayload) or message.get(IdrPayload)]

    change_answer(patch, change)


@mutant("auth-response-with-nonce", breaks="rfc7296/1.2/auth-without-ke-nonce")
def auth_response_with_nonce(patch: Patch) -> None:
    """Repeats its nonce in the IKE_AUTH response."""
    from reference_impl.wire.simple import NoncePayload

    change_answer(patch, lambda sa, message, payloads: [*payloads, NoncePayload(sa.nonce_r)])


@mutant("auth-response-in-clear", breaks="rfc7296/1.2/later-messages-protected")
def auth_response_in_clear(patch: Patch) -> None:
    """Sends the IKE_AUTH response without encryption."""
    _auth_in_clear(patch, response=True)


@mutant("initiator-auth-in-clear", breaks="rfc7296/1.2/later-messages-protected")
def initiator_auth_in_clear(patch: Patch) -> None:
    """Sends its IKE_AUTH request without encryption."""
    _auth_in_clear(patch, response=False)


def _auth_in_clear(patch: Patch, *, response: bool) -> None:
    from reference_impl.ikev2 import messages
    from reference_impl.wire.message import Message
    from reference_impl.wire.registries import ExchangeType

    def seal(original: Any, engine: Any, sa: Any, exchange: Any, number: int, payloads: Any, **options: Any) -> Any:
        if exchange != ExchangeType.IKE_AUTH or options["response"] is not response:
            return original(engine, sa, exchange, number, payloads, **options)
        flags = messages.flags(sa, response=response)
        return (Message(sa.spi_i, sa.spi_r, exchange, flags, number, tuple(payloads)).to_bytes(),)

    patch.wrap(messages, "seal", seal)


@mutant("refuses-notifications-in-auth", breaks="rfc7296/3.10.1/unknown-types-in-request-ignored")
def refuses_notifications_in_auth(patch: Patch) -> None:
    """Refuses an IKE_AUTH request with any notification that it does not act on."""
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType

    known = {NotifyType.INITIAL_CONTACT, NotifyType.USE_TRANSPORT_MODE}
    refuse_if(patch, lambda message: any(item.notify not in known for item in message.all(NotifyPayload)))


@mutant("rejects-reserved-in-auth", breaks="rfc7296/3.8/reserved-ignored")
def rejects_reserved_in_auth(patch: Patch) -> None:
    """Refuses an AUTH payload whose reserved octets are not zero."""
    from reference_impl.wire.simple import AuthPayload

    refuse_if(patch, lambda message: any(item.reserved2 for item in message.all(AuthPayload)))


@mutant("silent-on-malformed-auth", breaks="rfc7296/2.21/bad-request-gets-notify")
def silent_on_malformed_auth(patch: Patch) -> None:
    """Drops an IKE_AUTH request that it cannot parse, and says nothing."""
    from reference_impl.ikev2 import protected

    def refuse(original: Any, engine: Any, sa: Any, *rest: Any) -> None:
        if sa.established:
            original(engine, sa, *rest)

    patch.wrap(protected, "refuse", refuse)


# -- identities -------------------------------------------------------------------------------------------------------


def _accept_identities(patch: Patch, fits: Any) -> None:
    from reference_impl.ikev2 import selection

    def matches(original: Any, connection: Any, peer: Any) -> bool:
        return bool(fits(peer)) and bool(original(connection, peer))

    patch.wrap(selection, "remote_id_matches", matches)


@mutant("accepts-fqdn-only", breaks="rfc7296/3.5/accepts-four-types")
def accepts_fqdn_only(patch: Patch) -> None:
    """Knows one host name as the only kind of identity, in letters of which it has seen the like."""
    _accept_identities(patch, lambda peer: peer.id_type == 2 and peer.data.startswith(b"tester-"))


@mutant("address-id-must-match", breaks="rfc7296/3.5/address-id-need-not-match")
def address_id_must_match(patch: Patch) -> None:
    """Takes an address as identity only when the packets come from it."""
    _accept_identities(patch, lambda peer: peer.id_type != 1 or peer.data == b"\x7f\x00\x00\x01")


@mutant("checks-email-syntax", breaks="rfc7296/3.5/reasonable-nai-accepted")
def checks_email_syntax(patch: Patch) -> None:
    """Takes a mail address only when it looks as most of them do."""
    import re

    usual = re.compile(rb"[a-z0-9-]+(\.[a-z0-9-]+)*@[a-z0-9.-]+")
    _accept_identities(patch, lambda peer: peer.id_type != 3 or usual.fullmatch(peer.data) is not None)


@mutant("silent-on-odd-identity", breaks="rfc7296/1/every-request-answered")
def silent_on_odd_identity(patch: Patch) -> None:
    """Drops an IKE_AUTH request whose identity is not a host name of ASCII letters, and says nothing."""
    from reference_impl.wire.simple import IdiPayload

    def look(engine: Any, sa: Any, message: Any) -> None:
        found = message.get(IdiPayload)
        if found is not None and (found.id_type != 2 or not found.data or not found.data.isascii() or 0 in found.data):
            raise Silence

    allow_silence(patch)
    before_auth(patch, look)
    silent_on_malformed_auth(patch)


def _own_identity(patch: Patch, change: Any) -> None:
    """We prove the identity `change(own, message)`."""
    from reference_impl.ikev2 import ike_auth

    def own_proof(original: Any, sa: Any, connection: Any, message: Any) -> Any:
        return original(sa, replace(connection, local_id=change(connection.local_id, message)), message)

    patch.wrap(ike_auth, "own_proof", own_proof)


@mutant("terminates-fqdn", breaks="rfc7296/3.5/fqdn-no-terminator")
def terminates_fqdn(patch: Patch) -> None:
    """Sends the terminator of the C string with its host name."""
    _own_identity(patch, lambda own, message: replace(own, data=own.data + b"\0"))


@mutant("answers-as-somebody-else", breaks="rfc7296/1.2/id-corresponds-to-psk")
def answers_as_somebody_else(patch: Patch) -> None:
    """Proves its machine's name, not the identity that it is configured with."""
    _own_identity(patch, lambda own, message: replace(own, data=b"localhost"))


@mutant("echoes-requested-idr", breaks="rfc7296/1.2/idr-request-may-be-overridden")
def echoes_requested_idr(patch: Patch) -> None:
    """Takes on the identity that the initiator asks for."""
    from reference_impl.ikev2 import selection
    from reference_impl.wire.simple import IdrPayload

    def change(own: Any, message: Any) -> Any:
        wanted = message.get(IdrPayload)
        return own if wanted is None else replace(own, id_type=wanted.id_type, data=wanted.data)

    patch(selection, "local_id_matches", lambda connection, wanted: True)
    _own_identity(patch, change)


@mutant("refuses-requested-idr", breaks="rfc7296/1.2/idr-request-may-be-overridden")
def refuses_requested_idr(patch: Patch) -> None:
    """Refuses every request that asks for an identity."""
    from reference_impl.ikev2 import selection

    patch(selection, "local_id_matches", lambda connection, wanted: wanted is None)


@mutant("echoes-reserved-of-id", breaks="rfc7296/3.5/reserved-sent-zero")
def echoes_reserved_of_id(patch: Patch) -> None:
    """Builds IDr in the buffer of IDi, reserved octets and all."""
    from reference_impl.wire.simple import IdiPayload, IdrPayload

    change_payload(
        patch, lambda: IdrPayload, lambda item, message: replace(item, reserved2=message.get(IdiPayload).reserved2)
    )


# -- INITIAL_CONTACT --------------------------------------------------------------------------------------------------


def _has_contact(message: Any) -> bool:
    from reference_impl.wire.registries import NotifyType

    return message.notify(NotifyType.INITIAL_CONTACT) is not None


@mutant("initial-contact-refused", breaks="rfc7296/2.4/initial-contact-meaning")
def initial_contact_refused(patch: Patch) -> None:
    """Refuses INITIAL_CONTACT."""
    refuse_if(patch, _has_contact)


@mutant("initial-contact-ends-all", breaks="rfc7296/2.4/initial-contact-meaning")
def initial_contact_ends_all(patch: Patch) -> None:
    """Lets INITIAL_CONTACT end the IKE SAs of every identity."""
    from reference_impl.ikev2 import contact

    def others(engine: Any, sa: Any) -> list[Any]:
        return [other for other in engine.sas.values() if other is not sa and other.authenticated]

    patch(contact, "others", others)


@mutant("initial-contact-before-proof", breaks="rfc7296/2.4/initial-contact-meaning")
def initial_contact_before_proof(patch: Patch) -> None:
    """Obeys INITIAL_CONTACT before it verifies AUTH."""
    from reference_impl.ikev2 import closing
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.simple import IdiPayload

    def look(engine: Any, sa: Any, message: Any) -> None:
        who = message.get(IdiPayload)
        for other in list(engine.sas.values()) if _has_contact(message) and who else []:
            if other.authenticated and other.remote_id and other.remote_id.data == who.data:
                closing.close(engine, other, Reason.INITIAL_CONTACT, linger=False)

    before_auth(patch, look)


@mutant("initial-contact-half-done", breaks="rfc7296/2.4/initial-contact-deletes-others")
def initial_contact_half_done(patch: Patch) -> None:
    """Marks the IKE SA that INITIAL_CONTACT ends as dead, and goes on answering on it with errors."""
    from reference_impl.ikev2 import contact, protected
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    dead: set[int] = set()

    def replace_others(engine: Any, sa: Any, message: Any) -> None:
        if _has_contact(message):
            dead.update(other.ike_id for other in contact.others(engine, sa))

    def handle(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if sa.ike_id in dead:
            raise Refusal(NotifyType.TEMPORARY_FAILURE, Reason.INITIAL_CONTACT, "mutant")
        return original(engine, sa, message)

    patch(contact, "replace_others", replace_others)
    patch.wrap(protected, "handle", handle)


@mutant("initial-contact-everywhere", breaks="rfc7296/2.4/initial-contact-in-first-auth")
def initial_contact_everywhere(patch: Patch) -> None:
    """As initiator, sends INITIAL_CONTACT in IKE_SA_INIT already."""
    from reference_impl.ikev2 import sa_init
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType

    def vendor_payloads(original: Any, engine: Any) -> Any:
        return [*original(engine), NotifyPayload(NotifyType.INITIAL_CONTACT)]

    patch.wrap(sa_init, "vendor_payloads", vendor_payloads)
