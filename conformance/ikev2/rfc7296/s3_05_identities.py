"""RFC 7296 section 3.5: Identification payloads."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.authenticating import require_any_identity
from conformance.tester import Inconclusive, Tester, covers
from conformance.tester.expect import observed
from conformance.tester.identity import Identity, parse_identity
from reference_impl.wire.registries import IdType
from reference_impl.wire.simple import AuthPayload, IdiPayload, IdrPayload

FOUR = {
    "ipv4": "ipv4:192.0.2.77",
    "fqdn": "fqdn:identity-{}.example",
    "email": "email:identity-{}@tester.example",
    "key-id": "key:696b6570726f6f66{:08x}00ff",
}
DN = "dn:CN=identity-{},O=ikeproof,C=CH"
# The DER of GeneralName dNSName [2] "tester.example".
GENERAL_NAME = b"\x82\x0etester.example"


def dut_identity(tester: Tester) -> Identity:
    """The identity that the profile gives for the shared key. Raises Inconclusive without one."""
    credential = tester.profile.dut_auth.get("psk")
    if credential is None or not credential.identity:
        raise Inconclusive("the profile names no identity of the device in [dut.auth.psk]")
    return parse_identity(credential.identity)


def idr_of(tester: Tester, **options: object) -> IdrPayload:
    """The device's IDr; fails when it does not send one."""
    reply = tester.attempt(**options).reply
    found = reply.get(IdrPayload) if reply is not None else None
    if found is None:
        tester.fail("an IDr payload", observed(reply), "rfc7296/1.2/auth-response-payloads")
    return found


# -- what the device accepts ----------------------------------------------------------------------------------------


@covers("rfc7296/3.5/accepts-four-types", mutants=["accepts-fqdn-only"], needs=("psk",))
@pytest.mark.parametrize("kind", FOUR)
def test_type_accepted(tester: Tester, kind: str) -> None:
    """A device that takes any identity takes those of the four types that everybody must be able to accept."""
    require_any_identity(tester)
    tester.establish(identity=parse_identity(FOUR[kind].format(tester.number)), judged=True)


@covers("rfc7296/3.5/handles-all-types", mutants=["accepts-fqdn-only"], needs=("psk",))
@pytest.mark.parametrize("kind", ["ipv6", "distinguished-name", "general-name"])
def test_other_type_accepted(tester: Tester, kind: str) -> None:
    """A device that takes any identity takes those of the other types as well."""
    require_any_identity(tester)
    identities = {
        "ipv6": parse_identity("ipv6:2001:db8::77"),
        "distinguished-name": parse_identity(DN.format(tester.number)),
        "general-name": Identity(IdType.ID_DER_ASN1_GN, GENERAL_NAME),
    }
    tester.establish(identity=identities[kind], judged=True)


@covers("rfc7296/3.5/address-id-need-not-match", mutants=["address-id-must-match"], needs=("psk",))
def test_address_of_another_host(tester: Tester) -> None:
    """An address in the ID payload need not be the one that the packets come from."""
    require_any_identity(tester)
    tester.establish(identity=parse_identity("ipv4:203.0.113.7"), judged=True)


@covers("rfc7296/3.5/reasonable-nai-accepted", mutants=["checks-email-syntax"], needs=("psk",))
@pytest.mark.parametrize(
    "name",
    ["joe@[192.0.2.1]", "a..b@example.com", "joe%corp@example.com", "fred=?#$&*+-/^smith@example.com"],
    ids=["address-literal", "two-dots", "percent", "special-characters"],
)
def test_unusual_mail_address(tester: Tester, name: str) -> None:
    """An identifier that looks like a mail address, though RFC 5322 has another syntax, is accepted."""
    require_any_identity(tester)
    tester.establish(identity=Identity(IdType.ID_RFC822_ADDR, name.encode()), judged=True)


ODD = {
    "unknown-type": Identity(IdType(200), b"ikeproof"),
    "private-type": Identity(IdType(249), b"\x00\x01\x02\x03"),
    "fibre-channel": Identity(IdType(12), b"20000025b5000001"),
    "unassigned-type": Identity(IdType(4), b"\x0a\x00\x00\x00\xff\x00\x00\x00"),
    "ipv4-of-5-octets": Identity(IdType.ID_IPV4_ADDR, b"\xc0\x00\x02\x01\x00"),
    "ipv6-of-4-octets": Identity(IdType.ID_IPV6_ADDR, b"\xc0\x00\x02\x01"),
    "empty-fqdn": Identity(IdType.ID_FQDN, b""),
    "fqdn-with-null": Identity(IdType.ID_FQDN, b"tester.example\x00.invalid"),
    "fqdn-not-ascii": Identity(IdType.ID_FQDN, "prüfer.example".encode()),
    "dn-not-der": Identity(IdType.ID_DER_ASN1_DN, b"\x30\x84\xff\xff\xff\xff"),
    "long": Identity(IdType.ID_KEY_ID, bytes(range(256)) * 2),
}


@covers(
    "rfc7296/1/every-request-answered",
    "rfc7296/2.21/bad-request-gets-notify",
    mutants=["silent-on-odd-identity"],
    needs=("psk",),
)
@pytest.mark.parametrize("kind", ODD)
def test_odd_identity(tester: Tester, kind: str) -> None:
    """An identity of an unknown type, or one that its type does not allow, is answered: taken as it is, or refused."""
    reply = tester.attempt(identity=ODD[kind], need_child=False).reply
    tester.check(reply is not None, "an answer", "no answer")


# -- IDr ------------------------------------------------------------------------------------------------------------


@covers("rfc7296/3.5/reserved-sent-zero", "rfc7296/2.5/reserved-sent-zero", mutants=["echoes-reserved-of-id"])
def test_reserved_sent_zero(tester: Tester) -> None:
    """The reserved octets of IDr are sent as zero, also when those of IDi are not."""
    who = tester.identity
    found = idr_of(tester, idi=IdiPayload(who.id_type, who.data, reserved2=0x5A5A5A))
    tester.check(found.reserved2 == 0, "reserved octets zero", f"{found.reserved2:#08x}")


@covers("rfc7296/3.5/fqdn-no-terminator", "rfc7296/3.5/rfc822-no-terminator", mutants=["terminates-fqdn"])
def test_no_terminator(tester: Tester) -> None:
    """A domain name or mail address in IDr has no terminator, and an address has the octets of its type."""
    found = idr_of(tester)
    sizes = {IdType.ID_IPV4_ADDR: 4, IdType.ID_IPV6_ADDR: 16}
    if found.id_type in sizes:
        tester.check(len(found.data) == sizes[found.id_type], f"{sizes[found.id_type]} octets", f"{len(found.data)}")
    if found.id_type in (IdType.ID_FQDN, IdType.ID_RFC822_ADDR):
        wrong = "rfc7296/3.5/rfc822-no-terminator" if found.id_type == IdType.ID_RFC822_ADDR else None
        tester.check(not any(octet in found.data for octet in b"\0\r\n"), "no terminator", repr(found.data), wrong)


@covers(
    "rfc7296/1.2/auth-response-payloads",
    "rfc7296/1.2/id-corresponds-to-psk",
    mutants=["answers-as-somebody-else"],
    needs=("psk",),
)
def test_identity_of_the_profile(tester: Tester) -> None:
    """The device proves the identity that the profile says it has."""
    wanted, found = dut_identity(tester), idr_of(tester)
    same = (found.id_type, found.data) == (wanted.id_type, wanted.data)
    tester.check(same, f"{wanted.id_type.name} {wanted.data!r}", f"{found.id_type.name} {found.data!r}")


@covers("rfc7296/1.2/idr-request-may-be-overridden", mutants=["refuses-requested-idr"], needs=("psk",))
def test_own_identity_requested(tester: Tester) -> None:
    """Asked by IDr for the identity that it has, the device answers with it."""
    wanted = dut_identity(tester)
    found = idr_of(tester, idr=IdrPayload(wanted.id_type, wanted.data))
    tester.check(found.data == wanted.data, repr(wanted.data), repr(found.data))


@covers("rfc7296/1.2/idr-request-may-be-overridden", mutants=["echoes-requested-idr"], needs=("psk",))
def test_foreign_identity_requested(tester: Tester) -> None:
    """Asked by IDr for an identity that it does not have, the device uses its own or refuses; it takes no other's."""
    foreign = IdrPayload(IdType.ID_FQDN, b"somebody-else.invalid")
    reply = tester.attempt(idr=foreign, need_child=False).reply
    tester.check(reply is not None, "an answer", "no answer", "rfc7296/1/every-request-answered")
    assert reply is not None
    found = reply.get(IdrPayload)
    if found is not None and reply.get(AuthPayload) is not None:
        tester.check(found.data != foreign.data, "its own identity or a refusal", "the identity that was asked for")
