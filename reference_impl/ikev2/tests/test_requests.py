"""Requests by hand against an engine: errors, notifications, deletes, and what must not happen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reference_impl.crypto.suite import parse_esp, parse_ike
from reference_impl.ikev2 import messages, proposal, protect
from reference_impl.ikev2.config import Unique
from reference_impl.ikev2.events import ChildRemoved, IkeRemoved, NotifyReceived, Reason
from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.raw import RawPayload, UnknownPayload
from reference_impl.wire.registries import (
    AttributeType,
    CfgAttribute,
    CfgType,
    Encr,
    ExchangeType,
    NotifyType,
    ProtocolId,
    TransformType,
)
from reference_impl.wire.sa import Attribute, Proposal, SaPayload, Transform, key_length
from reference_impl.wire.simple import KePayload, NoncePayload
from reference_impl.wire.ts import TsiPayload, TsrPayload

from .test_wire_behaviour import deliver, open_answer, request, sa_of
from .world import ALICE, BOB, World, alice_connection, bob_connection, endpoint, selectors

NONCE = NoncePayload(bytes(range(32)))
TSI, TSR = TsiPayload(selectors("10.1.0.0/24")), TsrPayload(selectors("10.2.0.0/24"))
ESP_OFFER = SaPayload(proposal.esp_offer((parse_esp("aes128gcm16"),), b"\1\2\3\4", groups=False))


@pytest.fixture
def world() -> World:
    """Alice and Bob with an IKE SA and a Child SA."""
    made = World()
    made.establish()
    return made


def ask(world: World, *payloads: Payload, exchange: int = ExchangeType.INFORMATIONAL) -> Message:
    """Alice's next request by hand; Bob's answer."""
    message_id = sa_of(world.bob).inbound.expected
    (out,) = deliver(world, request(world.alice, message_id, *payloads, exchange=exchange))
    answer = open_answer(world, out)
    assert answer.is_response
    assert (answer.message_id, answer.exchange) == (message_id, exchange)
    return answer


def only_notify(answer: Message) -> NotifyPayload:
    """The only payload of an answer."""
    (payload,) = answer.payloads
    assert isinstance(payload, NotifyPayload)
    return payload


def test_empty_request(world: World) -> None:
    assert ask(world).payloads == ()


def test_unknown_payload_is_skipped(world: World) -> None:
    assert ask(world, UnknownPayload(77, b"abc")).payloads == ()


def test_unknown_critical_payload(world: World) -> None:
    notify = only_notify(ask(world, UnknownPayload(77, b"abc", critical=True), DeletePayload(ProtocolId.IKE)))
    assert (notify.notify, notify.data) == (NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, b"M")
    assert ask(world).payloads == ()


def test_critical_bit_on_known_payloads_is_ignored(world: World) -> None:
    assert ask(world, NotifyPayload(NotifyType(40001), critical=True)).payloads == ()


@pytest.mark.parametrize("number", [99, 8192, 40000])
def test_unknown_notifications_in_requests_are_ignored(world: World, number: int) -> None:
    assert ask(world, NotifyPayload(NotifyType(number), b"x")).payloads == ()
    world.collect()
    assert world.bob.of(NotifyReceived)[-1].notify == number
    assert len(world.bob.engine.list_sas()) == 1


def test_malformed_request_is_fatal(world: World) -> None:
    notify = only_notify(ask(world, RawPayload(41, b"\0\0\0\0", length=3)))
    assert notify.notify == NotifyType.INVALID_SYNTAX
    world.collect()
    assert [each.reason for each in world.bob.of(IkeRemoved)] == [Reason.INVALID_SYNTAX]
    assert not world.bob.engine.children


def test_response_to_a_fatal_request_can_be_repeated(world: World) -> None:
    data = request(world.alice, 2, RawPayload(41, b"\0\0\0\0", length=3))
    (first,) = deliver(world, data)
    (second,) = deliver(world, data)
    assert first == second
    (refusal,) = deliver(world, request(world.alice, 3))
    assert Message.parse(refusal.data).notify(NotifyType.INVALID_IKE_SPI) is not None


@pytest.mark.parametrize("exchange", [35, 38, 240])
def test_exchanges_that_make_no_sense(world: World, exchange: int) -> None:
    assert only_notify(ask(world, exchange=exchange)).notify == NotifyType.INVALID_SYNTAX


def test_delete_ike(world: World) -> None:
    assert ask(world, DeletePayload(ProtocolId.IKE)).payloads == ()
    world.collect()
    assert [each.reason for each in world.bob.of(IkeRemoved)] == [Reason.DELETED_BY_PEER]
    assert [each.reason for each in world.bob.of(ChildRemoved)] == [Reason.PARENT_GONE]


def test_delete_child_is_answered_with_the_paired_spi(world: World) -> None:
    (child,) = world.bob.engine.children.values()
    answer = ask(world, DeletePayload(ProtocolId.ESP, 4, (child.spi_out,)))
    assert answer.payloads == (DeletePayload(ProtocolId.ESP, 4, (child.spi_in,)),)
    assert not world.bob.engine.children
    assert ask(world, DeletePayload(ProtocolId.ESP, 4, (child.spi_out,))).payloads == ()


def test_delete_names_the_outbound_spi_only(world: World) -> None:
    (child,) = world.bob.engine.children.values()
    assert ask(world, DeletePayload(ProtocolId.ESP, 4, (child.spi_in, b"\1\2\3\4"))).payloads == ()
    assert ask(world, DeletePayload(ProtocolId.AH, 4, (child.spi_out,))).payloads == ()
    assert len(world.bob.engine.children) == 1


def test_several_children_in_one_delete(world: World) -> None:
    world.alice.engine.create_child(world.now, world.alice.engine.list_sas()[0].ike_id)
    world.run()
    children = list(world.bob.engine.children.values())
    answer = ask(world, DeletePayload(ProtocolId.ESP, 4, tuple(child.spi_out for child in children)))
    (delete,) = answer.payloads
    assert isinstance(delete, DeletePayload)
    assert set(delete.spis) == {child.spi_in for child in children}


def test_version_request(world: World) -> None:
    answer = ask(world, ConfigPayload(CfgType.REQUEST, (ConfigAttribute(CfgAttribute.APPLICATION_VERSION),)))
    reply = answer.get(ConfigPayload)
    assert reply is not None
    assert reply.cfg_type == CfgType.REPLY
    assert reply.of(CfgAttribute.APPLICATION_VERSION) == (b"ikeproof",)


def test_cfg_set_is_acknowledged_empty(world: World) -> None:
    answer = ask(world, ConfigPayload(CfgType.SET, (ConfigAttribute(CfgAttribute.INTERNAL_IP4_DNS, bytes(4)),)))
    assert answer.payloads == (ConfigPayload(CfgType.ACK),)


def create(world: World, *payloads: Payload) -> Message:
    """A CREATE_CHILD_SA request."""
    return ask(world, *payloads, exchange=ExchangeType.CREATE_CHILD_SA)


def test_payload_order_does_not_matter(world: World) -> None:
    assert create(world, TSR, UnknownPayload(99, b""), NONCE, TSI, ESP_OFFER).get(SaPayload) is not None
    assert len(world.bob.engine.children) == 2


def test_rekey_of_an_unknown_child(world: World) -> None:
    rekey = NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, b"\7\7\7\7")
    notify = only_notify(create(world, rekey, ESP_OFFER, NONCE, TSI, TSR))
    assert (notify.notify, notify.spi, notify.protocol) == (
        NotifyType.CHILD_SA_NOT_FOUND,
        b"\7\7\7\7",
        ProtocolId.ESP,
    )
    assert len(world.bob.engine.children) == 1


@pytest.mark.parametrize("missing", [ESP_OFFER, NONCE, TSI, TSR])
def test_missing_payloads_of_create_child_sa(world: World, missing: Payload) -> None:
    given = [each for each in (ESP_OFFER, NONCE, TSI, TSR) if each is not missing]
    assert only_notify(create(world, *given)).notify == NotifyType.INVALID_SYNTAX


@pytest.mark.parametrize("size", [0, 15, 257])
def test_nonce_sizes(world: World, size: int) -> None:
    answer = create(world, ESP_OFFER, NoncePayload(bytes(size)), TSI, TSR)
    assert only_notify(answer).notify == NotifyType.INVALID_SYNTAX


@pytest.mark.parametrize("size", [16, 256])
def test_good_nonce_sizes(world: World, size: int) -> None:
    assert create(world, ESP_OFFER, NoncePayload(bytes(size)), TSI, TSR).get(SaPayload) is not None


def esp(
    *transforms: Transform, protocol: ProtocolId = ProtocolId.ESP, number: int = 1, spi: bytes = b"\1\2\3\4"
) -> Proposal:
    """A proposal by hand."""
    return Proposal(number, protocol, spi, transforms)


GCM = Transform(TransformType.ENCR, Encr.AES_GCM_16, (key_length(128),))
GCM_256 = Transform(TransformType.ENCR, Encr.AES_GCM_16, (key_length(256),))
NO_ESN = Transform(TransformType.ESN, 0)
BAD_PROPOSALS = {
    "no ESN transform": esp(GCM),
    "no cipher": esp(NO_ESN),
    "no key length": esp(Transform(TransformType.ENCR, Encr.AES_GCM_16), NO_ESN),
    "unknown transform type": esp(GCM, NO_ESN, Transform(TransformType(6), 31)),
    "unknown attribute": esp(
        Transform(TransformType.ENCR, Encr.AES_GCM_16, (key_length(128), Attribute(77, b"\0\1", True))), NO_ESN
    ),
    "integrity with a combined mode": esp(GCM, Transform(TransformType.INTEG, 12), NO_ESN),
    "shorter key": esp(Transform(TransformType.ENCR, Encr.AES_GCM_16, (key_length(64),)), NO_ESN),
    "absurd key": esp(Transform(TransformType.ENCR, Encr.AES_GCM_16, (key_length(65535),)), NO_ESN),
    "another cipher": esp(Transform(TransformType.ENCR, Encr.AES_CTR, (key_length(128),)), NO_ESN),
    "AH": esp(GCM, NO_ESN, protocol=ProtocolId.AH),
    "key length on ESN": esp(GCM, Transform(TransformType.ESN, 0, (key_length(128),))),
    "group that nobody asked for": esp(GCM, NO_ESN, Transform(TransformType.KE, 19)),
    "only ESN": esp(GCM, Transform(TransformType.ESN, 1)),
    "zero SPI": esp(GCM, NO_ESN, spi=bytes(4)),
}


@pytest.mark.parametrize("name", BAD_PROPOSALS)
def test_unacceptable_proposals(world: World, name: str) -> None:
    answer = create(world, SaPayload((BAD_PROPOSALS[name],)), NONCE, TSI, TSR)
    assert only_notify(answer).notify == NotifyType.NO_PROPOSAL_CHOSEN


def chosen(answer: Message) -> Proposal:
    """The proposal of an answer."""
    payload = answer.get(SaPayload)
    assert payload is not None
    (proposal_,) = payload.proposals
    return proposal_


def test_the_first_acceptable_proposal_is_taken_as_it_is(world: World) -> None:
    bad = BAD_PROPOSALS["unknown transform type"]
    unknown = Transform(TransformType.ENCR, 1000, (Attribute(AttributeType.KEY_LENGTH, b"\0\x80", True),))
    good = esp(unknown, GCM_256, GCM, NO_ESN, Transform(TransformType.ESN, 1), number=2, spi=b"\5\5\5\5")
    last = replace(good, number=3, spi=b"\6\6\6\6")
    answer = chosen(create(world, SaPayload((bad, good, last)), NONCE, TSI, TSR))
    assert (answer.number, answer.transforms) == (2, (GCM, NO_ESN))
    assert world.bob.engine.children[max(world.bob.engine.children)].spi_out == b"\5\5\5\5"


def test_explicit_none_is_returned(world: World) -> None:
    none = (Transform(TransformType.INTEG, 0), Transform(TransformType.KE, 0))
    answer = chosen(create(world, SaPayload((esp(GCM, *none, NO_ESN),)), NONCE, TSI, TSR))
    assert set(answer.transforms) == {GCM, NO_ESN, *none}


IKE_OFFER = proposal.ike_offer((parse_ike("aes128gcm16-prfsha256-x25519"),), b"newspi!!")


@pytest.mark.parametrize("value", [bytes(32), bytes(31), b"\1" + bytes(31)])
def test_bad_public_value_after_establishment_costs_the_ike_sa(world: World, value: bytes) -> None:
    answer = create(world, SaPayload(IKE_OFFER), NONCE, KePayload(31, value))
    assert only_notify(answer).notify == NotifyType.INVALID_SYNTAX
    assert not world.bob.engine.sas


def test_ike_rekey_with_another_group(world: World) -> None:
    answer = create(world, SaPayload(IKE_OFFER), NONCE, KePayload(19, bytes(64)))
    notify = only_notify(answer)
    assert (notify.notify, notify.data) == (NotifyType.INVALID_KE_PAYLOAD, b"\0\x1f")
    assert len(world.bob.engine.sas) == 1


def in_clear(world: World, *payloads: Payload, response: bool, exchange: int = 37, **changes: object) -> bytes:
    """An unprotected message with the SPIs of the SA, in Alice's name."""
    sa = sa_of(world.bob)
    flags = Flags.INITIATOR | (Flags.RESPONSE if response else Flags.NONE)
    fields = {"message_id": 2, **changes}
    return Message(
        sa.spi_i,
        sa.spi_r,
        ExchangeType(exchange),
        flags,
        payloads=payloads,
        **fields,  # type: ignore[arg-type]
    ).to_bytes()


@pytest.mark.parametrize("exchange", [34, 35, 36, 37])
@pytest.mark.parametrize("response", [True, False])
def test_unprotected_messages_change_nothing(world: World, exchange: int, response: bool) -> None:
    delete = in_clear(world, DeletePayload(ProtocolId.IKE), response=response, exchange=exchange)
    assert deliver(world, delete) == []
    assert ask(world).payloads == ()
    assert len(world.bob.engine.children) == 1


def test_invalid_ike_spi_in_clear_is_only_a_hint(world: World) -> None:
    hint = in_clear(world, NotifyPayload(NotifyType.INVALID_IKE_SPI), response=True)
    (check,) = deliver(world, hint)
    question = open_answer(world, check)
    assert (question.is_response, question.payloads) == (False, ())
    assert deliver(world, hint) == []
    assert len(world.bob.engine.sas) == 1


def test_requests_with_unknown_spis_are_answered_in_clear_at_a_limited_rate(world: World) -> None:
    data = request(world.alice, 2, exchange=36)
    stranger = b"\xee" * 16 + data[16:]
    (out,) = deliver(world, stranger)
    reply = Message.parse(out.data)
    assert (reply.spi_i, reply.spi_r, reply.message_id, reply.exchange, reply.flags) == (
        b"\xee" * 8,
        b"\xee" * 8,
        2,
        ExchangeType.CREATE_CHILD_SA,
        Flags.RESPONSE,
    )
    assert only_notify(reply).notify == NotifyType.INVALID_IKE_SPI
    answers = sum(len(deliver(world, stranger)) for _ in range(1000))
    assert answers == world.bob.engine.config.reply_burst - 1
    as_response = stranger[:19] + bytes((stranger[19] | Flags.RESPONSE,)) + stranger[20:]
    world.bob.engine.tick(world.now + 60)
    assert deliver(world, as_response) == []


@pytest.mark.parametrize("spis", [bytes(16), b"\xee" * 16])
def test_notices_in_clear_are_not_answered(world: World, spis: bytes) -> None:
    notice = spis + in_clear(world, NotifyPayload(NotifyType.INVALID_SPI, bytes(4)), response=False)[16:]
    assert not any(Message.parse(out.data).is_response for out in deliver(world, notice))
    assert len(world.bob.engine.sas) == 1


def test_higher_major_version(world: World) -> None:
    data = in_clear(world, response=False, major=3, minor=1)
    (out,) = deliver(world, data)
    reply = Message.parse(out.data)
    assert (reply.major, reply.minor, only_notify(reply).notify) == (2, 0, NotifyType.INVALID_MAJOR_VERSION)
    assert deliver(world, in_clear(world, response=True, major=3)) == []
    assert deliver(world, in_clear(world, response=False, major=1)) == []


def test_wrong_initiator_flag(world: World) -> None:
    sa = sa_of(world.alice)
    message = Message(sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, Flags.NONE, 2)
    out = deliver(world, protect.seal(message, sa.tx, messages.next_iv(world.alice.engine, sa)))
    assert all(Message.parse(each.data).notify(NotifyType.INVALID_IKE_SPI) for each in out)
    assert sa_of(world.bob).inbound.expected == 2


def test_own_message_reflected(world: World) -> None:
    """A message thrown back at its sender is for an SA that it is not the peer of."""
    world.bob.engine.liveness(world.now, sa_of(world.bob).ike_id)
    (own,) = world.bob.engine.take_output()
    before = world.bob.engine.counters["requests-accepted-informational"]
    deliver(world, own.data)
    assert world.bob.engine.counters["requests-accepted-informational"] == before


def second_connection(world: World) -> None:
    """Alice crashes and comes again."""
    world.alice.engine.discard(world.now, sa_of(world.alice).ike_id)
    world.alice.engine.initiate(world.now, "tunnel")
    world.run()


def test_initial_contact_removes_the_others_silently(world: World) -> None:
    second_connection(world)
    assert [each.reason for each in world.bob.of(IkeRemoved)] == [Reason.INITIAL_CONTACT]
    assert len(world.bob.engine.list_sas()) == 1
    assert world.bob.engine.list_sas()[0].children


def test_without_initial_contact_both_stay() -> None:
    world = World(alice_connection(send_initial_contact=False))
    world.establish()
    second_connection(world)
    assert len(world.bob.engine.list_sas()) == 2


def test_unique_replace() -> None:
    world = World(alice_connection(send_initial_contact=False), bob_connection(unique=Unique.REPLACE))
    world.establish()
    world.alice.engine.initiate(world.now, "tunnel")
    world.run()
    assert [each.reason for each in world.bob.of(IkeRemoved)] == [Reason.REPLACED]
    assert [len(node.engine.list_sas()) for node in world.nodes] == [1, 1]


def test_data_plane_reports(world: World) -> None:
    world.bob.engine.esp_unknown_spi(world.now, b"\1\1\1\1", endpoint(ALICE, 4500))
    world.bob.engine.esp_unknown_spi(world.now, b"\1\1\1\1", endpoint(ALICE, 4500))
    world.run()
    received = [(each.notify, each.data) for each in world.alice.of(NotifyReceived)]
    assert received == [(NotifyType.INVALID_SPI, b"\1\1\1\1")]
    world.run(20)
    world.bob.engine.esp_wrong_selectors(world.now, world.child(world.bob), b"E" * 1000)
    world.run()
    assert world.alice.of(NotifyReceived)[-1].notify == NotifyType.INVALID_SELECTORS


def test_bad_public_values_in_ike_sa_init_are_dropped() -> None:
    world = World()
    world.alice.engine.initiate(0.0, "tunnel")
    (out,) = world.alice.engine.take_output()
    message = Message.parse(out.data)
    for value in (bytes(32), bytes(31), bytes(33), b""):
        payloads = tuple(KePayload(31, value) if isinstance(each, KePayload) else each for each in message.payloads)
        assert deliver(world, replace(message, payloads=payloads).to_bytes()) == []
    assert not world.bob.engine.sas
    assert world.bob.engine.counters["rejected-ke-value"] == 4


def test_fatal_notice_after_ike_auth_removes_without_delete() -> None:
    world = World()
    world.establish()
    answer = ask(world, NotifyPayload(NotifyType.AUTHENTICATION_FAILED))
    assert answer.payloads == ()
    assert not world.bob.engine.sas


def test_the_same_notice_later_changes_nothing(world: World) -> None:
    ask(world)
    ask(world, NotifyPayload(NotifyType.AUTHENTICATION_FAILED))
    assert len(world.bob.engine.sas) == 1


def test_endpoints_are_remembered(world: World) -> None:
    (view,) = world.bob.engine.list_sas()
    assert (view.local, view.remote) == (endpoint(BOB), endpoint(ALICE))
