"""RFC 7296 sections 1.3.2, 2.8 and 2.18: rekeying the IKE SA, the device as responder."""

import pytest

from conformance.ikev2 import evidence
from conformance.tester import (
    Accepted,
    Deleted,
    Edit,
    Empty,
    ErrorNotify,
    IkeSa,
    Inconclusive,
    NotApplicable,
    Notify,
    Tester,
    covers,
    order_of,
)
from conformance.tester import misbehaviour as bad
from conformance.tester.proposals import ike_proposal
from conformance.tester.tester import refused_offer
from reference_impl.crypto.ke import key_exchange
from reference_impl.crypto.suite import IkeSuite, parse_ike
from reference_impl.wire.header import Flags, Header
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, PayloadType, ProtocolId
from reference_impl.wire.sa import Proposal
from reference_impl.wire.simple import KePayload, NoncePayload


@covers(
    "rfc7296/1.3.2/ike-rekey-response-payloads",
    "rfc7296/1.3.2/new-responder-spi",
    "rfc7296/2.18/new-spis-in-proposal",
    "rfc7296/2.18/no-ts-in-ike-rekey",
    "rfc7296/2.18/rekey-new-key-exchange",
    "rfc7296/2.8.3/rekey-does-not-authenticate",
    needs=("rekey_ike",),
    mutants=["ike-rekey-keeps-spi", "response-without-nonce"],
)
def test_response_payloads(tester: Tester) -> None:
    """The response has SA with a new responder SPI, Nr and KE of the chosen group, no selectors and no AUTH."""
    sa = tester.establish()
    exchange = sa.try_rekey_ike()
    tester.expects(exchange.reply, Accepted())
    reply = exchange.reply
    assert reply is not None
    found = set(order_of(reply))
    due = {PayloadType.SA, PayloadType.NONCE, PayloadType.KE}
    tester.check(due <= found, "SA, Nr and KE", exchange.problem or str(sorted(found)))
    others = found & {PayloadType.TSI, PayloadType.TSR}
    tester.check(not others, "no TS payloads", f"{sorted(others)}", "rfc7296/2.18/no-ts-in-ike-rekey")
    proves = found & {PayloadType.AUTH, PayloadType.EAP}
    tester.check(not proves, "no AUTH or EAP", f"{sorted(proves)}", "rfc7296/2.8.3/rekey-does-not-authenticate")
    proposal = evidence.only_proposal(tester, reply)
    tester.check(proposal.protocol == ProtocolId.IKE, "a proposal for IKE", proposal.protocol.name)
    spi, requirement = proposal.spi, "rfc7296/1.3.2/new-responder-spi"
    tester.check(len(spi) == 8 and any(spi), "an SPI of 8 octets, not zero", spi.hex(), requirement)
    tester.check(spi not in (sa.spi_i, sa.spi_r), "a new SPI", "an SPI of the old IKE SA", requirement)
    value, nonce = reply.get(KePayload), reply.get(NoncePayload)
    assert value is not None
    assert nonce is not None
    tester.check(value.group == sa.suite.group, f"KE of {sa.suite.group.name}", f"KE of group {value.group}")
    tester.check(16 <= len(nonce.data) <= 256, "a nonce of 16 to 256 octets", f"{len(nonce.data)} octets")


@covers(
    "rfc7296/2.18/rekey-skeyseed-formula",
    "rfc7296/2.18/new-keys-new-prf",
    "rfc7296/2.18/rekey-counters-zero",
    "rfc7296/2.2/rekey-resets-message-id",
    "rfc7296/1.3.2/new-ike-message-id-zero",
    needs=("rekey_ike",),
    mutants=["rekey-seed-without-shared-secret", "rekeyed-sa-goes-on-counting"],
)
def test_new_sa_works(tester: Tester) -> None:
    """The new IKE SA has the keys of section 2.18 and answers requests numbered from 0."""
    new = tester.establish().rekey_ike(delete_old=False)
    for number in range(2):
        new.liveness(message_id=number, requirement="rfc7296/2.18/rekey-skeyseed-formula")


@covers(
    "rfc7296/2.18/rekey-uses-old-prf",
    "rfc7296/2.18/new-keys-new-prf",
    needs=("rekey_ike",),
    mutants=["rekey-seed-with-new-prf", "rekey-keys-with-old-prf"],
)
def test_change_of_prf(tester: Tester) -> None:
    """When the rekey changes the PRF, SKEYSEED is made with the old one and the keys with the new one.

    Keys that are not ours leave both sides deaf to each other. So the wrong ways are tried as well, to say which it is.
    """
    sa = tester.establish()
    old, new = sa.suite.prf_algorithm(), (suite := other_prf(tester, sa.suite)).prf_algorithm()
    exchange = sa.try_rekey_ike(proposals=suite)
    tester.expects(exchange.reply, Accepted())
    assert exchange.sa is not None, exchange.problem
    if answers(exchange.sa):
        return
    wrong = {
        f"prf+ with {old.name}, the old PRF": (old, old, "rfc7296/2.18/new-keys-new-prf"),
        f"SKEYSEED with {new.name}, the new PRF": (new, new, "rfc7296/2.18/rekey-uses-old-prf"),
        f"SKEYSEED with {new.name}, the new PRF, and prf+ with {old.name}": (
            new,
            old,
            "rfc7296/2.18/rekey-uses-old-prf",
        ),
    }
    for way, (seed_prf, keys_prf, requirement) in wrong.items():
        if answers(exchange.wrongly_derived(sa, seed_prf, keys_prf)):
            tester.fail(f"SKEYSEED with {old.name} and prf+ with {new.name}", way, requirement)
    tester.fail("an answer on the new IKE SA", "none, also not with the PRFs exchanged")


@covers(
    "rfc7296/2.18/rekey-skeyseed-formula",
    needs=("rekey_ike",),
    mutants=["rekey-seed-from-first-sk-d", "ike-rekey-keeps-spi", "repeats-nonce"],
)
def test_rekeyed_again(tester: Tester) -> None:
    """An IKE SA that a rekey made can be rekeyed, with SK_d of its own and new SPI and nonce."""
    sa = tester.establish()
    first = sa.rekey_ike()
    exchange = first.try_rekey_ike()
    tester.expects(exchange.reply, Accepted())
    assert exchange.sa is not None, exchange.problem
    spis = {sa.spi_r, first.spi_r, exchange.sa.spi_r}
    tester.check(len(spis) == 3, "three different SPIs", "a repetition", "rfc7296/1.3.2/new-responder-spi")
    exchange.sa.liveness()


@covers(
    "rfc7296/1.3.2/old-ike-keeps-numbering",
    "rfc7296/1.4.1/ike-delete-response-empty",
    needs=("rekey_ike",),
    mutants=["old-ike-closed-at-rekey", "rekeyed-ike-delete-closes-both"],
)
def test_old_sa_until_deleted(tester: Tester) -> None:
    """The old IKE SA goes on with its numbering and answers until it is deleted, which leaves the new one alone."""
    old = tester.establish()
    new = old.rekey_ike(delete_old=False)
    for sa in (old, new, old):
        tester.expects(sa.liveness(), Empty())
    tester.expects(old.delete_ike(), Empty(), "rfc7296/1.4.1/ike-delete-response-empty")
    new.liveness()


@covers(
    "rfc7296/2.8/new-ike-inherits-children",
    "rfc7296/1.4/child-control-under-parent",
    needs=("rekey_ike",),
    mutants=["children-stay-with-old-ike", "rekey-moves-first-child-only"],
)
def test_children_inherited(tester: Tester) -> None:
    """All Child SAs live on when the old IKE SA is deleted, and the new IKE SA controls them."""
    sa = tester.establish()
    if tester.claims("additional_child"):
        for _ in range(2):
            evidence.further_child(sa)
    new = sa.rekey_ike()
    for child in list(new.children):
        if tester.claims("data_plane"):
            child.expect_ping()
        tester.expects(new.delete_child(child), Deleted())


@covers(
    "rfc7296/2.8/new-ike-inherits-children",
    needs=("rekey_ike", "rekey_child"),
    mutants=["children-stay-with-old-ike"],
)
def test_inherited_child_rekeyed(tester: Tester) -> None:
    """An inherited Child SA can be rekeyed and deleted on the new IKE SA, with keys from its SK_d."""
    new = tester.establish().rekey_ike()
    child = new.rekey_child()
    if tester.claims("data_plane"):
        child.expect_ping()
    tester.expects(new.delete_child(child), Deleted())


@covers(
    "rfc7296/3.1/initiator-flag-after-rekey",
    "rfc7296/1.3.2/rekey-initiator-is-original",
    role="initiator",
    needs=("initiator", "rekey_ike"),
    mutants=["initiator-flag-survives-rekey"],
)
def test_roles_change(tester: Tester) -> None:
    """Who initiates the rekey becomes the original initiator: the device, once initiator, clears the I flag."""
    sa = tester.await_initiation().accept()
    new = sa.try_rekey_ike().sa
    if new is None:
        raise Inconclusive("the device gave its IKE SA up, or does not rekey it")
    new.liveness()
    assert new.last is not None
    flags = Header.parse(new.last.octets).flags
    tester.check(not flags & Flags.INITIATOR, "the Initiator flag clear", "the Initiator flag set")
    sa.liveness()
    assert sa.last is not None
    flags = Header.parse(sa.last.octets).flags
    tester.check(bool(flags & Flags.INITIATOR), "the Initiator flag set on the old SA", "the Initiator flag clear")


@covers(
    "rfc7296/3.4/other-group-invalid-ke",
    "rfc7296/1.3/other-group-rejected",
    "rfc7296/1.3/invalid-ke-data",
    needs=("rekey_ike",),
    mutants=["invalid-ke-octets-swapped"],
)
def test_other_group(tester: Tester) -> None:
    """A KE payload of another group than the selected one is answered by INVALID_KE_PAYLOAD with that group."""
    sa = tester.establish()
    spare, good = evidence.spare_group(evidence.ike_groups(tester)), sa.suite.group
    proposal = evidence.with_groups(ike_proposal(sa.suite, spi=b"\x11" * 8), [spare, good])
    reply = sa.try_rekey_ike(proposals=proposal, ke=KePayload(spare, key_exchange(spare).public)).reply
    demand = Notify(NotifyType.INVALID_KE_PAYLOAD, int(good).to_bytes(2, "big"))
    if tester.expects(reply, {demand, Accepted()}) == Accepted():
        assert reply is not None
        value = reply.get(KePayload)
        chosen = value.group if value is not None else None
        tester.check(chosen == spare, f"KE of the offered group {spare.name}", f"KE of group {chosen}")
        return
    sa.rekey_ike().liveness()


@covers(
    "rfc7296/3.10.1/no-proposal-chosen-generic",
    "rfc7296/1.3.1/failed-child-keeps-ike",
    needs=("rekey_ike",),
    mutants=["refusal-as-invalid-syntax", "refused-child-closes-ike"],
)
def test_no_common_proposal(tester: Tester) -> None:
    """A rekey with nothing acceptable gets NO_PROPOSAL_CHOSEN, and the IKE SA goes on."""
    sa = tester.establish()
    weak = refused_offer()
    offer = Proposal(1, weak.protocol, b"\x12" * 8, weak.transforms)
    reply = sa.try_rekey_ike(proposals=offer, ke=KePayload(Group.MODP_768, bytes([2]) * 96)).reply
    tester.expects(reply, Notify(NotifyType.NO_PROPOSAL_CHOSEN))
    tester.expects(sa.request(ExchangeType.INFORMATIONAL), Empty(), "rfc7296/1.3.1/failed-child-keeps-ike")


@covers(
    "rfc7296/2.18/rekey-accepts-no-none",
    "rfc7296/2.18/rekey-new-key-exchange",
    needs=("rekey_ike",),
    mutants=["ike-rekey-without-ke"],
)
@pytest.mark.parametrize("how", ["none", "no-transform", "no-payload"])
def test_key_exchange_required(tester: Tester, how: str) -> None:
    """No IKE SA is rekeyed without a key exchange: with group NONE, without a group, or without KE payload."""
    sa = tester.establish()
    groups = {"none": [Group.NONE], "no-transform": [], "no-payload": [sa.suite.group]}[how]
    proposal = evidence.with_groups(ike_proposal(sa.suite, spi=b"\x13" * 8), groups)
    reply = sa.try_rekey_ike(proposals=proposal, group=sa.suite.group, edit=bad.omit("KE")).reply
    tester.expects(reply, ErrorNotify())


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    needs=("rekey_ike",),
    mutants=["drops-malformed-requests", "takes-missing-nonce"],
)
def test_missing_nonce(tester: Tester) -> None:
    """A request to rekey the IKE SA without nonce gets an error."""
    tester.expects(tester.establish().try_rekey_ike(edit=bad.omit("Ni")).reply, ErrorNotify())


@covers(
    "rfc7296/3.1/initiator-spi-nonzero",
    "rfc7296/2.21.3/error-requests-answered",
    needs=("rekey_ike",),
    mutants=["takes-ike-spi-zero"],
)
@pytest.mark.parametrize("edit", [None, bad.proposal_spi(b"")], ids=["zero", "none"])
def test_initiator_spi_zero(tester: Tester, edit: Edit | None) -> None:
    """A new initiator SPI of zero, or none, makes no IKE SA on which the device sends messages with an SPI of zero."""
    exchange = tester.establish().try_rekey_ike(spi=bytes(8), edit=edit)
    requirement = "rfc7296/2.21.3/error-requests-answered"
    if tester.expects(exchange.reply, {Accepted(), ErrorNotify()}, requirement) == ErrorNotify():
        return
    new = exchange.sa
    assert new is not None, exchange.problem
    found = [item.text() for item in tester.answers_to(lambda: new.send(new.draft())) if item.sa is new]
    new.closed = True
    tester.check(not found, "no message with an initiator SPI of zero", ", ".join(found))


@covers("rfc7296/3.3.1/later-spi-size", needs=("rekey_ike",), mutants=["takes-any-spi-size"])
@pytest.mark.parametrize("octets", [4, 16])
def test_initiator_spi_size(tester: Tester, octets: int) -> None:
    """A proposal whose SPI does not have 8 octets does not rekey the IKE SA."""
    reply = tester.establish().try_rekey_ike(edit=bad.proposal_spi(b"\x14" * octets)).reply
    tester.expects(reply, ErrorNotify())


@covers(
    "rfc7296/2.21.3/error-requests-answered",
    needs=("rekey_ike",),
    mutants=["takes-any-public-value", "drops-malformed-requests"],
)
@pytest.mark.parametrize("value", ["zero", "short", "long", "off-curve"])
def test_bad_public_value(tester: Tester, value: str) -> None:
    """A public value that is not one of the group gets an error and makes no IKE SA."""
    edits = {"zero": bad.ke_zero, "short": bad.ke_shorter, "long": bad.ke_longer, "off-curve": bad.ke_off_curve}
    sa = tester.establish()
    if value == "off-curve" and not sa.suite.group.name.startswith("ECP"):
        raise NotApplicable("not a group of points with both coordinates")
    tester.expects(sa.try_rekey_ike(edit=edits[value]()).reply, ErrorNotify())


def answers(sa: IkeSa) -> bool:
    """Whether the device answers a liveness check on it: it has the same keys."""
    return sa.await_reply(sa.send_request()) is not None


def other_prf(tester: Tester, old: IkeSuite) -> IkeSuite:
    """A suite of the profile with another PRF than the old one's."""
    for text in tester.profile.ike:
        suite = parse_ike(text)
        if suite.prf != old.prf:
            return suite
    raise NotApplicable("every suite in dut.proposals.ike has the same PRF")
