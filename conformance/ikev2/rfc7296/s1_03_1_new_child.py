"""RFC 7296 section 1.3.1: creating new Child SAs with CREATE_CHILD_SA."""

import os

import pytest

from conformance.ikev2 import evidence
from conformance.ikev2.rfc7296.s2_09_2_rekeyed_selectors import narrowed
from conformance.tester import Accepted, Empty, ErrorNotify, Tester, covers, order_of
from conformance.tester import misbehaviour as bad
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, NotifyType, PayloadType, ProtocolId
from reference_impl.wire.simple import KePayload, NoncePayload

MAX_CHILDREN = 72


@covers(
    "rfc7296/1.3.1/child-response-payloads",
    "rfc7296/3.3.1/later-spi-size",
    needs=("additional_child",),
    mutants=["response-without-nonce"],
)
def test_response_payloads(tester: Tester) -> None:
    """The response to a request for a new Child SA has SA, Nr, TSi and TSr, and no KE when the request had none."""
    exchange = tester.establish().try_child()
    evidence.expect_accepted(tester, exchange)
    assert exchange.reply is not None
    found = set(order_of(exchange.reply))
    due = {PayloadType.SA, PayloadType.NONCE, PayloadType.TSI, PayloadType.TSR}
    tester.check(due <= found, "SA, Nr, TSi and TSr", exchange.problem or str(sorted(found)))
    tester.check(PayloadType.KE not in found, "no KE payload", "a KE payload")
    proposal = evidence.only_proposal(tester, exchange.reply)
    tester.check(proposal.protocol == ProtocolId.ESP, "a proposal for ESP", proposal.protocol.name)
    size = len(proposal.spi)
    tester.check(size == 4, "an SPI of 4 octets", f"{size} octets", "rfc7296/3.3.1/later-spi-size")


@covers(
    "rfc7296/1.3.1/child-response-payloads", needs=("additional_child", "pfs"), mutants=["child-response-without-ke"]
)
def test_response_has_ke(tester: Tester) -> None:
    """The response has a KE payload of the chosen group when the request had one."""
    suite, group = evidence.pfs_suite(tester), evidence.pfs_group(tester)
    exchange = tester.establish().try_child(offer=suite)
    evidence.expect_accepted(tester, exchange)
    reply = exchange.reply
    value = reply.get(KePayload) if reply is not None else None
    tester.check(value is not None, "a KE payload", "none")
    assert value is not None
    tester.check(value.group == group, f"KE of group {group.name}", f"KE of group {value.group}")


@covers(
    "rfc7296/2.17/keymat-rules",
    "rfc7296/2.17/initiator-keys-first",
    "rfc7296/2.17/encryption-key-first",
    "rfc7296/2.17/integrity-key-after",
    "rfc7296/1.3.1/tunnel-by-default",
    needs=("additional_child", "data_plane"),
    mutants=["keymat-responder-first", "child-keys-from-initial-nonces"],
)
@pytest.mark.parametrize("kind", ["combined", "encryption-and-integrity"])
def test_traffic_by_keymat(tester: Tester, kind: str) -> None:
    """Both directions of a further Child SA use the keys of KEYMAT, taken in order, with the fresh nonces."""
    sa = tester.establish()
    evidence.further_child(sa, offer=evidence.esp_suite(tester, combined=kind == "combined")).expect_ping()


@covers(
    "rfc7296/2.17/keymat-with-ke",
    needs=("additional_child", "pfs", "data_plane"),
    mutants=["child-keys-without-shared-secret"],
)
def test_traffic_by_keymat_with_ke(tester: Tester) -> None:
    """With a key exchange in CREATE_CHILD_SA its shared secret goes into KEYMAT."""
    evidence.further_child(tester.establish(), offer=evidence.pfs_suite(tester)).expect_ping()


@covers(
    "rfc7296/2.8/parallel-sas-allowed",
    "rfc7296/2.8/no-duplicate-ts-deletion",
    needs=("additional_child", "data_plane"),
    mutants=["deletes-duplicate-selectors"],
)
def test_parallel_children(tester: Tester) -> None:
    """A second Child SA with the selectors of the first leaves the first in place; packets are accepted on both."""
    sa = tester.establish()
    first, second = sa.child, evidence.further_child(sa)
    for child in (first, second, first):
        evidence.expect_carried(tester, child, "rfc7296/2.8/no-duplicate-ts-deletion")


@covers(
    "rfc7296/2.9/ts-unacceptable",
    "rfc7296/2.8/parallel-sas-allowed",
    needs=("additional_child", "narrowing"),
    mutants=["further-child-needs-configured-selectors"],
)
def test_beside_narrowed_child(tester: Tester) -> None:
    """A further Child SA with the selectors of one that was narrowed is accepted, as that one was."""
    sa, _ = narrowed(tester, "asked-for-less")
    first = sa.child
    exchange = sa.try_child(tsi=first.own_ts, tsr=first.far_ts)
    unacceptable = exchange.reply is not None and exchange.reply.notify(NotifyType.TS_UNACCEPTABLE) is not None
    broken = "rfc7296/2.9/ts-unacceptable" if unacceptable else "rfc7296/2.8/parallel-sas-allowed"
    evidence.expect_accepted(tester, exchange, broken)


@covers(
    "rfc7296/2.10/nonce-random",
    "rfc7296/2.10/nonce-min-128-bits",
    "rfc7296/2.10/nonce-half-prf-key",
    "rfc7296/3.9/nonce-not-reused",
    "rfc4303/2.1/spi-1-to-255-reserved",
    needs=("additional_child",),
    mutants=["repeats-nonce", "short-nonce", "allocates-reserved-spi"],
)
def test_fresh_nonces_and_spis(tester: Tester) -> None:
    """Every CREATE_CHILD_SA response has a fresh nonce of sufficient size and a fresh SPI above the reserved ones."""
    sa = tester.establish()
    nonces, spis = [], [sa.child.spi_out]
    for _ in range(3):
        exchange = sa.try_child()
        evidence.expect_accepted(tester, exchange)
        assert exchange.reply is not None
        nonce = exchange.reply.get(NoncePayload)
        assert nonce is not None, exchange.problem
        nonces.append(nonce.data)
        spis.append(evidence.only_proposal(tester, exchange.reply).spi)
    for nonce_r in nonces:
        least = max(16, sa.suite.prf_algorithm().key_size // 2)
        tester.check(least <= len(nonce_r) <= 256, f"a nonce of {least} to 256 octets", f"{len(nonce_r)} octets")
    tester.check(len(set(nonces)) == 3, "three different nonces", "a repetition", "rfc7296/3.9/nonce-not-reused")
    tester.check(len(set(spis)) == 4, "four different SPIs", "a repetition")
    numbers = [int.from_bytes(spi, "big") for spi in spis]
    tester.check(min(numbers) > 255, "SPIs above 255", str(min(numbers)), "rfc4303/2.1/spi-1-to-255-reserved")


@covers("rfc7296/3.9/nonce-size", needs=("additional_child",), mutants=["refuses-long-nonce", "refuses-short-nonce"])
@pytest.mark.parametrize("size", ["least", "most"])
def test_nonce_sizes_accepted(tester: Tester, size: str) -> None:
    """Nonces of 16 (or half the PRF's key, when that is more) and of 256 octets are accepted."""
    sa = tester.establish()
    octets = max(16, sa.suite.prf_algorithm().key_size // 2) if size == "least" else 256
    evidence.expect_accepted(tester, sa.try_child(nonce=os.urandom(octets)))


@covers("rfc7296/3.9/nonce-size", needs=("additional_child",), mutants=["accepts-any-nonce"])
@pytest.mark.parametrize("octets", [0, 15, 257])
def test_nonce_sizes_refused(tester: Tester, octets: int) -> None:
    """No Child SA is made with a nonce below 16 or above 256 octets; the request gets an error."""
    tester.expects(tester.establish().try_child(edit=bad.nonce_size(octets)).reply, ErrorNotify())


@covers(
    "rfc7296/1.3.1/transport-acceptance-echoed",
    "rfc7296/1.3.1/transport-declined-is-tunnel",
    needs=("additional_child", "transport", "data_plane"),
    mutants=["transport-not-echoed"],
)
def test_transport_mode(tester: Tester) -> None:
    """A Child SA is in transport mode when the response echoes USE_TRANSPORT_MODE, and else in tunnel mode."""
    exchange = tester.establish().try_child(mode="transport")
    outcome = tester.expects(exchange.reply, {Accepted(), ErrorNotify()}, "rfc7296/2.21.3/error-requests-answered")
    if outcome == ErrorNotify():
        return
    child = exchange.child
    assert child is not None, exchange.problem
    if child.mode == "transport":
        child.expect_ping(requirement="rfc7296/1.3.1/transport-declined-is-tunnel")
        return
    packet, echo = child.echo_packet(dst=tester.profile.address)
    child.send_esp(packet)
    tester.check(child.await_echo(echo), "tunnel mode where USE_TRANSPORT_MODE is not echoed", "no echo reply in it")


@covers(
    "rfc7296/1.3.1/non-first-fragments-declined",
    "rfc7296/3.10.1/unknown-status-ignored",
    "rfc7296/3.10/no-spi-protocol-ignored",
    needs=("additional_child",),
    mutants=["unknown-notify-refused", "protocol-without-spi-refused"],
)
@pytest.mark.parametrize("kind", ["non-first-fragments", "unknown-status", "protocol-without-spi"])
def test_notifies_do_not_refuse(tester: Tester, kind: str) -> None:
    """Notifications that the device does not know or want, or with a Protocol ID but no SPI, do not refuse the SA."""
    notify, requirement = {
        "non-first-fragments": (
            NotifyPayload(NotifyType.NON_FIRST_FRAGMENTS_ALSO),
            "rfc7296/1.3.1/non-first-fragments-declined",
        ),
        "unknown-status": (NotifyPayload(NotifyType(40999), b"x"), "rfc7296/3.10.1/unknown-status-ignored"),
        "protocol-without-spi": (
            NotifyPayload(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED, b"", ProtocolId.ESP),
            "rfc7296/3.10/no-spi-protocol-ignored",
        ),
    }[kind]
    exchange = tester.establish().try_child(edit=bad.add_first(notify))
    evidence.expect_accepted(tester, exchange, requirement)


@covers("rfc7296/1.3.1/tfc-padding-refused", needs=("additional_child", "data_plane"), mutants=["ignores-tfc-refusal"])
def test_no_tfc_padding(tester: Tester) -> None:
    """After ESP_TFC_PADDING_NOT_SUPPORTED the device sends packets without traffic flow confidentiality padding."""
    sa = tester.establish()
    notify = NotifyPayload(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)
    child = evidence.further_child(sa, edit=bad.add_first(notify))
    child.expect_ping()
    for packet in child.packets:
        inner = packet.inner or bytes(40)
        stated = int.from_bytes(inner[2:4], "big") if inner[0] >> 4 == 4 else 40 + int.from_bytes(inner[4:6], "big")
        tester.check(len(inner) == stated, f"{stated} octets, as the IP header says", f"{len(inner)} octets")


@covers("rfc7296/1.3/no-additional-sas", needs=("additional_child",), mutants=["child-limit-as-no-proposal"])
def test_limit_of_children(tester: Tester) -> None:
    """A device that wants no more Child SAs on an IKE SA says NO_ADDITIONAL_SAS, and keeps those it has."""
    sa = tester.establish()
    evidence.further_child(sa)
    for _ in range(MAX_CHILDREN):
        exchange = sa.try_child()
        if exchange.child is None:
            found = exchange.reply is not None and exchange.reply.notify(NotifyType.NO_ADDITIONAL_SAS) is not None
            tester.check(found, "N(NO_ADDITIONAL_SAS)", exchange.problem)
            break
    sa.liveness()


@covers(
    "rfc7296/1.3.1/failed-child-keeps-ike",
    needs=("additional_child",),
    mutants=["critical-closes-ike-sa"],
)
def test_critical_payload_refused(tester: Tester) -> None:
    """An unknown critical payload refuses the whole request for a Child SA, and the IKE SA goes on."""
    sa = tester.establish()
    exchange = sa.try_child(edit=bad.unknown_critical_payload(200))
    reply = exchange.reply
    tester.check(
        reply is not None and reply.notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD) is not None,
        "N(UNSUPPORTED_CRITICAL_PAYLOAD)",
        exchange.problem,
        "rfc7296/2.5/critical-unknown-notified",
    )
    tester.expects(sa.request(ExchangeType.INFORMATIONAL), Empty())
