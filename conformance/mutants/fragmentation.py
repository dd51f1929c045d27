"""Mutants of IKE fragmentation (RFC 7383): the announcement, and the fragments that are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

from conformance.mutants.registry import Patch, mutant

# -- announcement ---------------------------------------------------------------------------------------------------


def _announce(patch: Patch, **fields: Any) -> None:
    from reference_impl.ikev2 import sa_init

    patch(sa_init, "FRAGMENTATION", replace(sa_init.FRAGMENTATION, **fields))


@mutant("never-announces-fragmentation", breaks="rfc7383/2.3/notify-type-16430")
def never_announces_fragmentation(patch: Patch) -> None:
    """Announces fragmentation by a status notification of a private type."""
    from reference_impl.wire.registries import NotifyType

    _announce(patch, notify=NotifyType(40_960))


@mutant("always-announces-fragmentation", breaks="rfc7383/2.3/responder-announces")
def always_announces_fragmentation(patch: Patch) -> None:
    """Announces fragmentation also to an initiator that did not."""
    from reference_impl.ikev2 import sa_init

    def vendor_payloads(original: Any, engine: Any) -> list[Any]:
        return [*original(engine), sa_init.FRAGMENTATION]

    patch.wrap(sa_init, "vendor_payloads", vendor_payloads)


@mutant("fragmentation-notify-of-ike", breaks="rfc7383/2.3/notify-protocol-zero")
def fragmentation_notify_of_ike(patch: Patch) -> None:
    """Sends the notification with the Protocol ID of IKE."""
    from reference_impl.wire.registries import ProtocolId

    _announce(patch, protocol=ProtocolId.IKE)


@mutant("fragmentation-notify-with-data", breaks="rfc7383/2.3/notify-no-data")
def fragmentation_notify_with_data(patch: Patch) -> None:
    """Sends its threshold as data of the notification."""
    _announce(patch, data=(576).to_bytes(2, "big"))


# -- when to fragment -----------------------------------------------------------------------------------------------


@mutant("fragments-without-negotiation", breaks="rfc7383/2.4/only-when-both-support")
def fragments_without_negotiation(patch: Patch) -> None:
    """Fragments long messages whatever the peer has announced."""
    from reference_impl.ikev2 import messages

    patch(messages, "may_fragment", lambda sa: True)


@mutant("never-fragments", breaks="rfc7383/2.4/used-again-after-use")
def never_fragments(patch: Patch) -> None:
    """Announces fragmentation, but sends every message whole."""
    from reference_impl.ikev2 import messages

    patch(messages, "may_fragment", lambda sa: False)


@mutant("fragments-everything", breaks="rfc7383/2.4/not-for-small-messages")
def fragments_everything(patch: Patch) -> None:
    """Sends every message as fragments, however short it is."""
    from reference_impl.ikev2 import messages, protect
    from reference_impl.wire.message import Message

    def seal(
        original: Any, engine: Any, sa: Any, exchange: Any, number: int, payloads: Any, *, response: bool
    ) -> tuple[bytes, ...]:
        if not sa.fragmentation:
            return tuple(original(engine, sa, exchange, number, payloads, response=response))
        flags = messages.flags(sa, response=response)
        message = Message(sa.spi_i, sa.spi_r, exchange, flags, number, tuple(payloads))
        ivs = iter(lambda: messages.next_iv(engine, sa), None)
        return tuple(protect.seal_fragments(message, sa.tx, ivs, 500))

    patch.wrap(messages, "seal", seal)


@mutant("fragments-of-2000-octets", breaks="rfc7383/2.5.1/size-below-threshold")
def fragments_of_2000_octets(patch: Patch) -> None:
    """Makes fragments that are larger than an Ethernet frame."""
    from reference_impl.ikev2 import messages

    patch(messages, "fragment_room", lambda sa, natt: 1480)


# -- fragments sent -------------------------------------------------------------------------------------------------


def _sealing(patch: Patch, change: Callable[[Any, int, int, int], tuple[Any, int, Any]]) -> None:
    """`change(outer, first, number, total)` gives the header, first payload type and numbers of each fragment."""
    from reference_impl.ikev2 import protect

    def seal_raw(
        original: Any, outer: Any, first: int, *rest: Any, fragment: tuple[int, int] | None = None, **options: Any
    ) -> Any:
        if fragment is not None:
            outer, first, fragment = change(outer, first, *fragment)
        return original(outer, first, *rest, fragment=fragment, **options)

    patch.wrap(protect, "seal_raw", seal_raw)


@mutant("fragment-numbers-from-zero", breaks="rfc7383/2.5/number-not-zero")
def fragment_numbers_from_zero(patch: Patch) -> None:
    """Counts its fragments from zero."""
    _sealing(patch, lambda outer, first, number, total: (outer, first, (number - 1, total)))


@mutant("total-fragments-counts-down", breaks="rfc7383/2.5/number-within-total")
def total_fragments_counts_down(patch: Patch) -> None:
    """Writes how many fragments are still to come in the place of their total."""
    _sealing(patch, lambda outer, first, number, total: (outer, first, (number, total - number + 1)))


@mutant("first-fragment-without-next-payload", breaks="rfc7383/2.5/first-next-payload-inner")
def first_fragment_without_next_payload(patch: Patch) -> None:
    """Sets Next Payload to zero in the first fragment, too."""
    _sealing(patch, lambda outer, first, number, total: (outer, 0, (number, total)))


@mutant("later-fragments-with-next-payload", breaks="rfc7383/2.5/later-next-payload-zero")
def later_fragments_with_next_payload(patch: Patch) -> None:
    """Repeats the type of the first inner payload in all fragments."""
    seen: list[int] = [0]

    def change(outer: Any, first: int, number: int, total: int) -> tuple[Any, int, Any]:
        seen[0] = first if number == 1 else seen[0]
        return outer, seen[0], (number, total)

    _sealing(patch, change)


@mutant("fragments-count-message-ids", breaks="rfc7383/2.5/header-intact")
def fragments_count_message_ids(patch: Patch) -> None:
    """Gives each fragment a Message ID of its own."""

    def change(outer: Any, first: int, number: int, total: int) -> tuple[Any, int, Any]:
        return replace(outer, message_id=outer.message_id + number - 1), first, (number, total)

    _sealing(patch, change)


@mutant("last-fragment-as-sk", breaks="rfc7383/2.5.3/skf-in-every-fragment")
def last_fragment_as_sk(patch: Patch) -> None:
    """Sends the rest of a fragmented message in an Encrypted payload."""
    _sealing(
        patch, lambda outer, first, number, total: (outer, first, None if number == total > 1 else (number, total))
    )


@mutant("vendor-id-in-every-fragment", breaks="rfc7383/2.5.3/unprotected-in-first")
def vendor_id_in_every_fragment(patch: Patch) -> None:
    """Puts a Vendor ID in the clear before each Encrypted Fragment payload."""
    from reference_impl.wire.simple import VendorPayload

    def change(outer: Any, first: int, number: int, total: int) -> tuple[Any, int, Any]:
        return replace(outer, payloads=(VendorPayload(b"mutant"),)), first, (number, total)

    _sealing(patch, change)


@mutant("fragments-with-whole-length", breaks="rfc7383/2.5/length-of-fragment")
def fragments_with_whole_length(patch: Patch) -> None:
    """Copies the Length of the original message into each fragment."""
    from reference_impl.ikev2 import protect

    def seal_fragments(original: Any, *args: Any, **options: Any) -> list[bytes]:
        sealed: list[bytes] = original(*args, **options)
        whole = sum(len(item) for item in sealed).to_bytes(4, "big")
        return [item[:24] + whole + item[28:] for item in sealed]

    patch.wrap(protect, "seal_fragments", seal_fragments)


@mutant("one-iv-for-all-fragments", breaks="rfc7383/2.5/crypto-as-encrypted-payload")
def one_iv_for_all_fragments(patch: Patch) -> None:
    """Encrypts all fragments of a message with the same IV."""
    from reference_impl.ikev2 import messages

    def ivs(engine: Any, sa: Any) -> Iterator[bytes]:
        return repeat(messages.next_iv(engine, sa))

    patch(messages, "_ivs", ivs)
