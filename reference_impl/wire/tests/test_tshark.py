"""Every payload type as tshark dissects it, from a capture with one message per payload sample."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference_impl.wire import ip
from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigPayload
from reference_impl.wire.encrypted import SkfPayload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.raw import UnknownPayload
from reference_impl.wire.registries import IdType, TransformType, TsType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import (
    AuthPayload,
    CertPayload,
    CertReqPayload,
    EapPayload,
    IdPayload,
    KePayload,
    NoncePayload,
    VendorPayload,
)
from reference_impl.wire.tests.samples import every_message
from reference_impl.wire.ts import TsPayload

LINKTYPE_RAW = 101
Fields = dict[str, list[str]]


@pytest.fixture(scope="module")
def dissected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """tshark's tree of the ISAKMP layer of every sample message."""
    tshark = shutil.which("tshark")
    if tshark is None:
        assert "CI" not in os.environ, "CI must install tshark"
        pytest.skip("tshark is not installed: this comparison needs it")
    packets = [ip.build_udp("192.0.2.1", "192.0.2.2", 500, 500, item.to_bytes()) for item in every_message().values()]
    capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW)
    for packet in packets:
        capture += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    path: Path = tmp_path_factory.mktemp("tshark") / "samples.pcap"
    path.write_bytes(capture)
    command = [tshark, "-r", str(path), "-T", "json", "--no-duplicate-keys"]
    output = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    frames = [frame["_source"]["layers"] for frame in json.loads(output)]
    return {name: layers["isakmp"] for name, layers in zip(every_message(), frames, strict=True)}


def leaves(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(field, value) pairs in document order."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from leaves(value, name)
    else:
        yield name, tree


def colons(data: bytes) -> str:
    return data.hex(":")


def add(fields: Fields, name: str, *values: object) -> None:
    fields.setdefault(f"isakmp.{name}", []).extend(str(value) for value in values)


def sa_fields(payload: SaPayload, fields: Fields) -> None:
    names = {
        TransformType.ENCR: "encr",
        TransformType.PRF: "prf",
        TransformType.INTEG: "integ",
        TransformType.KE: "dh",
        TransformType.ESN: "esn",
    }
    for proposal in payload.proposals:
        add(fields, "prop.number", proposal.number)
        add(fields, "prop.protoid", int(proposal.protocol))
        add(fields, "prop.transforms", len(proposal.transforms))
        add(fields, "spisize", len(proposal.spi))
        if proposal.spi:
            add(fields, "spi", colons(proposal.spi))
        for transform in proposal.transforms:
            add(fields, "tf.type", int(transform.type))
            add(fields, f"tf.id.{names[transform.type]}", transform.id)
            for attribute in transform.attributes:
                add(fields, "ike2.attr.format", int(attribute.tv))
                add(fields, "ike2.attr.type", attribute.type)
                add(fields, "ike2.attr.value", colons(attribute.value))
            if transform.key_length is not None:
                add(fields, "ike2.attr.key_length", transform.key_length)


def ts_fields(payload: TsPayload, fields: Fields) -> None:
    add(fields, "ts.number", len(payload.selectors))
    for selector in payload.selectors:
        add(fields, "ts.type", int(selector.ts_type))
        if selector.ts_type not in (TsType.TS_IPV4_ADDR_RANGE, TsType.TS_IPV6_ADDR_RANGE):
            continue
        version = ipaddress.ip_address(selector.start).version
        add(fields, "ts.protoid", selector.protocol)
        add(fields, "ts.start_port", selector.start_port)
        add(fields, "ts.end_port", selector.end_port)
        add(fields, f"ts.start_ipv{version}", ipaddress.ip_address(selector.start))
        add(fields, f"ts.end_ipv{version}", ipaddress.ip_address(selector.end))


def id_fields(payload: IdPayload, fields: Fields) -> None:
    add(fields, "id.type", int(payload.id_type))
    match payload.id_type:
        case IdType.ID_IPV4_ADDR | IdType.ID_IPV6_ADDR:
            address = ipaddress.ip_address(payload.data)
            add(fields, f"id.data.ipv{address.version}_addr", address)
        case IdType.ID_FQDN:
            add(fields, "id.data.fqdn", payload.data.decode())
        case IdType.ID_RFC822_ADDR:
            add(fields, "id.data.user_fqdn", payload.data.decode())
        case _:
            add(fields, "id.data.key_id", colons(payload.data))


def expect(payload: Payload, fields: Fields) -> None:
    match payload:
        case SaPayload():
            sa_fields(payload, fields)
        case KePayload():
            add(fields, "key_exchange.dh_group", int(payload.group))
            add(fields, "key_exchange.data", colons(payload.data))
        case IdPayload():
            id_fields(payload, fields)
        case CertPayload():
            add(fields, "cert.encoding", int(payload.encoding))
        case CertReqPayload():
            add(fields, "certreq.type", int(payload.encoding))
            add(fields, "ike.certreq.authority", *map(colons, payload.authorities))
        case AuthPayload():
            add(fields, "auth.method", int(payload.method))
            add(fields, "auth.data", colons(payload.data))
        case NoncePayload():
            add(fields, "nonce", colons(payload.data))
        case NotifyPayload():
            add(fields, "notify.protoid", int(payload.protocol))
            add(fields, "spisize", len(payload.spi))
            add(fields, "notify.msgtype", int(payload.notify))
            add(fields, "notify.data", colons(payload.data))
            if payload.spi:
                add(fields, "spi", colons(payload.spi))
        case DeletePayload():
            add(fields, "delete.protoid", int(payload.protocol))
            add(fields, "spisize", payload.spi_size)
            add(fields, "spinum", len(payload.spis))
            add(fields, "delete.spi", *map(colons, payload.spis))
        case VendorPayload():
            add(fields, "vid_bytes", colons(payload.data))
        case TsPayload():
            ts_fields(payload, fields)
        case ConfigPayload():
            add(fields, "cfg.type", int(payload.cfg_type))
            add(fields, "cfg.attr.type", *[int(item.type) for item in payload.attributes])
            add(fields, "cfg.attr.length", *[len(item.value) for item in payload.attributes])
            add(fields, "cfg.attr.value", *[colons(item.value) for item in payload.attributes if item.value])
        case EapPayload():
            for name, value in (("code", payload.code), ("id", payload.identifier), ("len", len(payload.data))):
                fields[f"eap.{name}"] = [str(value)]
        case SkfPayload():
            add(fields, "frag.number", payload.fragment)
            add(fields, "frag.total", payload.total)
        case UnknownPayload():
            add(fields, "datapayload", colons(payload.data))


@pytest.mark.parametrize("name", every_message())
def test_same_fields_as_tshark(name: str, dissected: dict[str, dict[str, Any]]) -> None:
    ours = Message.parse(every_message()[name].to_bytes())
    tree = dissected[name]
    fields: Fields = {}
    for payload in ours.payloads:
        expect(payload, fields)
    found: Fields = {}
    for field, value in leaves(tree):
        found.setdefault(field, []).append(value)
    assert {field: found.get(field, []) for field in fields} == fields
    assert found["isakmp.ispi"] == [colons(ours.spi_i)]
    assert found["isakmp.rspi"] == [colons(ours.spi_r)]
    assert found["isakmp.exchangetype"] == [str(int(ours.exchange))]
    assert [int(value, 16) for value in found["isakmp.messageid"]] == [ours.message_id]
    assert found["isakmp.flag_i"] == ["1"]
    kinds = [kind for kind in found["isakmp.typepayload"] if int(kind) > 32]
    assert kinds == [str(payload.type_id) for payload in ours.payloads]
    criticals = [value == "1" for value in found["isakmp.criticalpayload"]]
    assert criticals == [payload.critical for payload in ours.payloads]


def test_tshark_finds_nothing_malformed(dissected: dict[str, dict[str, Any]]) -> None:
    # The CERT sample is no certificate, and the EAP sample no MSCHAPv2: there tshark looks inside.
    for name, tree in dissected.items():
        if name not in ("cert", "eap"):
            assert "_ws.malformed" not in dict(leaves(tree)), name
