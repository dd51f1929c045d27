"""Mutants of IKE_AUTH: Configuration payloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from conformance.mutants._auth import change_answer, refuse_if
from conformance.mutants.registry import Patch, mutant

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


# -- configuration required -----------------------------------------------------------------------------------------


def _insists(patch: Patch, kind: int) -> None:
    """Refuses a Child SA to whoever asks for no address."""
    from reference_impl.ikev2 import config_payload
    from reference_impl.ikev2.errors import Refusal
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import CfgType, NotifyType

    def answer(original: Any, engine: Any, sa: Any, connection: Any, message: Any) -> Any:
        if config_payload.find(message, CfgType.REQUEST) is None:
            raise Refusal(NotifyType(kind), Reason.CONFIG_REQUIRED, "mutant")
        return original(engine, sa, connection, message)

    patch.wrap(config_payload, "answer", answer)


@mutant("required-config-refused-otherwise", breaks="rfc7296/2.19/cp-required-fails-request")
def required_config_refused_otherwise(patch: Patch) -> None:
    """Insists on a configuration request, but says INTERNAL_ADDRESS_FAILURE to who sends none."""
    _insists(patch, 36)


@mutant("failed-cp-closes-ike-sa", breaks="rfc7296/2.19/failed-cp-keeps-ike-sa")
def failed_cp_closes_ike_sa(patch: Patch) -> None:
    """Insists on a configuration request, and forgets the IKE SA of who sends none."""
    from reference_impl.ikev2 import closing, protected
    from reference_impl.ikev2.events import Reason

    def process(original: Any, engine: Any, sa: Any, *rest: Any) -> None:
        original(engine, sa, *rest)
        if sa.established and not sa.children:
            closing.close(engine, sa, Reason.CONFIG_REQUIRED, linger=False)

    _insists(patch, 37)
    patch.wrap(protected, "process", process)
