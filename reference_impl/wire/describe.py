"""Decoded trees for transcripts and reports: plain dictionaries of safe strings.

A node is `{"name": str, "value": str, "children": [nodes]}`. Text from the wire has everything but printable ASCII
escaped as `\\xNN`; who puts it into HTML still escapes it for HTML.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, TypedDict

from .base import Payload
from .config import ConfigAttribute, ConfigPayload
from .encrypted import SkfPayload, SkPayload
from .header import Flags
from .message import Message
from .notify import DeletePayload, NotifyPayload
from .raw import RawPayload, TrailingOctets, UnknownPayload
from .registries import (
    AttributeType,
    CfgAttribute,
    Group,
    HashAlgorithm,
    IdType,
    IpProtocol,
    NotifyType,
    OpenIntEnum,
    PayloadType,
    transform_id,
)
from .sa import Proposal, SaPayload, Transform
from .simple import (
    AuthPayload,
    CertPayload,
    CertReqPayload,
    EapPayload,
    IdPayload,
    KePayload,
    NoncePayload,
    VendorPayload,
)
from .ts import TrafficSelector, TsPayload


class Node(TypedDict):
    """One line of the tree."""

    name: str
    value: str
    children: list[Node]


_NOTATION = {
    PayloadType.SA: "SA",
    PayloadType.KE: "KE",
    PayloadType.IDI: "IDi",
    PayloadType.IDR: "IDr",
    PayloadType.CERT: "CERT",
    PayloadType.CERTREQ: "CERTREQ",
    PayloadType.AUTH: "AUTH",
    PayloadType.NONCE: "Nonce",
    PayloadType.NOTIFY: "N",
    PayloadType.DELETE: "D",
    PayloadType.VENDOR: "V",
    PayloadType.TSI: "TSi",
    PayloadType.TSR: "TSr",
    PayloadType.SK: "SK",
    PayloadType.CP: "CP",
    PayloadType.EAP: "EAP",
    PayloadType.SKF: "SKF",
}
_EAP_CODES = {1: "Request", 2: "Response", 3: "Success", 4: "Failure"}
_ADDRESS_SIZES = (4, 16)


def describe(message: Message) -> Node:
    """The tree of a message; total on every Message, parsed or built."""
    header = [
        node("Initiator SPI", message.spi_i.hex()),
        node("Responder SPI", message.spi_r.hex()),
        node("Version", f"{message.major}.{message.minor}"),
        node("Exchange type", label(message.exchange)),
        node("Flags", flags_text(message.flags)),
        node("Message ID", str(message.message_id)),
    ]
    if message.length is not None:
        header.append(node("Length", f"{message.length} (false)"))
    if message.next_payload is not None:
        header.append(node("Next payload", f"{label(PayloadType(message.next_payload))} (false)"))
    return node("IKE message", summary(message), [*header, *map(describe_payload, message.payloads)])


def summary(message: Message) -> str:
    """One line, for instance `IKE_SA_INIT request 0: SA KE Nonce N(COOKIE)`."""
    kind = "response" if message.is_response else "request"
    names = " ".join([short_name(payload) for payload in message.payloads])
    return f"{_exchange_name(message)} {kind} {message.message_id}: {names}".rstrip(": ")


def short_name(payload: Payload) -> str:
    """The RFC's notation of a payload, with the type of a Notify."""
    if isinstance(payload, NotifyPayload):
        return f"N({label(payload.notify)})" if not payload.notify.known else f"N({payload.notify.name})"
    if isinstance(payload, SkfPayload):
        return f"SKF({payload.fragment}/{payload.total})"
    if isinstance(payload, TrailingOctets):
        return f"<{len(payload.data)} octets>"
    name = _NOTATION.get(PayloadType(payload.type_id), f"payload-{payload.type_id}")
    return f"<{name}>" if isinstance(payload, UnknownPayload | RawPayload) else name


def describe_payload(payload: Payload) -> Node:
    """The tree of one payload."""
    children: list[Node] = []
    if payload.critical:
        children.append(node("Critical", "set"))
    if payload.reserved:
        children.append(node("Reserved bits", f"{payload.reserved:#04x}"))
    for cls, build in _BUILDERS:
        if isinstance(payload, cls):
            value, fields = build(payload)
            return node(short_name(payload), value, [*children, *fields])
    return node(short_name(payload), "", children)


def node(name: str, value: str, children: Iterable[Node] = ()) -> Node:
    """A node."""
    return {"name": name, "value": value, "children": list(children)}


def label(value: OpenIntEnum | int) -> str:
    """`NAME (number)`, or the number alone where no registry has a name."""
    if isinstance(value, OpenIntEnum) and value.known:
        return f"{value.name} ({value.value})"
    return str(int(value))


def flags_text(flags: int) -> str:
    """`0x28: INITIATOR, RESPONSE`; bits without a name as a number."""
    known = [flag for flag in Flags if flag & flags]
    rest = flags & ~sum(known)
    names = [str(flag.name) for flag in known] + ([f"{rest:#04x}"] if rest else [])
    return f"{flags:#04x}" + (f": {', '.join(names)}" if names else "")


def text(data: bytes) -> str:
    """Printable ASCII as it is, everything else (and the backslash) as `\\xNN`."""
    return "".join([chr(octet) if 0x20 <= octet < 0x7F and octet != 0x5C else f"\\x{octet:02x}" for octet in data])


def address(data: bytes) -> str:
    """A textual IP address for 4 or 16 octets, hex for other sizes."""
    return str(ipaddress.ip_address(data)) if len(data) in _ADDRESS_SIZES else data.hex()


def _exchange_name(message: Message) -> str:
    return message.exchange.name if message.exchange.known else f"exchange-{int(message.exchange)}"


def _octets(name: str, data: bytes) -> Node:
    return node(name, f"{len(data)} octets: {data.hex()}" if data else "0 octets")


def _reserved(value: int) -> list[Node]:
    return [node("Reserved", f"{value:#x}")] if value else []


_Fields = tuple[str, list[Node]]


def _sa(payload: SaPayload) -> _Fields:
    count = len(payload.proposals)
    return f"{count} proposal{'' if count == 1 else 's'}", [_proposal(item) for item in payload.proposals]


def _proposal(proposal: Proposal) -> Node:
    children = _reserved(proposal.reserved)
    if proposal.spi:
        children.append(node("SPI", proposal.spi.hex()))
    children += [_transform(item) for item in proposal.transforms]
    value = f"#{proposal.number} {label(proposal.protocol)}, {len(proposal.transforms)} transforms"
    return node("Proposal", value, children)


def _transform(transform: Transform) -> Node:
    children = _reserved(transform.reserved1) + _reserved(transform.reserved2)
    value = label(transform_id(transform.type, transform.id))
    for attribute in transform.attributes:
        if attribute.type == AttributeType.KEY_LENGTH and attribute.tv:
            value += f", {int.from_bytes(attribute.value)} bits"
            children.append(node("Key Length", str(int.from_bytes(attribute.value))))
        else:
            form = "TV" if attribute.tv else "TLV"
            children.append(_octets(f"Attribute {label(AttributeType(attribute.type))} {form}", attribute.value))
    return node(label(transform.type) if not transform.type.known else transform.type.name, value, children)


def _ke(payload: KePayload) -> _Fields:
    group = label(Group(payload.group))
    return group, [node("Group", group), *_reserved(payload.reserved2), _octets("Public value", payload.data)]


def _id(payload: IdPayload) -> _Fields:
    shown = identity_text(payload.id_type, payload.data)
    children = [node("ID type", label(payload.id_type)), *_reserved(payload.reserved2)]
    return shown, [*children, node("Identity", shown), _octets("Data", payload.data)]


def identity_text(id_type: int, data: bytes) -> str:
    """An identity as safe text: addresses, names and key IDs readable, DER as hex."""
    if id_type in (IdType.ID_IPV4_ADDR, IdType.ID_IPV6_ADDR):
        return address(data)
    if id_type in (IdType.ID_FQDN, IdType.ID_RFC822_ADDR, IdType.ID_KEY_ID):
        return text(data)
    return data.hex()


def _cert(payload: CertPayload) -> _Fields:
    encoding = label(payload.encoding)
    return encoding, [node("Encoding", encoding), _octets("Data", payload.data)]


def _certreq(payload: CertReqPayload) -> _Fields:
    encoding = label(payload.encoding)
    authorities = payload.authorities
    children = [node("Encoding", encoding), *[node("Authority", item.hex()) for item in authorities]]
    rest = payload.data[20 * len(authorities) :]
    return f"{encoding}, {len(authorities)} authorities", [*children, *([_octets("Rest", rest)] if rest else [])]


def _auth(payload: AuthPayload) -> _Fields:
    method = label(payload.method)
    return method, [node("Method", method), *_reserved(payload.reserved2), _octets("Data", payload.data)]


def _opaque(payload: NoncePayload | VendorPayload) -> _Fields:
    children = [_octets("Data", payload.data)]
    if isinstance(payload, VendorPayload):
        children.append(node("Text", text(payload.data)))
    return f"{len(payload.data)} octets", children


def _eap(payload: EapPayload) -> _Fields:
    code = _EAP_CODES.get(payload.code or 0, str(payload.code))
    children = [node("Code", code), node("Identifier", str(payload.identifier))]
    if payload.eap_type is not None:
        children.append(node("Type", str(payload.eap_type)))
    return code, [*children, _octets("Message", payload.data)]


def _notify(payload: NotifyPayload) -> _Fields:
    children = [node("Type", label(payload.notify)), node("Protocol", label(payload.protocol))]
    if payload.spi:
        children.append(node("SPI", payload.spi.hex()))
    children.append(_octets("Data", payload.data))
    children += _notify_data(payload.notify, payload.data)
    return "error" if payload.notify.is_error else "status", children


def _notify_data(kind: NotifyType, data: bytes) -> list[Node]:
    if kind == NotifyType.INVALID_KE_PAYLOAD and len(data) == 2:
        return [node("Group", label(Group(int.from_bytes(data))))]
    if kind in (NotifyType.SET_WINDOW_SIZE, NotifyType.INVALID_MESSAGE_ID) and len(data) == 4:
        return [node("Number", str(int.from_bytes(data)))]
    if kind == NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD and len(data) == 1:
        return [node("Payload type", label(PayloadType(data[0])))]
    if kind == NotifyType.SIGNATURE_HASH_ALGORITHMS and len(data) % 2 == 0:
        pairs = [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
        return [node("Hash algorithm", label(HashAlgorithm(number))) for number in pairs]
    return []


def _delete(payload: DeletePayload) -> _Fields:
    children = [node("Protocol", label(payload.protocol)), node("SPI size", str(payload.spi_size))]
    children += [node("SPI", spi.hex()) for spi in payload.spis]
    return f"{label(payload.protocol)}, {len(payload.spis)} SPIs", children


def _ts(payload: TsPayload) -> _Fields:
    shown = [selector_text(selector) for selector in payload.selectors]
    children = [
        node("Selector", line, [node("TS type", label(item.ts_type)), node("Protocol", _protocol(item.protocol))])
        for line, item in zip(shown, payload.selectors, strict=True)
    ]
    return "; ".join(shown), [*_reserved(payload.reserved2), *children]


def selector_text(selector: TrafficSelector) -> str:
    """`10.0.0.0-10.0.0.255 UDP (17) ports 0-65535`; hex for an unknown TS type."""
    if not selector.is_address_range:
        return f"{label(selector.ts_type)} {(selector.start + selector.end).hex()}"
    ports = f"{selector.start_port}-{selector.end_port}"
    protocol = _protocol(selector.protocol)
    return f"{address(selector.start)}-{address(selector.end)} {protocol} ports {ports}"


def _protocol(number: int) -> str:
    return "any protocol (0)" if number == 0 else label(IpProtocol(number))


def _config(payload: ConfigPayload) -> _Fields:
    return label(payload.cfg_type), [
        *_reserved(payload.reserved2),
        *[node(label(item.type), _config_value(item)) for item in payload.attributes],
    ]


def _config_value(attribute: ConfigAttribute) -> str:
    data, kind = attribute.value, attribute.type
    flag = " (reserved bit set)" if attribute.reserved else ""
    if not data:
        return "empty" + flag
    if kind == CfgAttribute.APPLICATION_VERSION:
        return text(data) + flag
    if kind in (CfgAttribute.INTERNAL_IP6_ADDRESS, CfgAttribute.INTERNAL_IP6_SUBNET) and len(data) == 17:
        return f"{address(data[:16])}/{data[16]}{flag}"
    if kind == CfgAttribute.INTERNAL_IP4_SUBNET and len(data) == 8:
        return f"{address(data[:4])}/{address(data[4:])}{flag}"
    if kind == CfgAttribute.SUPPORTED_ATTRIBUTES and len(data) % 2 == 0:
        numbers = [int.from_bytes(data[at : at + 2]) & 0x7FFF for at in range(0, len(data), 2)]
        return ", ".join([label(CfgAttribute(number)) for number in numbers]) + flag
    if kind in _ADDRESSES and len(data) in _ADDRESS_SIZES:
        return address(data) + flag
    return data.hex() + flag


_ADDRESSES = frozenset(
    {
        CfgAttribute.INTERNAL_IP4_ADDRESS,
        CfgAttribute.INTERNAL_IP4_NETMASK,
        CfgAttribute.INTERNAL_IP4_DNS,
        CfgAttribute.INTERNAL_IP4_NBNS,
        CfgAttribute.INTERNAL_IP4_DHCP,
        CfgAttribute.INTERNAL_IP6_DNS,
        CfgAttribute.INTERNAL_IP6_DHCP,
    }
)


def _sk(payload: SkPayload | SkfPayload) -> _Fields:
    children = [node("First inner payload", label(PayloadType(payload.inner)))]
    if isinstance(payload, SkfPayload):
        children += [node("Fragment", str(payload.fragment)), node("Total", str(payload.total))]
    return f"{len(payload.content)} octets", [*children, _octets("IV, ciphertext, ICV", payload.content)]


def _unknown(payload: UnknownPayload) -> _Fields:
    kind = label(PayloadType(payload.type))
    why = "not decoded" if PayloadType(payload.type) in _NOTATION else "unknown type"
    return why, [node("Type", kind), _octets("Data", payload.data)]


def _raw(payload: RawPayload) -> _Fields:
    children = [node("Type", label(PayloadType(payload.type)))]
    if payload.length is not None:
        children.append(node("Length", f"{payload.length} (false)"))
    if payload.next_payload is not None:
        children.append(node("Next payload", label(PayloadType(payload.next_payload))))
    return "raw", [*children, _octets("Data", payload.data)]


def _trailing(payload: TrailingOctets) -> _Fields:
    announced = label(PayloadType(payload.type))
    return "outside any payload", [node("Announced type", announced), _octets("Data", payload.data)]


_BUILDERS: tuple[tuple[type[Any] | tuple[type[Any], ...], Callable[[Any], _Fields]], ...] = (
    (SaPayload, _sa),
    (KePayload, _ke),
    (IdPayload, _id),
    (CertPayload, _cert),
    (CertReqPayload, _certreq),
    (AuthPayload, _auth),
    ((NoncePayload, VendorPayload), _opaque),
    (EapPayload, _eap),
    (NotifyPayload, _notify),
    (DeletePayload, _delete),
    (TsPayload, _ts),
    (ConfigPayload, _config),
    ((SkPayload, SkfPayload), _sk),
    (UnknownPayload, _unknown),
    (RawPayload, _raw),
    (TrailingOctets, _trailing),
)
