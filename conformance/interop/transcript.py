"""The packets of a scenario as the transcript of results.json, in tshark's words."""

from __future__ import annotations

from typing import Any

from conformance.interop.wire import EXCHANGES, Wire
from peers import pcap
from peers.wireshark import EspPacket, IkeMessage, Payload

_LABELS = {
    33: "SA", 34: "KE", 35: "IDi", 36: "IDr", 37: "CERT", 38: "CERTREQ", 39: "AUTH", 40: "Nonce", 42: "D", 43: "V",
    44: "TSi", 45: "TSr", 46: "SK", 53: "SKF",
}  # fmt: skip
# structure, not content
_HIDDEN = {
    "",
    "isakmp.nextpayload",
    "isakmp.criticalpayload",
    "isakmp.reserved",
    "isakmp.reserved7",
    "isakmp.payloadlength",
    "isakmp.typepayload",
    "isakmp.ike2.attr.format",
    "isakmp.ike2.attr.type",
    "isakmp.ike2.attr.value",
    "isakmp.prop.transforms",
    "isakmp.spisize",
}
_LONGEST = 96


def transcript(wire: Wire, responder: str) -> list[dict[str, Any]]:
    """Messages as in the results schema; what `responder`, an address, sent counts as from the device."""
    octets = {item.frame: item.data for item in pcap.read(wire.capture)}
    begun = wire.records[0].time if wire.records else 0.0
    return [
        {
            "time": round(max(0.0, record.time - begun), 6),
            "direction": "from_dut" if record.source == responder else "to_dut",
            "src": f"{record.source}:{record.source_port}",
            "dst": f"{record.destination}:{record.destination_port}",
            "summary": _ike(record) if isinstance(record, IkeMessage) else _esp(record),
            "bytes": octets.get(record.frame, b"").hex(),
            "decrypted": record.decrypted if isinstance(record, IkeMessage) else record.inner is not None,
            "tree": _tree(record) if isinstance(record, IkeMessage) else [],
            "note": "the integrity check is wrong" if record.icv_good is False else "",
        }
        for record in wire.records
    ]


def _ike(message: IkeMessage) -> str:
    direction = "response" if message.response else "request"
    words = " ".join(_word(item) for item in message.payloads if item.type != 46 or len(message.payloads) == 1)
    return f"{EXCHANGES.get(message.exchange, message.exchange)} {direction}: {words}"


def _word(payload: Payload) -> str:
    if payload.type == 41:
        # tshark: "Payload: Notify (41) - REKEY_SA"
        return f"N({payload.label.partition(' - ')[2] or payload.get('isakmp.notify.msgtype')})"
    return _LABELS.get(payload.type, str(payload.type))


def _esp(packet: EspPacket) -> str:
    inner = f": {packet.inner[0].upper()} {packet.inner[1]} to {packet.inner[2]}" if packet.inner else ""
    return f"ESP{' in UDP' if packet.encapsulated else ''} SPI {packet.spi} sequence {packet.sequence}{inner}"


def _tree(message: IkeMessage) -> list[dict[str, Any]]:
    head: list[dict[str, Any]] = [
        {"name": "SPIs", "value": f"{message.spi_i} {message.spi_r}"},
        {"name": "Message ID", "value": message.message_id},
        {"name": "From the original initiator", "value": message.from_initiator},
    ]
    for payload in message.payloads:
        fields = [
            {"name": name.removeprefix("isakmp."), "value": value[:_LONGEST] + ("…" if len(value) > _LONGEST else "")}
            for name, value in payload.fields
            if value and name not in _HIDDEN and name.startswith("isakmp.")
        ]
        head.append({"name": payload.label.removeprefix("Payload: "), "children": fields})
    return head
