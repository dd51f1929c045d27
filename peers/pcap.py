"""The UDP and ESP datagrams of a capture file, just enough to match keys to SAs (dissection is tshark's job)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from peers.errors import LabError

_UDP, _ESP, _FRAGMENT = 17, 50, 44


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP payload (``ports`` source and destination) or the body of an ESP packet (``ports`` None).

    ``frame`` is its number in the capture, from 1.
    """

    source: str
    destination: str
    ports: tuple[int, int] | None
    data: bytes
    frame: int = 0

    @property
    def ike(self) -> bytes | None:
        """The IKE message in it, without the non-ESP marker."""
        if self.ports is None:
            return None
        if 500 in self.ports and 4500 not in self.ports:
            return self.data
        return self.data[4:] if self.data[:4] == bytes(4) and len(self.data) >= 32 else None

    @property
    def esp(self) -> bytes | None:
        """The ESP packet in it, native or UDP-encapsulated."""
        if self.ports is None:
            return self.data
        return self.data if 4500 in self.ports and self.data[:4] != bytes(4) and len(self.data) > 8 else None


def read(path: Path) -> Iterator[Datagram]:
    """The datagrams of a pcap file with Ethernet frames; LabError if it is no such file. Fragments are left out."""
    data = path.read_bytes()
    if len(data) < 24:
        raise LabError(f"{path} is no capture file: {len(data)} octets")
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}
    endian = order.get(data[:4])
    if endian is None or struct.unpack_from(endian + "I", data, 20)[0] & 0xFFFF != 1:
        raise LabError(f"{path} is no pcap file with Ethernet frames")
    offset, number = 24, 0
    while offset + 16 <= len(data):
        length = struct.unpack_from(endian + "I", data, offset + 8)[0]
        frame = data[offset + 16 : offset + 16 + length]
        offset, number = offset + 16 + length, number + 1
        if datagram := _frame(frame):
            yield replace(datagram, frame=number)


def _frame(frame: bytes) -> Datagram | None:
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and len(packet) >= 20:
        head = (packet[0] & 15) * 4
        if struct.unpack_from("!H", packet, 6)[0] & 0x3FFF:
            return None
        protocol, total = packet[9], struct.unpack_from("!H", packet, 2)[0]
        source, destination, body = packet[12:16], packet[16:20], packet[head:total]
    elif kind == b"\x86\xdd" and len(packet) >= 40:
        protocol, size = packet[6], struct.unpack_from("!H", packet, 4)[0]
        source, destination, body = packet[8:24], packet[24:40], packet[40 : 40 + size]
    else:
        return None
    ends = str(ip_address(source)), str(ip_address(destination))
    if protocol == _ESP:
        return Datagram(*ends, None, body)
    if protocol == _UDP and len(body) >= 8:
        return Datagram(*ends, struct.unpack_from("!HH", body), body[8 : struct.unpack_from("!H", body, 4)[0]])
    return None
