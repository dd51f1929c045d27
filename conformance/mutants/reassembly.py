"""Mutants of IKE fragmentation (RFC 7383): the fragments that are received."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch, mutant

# -- merging --------------------------------------------------------------------------------------------------------


@mutant("merges-in-order-of-arrival", breaks="rfc7383/2.6/reassembled-as-regular")
def merges_in_order_of_arrival(patch: Patch) -> None:
    """Merges the fragments in the order in which they came."""
    from reference_impl.ikev2.fragments import Reassembly

    patch(Reassembly, "content", lambda self: b"".join(self.parts.values()))


@mutant("sorts-fragments-as-text", breaks="rfc7383/2.6/reassembled-as-regular")
def sorts_fragments_as_text(patch: Patch) -> None:
    """Merges fragment 10 before fragment 2."""
    from reference_impl.ikev2.fragments import Reassembly

    patch(Reassembly, "content", lambda self: b"".join(self.parts[number] for number in sorted(self.parts, key=str)))


def _collecting(patch: Patch, wrapper: Callable[..., Any]) -> None:
    """`wrapper(original, engine, sa, header, opened, path)` in the place of `reassembly.collect`."""
    from reference_impl.ikev2 import reassembly

    patch.wrap(reassembly, "collect", wrapper)


@mutant("merges-padding-too", breaks="rfc7383/2.1/merged-before-processing")
def merges_padding_too(patch: Patch) -> None:
    """Merges the decrypted contents with their padding and Pad Length."""

    def collect(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> Any:
        inner = opened.inner + opened.padding + bytes([len(opened.padding)])
        return original(engine, sa, header, replace(opened, inner=inner), path)

    _collecting(patch, collect)


@mutant("fragments-of-established-only", breaks="rfc7383/2.6/reassembled-as-regular")
def fragments_of_established_only(patch: Patch) -> None:
    """Ignores fragments of IKE_AUTH."""

    def collect(original: Any, engine: Any, sa: Any, *rest: Any) -> Any:
        return original(engine, sa, *rest) if sa.established else None

    _collecting(patch, collect)


@mutant("initiator-ignores-fragments", breaks="rfc7383/2.6/reassembled-as-regular")
def initiator_ignores_fragments(patch: Patch) -> None:
    """Ignores fragmented responses."""

    def collect(original: Any, engine: Any, sa: Any, header: Any, *rest: Any) -> Any:
        return None if header.flags & 0x20 else original(engine, sa, header, *rest)

    _collecting(patch, collect)


@mutant("answers-fragments-by-fragments", breaks="rfc7383/2.4/only-when-both-support")
def answers_fragments_by_fragments(patch: Patch) -> None:
    """Takes a fragment for a sign that the peer supports fragmentation, though it has not announced it."""

    def collect(original: Any, engine: Any, sa: Any, *rest: Any) -> Any:
        sa.fragmentation = True
        return original(engine, sa, *rest)

    _collecting(patch, collect)


@mutant("refuses-small-fragments", breaks="rfc7383/2.5/split-as-blob")
def refuses_small_fragments(patch: Patch) -> None:
    """Ignores fragments of less than 16 octets."""

    def collect(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> Any:
        return original(engine, sa, header, opened, path) if len(opened.inner) >= 16 else None

    _collecting(patch, collect)


@mutant("answers-each-fragment", breaks="rfc7383/4/response-after-whole-request")
def answers_each_fragment(patch: Patch) -> None:
    """Acknowledges every fragment by an empty response."""
    from reference_impl.ikev2 import messages

    def collect(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> Any:
        whole = original(engine, sa, header, opened, path)
        if whole is None and not header.flags & 0x20:
            sealed = messages.seal(engine, sa, header.exchange, header.message_id, [], response=True)
            engine.transmit(sealed, path.local, path.remote)
        return whole

    _collecting(patch, collect)


@mutant("processes-first-fragment", breaks="rfc7383/5/parses-only-whole-message")
def processes_first_fragment(patch: Patch) -> None:
    """Processes what is in the first fragment as soon as that is there."""

    def collect(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> Any:
        if opened.fragment == 1:
            return replace(opened, fragment=0, total=0)
        return original(engine, sa, header, opened, path)

    _collecting(patch, collect)


@mutant("keys-fragments-without-message-id", breaks="rfc7383/2.6.1/replay-by-number-and-total")
def keys_fragments_without_message_id(patch: Patch) -> None:
    """Has one reassembly queue for all requests of an IKE SA."""

    def collect(original: Any, engine: Any, sa: Any, header: Any, *rest: Any) -> Any:
        return original(engine, sa, replace(header, message_id=0), *rest)

    _collecting(patch, collect)


@mutant("ignores-critical-after-reassembly", breaks="rfc7383/2.6/reassembled-as-regular")
def ignores_critical_after_reassembly(patch: Patch) -> None:
    """Ignores unknown critical payloads of reassembled messages."""
    from reference_impl.ikev2 import messages

    reassembled = [False]

    def collect(original: Any, *args: Any) -> Any:
        whole = original(*args)
        reassembled[0] = whole is not None
        return whole

    def unknown_critical(original: Any, payloads: Any) -> Any:
        found = None if reassembled[0] else original(payloads)
        reassembled[0] = False
        return found

    _collecting(patch, collect)
    patch.wrap(messages, "unknown_critical", unknown_critical)


# -- the receiver's checks ------------------------------------------------------------------------------------------


def _judging(patch: Patch, judge: Callable[[Any, int, int], str | None]) -> None:
    """`judge(store, number, total)` names the verdict on a fragment, or None for the right one."""
    from reference_impl.ikev2.fragments import FragmentVerdict, Reassembly

    def wrapper(original: Any, self: Any, number: int, total: int, limit: int) -> Any:
        name = judge(self, number, total)
        return original(self, number, total, limit) if name is None else FragmentVerdict[name]

    patch.wrap(Reassembly, "judge", wrapper)


@mutant("needs-first-fragment-first", breaks="rfc7383/2.6/reassembled-as-regular")
def needs_first_fragment_first(patch: Patch) -> None:
    """Ignores fragments that come before the first one."""
    _judging(patch, lambda store, number, total: "INVALID" if number != 1 and not store.parts else None)


@mutant("refuses-single-fragment", breaks="rfc7383/2.6/reassembled-as-regular")
def refuses_single_fragment(patch: Patch) -> None:
    """Ignores a message of one fragment."""
    _judging(patch, lambda store, number, total: "INVALID" if total == 1 else None)


@mutant("discards-larger-total", breaks="rfc7383/2.6/larger-total-restarts")
def discards_larger_total(patch: Patch) -> None:
    """Stays with the Total Fragments that it saw first."""
    _judging(patch, lambda store, number, total: "OBSOLETE" if store.parts and total > store.total else None)


@mutant("one-fragment-per-message-id", breaks="rfc7383/2.6.1/replay-by-number-and-total")
def one_fragment_per_message_id(patch: Patch) -> None:
    """Takes a second fragment with the same Message ID for a retransmission."""
    _judging(patch, lambda store, number, total: "DUPLICATE" if store.parts else None)


@mutant("later-copy-replaces-fragment", breaks="rfc7383/2.6/replayed-fragment-discarded")
def later_copy_replaces_fragment(patch: Patch) -> None:
    """Replaces a stored fragment by a later one of the same number."""
    _judging(patch, lambda store, number, total: "NEW" if total == store.total and number in store.parts else None)


@mutant("repeated-fragment-starts-over", breaks="rfc7383/2.6/replayed-fragment-discarded")
def repeated_fragment_starts_over(patch: Patch) -> None:
    """Discards what it has stored when a fragment comes twice."""

    def judge(store: Any, number: int, total: int) -> None:
        if total == store.total and number in store.parts:
            store.parts.clear()

    _judging(patch, judge)


@mutant("smaller-total-restarts", breaks="rfc7383/2.6/smaller-total-checked")
def smaller_total_restarts(patch: Patch) -> None:
    """Starts the reassembly over with every other value of Total Fragments, also a smaller one."""

    def judge(store: Any, number: int, total: int) -> str | None:
        if store.parts and 0 < number <= total < store.total:
            store.parts.clear()
            store.total = total
            return "NEW"
        return None

    _judging(patch, judge)


@mutant("mixes-fragment-sets", breaks="rfc7383/2.6/larger-total-restarts")
def mixes_fragment_sets(patch: Patch) -> None:
    """Keeps the fragments of the older set when one of a larger Total Fragments comes."""

    def judge(store: Any, number: int, total: int) -> None:
        if store.parts and total > store.total:
            store.total = total

    _judging(patch, judge)


def _parsing_any_numbers(patch: Patch) -> None:
    from reference_impl.wire.encrypted import SkfPayload

    def parse_body(original: Any, body: bytes, **options: Any) -> Any:
        return original(body, **{**options, "strict": False})

    patch.wrap(SkfPayload, "parse_body", parse_body)


@mutant("stores-invalid-fragment-numbers", breaks="rfc7383/2.6/invalid-fragment-discarded")
def stores_invalid_fragment_numbers(patch: Patch) -> None:
    """Stores a fragment whatever its number, in the next place that is free."""
    from reference_impl.ikev2.fragments import Reassembly

    _parsing_any_numbers(patch)

    def add(original: Any, self: Any, number: int, total: int, first: int, data: bytes) -> None:
        if not 0 < number <= total:
            total = max(total, self.total, 1)
            number = next(place for place in range(1, total + 2) if place not in self.parts)
        original(self, number, total, first, data)

    _judging(patch, lambda store, number, total: None if 0 < number <= total else "NEW")
    patch.wrap(Reassembly, "add", add)


@mutant("refuses-invalid-fragment-numbers", breaks="rfc7383/2.6/invalid-fragment-discarded")
def refuses_invalid_fragment_numbers(patch: Patch) -> None:
    """Answers a fragment with impossible numbers by INVALID_SYNTAX instead of silence."""
    from reference_impl.ikev2 import protected
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason

    _parsing_any_numbers(patch)

    def on_request(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        numbers = getattr(opened, "fragment", 0), getattr(opened, "total", 0)
        if numbers != (0, 0) and not 0 < numbers[0] <= numbers[1]:
            protected.refuse(engine, sa, header, invalid_syntax(Reason.FRAGMENT_INVALID, f"{numbers}"), path)
            return
        original(engine, sa, header, opened, path)

    patch.wrap(protected, "on_request", on_request)


@mutant("stores-unverified-fragments", breaks="rfc7383/2.6/bad-icv-discarded")
def stores_unverified_fragments(patch: Patch) -> None:
    """Stores fragments without a look at the result of their ICV check."""
    from reference_impl.crypto.errors import IntegrityError
    from reference_impl.ikev2 import protect
    from reference_impl.wire.encrypted import SkfPayload
    from reference_impl.wire.message import Message

    def open_raw(original: Any, data: bytes, *rest: Any, **options: Any) -> Any:
        try:
            return original(data, *rest, **options)
        except IntegrityError:
            message = Message.parse(data)
            skf = message.encrypted
            if not isinstance(skf, SkfPayload):
                raise
            outer = replace(message, payloads=message.payloads[:-1])
            return protect.Opened(outer, skf.inner, skf.content, b"", b"", 0, skf.fragment, skf.total)

    patch.wrap(protect, "open_raw", open_raw)


@mutant("bad-fragment-ends-reassembly", breaks="rfc7383/2.6/bad-icv-discarded")
def bad_fragment_ends_reassembly(patch: Patch) -> None:
    """Throws all stored fragments away when one comes that is not authentic."""
    from reference_impl.ikev2 import protected

    def decrypt(original: Any, engine: Any, sa: Any, *rest: Any) -> Any:
        opened = original(engine, sa, *rest)
        if opened is None:
            sa.reassembly.clear()
        return opened

    patch.wrap(protected, "decrypt", decrypt)


# -- retransmissions ------------------------------------------------------------------------------------------------


def _repeating(patch: Patch, wrapper: Callable[..., Any]) -> None:
    """`wrapper(original, engine, sa, message_id, opened, path)` for fragments of a request that was answered."""
    from reference_impl.ikev2 import protected

    def repeat_response(original: Any, engine: Any, sa: Any, number: int, opened: Any, path: Any) -> None:
        if getattr(opened, "total", 0):
            wrapper(original, engine, sa, number, opened, path)
        else:
            original(engine, sa, number, opened, path)

    patch.wrap(protected, "repeat_response", repeat_response)


@mutant("ignores-repeated-fragments", breaks="rfc7383/2.6.1/first-fragment-repeats-response")
def ignores_repeated_fragments(patch: Patch) -> None:
    """Ignores every fragment of a request that it has answered."""
    _repeating(patch, lambda original, *args: None)


@mutant("any-fragment-repeats-response", breaks="rfc7383/2.6.1/other-fragments-ignored")
def any_fragment_repeats_response(patch: Patch) -> None:
    """Repeats its response for each fragment of the request that comes again."""

    def again(original: Any, engine: Any, sa: Any, number: int, opened: Any, path: Any) -> None:
        original(engine, sa, number, replace(opened, fragment=1), path)

    _repeating(patch, again)


@mutant("answers-repeated-fragments-anew", breaks="rfc7383/2.6.1/first-fragment-repeats-response")
def answers_repeated_fragments_anew(patch: Patch) -> None:
    """Makes a new response when the first fragment of a request comes again."""
    from reference_impl.ikev2 import messages

    def again(original: Any, engine: Any, sa: Any, number: int, opened: Any, path: Any) -> None:
        if opened.fragment == 1:
            sealed = messages.seal(engine, sa, opened.outer.exchange, number, [], response=True)
            engine.transmit(sealed, path.local, path.remote)

    _repeating(patch, again)


@mutant("old-fragments-make-a-request", breaks="rfc7383/2.6.1/replay-by-number-and-total")
def old_fragments_make_a_request(patch: Patch) -> None:
    """Reassembles and processes fragments without a look at their Message ID."""
    from reference_impl.ikev2 import protected, reassembly
    from reference_impl.ikev2.window import Verdict

    def on_request(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if not getattr(opened, "total", 0) or sa.inbound.judge(header.message_id) is not Verdict.OLD:
            original(engine, sa, header, opened, path)
            return
        whole = reassembly.collect(engine, sa, header, opened, path)
        if whole is not None:
            protected.process(engine, sa, header, whole, path)

    patch.wrap(protected, "on_request", on_request)


# -- limits ---------------------------------------------------------------------------------------------------------


@mutant("unlimited-reassembly", breaks="rfc7383/5/limits-stored-fragments")
def unlimited_reassembly(patch: Patch) -> None:
    """Stores whatever comes."""
    from reference_impl.ikev2.fragments import Reassembly

    def add(original: Any, self: Any, *args: Any) -> None:
        original(self, *args)
        self.octets = 0

    patch.wrap(Reassembly, "add", add)
    patch.wrap(Reassembly, "judge", lambda original, self, number, total, limit: original(self, number, total, 65535))


@mutant("excess-fragments-keep-sa", breaks="rfc7383/5/excess-drops-connection")
def excess_fragments_keep_sa(patch: Patch) -> None:
    """Throws the fragments away when there are too many, and goes on with the IKE SA."""
    from reference_impl.ikev2 import reassembly

    patch(reassembly, "on_excess", lambda engine, sa, detail, path: sa.reassembly.clear())


@mutant("huge-total-ends-sa", breaks="rfc7383/2.6/incomplete-request-no-failure")
def huge_total_ends_sa(patch: Patch) -> None:
    """Gives the IKE SA up at a fragment that announces very many."""
    from reference_impl.ikev2 import closing
    from reference_impl.ikev2.events import Reason

    def collect(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> Any:
        if opened.total > 1000:
            closing.close(engine, sa, Reason.FRAGMENT_LIMIT, linger=False)
            return None
        return original(engine, sa, header, opened, path)

    _collecting(patch, collect)
