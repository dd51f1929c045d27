"""What is encoded is parsed back equal, whatever the values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.encrypted import SkfPayload, SkPayload
from reference_impl.wire.errors import BadValue, EncodeError
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message, aad_for
from reference_impl.wire.notify import DATA_SIZES, DeletePayload, NotifyPayload
from reference_impl.wire.payload import PAYLOADS as REGISTRY
from reference_impl.wire.payload import encode_chain, parse_chain
from reference_impl.wire.raw import RawPayload, TrailingOctets, UnknownPayload
from reference_impl.wire.registries import (
    AuthMethod,
    CertEncoding,
    CfgAttribute,
    CfgType,
    ExchangeType,
    IdType,
    NotifyType,
    PayloadType,
    ProtocolId,
    TransformType,
    TsType,
)
from reference_impl.wire.sa import Attribute, Proposal, SaPayload, Transform
from reference_impl.wire.simple import (
    AuthPayload,
    CertPayload,
    CertReqPayload,
    IdiPayload,
    IdrPayload,
    KePayload,
    NoncePayload,
    VendorPayload,
)
from reference_impl.wire.tests.samples import PAYLOADS, every_message, message
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

u8, u16, u24 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFF)
octets = st.binary(max_size=80)
generic: dict[str, Any] = {"critical": st.booleans(), "reserved": st.integers(0, 0x7F)}

attributes = st.lists(
    st.one_of(
        st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(min_size=2, max_size=2), st.just(True)),
        st.builds(Attribute, st.integers(15, 0x7FFF), octets, st.just(False)),
    ),
    max_size=4,
    unique_by=lambda item: item.type,
).map(tuple)
transforms = st.lists(st.builds(Transform, u8.map(TransformType), u16, attributes, u8, u8), min_size=1, max_size=5).map(
    tuple
)
protocol_and_spi = st.one_of(
    st.tuples(st.just(ProtocolId.IKE), st.sampled_from((b"", b"8octets!"))),
    st.tuples(st.sampled_from((ProtocolId.AH, ProtocolId.ESP)), st.binary(min_size=4, max_size=4)),
    st.tuples(st.integers(4, 255).map(ProtocolId), octets),
)


@st.composite
def sa_payloads(draw: st.DrawFn) -> SaPayload:
    parts = draw(st.lists(st.tuples(protocol_and_spi, transforms, u8), min_size=1, max_size=4))
    proposals = [
        Proposal(number, protocol, spi, chosen, reserved)
        for number, ((protocol, spi), chosen, reserved) in enumerate(parts, 1)
    ]
    return SaPayload(tuple(proposals), critical=draw(st.booleans()), reserved=draw(st.integers(0, 127)))


@st.composite
def selectors(draw: st.DrawFn) -> TrafficSelector:
    kind = draw(u8.map(TsType))
    if kind not in (TsType.TS_IPV4_ADDR_RANGE, TsType.TS_IPV6_ADDR_RANGE):
        return TrafficSelector(kind, draw(u8), 0, 0, draw(octets), b"")
    size = 4 if kind == TsType.TS_IPV4_ADDR_RANGE else 16
    low, high = sorted(draw(st.tuples(*[st.binary(min_size=size, max_size=size)] * 2)))
    protocol = draw(u8)
    ports = sorted(draw(st.tuples(u16, u16))) if protocol else [0, 0xFFFF]
    return TrafficSelector(kind, protocol, ports[0], ports[1], low, high)


selector_lists = st.lists(selectors(), min_size=1, max_size=4).map(tuple)
plain_notifies = u16.filter(lambda value: value not in DATA_SIZES).map(NotifyType)
other_ids = st.integers(9, 255).map(IdType)
other_configs = st.integers(16, 0x7FFF).map(CfgAttribute)
other_types = u8.filter(lambda value: value == 49 or value > 54).map(PayloadType)
other_encodings = st.sampled_from((1, 7, 11, 99)).map(CertEncoding)
spis = st.lists(st.binary(min_size=4, max_size=4), max_size=5).map(tuple)

clear_payloads: st.SearchStrategy[Payload] = st.one_of(
    sa_payloads(),
    st.builds(KePayload, u16, octets, u16, **generic),
    st.builds(IdiPayload, other_ids, octets, u24, **generic),
    st.builds(IdrPayload, other_ids, octets, u24, **generic),
    st.builds(CertPayload, other_encodings, octets, **generic),
    st.builds(CertReqPayload, other_encodings, octets, **generic),
    st.builds(AuthPayload, u8.map(AuthMethod), octets, u24, **generic),
    st.builds(NoncePayload, st.binary(min_size=16, max_size=256), **generic),
    st.builds(NotifyPayload, plain_notifies, octets, u8.map(ProtocolId), **generic),
    st.builds(
        NotifyPayload, plain_notifies, octets, st.just(ProtocolId.ESP), st.binary(min_size=4, max_size=4), **generic
    ),
    st.builds(DeletePayload, st.just(ProtocolId.AH), st.just(4), spis, **generic),
    st.builds(VendorPayload, octets, **generic),
    st.builds(TsiPayload, selector_lists, u24, **generic),
    st.builds(TsrPayload, selector_lists, u24, **generic),
    st.builds(
        ConfigPayload,
        u8.map(CfgType),
        st.lists(st.builds(ConfigAttribute, other_configs, octets, st.booleans()), max_size=4).map(tuple),
        u24,
        **generic,
    ),
    st.builds(UnknownPayload, other_types, octets, **generic),
)
encrypted_payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(SkPayload, octets, u8, **generic),
    st.integers(1, 0xFFFF).flatmap(
        lambda total: st.builds(SkfPayload, st.integers(1, total), st.just(total), octets, u8, **generic)
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    payloads = draw(st.lists(clear_payloads, max_size=5))
    payloads += draw(st.lists(encrypted_payloads, max_size=1))
    spi = st.binary(min_size=8, max_size=8)
    return Message(
        draw(spi),
        draw(spi),
        draw(u8.map(ExchangeType)),
        draw(u8.map(Flags)),
        draw(st.integers(0, 0xFFFFFFFF)),
        tuple(payloads),
        minor=draw(st.integers(0, 15)),
    )


@settings(max_examples=300, deadline=None)
@given(messages())
def test_any_well_formed_message_comes_back_equal(built: Message) -> None:
    data = built.to_bytes()
    assert Message.parse(data) == built
    assert Message.parse(data, strict=False) == built
    assert int.from_bytes(data[24:28]) == len(data)


@pytest.mark.parametrize("name", every_message())
def test_samples_come_back_equal(name: str) -> None:
    built = every_message()[name]
    assert Message.parse(built.to_bytes()) == built


@pytest.mark.parametrize("name", PAYLOADS)
def test_body_alone_comes_back_equal(name: str) -> None:
    payload = PAYLOADS[name]
    if isinstance(payload, SkPayload | SkfPayload | UnknownPayload):
        return  # their body does not hold the field that the chain holds; test_samples covers them
    assert type(payload).parse_body(payload.body()) == payload


def test_chain_links_types_and_ends_with_the_given_next_payload() -> None:
    first, data = encode_chain((PAYLOADS["nonce"], PAYLOADS["vendor"]), trailing_next=7)
    assert (first, data[0]) == (PayloadType.NONCE, PayloadType.VENDOR)
    assert data[36] == 7
    assert encode_chain(()) == (0, b"")
    assert parse_chain(0, b"") == ()


def test_raw_payload_lies_as_told_and_lenient_keeps_the_lie() -> None:
    lying = message(RawPayload(PayloadType.NONCE, b"short", length=500, next_payload=33, critical=True))
    data = lying.to_bytes()
    assert data[28:] == bytes((33, 0x80)) + (500).to_bytes(2) + b"short"
    assert Message.parse(data, strict=False) == lying


def test_octets_outside_payloads_are_kept() -> None:
    trailing = message(PAYLOADS["nonce"], TrailingOctets(PayloadType.NONE, b"rest"))
    cut = message(PAYLOADS["nonce"], TrailingOctets(PayloadType.KE, b"\0\0\0"))
    for built in (trailing, cut):
        assert Message.parse(built.to_bytes(), strict=False) == built


def test_header_overrides_replace_the_true_values() -> None:
    built = Message(bytes(8), bytes(8), ExchangeType.IKE_AUTH, Flags.NONE, 0, length=7, next_payload=99)
    data = built.to_bytes()
    assert (data[16], int.from_bytes(data[24:28])) == (99, 7)
    assert Message.parse(data, strict=False).to_bytes() == data


def test_seal_prefix_is_what_precedes_the_content() -> None:
    outer = message(PAYLOADS["notify"])
    content = bytes(range(70))
    for encrypted in (SkPayload(b"", 35), SkfPayload(2, 3, b"", 0)):
        prefix = outer.seal_prefix(encrypted, len(content))
        sealed = prefix + content
        parsed = Message.parse(sealed)
        assert parsed.encrypted is not None
        assert parsed.encrypted.content == content
        assert parsed.encrypted.inner == encrypted.inner
        assert aad_for(sealed) == prefix
    with pytest.raises(BadValue):
        aad_for(outer.to_bytes())


def test_any_buffer_is_parsed() -> None:
    built = every_message()["ike-sa-init"]
    assert Message.parse(bytearray(built.to_bytes())) == Message.parse(memoryview(built.to_bytes())) == built


def test_accessors() -> None:
    built = every_message()["ike-sa-init"]
    assert built.get(KePayload) == PAYLOADS["ke"]
    assert built.get(AuthPayload) is None
    assert len(built.all(NotifyPayload)) == 2
    found = built.notify(NotifyType.INVALID_KE_PAYLOAD)
    assert found == PAYLOADS["notify-error"]
    assert built.notify(NotifyType.COOKIE) is None
    assert built.from_initiator
    assert not built.is_response


@pytest.mark.parametrize(
    "payload",
    [
        KePayload(70000, b""),
        KePayload(1, bytes(65530)),
        IdiPayload(IdType(256), b""),
        IdiPayload(IdType.ID_FQDN, b"", 1 << 24),
        AuthPayload(AuthMethod.NULL_AUTHENTICATION, b"", -1),
        CertPayload(CertEncoding(300), b""),
        NotifyPayload(NotifyType.COOKIE, b"", ProtocolId.ESP, bytes(256)),
        NotifyPayload(NotifyType(70000)),
        DeletePayload(ProtocolId.ESP, 256),
        SaPayload((Proposal(256, ProtocolId.IKE, b"", ()),)),
        SaPayload((Proposal(1, ProtocolId.IKE, b"", (Transform(TransformType.ENCR, 1),) * 256),)),
        SaPayload((Proposal(1, ProtocolId.IKE, b"", (Transform(TransformType.ENCR, 70000),)),)),
        SaPayload(
            (Proposal(1, ProtocolId.IKE, b"", (Transform(TransformType.ENCR, 1, (Attribute(14, b"1", True),)),)),)
        ),
        TsiPayload((TrafficSelector(TsType.TS_IPV4_ADDR_RANGE, 0, 0, 0, b"", b""),)),
        TsiPayload((TrafficSelector.from_network("10.0.0.0/8"),) * 256),
        ConfigPayload(CfgType(256)),
        ConfigPayload(CfgType.SET, (ConfigAttribute(CfgAttribute(0x8000)),)),
        SkfPayload(65536, 1, b""),
        SkPayload(b"", 256),
        NoncePayload(bytes(20), reserved=128),
        UnknownPayload(256, b""),
        RawPayload(33, b"", length=65536),
    ],
)
def test_values_that_do_not_fit_are_encode_errors(payload: Payload) -> None:
    with pytest.raises(EncodeError):
        message(payload).to_bytes()


def test_selector_from_network_and_back() -> None:
    selector = TrafficSelector.from_network("10.0.0.0/24", 6, (80, 80))
    assert (selector.start, selector.end) == (b"\n\0\0\0", b"\n\0\0\xff")
    assert [str(network) for network in selector.networks()] == ["10.0.0.0/24"]
    odd = TrafficSelector.from_network("10.0.0.1-10.0.0.4")
    assert [str(network) for network in odd.networks()] == ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]
    six = TrafficSelector.from_network("2001:db8::1")
    assert [str(network) for network in six.networks()] == ["2001:db8::1/128"]
    for wrong in ("10.0.0.1/24", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "gw.example"):
        with pytest.raises(ValueError, match=r".+"):
            TrafficSelector.from_network(wrong)


def test_samples_cover_every_payload_class() -> None:
    assert {type(payload) for payload in PAYLOADS.values()} >= set(REGISTRY.values())
