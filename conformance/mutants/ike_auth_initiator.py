"""Mutants of IKE_AUTH as initiator: the request for the first Child SA, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch, mutant


def _change_request(patch: Patch, change: Callable[[list[Any]], list[Any]]) -> None:
    """`change(payloads)` is the IKE_AUTH request."""
    from reference_impl.ikev2.ike_auth_request import IkeAuth

    patch.wrap(IkeAuth, "request", lambda original, self, engine, sa: tuple(change(list(original(self, engine, sa)))))


@mutant("initiator-without-tsr", breaks="rfc7296/1.2/auth-request-payloads")
def initiator_without_tsr(patch: Patch) -> None:
    """Leaves it to the responder which of its traffic is to be protected."""
    from reference_impl.wire.ts import TsrPayload

    _change_request(patch, lambda payloads: [item for item in payloads if not isinstance(item, TsrPayload)])


@mutant("initiator-auth-last", breaks="rfc7296/2.5/payload-order-as-shown")
def initiator_auth_last(patch: Patch) -> None:
    """Sends AUTH at the end of the message."""
    from reference_impl.wire.simple import AuthPayload

    _change_request(patch, lambda payloads: sorted(payloads, key=lambda item: isinstance(item, AuthPayload)))


@mutant("initiator-offers-group-in-auth", breaks="rfc7296/1.2/auth-without-ke-nonce")
def initiator_offers_group_in_auth(patch: Patch) -> None:
    """Offers the groups for later rekeys in IKE_AUTH already."""
    from reference_impl.ikev2 import proposal

    def esp_offer(original: Any, suites: Any, spi: bytes, *, groups: bool) -> Any:
        return original(suites, spi, groups=True)

    patch.wrap(proposal, "esp_offer", esp_offer)


def _change_offer(patch: Patch, change: Callable[[Any], Any]) -> None:
    """`change(proposal)` for every proposal of the IKE_AUTH request."""
    from reference_impl.wire.sa import SaPayload

    def with_offer(item: Any) -> Any:
        if not isinstance(item, SaPayload):
            return item
        return replace(item, proposals=tuple(change(each) for each in item.proposals))

    _change_request(patch, lambda payloads: [with_offer(item) for item in payloads])


@mutant("initiator-offers-group-none", breaks="rfc7296/1.2/omits-none-group")
def initiator_offers_group_none(patch: Patch) -> None:
    """Spells the missing group of IKE_AUTH out as NONE."""
    from reference_impl.wire.registries import TransformType
    from reference_impl.wire.sa import Transform

    none = Transform(TransformType.KE, 0)
    _change_offer(patch, lambda proposal: replace(proposal, transforms=(*proposal.transforms, none)))


@mutant("initiator-numbers-from-zero", breaks="rfc7296/3.3.1/first-number-one")
def initiator_numbers_from_zero(patch: Patch) -> None:
    """Numbers its ESP proposals from 0."""
    _change_offer(patch, lambda proposal: replace(proposal, number=proposal.number - 1))


@mutant("initiator-proposes-everything", breaks="rfc7296/2.9.1/proposes-own-policy-only")
def initiator_proposes_everything(patch: Patch) -> None:
    """Proposes all addresses, though its policy has one network only."""
    from reference_impl.ikev2 import child_request, selectors

    patch(child_request, "default_local", lambda sa, *, transport: (selectors.everything(4),))


@mutant("initiator-fails-with-child", breaks="rfc7296/2.21.2/initiator-tolerates-child-failure")
def initiator_fails_with_child(patch: Patch) -> None:
    """Forgets the IKE SA when its Child SA was refused."""
    from reference_impl.ikev2 import closing, ike_auth_request

    def child_failed(engine: Any, sa: Any, reason: Any, detail: str, notify: Any = None) -> None:
        closing.close(engine, sa, reason, detail, linger=False)

    patch(ike_auth_request, "child_failed", child_failed)


@mutant("initiator-accepts-wider-selectors", breaks="rfc7296/1.3.1/response-ts-is-subset")
def initiator_accepts_wider_selectors(patch: Patch) -> None:
    """Takes the responder's selectors as they are."""
    from reference_impl.ikev2 import child_request

    patch(child_request, "is_subset", lambda offered, answer: bool(answer))


@mutant("initiator-refuses-narrowing", breaks="rfc7296/1.3.1/response-ts-is-subset")
def initiator_refuses_narrowing(patch: Patch) -> None:
    """Accepts no other selectors than those it proposed."""
    from reference_impl.ikev2 import child_request

    patch(child_request, "is_subset", lambda offered, answer: tuple(offered) == tuple(answer))
