"""RFC 7296 section 2.19: internal addresses by Configuration payloads in IKE_AUTH."""

from __future__ import annotations

import ipaddress

from conformance.tester import Accepted, AuthExchange, NotApplicable, Notify, Tester, covers, order_of
from conformance.tester.expect import observed
from conformance.tester.identity import Identity
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.registries import CfgAttribute, CfgType, IdType, NotifyType, PayloadType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import AuthPayload
from reference_impl.wire.ts import TsiPayload

IP4 = CfgAttribute.INTERNAL_IP4_ADDRESS
EVERYTHING = ["0.0.0.0/0"]


def request(*attributes: ConfigAttribute) -> ConfigPayload:
    """CFG_REQUEST."""
    return ConfigPayload(CfgType.REQUEST, attributes)


def ask(tester: Tester, *attributes: ConfigAttribute, **options: object) -> AuthExchange:
    """IKE_AUTH with CFG_REQUEST for these (default: an IPv4 address), TSi and TSr as in the RFC's example."""
    asked = request(*(attributes or (ConfigAttribute(IP4),)))

    def before_sa(payloads: list) -> list:  # type: ignore[type-arg]
        place = next(index for index, item in enumerate(payloads) if isinstance(item, SaPayload))
        return [*payloads[:place], asked, *payloads[place:]]

    return tester.attempt(tsi=EVERYTHING, edit_auth=before_sa, need_child=False, **options)


def reply_of(
    tester: Tester, attempt: AuthExchange, requirement: str = "rfc7296/4/leases-requested-address"
) -> ConfigPayload:
    """CFG_REPLY of an answer; without it `requirement` is broken."""
    found = attempt.reply.get(ConfigPayload) if attempt.reply is not None else None
    if found is None or found.cfg_type != CfgType.REPLY:
        tester.fail("CFG_REPLY", observed(attempt.reply), requirement)
    return found


def address_of(tester: Tester, attempt: AuthExchange) -> ipaddress.IPv4Address:
    """The one IPv4 address of CFG_REPLY; fails unless it has exactly one."""
    values = reply_of(tester, attempt).of(IP4)
    tester.check(
        len(values) == 1, "one INTERNAL_IP4_ADDRESS", f"{len(values)}", "rfc7296/3.15.1/addresses-up-to-requested"
    )
    tester.check(len(values[0]) == 4, "4 octets", f"{len(values[0])} octets", "rfc7296/4/leases-requested-address")
    return ipaddress.IPv4Address(values[0])


@covers("rfc7296/2.19/no-unrequested-cfg-reply", mutants=["unasked-cfg-reply"])
def test_no_reply_without_request(tester: Tester) -> None:
    """Without CFG_REQUEST there is no Configuration payload in the response."""
    reply = tester.attempt(need_child=False).reply
    tester.check(reply is not None and reply.get(ConfigPayload) is None, "no CP payload", observed(reply))


@covers(
    "rfc7296/2.19/cp-required-fails-request",
    "rfc7296/2.19/failed-cp-keeps-ike-sa",
    "rfc7296/2.19/failed-cp-no-data",
    mutants=["required-config-refused-otherwise", "failed-cp-closes-ike-sa"],
    needs=("config_payload",),
)
def test_without_request(tester: Tester) -> None:
    """Who asks for no address gets a Child SA for his own, or FAILED_CP_REQUIRED without data on an IKE SA that lives.

    Which of the two is a matter of the device's configuration; it may also be that it knows no network of the tester.
    """
    attempt = tester.attempt(need_child=False)
    tester.check(attempt.sa is not None, "an IKE SA", attempt.problem, "rfc7296/2.19/failed-cp-keeps-ike-sa")
    assert attempt.sa is not None
    required = Notify(NotifyType.FAILED_CP_REQUIRED)
    outcome = tester.expects(attempt.reply, {Accepted(), required, Notify(NotifyType.TS_UNACCEPTABLE)})
    if outcome == required and attempt.reply is not None:
        notify = attempt.reply.notify(NotifyType.FAILED_CP_REQUIRED)
        data = notify.data if notify is not None else b""
        tester.check(not data, "no data", f"{len(data)} octets", "rfc7296/2.19/failed-cp-no-data")
    attempt.sa.liveness(requirement="rfc7296/2.19/failed-cp-keeps-ike-sa")


@covers(
    "rfc7296/4/leases-requested-address",
    "rfc7296/4/parses-cfg-request",
    mutants=["ignores-cfg-request"],
    needs=("config_payload",),
)
def test_address_assigned(tester: Tester) -> None:
    """A CFG_REQUEST for an IPv4 address gets CFG_REPLY with one, and the Child SA is for that address."""
    attempt = ask(tester)
    address = address_of(tester, attempt)
    assert attempt.reply is not None
    tsi = attempt.reply.get(TsiPayload)
    tester.check(tsi is not None, "a Child SA", observed(attempt.reply))
    assert tsi is not None
    held = any(item.start <= address.packed <= item.end for item in tsi.selectors if len(item.start) == 4)
    tester.check(held, f"TSi that holds {address}", observed(attempt.reply))


@covers("rfc7296/2.19/cp-before-sa", mutants=["cfg-reply-after-sa"], needs=("config_payload",))
def test_reply_before_sa(tester: Tester) -> None:
    """CFG_REPLY comes before the SA payload."""
    attempt = ask(tester)
    reply_of(tester, attempt)
    assert attempt.reply is not None
    order = order_of(attempt.reply)
    if PayloadType.SA in order:
        tester.check(order.index(PayloadType.CP) < order.index(PayloadType.SA), "CP before SA", observed(attempt.reply))


@covers("rfc7296/3.15.1/addresses-up-to-requested", mutants=["assigns-two-addresses"], needs=("config_payload",))
def test_one_address_for_one_request(tester: Tester) -> None:
    """No more addresses come than were asked for."""
    address_of(tester, ask(tester))


@covers("rfc7296/3.15.1/address-valid-with-ike-sa", mutants=["assigns-same-address"], needs=("config_payload",))
def test_addresses_differ(tester: Tester) -> None:
    """Two IKE SAs of two identities get different addresses."""
    if "%d" not in tester.profile.tester_identity:
        raise NotApplicable("the profile names one identity of the tester, which may keep one address")
    first = address_of(tester, ask(tester))
    second = address_of(tester, ask(tester, identity=Identity(IdType.ID_FQDN, b"other-" + tester.identity.data)))
    tester.check(first != second, f"another address than {first}", str(second))


@covers("rfc7296/3.15.4/unsupported-cp-ignored", mutants=["cfg-request-fails-auth"])
def test_request_keeps_ike_sa(tester: Tester) -> None:
    """CFG_REQUEST keeps no IKE SA from being set up, whether the device assigns addresses or ignores it."""
    attempt = tester.attempt(extra=[request(ConfigAttribute(IP4))], need_child=False)
    tester.check(attempt.sa is not None, "an IKE SA", attempt.problem)


@covers(
    "rfc7296/3.15.4/address-failure-keeps-ike",
    "rfc7296/3.15.4/unsupported-family-ignored",
    mutants=["address-failure-fails-auth"],
    needs=("config_payload",),
)
def test_only_unsupported_family(tester: Tester) -> None:
    """A request for an address of a family that the device does not assign keeps no IKE SA from being set up."""
    if tester.claims("ipv6"):
        raise NotApplicable("the device claims IPv6")
    attempt = ask(tester, ConfigAttribute(CfgAttribute.INTERNAL_IP6_ADDRESS))
    reply = attempt.reply
    tester.check(reply is not None and reply.get(AuthPayload) is not None, "an IKE SA", observed(reply))
    assert reply is not None
    if reply.get(SaPayload) is None:
        kinds = {NotifyType.INTERNAL_ADDRESS_FAILURE, NotifyType.TS_UNACCEPTABLE, NotifyType.FAILED_CP_REQUIRED}
        tester.expects(reply, {Notify(kind) for kind in kinds})
