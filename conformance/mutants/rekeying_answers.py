"""Mutants of the device whose CREATE_CHILD_SA meets refusals and strange answers (RFC 7296 §2.25, §3.3.6)."""

from __future__ import annotations

from typing import Any

from conformance.mutants._rekey import on_own_requests
from conformance.mutants.registry import Patch, mutant


@mutant("refused-own-rekey-closes-ike", breaks="rfc7296/1.3.1/failed-child-keeps-ike")
def refused_own_rekey_closes_ike(patch: Patch) -> None:
    """Deletes the IKE SA when its rekey is refused."""
    from reference_impl.ikev2 import closing, rekey_child, rekey_ike
    from reference_impl.ikev2.events import Reason

    def refused(self: Any, engine: Any, sa: Any, error: Any) -> None:
        closing.delete(engine, sa, Reason.ERROR_NOTIFY)

    patch(rekey_child.RekeyChild, "refused", refused)
    patch(rekey_ike.RekeyIke, "refused", refused)


@mutant("retries-at-once", breaks="rfc7296/2.25/temporary-failure-no-immediate-retry")
def retries_at_once(patch: Patch) -> None:
    """Repeats a request at once that was answered by TEMPORARY_FAILURE."""
    from reference_impl.ikev2 import exchange, temporary

    patch(temporary, "retry_later", lambda engine, sa, task: exchange.enqueue(engine, sa, task))


@mutant("not-found-is-the-end", breaks="rfc7296/2.25/child-sa-not-found-recovers")
def not_found_is_the_end(patch: Patch) -> None:
    """Does nothing after CHILD_SA_NOT_FOUND."""
    from reference_impl.ikev2 import rekey_child

    patch(rekey_child, "recreate", lambda engine, sa, old: None)


@mutant("not-found-deletes-loudly", breaks="rfc7296/2.25/child-sa-not-found-recovers")
def not_found_deletes_loudly(patch: Patch) -> None:
    """Sends a Delete for the Child SA that the peer has not found."""
    from reference_impl.ikev2 import deletion, rekey_child
    from reference_impl.ikev2.events import Reason

    patch(
        rekey_child,
        "recreate",
        lambda engine, sa, old: deletion.delete_child(engine, old, Reason.CHILD_NOT_FOUND),
    )


@mutant("ignores-demanded-group", breaks="rfc7296/3.3.6/retry-uses-indicated-group")
def ignores_demanded_group(patch: Patch) -> None:
    """Tries again with the same group after INVALID_KE_PAYLOAD."""
    from reference_impl.ikev2 import child_task, rekey_ike

    patch(child_task.CreateChild, "use_group", lambda self, data: True)
    patch(rekey_ike.RekeyIke, "use_group", lambda self, data: True)


@mutant("retry-offers-one-group", breaks="rfc7296/3.3.6/retry-keeps-all-groups")
def retry_offers_one_group(patch: Patch) -> None:
    """Offers only the demanded group when it tries again."""
    from reference_impl.wire.registries import TransformType
    from reference_impl.wire.sa import SaPayload

    def change(payloads: list[Any], task: Any, sa: Any) -> list[Any]:
        if task.group is None:
            return payloads
        task.offer = tuple(
            each for each in task.offer if any(item.id == task.group for item in each.of(TransformType.KE))
        )
        return [SaPayload(task.offer) if isinstance(item, SaPayload) else item for item in payloads]

    on_own_requests(patch, "RekeyIke", change)


@mutant("takes-unoffered-suite", breaks="rfc7296/3.3.6/initiator-checks-offer")
def takes_unoffered_suite(patch: Patch) -> None:
    """Takes whatever the answer chooses, offered or not."""
    from reference_impl.ikev2 import proposal

    patch(proposal, "accepted", lambda answer, offered, spi_size: answer[0])


@mutant("takes-ike-rekey-response-without-ke", breaks="rfc7296/2.18/rekey-new-key-exchange")
def takes_ike_rekey_response_without_ke(patch: Patch) -> None:
    """Goes on without a shared secret when the answer to its rekey has no KE payload."""
    from reference_impl.ikev2 import child_request
    from reference_impl.wire.simple import KePayload

    def shared_secret(original: Any, ours: Any, group: Any, message: Any) -> bytes:
        return b"" if message.get(KePayload) is None else original(ours, group, message)

    patch.wrap(child_request, "shared_secret", shared_secret)


@mutant("takes-any-response", breaks="rfc7296/2.2/response-echoes-message-id")
def takes_any_response(patch: Patch) -> None:
    """Takes a response of any Message ID for the answer to its oldest request."""
    from reference_impl.ikev2 import protected

    def on_response(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if sa.outbound.pending and header.message_id not in sa.outbound.pending:
            protected.deliver(engine, sa, next(iter(sa.outbound.pending.values())), opened, path)
        else:
            original(engine, sa, header, opened, path)

    patch.wrap(protected, "on_response", on_response)
