"""Mutants of the IKE SA that a rekey makes, on either side, and of its request (RFC 7296 §1.3.2, §2.8, §2.18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants._rekey import on_own_requests
from conformance.mutants.child_sas import with_spi
from conformance.mutants.registry import Patch, mutant


def on_successor(patch: Patch, change: Callable[[Any, Any], None]) -> None:
    """`change(new, old)` alters the IKE SA that a rekey of `old` has made."""
    from reference_impl.ikev2 import rekey_ike

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        new = original(engine, old, *arguments, **options)
        change(new, old)
        return new

    patch.wrap(rekey_ike, "make_successor", make_successor)


@mutant("rekey-seed-without-shared-secret", breaks="rfc7296/2.18/rekey-skeyseed-formula")
def rekey_seed_without_shared_secret(patch: Patch) -> None:
    """Leaves the shared secret out of SKEYSEED of the new IKE SA."""
    from reference_impl.ikev2 import rekey_ike

    patch.wrap(
        rekey_ike,
        "successor_seed",
        lambda original, old, shared, nonce_i, nonce_r: original(old, b"", nonce_i, nonce_r),
    )


@mutant("rekey-seed-with-new-prf", breaks="rfc7296/2.18/rekey-uses-old-prf")
def rekey_seed_with_new_prf(patch: Patch) -> None:
    """Computes SKEYSEED of the new IKE SA with the PRF of the new one."""
    from reference_impl.crypto import kdf
    from reference_impl.ikev2 import rekey_ike

    suites: list[Any] = []

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        suites.append(arguments[5])
        return original(engine, old, *arguments, **options)

    def successor_seed(old: Any, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
        return kdf.rekey_skeyseed(suites[-1].prf_algorithm(), old.keys.sk_d, shared, nonce_i, nonce_r)

    patch.wrap(rekey_ike, "make_successor", make_successor)
    patch(rekey_ike, "successor_seed", successor_seed)


@mutant("rekey-keys-with-old-prf", breaks="rfc7296/2.18/new-keys-new-prf")
def rekey_keys_with_old_prf(patch: Patch) -> None:
    """Expands SKEYSEED of the new IKE SA with the PRF of the old one."""
    from reference_impl.crypto import kdf
    from reference_impl.ikev2 import rekey_ike

    old_prfs: list[Any] = []

    def make_successor(original: Any, engine: Any, old: Any, *arguments: Any, **options: Any) -> Any:
        old_prfs.append(old.prf)
        try:
            return original(engine, old, *arguments, **options)
        finally:
            old_prfs.clear()

    def ike_keys(original: Any, prf: Any, *arguments: Any) -> Any:
        return original(replace(old_prfs[-1], key_size=prf.key_size) if old_prfs else prf, *arguments)

    patch.wrap(rekey_ike, "make_successor", make_successor)
    patch.wrap(kdf, "ike_keys", ike_keys)


@mutant("rekey-seed-from-first-sk-d", breaks="rfc7296/2.18/rekey-skeyseed-formula")
def rekey_seed_from_first_sk_d(patch: Patch) -> None:
    """Uses SK_d of the first IKE SA for every later rekey."""
    from reference_impl.crypto import kdf
    from reference_impl.ikev2 import rekey_ike

    first: dict[int, bytes] = {}

    def change(new: Any, old: Any) -> None:
        first[new.ike_id] = first.get(old.ike_id, old.keys.sk_d)

    def successor_seed(old: Any, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
        return kdf.rekey_skeyseed(old.prf, first.get(old.ike_id, old.keys.sk_d), shared, nonce_i, nonce_r)

    on_successor(patch, change)
    patch(rekey_ike, "successor_seed", successor_seed)


@mutant("own-rekey-keeps-numbering", breaks="rfc7296/1.3.2/new-ike-message-id-zero")
def own_rekey_keeps_numbering(patch: Patch) -> None:
    """Numbers its requests on the new IKE SA from where the old one stood."""

    def change(new: Any, old: Any) -> None:
        new.outbound.next_id = old.outbound.next_id

    on_successor(patch, change)


@mutant("initiator-flag-survives-rekey", breaks="rfc7296/3.1/initiator-flag-after-rekey")
def initiator_flag_survives_rekey(patch: Patch) -> None:
    """Sets the Initiator flag by who initiated the first IKE SA, also after rekeys."""
    from reference_impl.ikev2 import messages
    from reference_impl.wire.header import Flags

    roles: dict[int, bool] = {}

    def change(new: Any, old: Any) -> None:
        roles[new.ike_id] = roles.get(old.ike_id, old.initiator)

    def flags(sa: Any, *, response: bool) -> Flags:
        value = Flags.INITIATOR if roles.get(sa.ike_id, sa.initiator) else Flags.NONE
        return value | Flags.RESPONSE if response else value

    on_successor(patch, change)
    patch(messages, "flags", flags)


@mutant("children-stay-with-old-ike", breaks="rfc7296/2.8/new-ike-inherits-children")
def children_stay_with_old_ike(patch: Patch) -> None:
    """Leaves the Child SAs with the IKE SA that was rekeyed."""
    from reference_impl.ikev2 import children

    patch(children, "move", lambda engine, old, new: None)


@mutant("rekey-moves-first-child-only", breaks="rfc7296/2.8/new-ike-inherits-children")
def rekey_moves_first_child_only(patch: Patch) -> None:
    """Moves only the first Child SA to the new IKE SA."""
    from reference_impl.ikev2 import children

    def move(original: Any, engine: Any, old: Any, new: Any) -> None:
        rest = dict(list(old.children.items())[1:])
        for spi in rest:
            del old.children[spi]
        original(engine, old, new)
        old.children.update(rest)

    patch.wrap(children, "move", move)


@mutant("old-ike-closed-at-rekey", breaks="rfc7296/1.3.2/old-ike-keeps-numbering")
def old_ike_closed_at_rekey(patch: Patch) -> None:
    """Takes no request on an IKE SA that has been rekeyed, not even its Delete."""
    from reference_impl.ikev2 import protected
    from reference_impl.ikev2.states import IkeState

    patch(protected, "ALLOWED", {**protected.ALLOWED, IkeState.REKEYED: frozenset()})


@mutant("rekeyed-ike-delete-closes-both", breaks="rfc7296/2.8/new-ike-inherits-children")
def rekeyed_ike_delete_closes_both(patch: Patch) -> None:
    """Closes the successor together with the old IKE SA."""
    from reference_impl.ikev2 import closing

    def close(original: Any, engine: Any, sa: Any, *arguments: Any, **options: Any) -> None:
        heir = sa.successor
        original(engine, sa, *arguments, **options)
        if heir is not None:
            original(engine, heir, *arguments, **options)

    patch.wrap(closing, "close", close)


@mutant("ike-rekey-without-ke", breaks="rfc7296/2.18/rekey-accepts-no-none")
def ike_rekey_without_ke(patch: Patch) -> None:
    """Accepts the rekey of an IKE SA without a key exchange."""
    from reference_impl.ikev2 import policy, rekey_ike
    from reference_impl.wire.sa import SaPayload
    from reference_impl.wire.simple import KePayload, NoncePayload

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if message.get(KePayload) is not None:
            return original(engine, sa, message)
        chosen = replace(message.get(SaPayload).proposals[0], spi=engine.new_ike_spi())
        return [SaPayload((chosen,)), NoncePayload(engine.rng(policy.NONCE_SIZE))]

    patch.wrap(rekey_ike, "answer", answer)


@mutant("takes-ike-spi-zero", breaks="rfc7296/3.1/initiator-spi-nonzero")
def takes_ike_spi_zero(patch: Patch) -> None:
    """Accepts a new initiator SPI of zero, and none for zero."""
    from reference_impl.ikev2 import rekey_ike
    from reference_impl.wire import sa as wire_sa
    from reference_impl.wire.sa import SaPayload

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        payloads = [
            with_spi([item], bytes(8))[0] if isinstance(item, SaPayload) and not item.proposals[0].spi else item
            for item in message.payloads
        ]
        return original(engine, sa, replace(message, payloads=tuple(payloads)))

    patch(rekey_ike, "NO_SPI", b"")
    patch(wire_sa, "check_spi_size", lambda protocol, size, offset: None)
    patch.wrap(rekey_ike, "answer", answer)


@mutant("ike-rekey-proposes-none", breaks="rfc7296/2.18/rekey-proposes-no-none")
def ike_rekey_proposes_none(patch: Patch) -> None:
    """Offers the group NONE when it rekeys the IKE SA."""
    from reference_impl.wire.registries import Group, TransformType
    from reference_impl.wire.sa import SaPayload, Transform

    none = Transform(TransformType.KE, Group.NONE)

    def change(payloads: list[Any], task: Any, sa: Any) -> list[Any]:
        offer = tuple(replace(each, transforms=(*each.transforms, none)) for each in task.offer)
        return [SaPayload(offer) if isinstance(item, SaPayload) else item for item in payloads]

    on_own_requests(patch, "RekeyIke", change)


@mutant("ike-rekey-keeps-own-spi", breaks="rfc7296/1.3.2/new-initiator-spi")
def ike_rekey_keeps_own_spi(patch: Patch) -> None:
    """Offers the SPI of the old IKE SA again when it rekeys it."""
    on_own_requests(patch, "RekeyIke", lambda payloads, task, sa: with_spi(payloads, sa.own_spi))


@mutant("rekeyed-ike-not-deleted", breaks="rfc7296/2.8/initiator-deletes-old-ike")
def rekeyed_ike_not_deleted(patch: Patch) -> None:
    """Leaves the old IKE SA in place after its own rekey."""
    from reference_impl.ikev2 import rekey_ike

    patch(rekey_ike, "delete_old", lambda engine, old: None)
