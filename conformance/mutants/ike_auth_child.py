"""Mutants of IKE_AUTH: the first Child SA, its proposal and its mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants._auth import change_answer
from conformance.mutants.registry import Patch, mutant

# -- failure of the Child SA ------------------------------------------------------------------------------------------


def _refusal_alone(patch: Patch, fits: Callable[[Any], bool]) -> None:
    """A refused Child SA costs the IKE SA: the response has the error only."""
    from reference_impl.ikev2 import ike_auth
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.notify import NotifyPayload

    def first_child(original: Any, *args: Any) -> Any:
        payloads = original(*args)
        if len(payloads) == 1 and isinstance(payloads[0], NotifyPayload) and fits(payloads[0].notify):
            raise Refusal(payloads[0].notify, Reason.NO_PROPOSAL_CHOSEN, "mutant", fatal=True)
        return payloads

    patch.wrap(ike_auth, "first_child", first_child)


@mutant("child-failure-fails-auth", breaks="rfc7296/1.2/child-failure-creates-ike")
def child_failure_fails_auth(patch: Patch) -> None:
    """Sends the error without IDr and AUTH when the first Child SA cannot be made, and has no IKE SA."""
    _refusal_alone(patch, lambda kind: kind.name in ("NO_PROPOSAL_CHOSEN", "TS_UNACCEPTABLE"))


@mutant("address-failure-fails-auth", breaks="rfc7296/3.15.4/address-failure-keeps-ike")
def address_failure_fails_auth(patch: Patch) -> None:
    """Has no IKE SA when it cannot assign an address."""
    _refusal_alone(patch, lambda kind: kind.name == "INTERNAL_ADDRESS_FAILURE")


@mutant("child-failure-closes-ike", breaks="rfc7296/2.21.2/child-failure-keeps-ike")
def child_failure_closes_ike(patch: Patch) -> None:
    """Forgets the IKE SA after it has answered that its first Child SA failed."""
    from reference_impl.ikev2 import closing, protected
    from reference_impl.ikev2.events import Reason

    def process(original: Any, engine: Any, sa: Any, *rest: Any) -> None:
        original(engine, sa, *rest)
        if sa.established and not sa.children:
            closing.close(engine, sa, Reason.NO_PROPOSAL_CHOSEN, linger=False)

    patch.wrap(protected, "process", process)


@mutant("child-failure-blocks-children", breaks="rfc7296/1.2/child-failure-creates-ike")
def child_failure_blocks_children(patch: Patch) -> None:
    """Makes no further Child SA on an IKE SA whose first one failed."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def answer(original: Any, engine: Any, sa: Any, message: Any, **options: Any) -> Any:
        if not options["initial"] and not sa.children:
            raise Refusal(NotifyType.NO_ADDITIONAL_SAS, Reason.NO_ADDITIONAL_SAS, "mutant")
        return original(engine, sa, message, **options)

    patch.wrap(child_answer, "answer", answer)


# -- the ESP proposal -------------------------------------------------------------------------------------------------


@mutant("answers-group-in-ike-auth", breaks="rfc7296/1.2/auth-without-ke-nonce")
def answers_group_in_ike_auth(patch: Patch) -> None:
    """Negotiates a key exchange group in IKE_AUTH, where there is no KE payload."""
    from reference_impl.ikev2 import proposal

    def choose_esp(original: Any, *args: Any, **options: Any) -> Any:
        return original(*args, **{**options, "groups": True})

    patch.wrap(proposal, "choose_esp", choose_esp)


@mutant("refuses-group-none", breaks="rfc7296/1.2/auth-without-ke-nonce")
def refuses_group_none(patch: Patch) -> None:
    """Does not know the group NONE."""
    from reference_impl.ikev2 import proposal
    from reference_impl.wire.registries import TransformType

    def find_group(original: Any, offer: Any, group: Any) -> Any:
        return None if any(item.id == 0 for item in offer.of(TransformType.KE)) else original(offer, group)

    patch.wrap(proposal, "find_group", find_group)


@mutant("answers-both-esn", breaks="rfc7296/3.3.6/chooses-single-transform")
def answers_both_esn(patch: Patch) -> None:
    """Returns every kind of sequence numbers that was offered."""
    from reference_impl.ikev2 import proposal
    from reference_impl.wire.registries import TransformType

    def match_esp(original: Any, offer: Any, *args: Any, **options: Any) -> Any:
        choice = original(offer, *args, **options)
        if choice is None:
            return None
        others = tuple(item for item in choice.answer.transforms if item.type != TransformType.ESN)
        answer = replace(choice.answer, transforms=others + offer.of(TransformType.ESN))
        return replace(choice, answer=answer)

    patch.wrap(proposal, "match_esp", match_esp)


@mutant("answers-normal-sequence-numbers", breaks="rfc7296/3.3.2/single-esn-means-required")
def answers_normal_sequence_numbers(patch: Patch) -> None:
    """Takes normal sequence numbers though only extended ones were offered."""
    from reference_impl.ikev2 import proposal
    from reference_impl.wire.registries import TransformType
    from reference_impl.wire.sa import Transform

    def find(original: Any, offer: Any, kind: Any, number: int) -> Any:
        return Transform(kind, number) if kind == TransformType.ESN else original(offer, kind, number)

    patch.wrap(proposal, "find", find)


def _integrity_with_aead(patch: Patch, answer: Callable[[Any], Any]) -> None:
    from reference_impl.ikev2 import proposal
    from reference_impl.wire.registries import Integ, TransformType

    def find_integ(original: Any, offer: Any, integ: Any) -> Any:
        offered = offer.of(TransformType.INTEG)
        return answer(offered) if integ == Integ.NONE and offered else original(offer, integ)

    patch.wrap(proposal, "find_integ", find_integ)


@mutant("answers-esp-aead-with-integrity", breaks="rfc7296/3.3/aead-integrity-none")
def answers_esp_aead_with_integrity(patch: Patch) -> None:
    """Takes an integrity algorithm along with a combined-mode cipher."""
    _integrity_with_aead(patch, lambda offered: offered[:1])


@mutant("refuses-esp-integrity-none", breaks="rfc7296/3.3/aead-integrity-none")
def refuses_esp_integrity_none(patch: Patch) -> None:
    """Does not know the integrity algorithm NONE."""
    _integrity_with_aead(patch, lambda offered: None)


@mutant("answers-esp-number-one", breaks="rfc7296/3.3.1/accepted-number-matches")
def answers_esp_number_one(patch: Patch) -> None:
    """Numbers the accepted proposal 1, whichever it is."""
    from reference_impl.ikev2 import proposal

    def choose_esp(original: Any, *args: Any, **options: Any) -> Any:
        choice = original(*args, **options)
        return choice and replace(choice, answer=replace(choice.answer, number=1))

    patch.wrap(proposal, "choose_esp", choose_esp)


# -- modes ------------------------------------------------------------------------------------------------------------


@mutant("transport-mode-unasked", breaks="rfc7296/1.3.1/tunnel-by-default")
def transport_mode_unasked(patch: Patch) -> None:
    """Always answers USE_TRANSPORT_MODE."""
    from reference_impl.ikev2 import child_answer

    change_answer(patch, lambda sa, message, payloads: [*payloads, child_answer.TRANSPORT])


@mutant("transport-not-echoed", breaks="rfc7296/1.3.1/transport-acceptance-echoed")
def transport_not_echoed(patch: Patch) -> None:
    """Makes a Child SA in transport mode, and does not say so."""
    from reference_impl.ikev2 import child_answer

    def response_payloads(original: Any, *args: Any) -> Any:
        return [item for item in original(*args) if item != child_answer.TRANSPORT]

    patch.wrap(child_answer, "response_payloads", response_payloads)


@mutant("transport-declined-is-error", breaks="rfc7296/1.3.1/transport-declined-is-tunnel")
def transport_declined_is_error(patch: Patch) -> None:
    """Refuses the Child SA when it does not want the transport mode that was asked for."""
    from reference_impl.ikev2 import child_answer
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def agree_transport(original: Any, *args: Any) -> Any:
        agreement = original(*args)
        if agreement is None:
            raise Refusal(NotifyType.NO_PROPOSAL_CHOSEN, Reason.MODE_MISMATCH, "mutant")
        return agreement

    patch.wrap(child_answer, "agree_transport", agree_transport)
