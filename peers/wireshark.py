"""What tshark sees in a decrypted capture, as typed records for assertions (an oracle that is not our codec)."""

from __future__ import annotations

import io
import shutil
import subprocess
import xml.etree.ElementTree as ET  # the input is tshark's own output
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pyshark.packet.packet import Packet  # type: ignore[import-untyped]
from pyshark.tshark.output_parser.tshark_xml import packet_from_xml_packet  # type: ignore[import-untyped]

from peers.errors import LabError
from peers.keys import KeyTable

TIMEOUT = 60
_SK, _SKF = "46", "53"
IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload: its type, tshark's words for it, and all its fields by tshark's names, in order."""

    type: int
    label: str
    fields: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Every value of a field (``isakmp.tf.id.encr``), as tshark shows it."""
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        """The first value of a field, or an empty text."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True)
class Record:
    """What every record has: frame number, seconds since the capture's start, addresses and UDP ports (0: no UDP)."""

    frame: int
    time: float
    source: str
    destination: str
    source_port: int
    destination_port: int
    problems: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class IkeMessage(Record):
    """An IKE message. ``decrypted``: an SK payload was opened; ``icv_good``: its check (None: no SK, or no key)."""

    spi_i: str
    spi_r: str
    exchange: int
    from_initiator: bool
    response: bool
    message_id: int
    payloads: tuple[Payload, ...]
    encrypted: bool
    decrypted: bool
    icv_good: bool | None

    def of(self, kind: int) -> list[Payload]:
        """The payloads of a type."""
        return [payload for payload in self.payloads if payload.type == kind]

    @property
    def types(self) -> list[int]:
        """The payload types in order, those inside SK in its place."""
        return [payload.type for payload in self.payloads]

    @property
    def notifies(self) -> list[int]:
        """The types of all notifications."""
        return [int(payload.get("isakmp.notify.msgtype")) for payload in self.of(41)]


@dataclass(frozen=True, slots=True)
class EspPacket(Record):
    """An ESP packet; ``inner`` is the protected packet's protocol and ends when it was decrypted."""

    spi: str
    sequence: int
    encapsulated: bool
    icv_good: bool | None
    next_header: int | None
    inner: tuple[str, str, str] | None


def tshark() -> str:
    """The path of tshark; LabError if it is not installed."""
    found = shutil.which("tshark")
    if found is None:
        raise LabError("tshark is not installed", "apt-get install tshark")
    return found


def read(capture: Path, keys: KeyTable | None = None) -> list[IkeMessage | EspPacket]:
    """Every IKE and ESP packet of a capture, decrypted with ``keys``."""
    # a flow that left port 4500 (NAT, own port numbers) is still what it is
    return list(_records(_pdml(capture, "isakmp || esp", keys.options() if keys else [])))


def without_keys(capture: Path, shown: str) -> list[Packet]:
    """What somebody without keys sees: the packets that a display filter shows, as pyshark's."""
    # not pyshark's FileCapture: its event loop and child watcher fail with those of others in the process
    root = ET.fromstring(_pdml(capture, shown, ["-o", "esp.enable_null_encryption_decode_heuristic:FALSE"]))
    return [packet_from_xml_packet(ET.tostring(item)) for item in root.iter("packet")]


def _pdml(capture: Path, shown: str, options: list[str]) -> bytes:
    command = [tshark(), "-n", "-r", str(capture), "-T", "pdml", "-Y", shown, *options]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()[-500:]
        raise LabError(f"tshark cannot read {capture}: {words}")
    return done.stdout


def messages(capture: Path, keys: KeyTable | None = None) -> list[IkeMessage]:
    """The IKE messages of a capture."""
    return [record for record in read(capture, keys) if isinstance(record, IkeMessage)]


def _records(pdml: bytes) -> Iterator[IkeMessage | EspPacket]:
    for _, element in ET.iterparse(io.BytesIO(pdml)):
        if element.tag != "packet":
            continue
        protocols: dict[str, ET.Element] = {}
        order = []
        for proto in element.findall("proto"):
            name = proto.get("name", "")
            order.append((name, proto))
            protocols.setdefault(name, proto)
        first = next((name for name, _ in order if name in ("icmp", "icmpv6", "isakmp", "esp")), "")
        if first == "isakmp":
            yield _ike(protocols)
        elif first == "esp":
            yield _esp(protocols, order)
        # an ICMP error that quotes such a packet is none
        element.clear()


def _shown(proto: ET.Element | None, name: str, default: str = "") -> str:
    if proto is None:
        return default
    found = proto.find(f".//field[@name='{name}']")
    return default if found is None else found.get("show", default)


def _common(protocols: dict[str, ET.Element]) -> tuple[int, float, str, str, int, int, tuple[str, ...]]:
    frame, udp = protocols["frame"], protocols.get("udp")
    network, prefix = (protocols["ip"], "ip") if "ip" in protocols else (protocols.get("ipv6"), "ipv6")
    problems = []
    for proto in protocols.values():
        for item in proto.iter():
            if item.get("name") == "_ws.malformed" or (
                item.get("name") == "_ws.expert" and "Error" in item.get("showname", "")
            ):
                problems.append(item.get("showname", ""))
    return (
        int(_shown(frame, "frame.number", "0")),
        float(_shown(frame, "frame.time_relative", "0")),
        _shown(network, f"{prefix}.src"),
        _shown(network, f"{prefix}.dst"),
        int(_shown(udp, "udp.srcport", "0")),
        int(_shown(udp, "udp.dstport", "0")),
        tuple(problems),
    )


def _payloads(parent: ET.Element) -> Iterator[ET.Element]:
    """The payloads of a message; an opened SK gives its contents in its place."""
    for child in parent.findall("field"):
        name = child.get("name")
        if name == "isakmp.typepayload":
            if child.get("show") in (_SK, _SKF):
                yield child
                yield from _contained(child)
            else:
                yield child
        elif name in ("isakmp.enc.contained", "isakmp.enc.decrypted"):
            yield from _contained(child)


def _contained(sk: ET.Element) -> Iterator[ET.Element]:
    for item in sk.findall("field"):
        if item.get("name") == "isakmp.typepayload":
            yield item
        elif item.get("name") in ("isakmp.enc.decrypted", "isakmp.enc.contained", ""):
            yield from _contained(item)


def _ike(protocols: dict[str, ET.Element]) -> IkeMessage:
    proto = protocols["isakmp"]
    frame, time, source, destination, source_port, destination_port, problems = _common(protocols)
    payloads = []
    for each in _payloads(proto):
        fields = tuple((item.get("name", ""), item.get("show", "")) for item in each.iter("field") if item is not each)
        if each.get("show") in (_SK, _SKF):
            # what is inside follows as payloads of its own
            fields = tuple(item for item in fields if item[0] in ("isakmp.frag.number", "isakmp.frag.total"))
        payloads.append(Payload(int(each.get("show", "0")), each.get("showname", ""), fields))
    checks = [item.get("showname", "") for item in proto.iter("field") if item.get("name") == "isakmp.enc.icd"]
    return IkeMessage(
        frame=frame,
        time=time,
        source=source,
        destination=destination,
        source_port=source_port,
        destination_port=destination_port,
        problems=problems,
        spi_i=_shown(proto, "isakmp.ispi").replace(":", ""),
        spi_r=_shown(proto, "isakmp.rspi").replace(":", ""),
        exchange=int(_shown(proto, "isakmp.exchangetype", "0")),
        from_initiator=_shown(proto, "isakmp.flag_i") in ("1", "True"),
        response=_shown(proto, "isakmp.flag_r") in ("1", "True"),
        message_id=int(_shown(proto, "isakmp.messageid", "0"), 16),
        payloads=tuple(payloads),
        encrypted=any(payload.type in (int(_SK), int(_SKF)) for payload in payloads),
        decrypted=proto.find(".//field[@name='isakmp.enc.decrypted']") is not None,
        icv_good=all("[correct]" in check for check in checks) if any("orrect]" in check for check in checks) else None,
    )


def _esp(protocols: dict[str, ET.Element], order: list[tuple[str, ET.Element]]) -> EspPacket:
    proto = protocols["esp"]
    frame, time, source, destination, source_port, destination_port, problems = _common(protocols)
    good = _shown(proto, "esp.icv_good")
    names = [name for name, _ in order]
    behind = order[names.index("esp") + 1 :]
    inner = None
    ends = next(((name, item) for name, item in behind if name in ("ip", "ipv6")), None)
    if ends:
        payload = next((name for name, _ in behind if name not in ("ip", "ipv6", "data")), ends[0])
        inner = (payload, _shown(ends[1], f"{ends[0]}.src"), _shown(ends[1], f"{ends[0]}.dst"))
    elif behind and behind[0][0] in ("icmp", "icmpv6", "udp", "tcp"):
        inner = (behind[0][0], source, destination)
    header = _shown(proto, "esp.protocol")
    return EspPacket(
        frame=frame,
        time=time,
        source=source,
        destination=destination,
        source_port=source_port,
        destination_port=destination_port,
        problems=problems,
        spi=_shown(proto, "esp.spi").removeprefix("0x").rjust(8, "0"),
        sequence=int(_shown(proto, "esp.sequence", "0")),
        encapsulated="udp" in names[: names.index("esp")],
        icv_good=None if good == "" else good in ("1", "True"),
        next_header=int(header, 0) if header else None,
        inner=inner,
    )
