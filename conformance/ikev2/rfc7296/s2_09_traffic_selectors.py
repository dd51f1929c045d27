"""RFC 7296 section 2.9: Traffic Selector negotiation in IKE_AUTH."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest

from conformance.ikev2.rfc7296.authenticating import (
    check_inside,
    family,
    inside,
    pair,
    text_of,
)
from conformance.tester import AuthExchange, Inconclusive, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from reference_impl.wire.registries import IpProtocol, NotifyType
from reference_impl.wire.ts import TrafficSelector

SUBSET = "rfc7296/2.9/narrowing-is-subset"
UDP = IpProtocol.UDP

Selectors = tuple[TrafficSelector, ...]


def selector(network: str, protocol: int = 0, ports: tuple[int, int] = (0, 65535)) -> TrafficSelector:
    """One selector."""
    return TrafficSelector.from_network(network, protocol, ports)


def local(tester: Tester) -> str:
    """The protected network of the device. Raises Inconclusive when the profile has none."""
    traffic = tester.profile.traffic
    if traffic is None:
        raise Inconclusive("the profile has no [dut.traffic]")
    return traffic.local


def halves(tester: Tester) -> tuple[str, str]:
    """Both halves of the device's protected network."""
    network = ipaddress.ip_network(local(tester))
    if network.num_addresses < 4:
        raise Inconclusive("dut.traffic.local is too small for narrowing within it")
    low, high = network.subnets(1)
    return str(low), str(high)


def accepted(tester: Tester, attempt: AuthExchange) -> tuple[Selectors, Selectors]:
    """TSi and TSr of the answer, which must accept a Child SA."""
    reply = attempt.reply
    if reply is not None and reply.notify(NotifyType.SINGLE_PAIR_REQUIRED) is not None:
        tester.fail("a narrowed Child SA", observed(reply), "rfc7296/2.9/narrows-rather-than-single-pair")
    return pair(tester, reply)


def ask(
    tester: Tester, tsi: Sequence[TrafficSelector | str] | None, tsr: Sequence[TrafficSelector | str] | None
) -> tuple[Selectors, Selectors]:
    """What the device makes of these selectors (None: the profile's own); it must accept a part of them."""
    return accepted(tester, tester.attempt(tsi=tsi, tsr=tsr, need_child=False))


def as_selectors(items: Sequence[TrafficSelector | str]) -> Selectors:
    """Networks as selectors."""
    return tuple(selector(item) if isinstance(item, str) else item for item in items)


# -- all of it ------------------------------------------------------------------------------------------------------


@covers("rfc7296/2.9/accepted-ts-echoed", "rfc7296/2.9/whole-set-no-narrowing", mutants=["narrows-for-no-reason"])
def test_whole_set(tester: Tester) -> None:
    """Selectors that policy allows entirely come back as they are."""
    tsi, tsr = ask(tester, None, None)
    own, far = as_selectors([tester.inner_address]), as_selectors([local(tester)])
    for got, asked in ((tsi, own), (tsr, far)):
        tester.check(inside(got, asked) and inside(asked, got), text_of(asked), text_of(got))


@covers("rfc7296/2.9/two-ts-payloads", "rfc7296/3.13/ts-counts-may-differ", mutants=["pairs-selectors"])
def test_different_counts(tester: Tester) -> None:
    """TSi with one selector and TSr with two are accepted: their numbers need not agree."""
    low, high = halves(tester)
    _, tsr = ask(tester, None, [low, high])
    check_inside(tester, tsr, as_selectors([low, high]))


# -- narrowing -------------------------------------------------------------------------------------------------------


@covers(
    SUBSET,
    "rfc7296/2.9/narrows-rather-than-single-pair",
    "rfc7296/1.3.1/response-ts-is-subset",
    mutants=["takes-all-selectors", "single-pair-instead-of-narrowing"],
    needs=("narrowing",),
)
def test_narrowed_to_policy(tester: Tester) -> None:
    """Of a TSr that is wider than its policy, the device takes no more than its own network."""
    _, tsr = ask(tester, None, [family(tester).everything])
    check_inside(tester, tsr, as_selectors([local(tester)]))


@covers(SUBSET, mutants=["widens-to-policy"], needs=("narrowing",))
def test_not_widened(tester: Tester) -> None:
    """Of a TSr that is narrower than its policy, the device takes no more than was asked for."""
    low, _ = halves(tester)
    tsi, tsr = ask(tester, None, [low])
    check_inside(tester, tsr, as_selectors([low]))
    check_inside(tester, tsi, as_selectors([tester.inner_address]))


@covers(SUBSET, mutants=["takes-all-selectors"], needs=("narrowing",))
def test_part_of_tsi(tester: Tester) -> None:
    """Of several selectors in TSi the device takes those that its policy allows."""
    tsi, _ = ask(tester, [tester.inner_address, family(tester).elsewhere], None)
    check_inside(tester, tsi, as_selectors([tester.inner_address]))


@covers(
    "rfc7296/2.9/first-unacceptable-still-narrows",
    SUBSET,
    mutants=["looks-at-first-selector-only"],
    needs=("narrowing",),
)
def test_first_unacceptable(tester: Tester) -> None:
    """When the first selector is not acceptable, the device narrows to an acceptable one after it."""
    network = local(tester)
    _, tsr = ask(tester, None, [family(tester).elsewhere, network])
    check_inside(tester, tsr, as_selectors([network]))


@covers("rfc7296/2.9/narrowing-keeps-first-choice", mutants=["drops-first-choice"], needs=("narrowing",))
def test_first_choice_kept(tester: Tester) -> None:
    """The narrowed set includes the specific selectors that the initiator put first."""
    _, high = halves(tester)
    first = str(ipaddress.ip_network(high)[1])
    _, tsr = ask(tester, None, [first, family(tester).everything])
    check_inside(tester, tsr, as_selectors([local(tester)]))
    wanted = as_selectors([first])
    tester.check(inside(wanted, tsr), f"a set that includes {text_of(wanted)}", text_of(tsr))


@covers("rfc7296/2.9/narrowing-keeps-first-choice", mutants=["drops-first-choice"], needs=("narrowing",))
def test_first_choice_of_packet_kept(tester: Tester) -> None:
    """The narrowed set includes the first selectors also when they name the protocol and port of a packet."""
    host = str(ipaddress.ip_network(local(tester))[1])
    first_i, first_r = selector(tester.inner_address, UDP, (40000, 40000)), selector(host, UDP, (5353, 5353))
    tsi, tsr = ask(tester, [first_i, tester.inner_address], [first_r, family(tester).everything])
    for got, first in ((tsi, first_i), (tsr, first_r)):
        tester.check(inside([first], got), f"a set that includes {text_of([first])}", text_of(got))


@covers(
    "rfc7296/2.9/additional-ts-possible-empty",
    "rfc7296/2.9/additional-ts-possible",
    mutants=["additional-ts-with-data"],
    needs=("narrowing",),
)
def test_additional_ts_possible(tester: Tester) -> None:
    """ADDITIONAL_TS_POSSIBLE, if a narrowed answer has it, has no data."""
    low, _ = halves(tester)
    attempt = tester.attempt(tsr=[low, family(tester).everything], need_child=False)
    accepted(tester, attempt)
    assert attempt.reply is not None
    found = attempt.reply.notify(NotifyType.ADDITIONAL_TS_POSSIBLE)
    tester.check(found is None or not found.data, "no data", f"{len(found.data) if found else 0} octets")


# -- refusals -------------------------------------------------------------------------------------------------------


@covers("rfc7296/2.9/ts-unacceptable", mutants=["takes-all-selectors", "null-set-answered"])
@pytest.mark.parametrize("which", ["tsi", "tsr", "both"])
def test_disjoint(tester: Tester, which: str) -> None:
    """Selectors of which policy allows no part are answered by TS_UNACCEPTABLE."""
    tsi = None if which == "tsr" else [family(tester).elsewhere]
    tsr = None if which == "tsi" else [family(tester).elsewhere]
    attempt = tester.attempt(tsi=tsi, tsr=tsr, need_child=False)
    tester.expects(attempt.reply, Notify(NotifyType.TS_UNACCEPTABLE))


@covers("rfc7296/2.9/unknown-ts-type-ignored", mutants=["returns-unknown-ts-type", "fails-on-unknown-ts-type"])
def test_unknown_type_ignored(tester: Tester) -> None:
    """A selector of an unknown type is ignored and not returned; the others are taken."""
    tsi, tsr = accepted(tester, tester.attempt(edit_auth=bad.ts_add_unknown_type(), need_child=False))
    check_inside(tester, tsi, as_selectors([tester.inner_address]), "rfc7296/2.9/unknown-ts-type-ignored")
    check_inside(tester, tsr, as_selectors([local(tester)]), "rfc7296/2.9/unknown-ts-type-ignored")


@covers(
    "rfc7296/2.9/ts-unacceptable",
    "rfc7296/2.9/unknown-ts-type-ignored",
    mutants=["returns-unknown-ts-type", "fails-on-unknown-ts-type"],
)
def test_only_unknown_type(tester: Tester) -> None:
    """When all selectors are of an unknown type, nothing acceptable is left: TS_UNACCEPTABLE."""
    attempt = tester.attempt(edit_auth=bad.ts_unknown_type(), need_child=False)
    tester.expects(attempt.reply, Notify(NotifyType.TS_UNACCEPTABLE))


@covers(
    SUBSET, "rfc7296/2.9/first-unacceptable-still-narrows", mutants=["mixes-address-families"], needs=("narrowing",)
)
def test_other_family_beside(tester: Tester) -> None:
    """Of IPv6 and IPv4 selectors a device takes those of its networks' version."""
    network, other = local(tester), family(tester, other=True)
    tsi, tsr = ask(tester, [other.host_elsewhere, tester.inner_address], [other.elsewhere, network])
    check_inside(tester, tsi, as_selectors([tester.inner_address]))
    check_inside(tester, tsr, as_selectors([network]))


@covers("rfc7296/2.9/ts-unacceptable", mutants=["mixes-address-families", "takes-all-selectors"])
def test_other_family_only(tester: Tester) -> None:
    """IPv6 selectors only are answered by TS_UNACCEPTABLE when the device's networks are IPv4, and the reverse."""
    local(tester)
    other = family(tester, other=True)
    attempt = tester.attempt(tsi=[other.host_elsewhere], tsr=[other.elsewhere], need_child=False)
    tester.expects(attempt.reply, Notify(NotifyType.TS_UNACCEPTABLE))
