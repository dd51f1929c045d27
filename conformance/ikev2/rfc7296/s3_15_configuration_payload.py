"""RFC 7296 section 3.15: Configuration payloads and their attributes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.ikev2.rfc7296.s2_19_internal_addresses import IP4, address_of, ask, reply_of
from conformance.tester import Tester, covers
from conformance.tester.expect import observed
from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.registries import CfgAttribute
from reference_impl.wire.simple import AuthPayload

UNKNOWN = CfgAttribute(0x3F17)
IGNORED = "rfc7296/3.15.1/reserved-bit-ignored"


@covers(
    "rfc7296/3.15.1/unknown-attributes-ignored", mutants=["refuses-unknown-cfg-attribute"], needs=("config_payload",)
)
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("value", [b"", b"ikeproof"], ids=["empty", "with-value"])
def test_unknown_attribute(tester: Tester, place: str, value: bytes) -> None:
    """An attribute of an unknown type is ignored, the others are answered, and it is not returned."""
    both = [ConfigAttribute(IP4), ConfigAttribute(UNKNOWN, value)]
    attempt = ask(tester, *(both if place == "after" else both[::-1]))
    address_of(tester, attempt)


@covers("rfc7296/3.15.1/reserved-bit-ignored", mutants=["cfg-reserved-bit-in-type"], needs=("config_payload",))
def test_reserved_bit_ignored(tester: Tester) -> None:
    """The reserved bit of an attribute is ignored."""
    reply_of(tester, ask(tester, ConfigAttribute(IP4, reserved=True)), IGNORED)


@covers(
    "rfc7296/3.15.1/reserved-bit-sent-zero",
    "rfc7296/3.15/reserved-sent-zero",
    "rfc7296/3.15.1/reserved-bit-ignored",
    mutants=["cfg-reserved-bit-echoed"],
    needs=("config_payload",),
)
def test_reserved_sent_zero(tester: Tester) -> None:
    """Reserved octets of the payload and reserved bits of attributes are sent as zero."""
    found = reply_of(tester, ask(tester, ConfigAttribute(IP4, reserved=True)), IGNORED)
    tester.check(not any(item.reserved for item in found.attributes), "reserved bits zero", "one is set")
    tester.check(
        found.reserved2 == 0, "reserved octets zero", f"{found.reserved2:#x}", "rfc7296/3.15/reserved-sent-zero"
    )


@covers("rfc7296/3.15/reserved-ignored", mutants=["rejects-reserved-in-cp"], needs=("config_payload",))
def test_reserved_octets_ignored(tester: Tester) -> None:
    """The reserved octets of the Configuration payload are ignored."""

    def reserved(payloads: list[Payload]) -> list[Payload]:
        place = next(index for index, item in enumerate(payloads) if item.type_id == 33)
        asked = replace(ConfigPayload(cfg_type=1, attributes=(ConfigAttribute(IP4),)), reserved2=0xFFFFFF)  # type: ignore[arg-type]
        return [*payloads[:place], asked, *payloads[place:]]

    address_of(tester, tester.attempt(tsi=["0.0.0.0/0"], edit_auth=reserved, need_child=False))


@covers(
    "rfc7296/3.15.1/requested-address-is-wish",
    "rfc7296/3.15.1/reply-value-free",
    mutants=["fails-on-suggested-address"],
    needs=("config_payload",),
)
@pytest.mark.parametrize(
    "wish",
    [b"\x0a\x03\x00\x4d", b"\xc6\x33\x64\x07", bytes(4), b"\xff\xff\xff\xff"],
    ids=["in-pool", "elsewhere", "zero", "broadcast"],
)
def test_suggested_address(tester: Tester, wish: bytes) -> None:
    """A suggested address is granted, or another one is assigned in its place."""
    address_of(tester, ask(tester, ConfigAttribute(IP4, wish)))


@covers(
    "rfc7296/3.15.1/reply-attributes-free",
    "rfc7296/3.15.4/unsupported-family-ignored",
    mutants=["unsupported-family-fails"],
    needs=("config_payload",),
)
def test_other_family_beside(tester: Tester) -> None:
    """A request for addresses of both families is answered with what the device has."""
    found = reply_of(tester, ask(tester, ConfigAttribute(CfgAttribute.INTERNAL_IP6_ADDRESS), ConfigAttribute(IP4)))
    tester.check(len(found.of(IP4)) == 1, "one INTERNAL_IP4_ADDRESS", f"{len(found.of(IP4))}")


@covers("rfc7296/3.15.1/addresses-up-to-requested", mutants=["assigns-two-addresses"], needs=("config_payload",))
def test_several_addresses(tester: Tester) -> None:
    """Asked for two addresses, the device assigns one or two."""
    values = reply_of(tester, ask(tester, ConfigAttribute(IP4), ConfigAttribute(IP4))).of(IP4)
    tester.check(1 <= len(values) <= 2, "one or two addresses", f"{len(values)}")


@covers("rfc7296/1/every-request-answered", mutants=["silent-on-malformed-auth"], needs=("config_payload",))
@pytest.mark.parametrize("octets", [1, 3, 5, 16])
def test_wrong_value_length(tester: Tester, octets: int) -> None:
    """An address attribute of a wrong length is answered: by an address, or an error."""
    reply = ask(tester, ConfigAttribute(IP4, bytes(octets))).reply
    tester.check(reply is not None, "an answer", "no answer")


@covers("rfc7296/3.15/zero-attributes-allowed", mutants=["refuses-empty-cp"], needs=("config_payload",))
def test_no_attributes(tester: Tester) -> None:
    """A CFG_REQUEST without attributes does not keep the IKE SA from being set up."""

    def empty(payloads: list[Payload]) -> list[Payload]:
        place = next(index for index, item in enumerate(payloads) if item.type_id == 33)
        return [*payloads[:place], ConfigPayload(cfg_type=1), *payloads[place:]]  # type: ignore[arg-type]

    reply = tester.attempt(edit_auth=empty, need_child=False).reply
    tester.check(reply is not None and reply.get(AuthPayload) is not None, "an IKE SA", observed(reply))


@covers(
    "rfc7296/3.15.1/netmask-with-address",
    "rfc7296/3.15.1/single-netmask",
    mutants=["two-netmasks"],
    needs=("config_payload",),
)
def test_netmask(tester: Tester) -> None:
    """A netmask comes at most once, and only with an IPv4 address."""
    found = reply_of(tester, ask(tester, ConfigAttribute(IP4), ConfigAttribute(CfgAttribute.INTERNAL_IP4_NETMASK)))
    masks = found.of(CfgAttribute.INTERNAL_IP4_NETMASK)
    tester.check(len(masks) <= 1, "at most one netmask", f"{len(masks)}", "rfc7296/3.15.1/single-netmask")
    tester.check(not masks or bool(found.of(IP4)), "a netmask with an address only", "a netmask without address")
