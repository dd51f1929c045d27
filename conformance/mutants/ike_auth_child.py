"""Mutants of IKE_AUTH: the first Child SA, its Traffic Selectors, and Configuration payloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from conformance.mutants._auth import (
    Silence,
    allow_silence,
    before_auth,
    change_answer,
    change_payload,
    narrowing,
    refuse_if,
)
from conformance.mutants.registry import Patch, mutant

ANY_PORTS = (0, 65535)
OPAQUE = (65535, 0)

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


# -- Traffic Selectors: narrowing -------------------------------------------------------------------------------------


@mutant("narrows-for-no-reason", breaks="rfc7296/2.9/whole-set-no-narrowing")
def narrows_for_no_reason(patch: Patch) -> None:
    """Narrows to a single address although policy allows all of them."""
    narrowing(patch, lambda offered, policy, got: [replace(item, end=item.start) for item in got])


@mutant("pairs-selectors", breaks="rfc7296/3.13/ts-counts-may-differ")
def pairs_selectors(patch: Patch) -> None:
    """Takes the selectors of TSi and TSr for pairs, and refuses different numbers of them."""
    from reference_impl.wire.ts import TsiPayload, TsrPayload

    def uneven(message: Any) -> bool:
        both = message.get(TsiPayload), message.get(TsrPayload)
        return None not in both and len(both[0].selectors) != len(both[1].selectors)

    refuse_if(patch, uneven)


@mutant("takes-all-selectors", breaks="rfc7296/2.9/narrowing-is-subset")
def takes_all_selectors(patch: Patch) -> None:
    """Accepts whatever traffic is proposed."""
    narrowing(patch, lambda offered, policy, got: offered)


@mutant("widens-to-policy", breaks="rfc7296/2.9/narrowing-is-subset")
def widens_to_policy(patch: Patch) -> None:
    """Answers with its own policy when a part of it was proposed."""
    narrowing(patch, lambda offered, policy, got: policy if got else got)


@mutant("single-pair-instead-of-narrowing", breaks="rfc7296/2.9/narrows-rather-than-single-pair")
def single_pair_instead_of_narrowing(patch: Patch) -> None:
    """Demands a single pair of addresses where it could narrow."""
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def change(offered: Any, policy: Any, got: Any) -> Any:
        if got and tuple(got) != tuple(offered):
            raise Refusal(NotifyType.SINGLE_PAIR_REQUIRED, Reason.SINGLE_PAIR_REQUIRED, "mutant")
        return got

    narrowing(patch, change)


@mutant("looks-at-first-selector-only", breaks="rfc7296/2.9/first-unacceptable-still-narrows")
def looks_at_first_selector_only(patch: Patch) -> None:
    """Ignores all selectors but the first."""
    from reference_impl.ikev2 import selectors

    patch.wrap(selectors, "narrow", lambda original, offered, *rest: original(offered[:1], *rest))


@mutant("drops-first-choice", breaks="rfc7296/2.9/narrowing-keeps-first-choice")
def drops_first_choice(patch: Patch) -> None:
    """Narrows to the first address of the last selector, whatever the initiator put first."""

    def change(offered: Any, policy: Any, got: Any) -> Any:
        return [replace(got[-1], end=got[-1].start)] if len(offered) > 1 and got else got

    narrowing(patch, change)


@mutant("additional-ts-with-data", breaks="rfc7296/2.9/additional-ts-possible-empty")
def additional_ts_with_data(patch: Patch) -> None:
    """Counts in the data of ADDITIONAL_TS_POSSIBLE how many more sets there are."""
    from reference_impl.ikev2 import child_answer

    notice = replace(child_answer.ADDITIONAL_TS, data=b"\0\1")
    change_answer(patch, lambda sa, message, payloads: [*payloads, notice])


@mutant("null-set-answered", breaks="rfc7296/2.9/ts-unacceptable")
def null_set_answered(patch: Patch) -> None:
    """Accepts a Child SA without any selector when nothing of the proposed traffic is allowed."""
    from reference_impl.ikev2 import child_answer

    patch(child_answer, "check_narrowed", lambda *args: None)


@mutant("returns-unknown-ts-type", breaks="rfc7296/2.9/unknown-ts-type-ignored")
def returns_unknown_ts_type(patch: Patch) -> None:
    """Returns the selectors whose type it does not know."""
    from reference_impl.ikev2.selectors import KNOWN_TYPES
    from reference_impl.wire.ts import TsPayload

    def change(item: Any, message: Any) -> Any:
        unknown = [each for each in message.get(type(item)).selectors if each.ts_type not in KNOWN_TYPES]
        return replace(item, selectors=(*item.selectors, *unknown))

    change_payload(patch, lambda: TsPayload, change)


@mutant("fails-on-unknown-ts-type", breaks="rfc7296/2.9/unknown-ts-type-ignored")
def fails_on_unknown_ts_type(patch: Patch) -> None:
    """Refuses the whole request for a selector of an unknown type."""
    from reference_impl.ikev2.selectors import KNOWN_TYPES
    from reference_impl.wire.ts import TsPayload

    def unknown(message: Any) -> bool:
        found = [item for item in message.payloads if isinstance(item, TsPayload)]
        return any(each.ts_type not in KNOWN_TYPES for item in found for each in item.selectors)

    refuse_if(patch, unknown)


@mutant("mixes-address-families", breaks="rfc7296/2.9/narrowing-is-subset")
def mixes_address_families(patch: Patch) -> None:
    """Compares addresses by their first octets, and so takes any IPv6 address."""

    def change(offered: Any, policy: Any, got: Any) -> Any:
        return [*got, *(item for item in offered if len(item.start) == 16)]

    narrowing(patch, change)


# -- Traffic Selectors: protocols, ports, ranges ----------------------------------------------------------------------


@mutant("drops-protocol", breaks="rfc7296/2.9/narrowing-is-subset")
def drops_protocol(patch: Patch) -> None:
    """Looks at addresses only, and answers with all protocols."""
    narrowing(
        patch, lambda offered, policy, got: [replace(item, protocol=0, start_port=0, end_port=65535) for item in got]
    )


@mutant("drops-ports", breaks="rfc7296/2.9/narrowing-is-subset")
def drops_ports(patch: Patch) -> None:
    """Answers with all ports of the protocol."""
    narrowing(patch, lambda offered, policy, got: [replace(item, start_port=0, end_port=65535) for item in got])


@mutant("opaque-taken-for-any", breaks="rfc7296/3.13.1/opaque-ports")
def opaque_taken_for_any(patch: Patch) -> None:
    """Takes OPAQUE ports for a reversed range of all ports."""

    def widened(item: Any) -> Any:
        ports = (item.start_port, item.end_port)
        return replace(item, start_port=0, end_port=65535) if ports == OPAQUE else item

    narrowing(patch, lambda offered, policy, got: [widened(item) for item in got])


@mutant("any-ports-as-zero", breaks="rfc7296/3.13.1/end-port-65535")
def any_ports_as_zero(patch: Patch) -> None:
    """Writes 0 to 0 for all ports."""
    from reference_impl.wire.ts import TrafficSelector

    def to_bytes(original: Any, self: Any) -> bytes:
        made: bytes = original(self)
        return made[:6] + bytes(2) + made[8:] if (self.start_port, self.end_port) == ANY_PORTS else made

    patch.wrap(TrafficSelector, "to_bytes", to_bytes)


@mutant("takes-reversed-range", breaks="rfc7296/2.9/narrowing-is-subset")
def takes_reversed_range(patch: Patch) -> None:
    """Turns a reversed range of addresses or ports round."""
    from reference_impl.wire import ts

    def parse(original: Any, *args: Any) -> Any:
        item, end = original(*args)
        (low, high), ports = sorted((item.start, item.end)), sorted((item.start_port, item.end_port))
        return replace(item, start=low, end=high, start_port=ports[0], end_port=ports[1]), end

    patch(ts, "check_selector", lambda *args: None)
    patch.wrap(ts, "_parse_selector", parse)


@mutant("excludes-last-address", breaks="rfc7296/3.13.1/range-inclusive")
def excludes_last_address(patch: Patch) -> None:
    """Takes the ending address for the first one that is outside."""

    def shorter(item: Any) -> Any:
        last = (int.from_bytes(item.end, "big") - 1).to_bytes(len(item.end), "big")
        return replace(item, end=max(last, item.start))

    narrowing(patch, lambda offered, policy, got: [shorter(item) for item in got])


# -- Traffic Selector payloads ----------------------------------------------------------------------------------------


def _rewrite_ts(patch: Patch, change: Callable[[bytes], bytes]) -> None:
    """TS payloads are parsed after `change(body)`."""
    from reference_impl.wire.ts import TsiPayload, TsrPayload

    for kind in (TsiPayload, TsrPayload):
        patch.wrap(kind, "parse_body", lambda original, body, **options: original(change(bytes(body)), **options))


@mutant("ignores-ts-count", breaks="rfc7296/3.13/one-or-more-selectors")
def ignores_ts_count(patch: Patch) -> None:
    """Reads selectors to the end of the payload, whatever their number is said to be."""
    _rewrite_ts(patch, lambda body: bytes([(len(body) - 4) // 16]) + body[1:])


@mutant("ignores-selector-length", breaks="rfc7296/3.13.1/selector-length")
def ignores_selector_length(patch: Patch) -> None:
    """Takes 16 octets for every selector, whatever its length is said to be."""

    def change(body: bytes) -> bytes:
        parts = [body[at : at + 16] for at in range(4, len(body), 16)]
        return body[:4] + b"".join(part[:2] + b"\0\x10" + part[4:] for part in parts)

    _rewrite_ts(patch, change)


@mutant("takes-empty-ts-for-all", breaks="rfc7296/3.13/one-or-more-selectors")
def takes_empty_ts_for_all(patch: Patch) -> None:
    """Takes a TS payload without selectors for all traffic."""
    everything = b"\1\0\0\0\7\0\0\x10\0\0\xff\xff" + bytes(4) + b"\xff" * 4
    _rewrite_ts(patch, lambda body: everything if len(body) == 4 else body)


@mutant("takes-missing-payloads-for-default", breaks="rfc7296/2.9/two-ts-payloads")
def takes_missing_payloads_for_default(patch: Patch) -> None:
    """Makes a Child SA by its own policy where SA, TSi or TSr is missing."""
    from reference_impl.ikev2 import proposal, selectors
    from reference_impl.wire.sa import SaPayload
    from reference_impl.wire.ts import TsiPayload, TsrPayload

    def look(engine: Any, sa: Any, message: Any) -> Any:
        extra: list[Any] = []
        if message.get(SaPayload) is None:
            suites = sa.candidates[0].esp
            extra.append(SaPayload(proposal.esp_offer(suites, engine.rng(4), groups=False)))
        extra += [kind((selectors.everything(4),)) for kind in (TsiPayload, TsrPayload) if message.get(kind) is None]
        return replace(message, payloads=(*message.payloads, *extra))

    before_auth(patch, look)


@mutant("rejects-reserved-in-ts", breaks="rfc7296/3.13/reserved-ignored")
def rejects_reserved_in_ts(patch: Patch) -> None:
    """Refuses TS payloads whose reserved octets are not zero."""
    from reference_impl.wire.ts import TsPayload

    refuse_if(patch, lambda message: any(item.reserved2 for item in message.payloads if isinstance(item, TsPayload)))


@mutant("echoes-reserved-of-ts", breaks="rfc7296/3.13/reserved-sent-zero")
def echoes_reserved_of_ts(patch: Patch) -> None:
    """Builds TSi and TSr in the buffers of the request, reserved octets and all."""
    from reference_impl.wire.ts import TsPayload

    change_payload(
        patch, lambda: TsPayload, lambda item, message: replace(item, reserved2=message.get(type(item)).reserved2)
    )


@mutant("drops-many-selectors", breaks="rfc7296/2.9/two-ts-payloads")
def drops_many_selectors(patch: Patch) -> None:
    """Drops a request with more than 32 selectors, and says nothing."""
    from reference_impl.wire.ts import TsPayload

    def look(engine: Any, sa: Any, message: Any) -> None:
        if any(len(item.selectors) > 32 for item in message.payloads if isinstance(item, TsPayload)):
            raise Silence

    allow_silence(patch)
    before_auth(patch, look)


# -- Configuration payloads -------------------------------------------------------------------------------------------


def _change_reply(patch: Patch, change: Callable[[Any, Any], Any]) -> None:
    """`change(reply, message)` is the CP payload of the answer; either may be None."""
    from reference_impl.ikev2 import config_payload

    def answer(original: Any, engine: Any, sa: Any, connection: Any, message: Any) -> Any:
        return change(original(engine, sa, connection, message), message)

    patch.wrap(config_payload, "answer", answer)


def _attributes(message: Any) -> list[Any]:
    from reference_impl.wire.config import ConfigPayload

    return [each for item in message.all(ConfigPayload) for each in item.attributes]


def _with(reply: Any, attributes: Sequence[Any]) -> Any:
    return reply and replace(reply, attributes=(*reply.attributes, *attributes))


@mutant("unasked-cfg-reply", breaks="rfc7296/2.19/no-unrequested-cfg-reply")
def unasked_cfg_reply(patch: Patch) -> None:
    """Sends CFG_REPLY to everybody."""
    from reference_impl.wire.config import ConfigPayload
    from reference_impl.wire.registries import CfgType

    _change_reply(patch, lambda reply, message: reply or ConfigPayload(CfgType.REPLY))


@mutant("ignores-cfg-request", breaks="rfc7296/4/leases-requested-address")
def ignores_cfg_request(patch: Patch) -> None:
    """Makes the Child SA, and assigns no address."""
    _change_reply(patch, lambda reply, message: None)


@mutant("cfg-reply-after-sa", breaks="rfc7296/2.19/cp-before-sa")
def cfg_reply_after_sa(patch: Patch) -> None:
    """Puts CFG_REPLY at the end of the message."""
    from reference_impl.wire.config import ConfigPayload

    def change(sa: Any, message: Any, payloads: list[Any]) -> list[Any]:
        return sorted(payloads, key=lambda item: isinstance(item, ConfigPayload))

    change_answer(patch, change)


@mutant("assigns-two-addresses", breaks="rfc7296/3.15.1/addresses-up-to-requested")
def assigns_two_addresses(patch: Patch) -> None:
    """Assigns an address more than was asked for."""
    from reference_impl.wire.config import ConfigAttribute
    from reference_impl.wire.registries import CfgAttribute

    spare = ConfigAttribute(CfgAttribute.INTERNAL_IP4_ADDRESS, b"\x0a\x03\x00\xfa")
    _change_reply(patch, lambda reply, message: _with(reply, [spare]))


@mutant("assigns-same-address", breaks="rfc7296/3.15.1/address-valid-with-ike-sa")
def assigns_same_address(patch: Patch) -> None:
    """Forgets which addresses it has assigned."""
    from reference_impl.ikev2.config_payload import AddressPool

    patch(AddressPool, "take", lambda self, version, wanted=None: next(iter(self._addresses(version)), None))


@mutant("cfg-request-fails-auth", breaks="rfc7296/3.15.4/unsupported-cp-ignored")
def cfg_request_fails_auth(patch: Patch) -> None:
    """Refuses the peer for its Configuration payload."""
    refuse_if(patch, lambda message: bool(_attributes(message)), notify="AUTHENTICATION_FAILED")


@mutant("refuses-unknown-cfg-attribute", breaks="rfc7296/3.15.1/unknown-attributes-ignored")
def refuses_unknown_cfg_attribute(patch: Patch) -> None:
    """Refuses a request with a configuration attribute that it does not know."""
    refuse_if(patch, lambda message: any(item.type.name.startswith("UNKNOWN") for item in _attributes(message)))


@mutant("cfg-reserved-bit-in-type", breaks="rfc7296/3.15.1/reserved-bit-ignored")
def cfg_reserved_bit_in_type(patch: Patch) -> None:
    """Takes the reserved bit for a part of the attribute type."""
    from reference_impl.wire.config import ConfigPayload

    def of(self: Any, kind: Any) -> Any:
        return tuple(item.value for item in self.attributes if item.type == kind and not item.reserved)

    patch(ConfigPayload, "of", of)


@mutant("cfg-reserved-bit-echoed", breaks="rfc7296/3.15.1/reserved-bit-sent-zero")
def cfg_reserved_bit_echoed(patch: Patch) -> None:
    """Returns attributes with the reserved bit that the request had."""

    def change(reply: Any, message: Any) -> Any:
        dirty = any(item.reserved for item in _attributes(message))
        return reply and replace(reply, attributes=tuple(replace(item, reserved=dirty) for item in reply.attributes))

    _change_reply(patch, change)


@mutant("rejects-reserved-in-cp", breaks="rfc7296/3.15/reserved-ignored")
def rejects_reserved_in_cp(patch: Patch) -> None:
    """Refuses a Configuration payload whose reserved octets are not zero."""
    from reference_impl.wire.config import ConfigPayload

    refuse_if(patch, lambda message: any(item.reserved2 for item in message.all(ConfigPayload)))


@mutant("fails-on-suggested-address", breaks="rfc7296/3.15.1/requested-address-is-wish")
def fails_on_suggested_address(patch: Patch) -> None:
    """Assigns no address to a peer that suggests one."""
    from reference_impl.ikev2.config_payload import AddressPool

    def take(original: Any, self: Any, version: int, wanted: Any = None) -> Any:
        return original(self, version) if wanted is None else None

    patch.wrap(AddressPool, "take", take)


@mutant("unsupported-family-fails", breaks="rfc7296/3.15.4/unsupported-family-ignored")
def unsupported_family_fails(patch: Patch) -> None:
    """Fails the request when one of the asked address families has no pool."""
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def change(reply: Any, message: Any) -> Any:
        if any(item.type.name == "INTERNAL_IP6_ADDRESS" for item in _attributes(message)):
            raise Refusal(NotifyType.INTERNAL_ADDRESS_FAILURE, Reason.ADDRESS_FAILURE, "mutant")
        return reply

    _change_reply(patch, change)


@mutant("refuses-empty-cp", breaks="rfc7296/3.15/zero-attributes-allowed")
def refuses_empty_cp(patch: Patch) -> None:
    """Takes a Configuration payload without attributes for a syntax error."""
    from reference_impl.wire.config import ConfigPayload

    refuse_if(patch, lambda message: any(not item.attributes for item in message.all(ConfigPayload)))


@mutant("two-netmasks", breaks="rfc7296/3.15.1/single-netmask")
def two_netmasks(patch: Patch) -> None:
    """Sends a netmask for each address and one more."""
    from reference_impl.wire.config import ConfigAttribute
    from reference_impl.wire.registries import CfgAttribute

    mask = ConfigAttribute(CfgAttribute.INTERNAL_IP4_NETMASK, b"\xff\xff\xff\x00")
    _change_reply(patch, lambda reply, message: _with(reply, [mask, mask]))
