"""Mutants of the negotiation of IKE suites: reading offers, choosing from them, answering."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from conformance.mutants._init import (
    change_choices,
    change_offered,
    change_offers,
    change_response,
    drop_requests,
    each,
    with_transforms,
)
from conformance.mutants.registry import Patch, mutant
from reference_impl.wire.errors import WireError
from reference_impl.wire.registries import AttributeType, Encr, Integ, ProtocolId, TransformType
from reference_impl.wire.sa import Attribute, Proposal, SaPayload, Transform, key_length

MANDATORY = (TransformType.ENCR, TransformType.PRF, TransformType.KE)


# -- what is acceptable ------------------------------------------------------------------------------------------


@mutant("accepts-any-proposal", breaks="rfc7296/3.3.4/rejects-unauthorized-suites")
def accepts_any_proposal(patch: Patch) -> None:
    """Answers an offer of which nothing is acceptable with a suite of its own."""
    from reference_impl.ikev2 import proposal, sa_init, selection

    def choose(original: Any, engine: Any, candidates: Any, offer: SaPayload, kei: Any) -> Any:
        choice = original(engine, candidates, offer, kei)
        if choice is None:
            policy = tuple(sorted(selection.ike_policy(candidates), key=lambda suite: suite.group != kei.group))
            answer = replace(proposal.ike_offer(policy[:1])[0], number=offer.proposals[0].number)
            choice = proposal.IkeChoice(policy[0], answer)
        return choice

    patch.wrap(sa_init, "choose", choose)


@mutant("first-proposal-only", breaks="rfc7296/3.3.6/selects-complete-set")
def first_proposal_only(patch: Patch) -> None:
    """Looks at the first proposal of an offer only."""
    from reference_impl.ikev2 import proposal

    patch.wrap(proposal, "choose_ike", lambda original, offered, *rest: original(tuple(offered)[:1], *rest))


@mutant("first-transform-only", breaks="rfc7296/3.3.6/unknown-transform-unacceptable")
def first_transform_only(patch: Patch) -> None:
    """Looks at the first transform of each type only."""

    def change(item: Proposal) -> Proposal:
        firsts = {each.type: each for each in reversed(item.transforms)}
        return replace(item, transforms=tuple(each for each in item.transforms if firsts[each.type] is each))

    change_offers(patch, change)


@mutant("one-bad-proposal-spoils-offer", breaks="rfc7296/3.3.6/unknown-type-unacceptable")
def one_bad_proposal_spoils_offer(patch: Patch) -> None:
    """Refuses the whole offer when one proposal has an unknown transform type, or lacks a mandatory one."""
    from reference_impl.ikev2 import proposal

    def complete(item: Proposal) -> bool:
        integrity = any(_is_aead(each) for each in item.transforms) or bool(item.of(TransformType.INTEG))
        return integrity and proposal.proposal_is_usable(item, ProtocolId.IKE, len(item.spi))

    def choose(original: Any, offered: Iterable[Proposal], *rest: Any) -> Any:
        listed = tuple(offered)
        return original(listed, *rest) if all(complete(item) for item in listed) else None

    patch.wrap(proposal, "choose_ike", choose)


def _is_aead(item: Transform) -> bool:
    normal = (Encr.AES_CBC, Encr.AES_CTR, Encr.DES, Encr.TRIPLE_DES)
    return item.type == TransformType.ENCR and item.id not in normal


@mutant("skips-unknown-types", breaks="rfc7296/3.3.6/unknown-type-unacceptable")
def skips_unknown_types(patch: Patch) -> None:
    """Passes over transforms of types that IKE does not have, and takes the rest of the proposal."""
    known = (*MANDATORY, TransformType.INTEG)
    change_offers(patch, lambda item: with_transforms(item, lambda old: [old] if old.type in known else []))


@mutant("fills-in-missing-types", breaks="rfc7296/3.3.6/unknown-type-unacceptable")
def fills_in_missing_types(patch: Patch) -> None:
    """Takes a transform type that a proposal lacks from its own policy."""
    from reference_impl.ikev2 import proposal

    def choose(original: Any, offered: Iterable[Proposal], policy: Any, *rest: Any) -> Any:
        own = [each for item in proposal.ike_offer(policy) for each in item.transforms]

        def filled(item: Proposal) -> Proposal:
            have = {each.type for each in item.transforms}
            wanted = {*MANDATORY} if any(map(_is_aead, item.transforms)) else {*MANDATORY, TransformType.INTEG}
            if TransformType.ENCR not in have and TransformType.INTEG in have:
                return replace(item, transforms=(*item.transforms, *_normal(own)))
            return replace(item, transforms=(*item.transforms, *(e for e in own if e.type in wanted - have)))

        return original([filled(item) for item in offered], policy, *rest)

    patch.wrap(proposal, "choose_ike", choose)


def _normal(own: Iterable[Transform]) -> list[Transform]:
    return [item for item in own if item.type == TransformType.ENCR and not _is_aead(item)]


@mutant("ignores-protocol-id", breaks="rfc7296/2.7/same-protocol")
def ignores_protocol_id(patch: Patch) -> None:
    """Takes every proposal in IKE_SA_INIT for one of IKE."""
    change_offers(patch, lambda item: replace(item, protocol=ProtocolId.IKE, spi=b""))


@mutant("ignores-unknown-attributes", breaks="rfc7296/3.3.6/unknown-transform-unacceptable")
def ignores_unknown_attributes(patch: Patch) -> None:
    """Takes a transform with an attribute that it does not know."""
    from reference_impl.ikev2 import proposal

    def understood(original: Any, item: Transform) -> Any:
        known = tuple(a for a in item.attributes if a.type == AttributeType.KEY_LENGTH)
        return original(replace(item, attributes=known))

    patch.wrap(proposal, "transform_is_understood", understood)


@mutant("demands-usual-transform-order", breaks="rfc7296/2.7/single-suite")
def demands_usual_transform_order(patch: Patch) -> None:
    """Refuses a proposal whose transforms are not in the order of their types."""
    from reference_impl.ikev2 import proposal

    def usable(original: Any, item: Proposal, *rest: Any) -> bool:
        kinds = [each.type for each in item.transforms]
        return kinds == sorted(kinds) and bool(original(item, *rest))

    patch.wrap(proposal, "proposal_is_usable", usable)


@mutant("checks-reserved-of-sa", breaks="rfc7296/3.3.2/reserved-ignored")
def checks_reserved_of_sa(patch: Patch) -> None:
    """Refuses proposals and transforms with reserved octets other than zero."""
    from reference_impl.ikev2 import proposal

    def usable(original: Any, item: Proposal, *rest: Any) -> bool:
        used = [item.reserved, *(each.reserved1 | each.reserved2 for each in item.transforms)]
        return not any(used) and bool(original(item, *rest))

    patch.wrap(proposal, "proposal_is_usable", usable)


# -- combined-mode ciphers ---------------------------------------------------------------------------------------


@mutant("drops-integrity-of-aead", breaks="rfc7296/3.3/aead-integrity-none")
def drops_integrity_of_aead(patch: Patch) -> None:
    """Takes a combined-mode cipher with an integrity algorithm, and leaves the algorithm out."""

    def change(item: Proposal) -> Proposal:
        if not any(_is_aead(each) for each in item.transforms):
            return item
        return with_transforms(item, lambda old: [] if old.type == TransformType.INTEG else [old])

    change_offers(patch, change)


@mutant("refuses-integrity-none", breaks="rfc7296/3.3/aead-integrity-none")
def refuses_integrity_none(patch: Patch) -> None:
    """Refuses a combined-mode cipher that comes with the integrity algorithm NONE."""
    from reference_impl.ikev2 import proposal

    def find(original: Any, item: Proposal, integ: Integ) -> Any:
        return None if any(each.id == Integ.NONE for each in item.of(TransformType.INTEG)) else original(item, integ)

    patch.wrap(proposal, "find_integ", find)


@mutant("answers-aead-with-integrity", breaks="rfc7296/2.7/aead-without-integrity")
def answers_aead_with_integrity(patch: Patch) -> None:
    """Adds an integrity algorithm to a combined-mode cipher in its answer."""
    extra = Transform(TransformType.INTEG, Integ.HMAC_SHA2_256_128)

    def change(choice: Any, offered: Proposal) -> Proposal:
        answer: Proposal = choice.answer
        return replace(answer, transforms=(*answer.transforms, extra)) if choice.suite.integ == Integ.NONE else answer

    change_choices(patch, change)


# -- key lengths -------------------------------------------------------------------------------------------------


@mutant("key-length-defaults-to-128", breaks="rfc7296/3.3.5/missing-key-length-rejected")
def key_length_defaults_to_128(patch: Patch) -> None:
    """Takes AES without Key Length for AES with 128 bits."""

    def change(old: Transform) -> list[Transform]:
        bare = old.type == TransformType.ENCR and not old.attributes and old.id != Encr.CHACHA20_POLY1305
        return [replace(old, attributes=(key_length(128),))] if bare else [old]

    change_offers(patch, lambda item: with_transforms(item, change))


@mutant("ignores-key-length", breaks="rfc7296/3.3.4/rejects-unauthorized-suites")
def ignores_key_length(patch: Patch) -> None:
    """Takes any Key Length of a cipher for the one that is configured."""
    from reference_impl.ikev2 import proposal

    def match(original: Any, item: Proposal, suite: Any, spi: bytes) -> Any:
        def change(old: Transform) -> list[Transform]:
            same = old.type == TransformType.ENCR and old.id == suite.encr and suite.key_bits
            return [replace(old, attributes=(key_length(suite.key_bits),))] if same else [old]

        return original(item, suite, spi) or original(with_transforms(item, change), suite, spi)

    patch.wrap(proposal, "match_ike", match)


@mutant("exact-key-length-only", breaks="rfc7296/3.3.5/longer-key-accepted")
def exact_key_length_only(patch: Patch) -> None:
    """Refuses a longer key than the one that is configured."""
    from reference_impl.ikev2 import proposal

    patch(proposal, "key_length_is_enough", lambda offered, wanted: offered == wanted)


@mutant("takes-last-key-length", breaks="rfc7296/3.3/no-repeated-attribute")
def takes_last_key_length(patch: Patch) -> None:
    """Of several Key Length attributes on one transform, takes the last."""
    _parse_leniently(patch)

    def change(old: Transform) -> list[Transform]:
        return [replace(old, attributes=old.attributes[-1:])]

    change_offers(patch, lambda item: with_transforms(item, change))


@mutant("drops-unexpected-key-length", breaks="rfc7296/3.3.6/attributes-returned-unmodified")
def drops_unexpected_key_length(patch: Patch) -> None:
    """Takes a fixed-length transform with a Key Length attribute, and leaves the attribute out of its answer."""

    def change(old: Transform) -> list[Transform]:
        fixed = old.type != TransformType.ENCR or old.id == Encr.CHACHA20_POLY1305
        return [replace(old, attributes=())] if fixed else [old]

    change_offers(patch, lambda item: with_transforms(item, change))


@mutant("key-length-in-octets", breaks="rfc7296/3.3.5/key-length-byte-order")
def key_length_in_octets(patch: Patch) -> None:
    """Answers with a Key Length in octets."""

    def shorter(old: Transform) -> list[Transform]:
        return [replace(old, attributes=(key_length((old.key_length or 0) // 8),))] if old.attributes else [old]

    change_choices(patch, lambda choice, offered: with_transforms(choice.answer, shorter))


@mutant("answers-long-key-length", breaks="rfc7296/3.3.5/fixed-not-variable-encoded")
def answers_long_key_length(patch: Patch) -> None:
    """Takes a Key Length in the long format, and answers with it."""
    from reference_impl.ikev2 import proposal

    _parse_leniently(patch)

    def understood(original: Any, item: Transform) -> Any:
        short = tuple(replace(old, tv=True) for old in item.attributes)
        return original(replace(item, attributes=short))

    patch.wrap(proposal, "transform_is_understood", understood)


def _parse_leniently(patch: Patch) -> None:
    original = SaPayload.parse_body

    def parse_body(cls: Any, body: bytes, /, **options: Any) -> SaPayload:
        return original(body, **(options | {"strict": False}))

    patch(SaPayload, "parse_body", classmethod(parse_body))


@mutant("lenient-about-sa-lengths", breaks="rfc7296/3.3/sa-lengths-checked")
def lenient_about_sa_lengths(patch: Patch) -> None:
    """Takes an SA payload that it cannot parse for an offer of its usual suite."""
    from reference_impl.crypto.suite import parse_ike
    from reference_impl.ikev2.proposal import ike_offer

    original = SaPayload.parse_body
    usual = SaPayload(ike_offer((parse_ike("aes128gcm16-prfsha256-ecp256"),)))

    def parse_body(cls: Any, body: bytes, /, **options: Any) -> SaPayload:
        try:
            return original(body, **options)
        except WireError:
            return usual

    patch(SaPayload, "parse_body", classmethod(parse_body))


# -- the answer --------------------------------------------------------------------------------------------------


@mutant("answers-all-proposals", breaks="rfc7296/2.7/responder-picks-one")
def answers_all_proposals(patch: Patch) -> None:
    """Answers with two proposals."""

    def change(sa: SaPayload) -> SaPayload:
        return SaPayload((*sa.proposals, replace(sa.proposals[0], number=sa.proposals[0].number + 1)))

    change_response(patch, each(SaPayload, change))


@mutant("answers-all-transforms", breaks="rfc7296/2.7/one-transform-per-type")
def answers_all_transforms(patch: Patch) -> None:
    """Answers with all transforms of the proposal that it accepts."""
    change_choices(patch, lambda choice, offered: replace(choice.answer, transforms=offered.transforms))


@mutant("answers-number-one", breaks="rfc7296/3.3.1/accepted-number-matches")
def answers_number_one(patch: Patch) -> None:
    """Gives every accepted proposal the number 1."""
    change_choices(patch, lambda choice, offered: replace(choice.answer, number=1))


@mutant("answers-with-spi", breaks="rfc7296/3.3.1/initial-spi-size-zero")
def answers_with_spi(patch: Patch) -> None:
    """Takes a proposal with an SPI in IKE_SA_INIT, and answers with one."""
    from reference_impl.ikev2 import proposal

    patch.wrap(
        proposal, "proposal_is_usable", lambda original, item, protocol, size: original(item, protocol, len(item.spi))
    )
    change_choices(patch, lambda choice, offered: replace(choice.answer, spi=offered.spi[::-1]))


@mutant("sends-reserved-of-sa", breaks="rfc7296/3.3.1/reserved-sent-zero")
def sends_reserved_of_sa(patch: Patch) -> None:
    """Sends reserved octets of proposals and transforms that are not zero."""

    def change(choice: Any, offered: Proposal) -> Proposal:
        return with_transforms(replace(choice.answer, reserved=1), lambda old: [replace(old, reserved2=1)])

    change_choices(patch, change)


@mutant("last-substruc-wrong", breaks="rfc7296/3.3.1/last-substruc")
def last_substruc_wrong(patch: Patch) -> None:
    """Says of the last proposal that one more follows."""
    patch.wrap(Proposal, "to_bytes", lambda original, self, *, last: original(self, last=not last))


# -- offers as initiator -----------------------------------------------------------------------------------------


@mutant("proposals-from-zero", breaks="rfc7296/3.3/first-proposal-number-one")
def proposals_from_zero(patch: Patch) -> None:
    """Numbers its proposals from 0."""
    change_offered(patch, lambda offer: tuple(replace(item, number=item.number - 1) for item in offer))


@mutant("initiator-mixes-aead", breaks="rfc7296/2.7/aead-in-own-proposal")
def initiator_mixes_aead(patch: Patch) -> None:
    """Offers combined-mode and normal ciphers in one proposal."""

    def change(offer: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
        everything = dict.fromkeys(transform for item in offer for transform in item.transforms)
        return (replace(offer[0], transforms=tuple(everything)),)

    change_offered(patch, change)


@mutant("initiator-sends-spi-in-proposal", breaks="rfc7296/3.3.1/initial-spi-size-zero")
def initiator_sends_spi_in_proposal(patch: Patch) -> None:
    """Offers with an SPI in IKE_SA_INIT."""
    change_offered(patch, lambda offer: tuple(replace(item, spi=b"8 octets") for item in offer))


@mutant("initiator-omits-key-length", breaks="rfc7296/3.3.5/key-length-always-included")
def initiator_omits_key_length(patch: Patch) -> None:
    """Offers AES without Key Length."""
    _offer(patch, lambda old: [replace(old, attributes=())])


@mutant("repeats-key-length", breaks="rfc7296/3.3/no-repeated-attribute")
def repeats_key_length(patch: Patch) -> None:
    """Offers several key lengths as attributes of one transform."""
    more: tuple[Attribute, ...] = (key_length(256),)
    _offer(patch, lambda old: [replace(old, attributes=old.attributes + more) if old.attributes else old])


def _offer(patch: Patch, change: Any) -> None:
    change_offered(patch, lambda offer: tuple(with_transforms(item, change) for item in offer))


# -- answers to the own offer ------------------------------------------------------------------------------------


@mutant("takes-any-answer", breaks="rfc7296/3.3.6/initiator-checks-offer")
def takes_any_answer(patch: Patch) -> None:
    """Goes on with its first proposal, whatever the responder's answer is."""
    from reference_impl.ikev2 import proposal
    from reference_impl.ikev2.errors import BadResponse

    def accepted(original: Any, answer: Any, offered: Any, size: int) -> Any:
        try:
            return original(answer, offered, size)
        except BadResponse:
            return offered[0]

    patch.wrap(proposal, "accepted", accepted)


@mutant("takes-first-proposal-only", breaks="rfc7296/3.3.6/chooses-single-proposal")
def takes_first_proposal_only(patch: Patch) -> None:
    """Goes on only when the responder has chosen the first proposal."""
    from reference_impl.ikev2 import proposal
    from reference_impl.ikev2.errors import BadResponse
    from reference_impl.ikev2.events import Reason

    def accepted(original: Any, answer: Any, offered: Any, size: int) -> Any:
        if answer[0].number != 1:
            raise BadResponse(Reason.PROPOSAL_MISMATCH, "not the first proposal")
        return original(answer, offered, size)

    patch.wrap(proposal, "accepted", accepted)


# -- notifications and Vendor IDs of the request -----------------------------------------------------------------


@mutant("refuses-unknown-status", breaks="rfc7296/3.10.1/unknown-status-ignored")
def refuses_unknown_status(patch: Patch) -> None:
    """Drops IKE_SA_INIT requests with a status notification that it does not know."""
    drop_requests(patch, lambda engine, message: any(_unknown(item) and not item.is_error for item in _kinds(message)))


@mutant("obeys-unknown-error-in-request", breaks="rfc7296/3.10.1/unknown-types-in-request-ignored")
def obeys_unknown_error_in_request(patch: Patch) -> None:
    """Drops IKE_SA_INIT requests with an error notification that it does not know."""
    drop_requests(patch, lambda engine, message: any(_unknown(item) and item.is_error for item in _kinds(message)))


def _kinds(message: Any) -> list[Any]:
    from reference_impl.wire.notify import NotifyPayload

    return [item.notify for item in message.all(NotifyPayload)]


def _unknown(kind: Any) -> bool:
    return str(kind.name).startswith("UNKNOWN_")


@mutant("checks-notify-protocol", breaks="rfc7296/3.10/no-spi-protocol-ignored")
def checks_notify_protocol(patch: Patch) -> None:
    """Drops IKE_SA_INIT requests that have a notification with an unknown Protocol ID."""
    from reference_impl.wire.notify import NotifyPayload

    drop_requests(patch, lambda engine, message: any(item.protocol > 3 for item in message.all(NotifyPayload)))


@mutant("one-vendor-id-only", breaks="rfc7296/3.12/several-vendor-ids")
def one_vendor_id_only(patch: Patch) -> None:
    """Drops IKE_SA_INIT requests with more than one Vendor ID."""
    from reference_impl.wire.simple import VendorPayload

    drop_requests(patch, lambda engine, message: len(message.all(VendorPayload)) > 1)


@mutant("vendor-id-critical", breaks="rfc7296/3.12/vendor-not-critical")
def vendor_id_critical(patch: Patch) -> None:
    """Sends a Vendor ID with the critical bit."""
    from reference_impl.wire.simple import VendorPayload

    change_response(patch, lambda payloads: (*payloads, VendorPayload(b"a mutant", critical=True)))
