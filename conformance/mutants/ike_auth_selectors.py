"""Mutants of IKE_AUTH: Traffic Selectors of the first Child SA."""

from __future__ import annotations

from collections.abc import Callable
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
