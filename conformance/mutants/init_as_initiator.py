"""Mutants of IKE_SA_INIT as initiator: cookies, groups, errors, what it sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.mutants._init import Builder, Payloads, change_request, each
from conformance.mutants.registry import Patch, mutant
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import Group, NotifyType
from reference_impl.wire.simple import KePayload, NoncePayload


def _is_cookie(item: Any) -> bool:
    return isinstance(item, NotifyPayload) and item.notify == NotifyType.COOKIE


# -- cookies -----------------------------------------------------------------------------------------------------


@mutant("initiator-ignores-cookie", breaks="rfc7296/2.6/cookie-retry")
def initiator_ignores_cookie(patch: Patch) -> None:
    """Does nothing when a cookie is demanded."""
    from reference_impl.ikev2 import sa_init_request

    patch(sa_init_request, "allow_retry", lambda task: False)


@mutant("cookie-goes-last", breaks="rfc7296/2.6/cookie-retry")
def cookie_goes_last(patch: Patch) -> None:
    """Puts the cookie behind the other payloads."""
    change_request(patch, lambda payloads: tuple(sorted(payloads, key=_is_cookie)))


@mutant("new-nonce-with-cookie", breaks="rfc7296/2.6/cookie-retry")
def new_nonce_with_cookie(patch: Patch) -> None:
    """Makes a new nonce for the request with the cookie."""
    from reference_impl.ikev2 import sa_init_request

    def resend(original: Any, engine: Any, sa: Any, pending: Any, task: Any) -> None:
        sa.nonce_i = task.nonce = engine.rng(32)
        original(engine, sa, pending, task)

    patch.wrap(sa_init_request, "resend", resend)


@mutant("counts-cookie-retries", breaks="rfc7296/2.6/cookie-message-ids")
def counts_cookie_retries(patch: Patch) -> None:
    """Sends the request with the cookie under Message ID 1."""
    from reference_impl.ikev2 import sa_init_request

    class Counting(Builder):
        """Looks for the cookie before it counts."""

        def __call__(self, *arguments: Any) -> Message:
            message = super().__call__(*arguments)
            return replace(message, message_id=int(any(map(_is_cookie, message.payloads))))

    patch(sa_init_request, "Message", Counting(lambda payloads: payloads))


@mutant("keeps-first-cookie", breaks="rfc7296/2.6/cookie-retry")
def keeps_first_cookie(patch: Patch) -> None:
    """Goes on with the first cookie when another one is demanded."""
    from reference_impl.ikev2 import sa_init_request

    def use(original: Any, task: Any, cookie: Any) -> None:
        if task.cookie is None:
            original(task, cookie)

    patch.wrap(sa_init_request, "use_cookie", use)


@mutant("signs-first-init-sent", breaks="rfc7296/2.15/latest-message-signed")
def signs_first_init_sent(patch: Patch) -> None:
    """Signs its first IKE_SA_INIT request, also when it had to be sent again with a cookie."""
    from reference_impl.ikev2 import sa_init_request

    def resend(original: Any, engine: Any, sa: Any, *rest: Any) -> None:
        first = sa.init_request
        original(engine, sa, *rest)
        sa.init_request = first

    patch.wrap(sa_init_request, "resend", resend)


@mutant("obeys-cookies-for-ever", breaks="rfc7296/2.6/limits-cookie-exchanges")
def obeys_cookies_for_ever(patch: Patch) -> None:
    """Sends its request again for every cookie."""
    from reference_impl.ikev2 import sa_init_request

    patch(sa_init_request, "allow_retry", lambda task: True)


@mutant("rejects-cookie-with-spi", breaks="rfc7296/2.6/nonzero-spi-in-error-tolerated")
def rejects_cookie_with_spi(patch: Patch) -> None:
    """Ignores a COOKIE response with a responder SPI."""
    from reference_impl.ikev2 import sa_init_request

    def retried(original: Any, engine: Any, sa: Any, pending: Any, task: Any, message: Message, path: Any) -> bool:
        if message.notify(NotifyType.COOKIE) is not None and message.spi_r != bytes(8):
            return True
        return bool(original(engine, sa, pending, task, message, path))

    patch.wrap(sa_init_request, "retried", retried)


@mutant("forgets-cookie-after-invalid-ke", breaks="rfc7296/2.6.1/cookie-in-all-retries")
def forgets_cookie_after_invalid_ke(patch: Patch) -> None:
    """Leaves the cookie out of the retry with another group."""
    _after_group(patch, lambda task: setattr(task, "cookie", None))


@mutant("fails-on-cookie-after-invalid-ke", breaks="rfc7296/2.6.1/without-shorter-exchange-works")
def fails_on_cookie_after_invalid_ke(patch: Patch) -> None:
    """Ignores a cookie that is demanded after INVALID_KE_PAYLOAD."""
    from reference_impl.ikev2 import sa_init_request

    def retried(original: Any, engine: Any, sa: Any, pending: Any, task: Any, message: Message, path: Any) -> bool:
        if message.notify(NotifyType.COOKIE) is not None and task.refused_groups:
            return True
        return bool(original(engine, sa, pending, task, message, path))

    patch.wrap(sa_init_request, "retried", retried)


# -- groups ------------------------------------------------------------------------------------------------------


def _after_group(patch: Patch, act: Any) -> None:
    from reference_impl.ikev2 import sa_init_request

    def use(original: Any, engine: Any, task: Any, data: bytes) -> bool:
        used = bool(original(engine, task, data))
        if used:
            act(task)
        return used

    patch.wrap(sa_init_request, "use_group", use)


@mutant("initiator-ignores-invalid-ke", breaks="rfc7296/1.2/invalid-ke-retry")
def initiator_ignores_invalid_ke(patch: Patch) -> None:
    """Does nothing when another group is demanded."""
    from reference_impl.ikev2 import sa_init_request

    patch(sa_init_request, "use_group", lambda engine, task, data: False)


@mutant("narrows-offer-after-invalid-ke", breaks="rfc7296/1.2/retry-proposes-full-set")
def narrows_offer_after_invalid_ke(patch: Patch) -> None:
    """Offers only the suites of the demanded group when it retries."""
    from reference_impl.ikev2 import proposal

    def narrow(task: Any) -> None:
        kept = [item for item in task.offer if task.group in proposal.groups_of([item])]
        task.offer = tuple(replace(item, number=number) for number, item in enumerate(kept, 1))

    _after_group(patch, narrow)


@mutant("follows-group-not-offered", breaks="rfc7296/3.4/group-in-proposal")
def follows_group_not_offered(patch: Patch) -> None:
    """Sends a KE payload of any group that the responder names."""
    from reference_impl.crypto import ke
    from reference_impl.ikev2 import sa_init_request

    def use(engine: Any, task: Any, data: bytes) -> bool:
        task.group = Group(int.from_bytes(data, "big"))
        task.ke = ke.key_exchange(task.group)
        return True

    patch(sa_init_request, "use_group", use)


@mutant("initiator-ke-of-other-group", breaks="rfc7296/3.4/group-in-proposal")
def initiator_ke_of_other_group(patch: Patch) -> None:
    """Sends a KE payload of a group that it does not offer."""
    change_request(patch, each(KePayload, lambda item: replace(item, group=Group.MODP_768)))


@mutant("takes-ke-of-any-group", breaks="rfc7296/3.3.6/initiator-checks-offer")
def takes_ke_of_any_group(patch: Patch) -> None:
    """Goes on with a KE payload of another group than the accepted one."""
    from reference_impl.ikev2 import sa_init_request

    def accept(original: Any, engine: Any, sa: Any, task: Any, message: Message, *rest: Any) -> None:
        def change(item: KePayload) -> KePayload:
            return item if item.group == task.group else KePayload(task.group, task.ke.public)

        original(engine, sa, task, replace(message, payloads=each(KePayload, change)(message.payloads)), *rest)

    patch.wrap(sa_init_request, "accept", accept)


# -- errors ------------------------------------------------------------------------------------------------------


@mutant("gives-up-on-first-error", breaks="rfc7296/2.21.1/unauthenticated-error-keeps-trying")
def gives_up_on_first_error(patch: Patch) -> None:
    """Ends the attempt at the first error, which anybody may have sent."""
    from reference_impl.ikev2 import closing, messages, sa_init_request
    from reference_impl.ikev2.events import Reason

    def retried(original: Any, engine: Any, sa: Any, pending: Any, task: Any, message: Message, path: Any) -> bool:
        done = bool(original(engine, sa, pending, task, message, path))
        error = messages.first_error(message)
        if error is not None and error.notify != NotifyType.INVALID_KE_PAYLOAD:
            closing.close(engine, sa, Reason.UNAUTHENTICATED_NOTIFY, error.notify.name, linger=False)
        return done

    patch.wrap(sa_init_request, "retried", retried)


@mutant("ignores-unknown-error-in-response", breaks="rfc7296/3.10.1/unknown-error-fails-request")
def ignores_unknown_error_in_response(patch: Patch) -> None:
    """Goes on in spite of an error notification that it does not know."""
    from reference_impl.ikev2 import messages

    def first(original: Any, message: Message) -> Any:
        error = original(message)
        return None if error is not None and error.notify.name.startswith("UNKNOWN_") else error

    patch.wrap(messages, "first_error", first)


# -- what it sends -----------------------------------------------------------------------------------------------


@mutant("initiator-sends-two-nonces", breaks="rfc7296/1.2/init-request-payloads")
def initiator_sends_two_nonces(patch: Patch) -> None:
    """Sends two nonces."""

    def change(payloads: Payloads) -> Payloads:
        return (*payloads, *(item for item in payloads if isinstance(item, NoncePayload)))

    change_request(patch, change)


@mutant("initiator-guesses-responder-spi", breaks="rfc7296/2.6/first-message-responder-spi-zero")
def initiator_guesses_responder_spi(patch: Patch) -> None:
    """Puts an SPI for the responder into its first message."""
    from reference_impl.ikev2 import sa_init_request

    def fields(spi_i: bytes, spi_r: bytes, *rest: Any) -> tuple[Any, ...]:
        return (spi_i, b"guessed!", *rest)

    patch(sa_init_request, "Message", Builder(lambda payloads: payloads, fields))
