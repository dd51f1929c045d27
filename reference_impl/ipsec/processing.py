"""The IPsec boundary: cleartext packets on one side, ESP on the other (RFC 4301 sections 5.1 and 5.2).

Sans-I/O: packets and the time go in; packets, ESP and notices come out. Nothing is raised for a bad packet: it is
counted under its reason and offered to `audit`.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from . import fragments, tunnel
from .discards import Discard, Discarded
from .flow import read_flow, total_length
from .lifetime import UNLIMITED, Limit, Volume, VolumeMeter
from .pmtu import PathMtu
from .sa import EspMode, InboundSa, OutboundSa
from .sad import Path, Sad, SaPair
from .selectors import SaSelectors
from .spd import Action, Spd
from .tunnel import Outer


class EspDatagram(NamedTuple):
    """One ESP packet to send on `path`; `traffic_class` and `dont_fragment` are for the outer header."""

    child_id: int
    esp: bytes
    path: Path
    traffic_class: int
    dont_fragment: bool


class Outbound(NamedTuple):
    """What became of cleartext: ESP to send, ICMP messages back to the sender, packets to send as they are."""

    datagrams: list[EspDatagram]
    replies: list[bytes]
    bypassed: list[bytes]


@dataclass(frozen=True, slots=True)
class LimitReached:
    """An SA pair reached a volume limit: replace it (soft) or delete it (hard)."""

    child_id: int
    limit: Limit


@dataclass(frozen=True, slots=True)
class PeerAlive:
    """The newest authenticated ESP packet came over `path`. Told at once when the path is new, else once a second."""

    child_id: int
    path: Path


@dataclass(frozen=True, slots=True)
class UnknownSpi:
    """An ESP packet came for an SA that does not exist. `spi` is 4 octets."""

    spi: bytes
    path: Path


@dataclass(frozen=True, slots=True)
class WrongSelectors:
    """An authenticated packet does not fit the selectors of its SA."""

    child_id: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class Acquire:
    """Cleartext matched a PROTECT policy whose `connection` has no SA for it."""

    policy: str
    flow: str
    connection: str = ""


Notice = LimitReached | PeerAlive | UnknownSpi | WrongSelectors | Acquire
_TELL_INTERVAL = 1.0
_NOTICE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Audit:
    """A discarded packet, with what RFC 4303 section 4 wants in the log entry."""

    at: float
    reason: Discard
    detail: str
    spi: int
    sequence: int
    source: str
    destination: str


class Processor:
    """SPD, SAD and counters of one gateway.

    `mtu`: octets of an outer packet on the first hop; `mtu_age`: seconds for which a smaller path MTU is believed.
    """

    def __init__(
        self,
        spd: Spd | None = None,
        *,
        mtu: int = 1500,
        mtu_age: float = 600.0,
        dont_fragment: tunnel.DontFragment = tunnel.DontFragment.COPY,
        audit: Callable[[Audit], None] | None = None,
    ) -> None:
        self.spd = spd or Spd()
        self.sad = Sad()
        self.mtu = mtu
        self.mtu_age = mtu_age
        self.dont_fragment = dont_fragment
        self.counters: Counter[str] = Counter()
        self._audit = audit
        self._notices: deque[Notice] = deque(maxlen=_NOTICE_LIMIT)

    def install(
        self,
        child_id: int,
        connection: str,
        inbound: InboundSa,
        outbound: OutboundSa,
        selectors: SaSelectors,
        path: Path,
        *,
        volume: Volume = UNLIMITED,
        sending: bool = True,
        dont_fragment: tunnel.DontFragment | None = None,
    ) -> SaPair:
        """Add an SA pair. Raises ValueError when the child or its inbound SPI is already there.

        `dont_fragment` None: the SA follows the gateway's own setting.
        """
        esn = outbound.transform.esn
        pair = SaPair(
            child_id,
            connection,
            inbound,
            outbound,
            selectors,
            path,
            VolumeMeter(volume, esn=esn),
            VolumeMeter(volume, esn=esn),
            sending,
            dont_fragment,
        )
        self.sad.add(pair)
        return pair

    def take_notices(self) -> list[Notice]:
        """What happened since the last call and concerns key management; of very many the latest."""
        notices = list(self._notices)
        self._notices.clear()
        return notices

    def set_path_mtu(self, now: float, child_id: int, mtu: int) -> None:
        """Believe a smaller path MTU for a while. Values below the protocols' minimum count as the minimum."""
        pair = self.sad.get(child_id)
        if pair is not None:
            least = 1280 if ":" in pair.path.remote else 576
            pair.path_mtu = min(max(mtu, least), self.mtu)
            pair.path_mtu_expires = now + self.mtu_age

    def learn_path_mtu(self, now: float, news: PathMtu) -> int:
        """Believe an ICMP message that speaks of packets of ours and only makes them smaller; of how many SA pairs.

        RFC 4301 section 8.2.1. Where the message quotes no SPI, all pairs between those ends are meant.
        """
        found = [pair for pair in self.sad.pairs() if _concerns(news, pair)]
        smaller = [pair for pair in found if news.mtu < min(self.path_mtu(now, pair), news.size)]
        for pair in smaller:
            self.set_path_mtu(now, pair.child_id, news.mtu)
        self.counters["path-mtu-learned" if smaller else "path-mtu-ignored"] += 1
        return len(smaller)

    def path_mtu(self, now: float, pair: SaPair) -> int:
        """The largest outer packet in octets that is known to get through."""
        return pair.path_mtu if pair.path_mtu and now < pair.path_mtu_expires else self.mtu

    # cleartext to ESP

    def outbound(self, now: float, packet: bytes) -> Outbound:
        """Protect, bypass or discard a cleartext packet (RFC 4301 section 5.1)."""
        result = Outbound([], [], [])
        try:
            pair = self._outbound_pair(packet)
            if pair is None:
                result.bypassed.append(packet)
                self.counters["bypassed"] += 1
                return result
            self._protect(now, pair, packet, result)
        except Discarded as discarded:
            self._discarded(now, discarded, *_ends(packet))
        return result

    def dummy(self, child_id: int, size: int = 0) -> EspDatagram | None:
        """A dummy packet on an SA pair, None when there is no such pair."""
        pair = self.sad.get(child_id)
        if pair is None or pair.outbound.expired:
            return None
        self.counters["dummies-sent"] += 1
        return EspDatagram(child_id, pair.outbound.dummy(size), pair.path, 0, False)

    def _outbound_pair(self, packet: bytes) -> SaPair | None:
        length = total_length(packet)
        if length != len(packet):
            raise Discarded(Discard.MALFORMED, f"total length {length} in {len(packet)} octets")
        if not self.spd.policies:
            pair = self.sad.outbound(packet)
            if pair is None:
                raise Discarded(Discard.NO_OUTBOUND_SA, str(read_flow(packet)))
            return pair
        flow = read_flow(packet)
        policy = self.spd.lookup(flow)
        if policy is not None and policy.action is Action.DISCARD:
            raise Discarded(Discard.POLICY_DISCARD, f"policy {policy.name}: {flow}")
        if policy is not None and policy.action is Action.BYPASS:
            return None
        if policy is None:
            raise Discarded(Discard.NO_POLICY, str(flow))
        pair = self.sad.outbound(packet, policy.connection)
        if pair is None:
            self._notices.append(Acquire(policy.name, str(flow), policy.connection))
            raise Discarded(Discard.NO_OUTBOUND_SA, f"policy {policy.name}: {flow}")
        return pair

    def _protect(self, now: float, pair: SaPair, packet: bytes, result: Outbound) -> None:
        sa = pair.outbound
        pieces = [packet]
        room = self.inner_mtu(now, pair)
        if len(packet) > room:
            if not fragments.may_fragment(packet):
                reporter = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
                result.replies.append(fragments.too_big(packet, room, reporter))
                raise Discarded(Discard.TOO_BIG, f"{len(packet)} octets, the SA carries {room}", spi=sa.spi)
            # in transport mode the IP layer below fragments the ESP packet (RFC 4303 section 3.3.4)
            if sa.mode is EspMode.TUNNEL:
                pieces = fragments.fragment_ipv4(packet, room)
                self.counters["fragmented"] += 1
        for piece in pieces:
            if sa.expired:
                raise Discarded(Discard.EXPIRED, "hard limit", spi=sa.spi, sequence=sa.sequence)
            sealed = sa.encapsulate(piece)
            fixed = tunnel.outer_dont_fragment(piece, pair.dont_fragment or self.dont_fragment)
            result.datagrams.append(EspDatagram(pair.child_id, sealed, pair.path, tunnel.traffic_class(piece), fixed))
            self.counters["encapsulated"] += 1
            pair.last_out = now
            self._meter(pair, pair.meter_out.reached(sa.packets, sa.octets))

    def inner_mtu(self, now: float, pair: SaPair) -> int:
        """The largest cleartext packet in octets that the SA pair carries in one piece."""
        header = 40 if ":" in pair.path.remote else 20
        transform = pair.outbound.transform
        room = self.path_mtu(now, pair) - header - (8 if pair.path.encapsulate else 0)
        room -= 8 + transform.iv_size + transform.icv_size
        inner = room - room % transform.alignment - 2
        # transport mode does not carry the IP header a second time
        return inner if pair.outbound.mode is EspMode.TUNNEL else inner + header

    # ESP to cleartext

    def inbound(self, now: float, esp: bytes, path: Path, traffic_class: int = 0) -> bytes | None:
        """The cleartext packet in an ESP packet that came over `path`, or None (RFC 4301 section 5.2)."""
        try:
            if len(esp) < 8:
                raise Discarded(Discard.TRUNCATED, f"{len(esp)} octets")
            pair = self.sad.inbound(esp[:4])
            if pair is None:
                spi, sequence = int.from_bytes(esp[:4], "big"), int.from_bytes(esp[4:8], "big")
                reason = Discard.RESERVED_SPI if spi < 256 else Discard.NO_SA
                raise Discarded(reason, spi=spi, sequence=sequence)
            sa = pair.inbound
            if sa.expired:
                raise Discarded(Discard.EXPIRED, "hard limit", spi=sa.spi)
            packet = sa.decapsulate(esp, _outer(path, traffic_class))
            self._check_policy(packet, pair)
        except Discarded as discarded:
            self._refused(now, esp, path, discarded)
            return None
        self.counters["decapsulated"] += 1
        self._authenticated(now, esp, path, pair)
        self._meter(pair, pair.meter_in.reached(sa.packets, sa.octets))
        return packet

    def _check_policy(self, packet: bytes, pair: SaPair) -> None:
        """What came protected must be what policy wants protected by that connection (RFC 4301 section 5.2)."""
        if not self.spd.policies:
            return
        policy = self.spd.lookup(read_flow(packet).reversed())
        if policy is None or policy.action is not Action.PROTECT or policy.connection not in ("", pair.connection):
            name = "no policy" if policy is None else f"policy {policy.name}"
            raise Discarded(Discard.POLICY, f"{name}: {read_flow(packet)}", spi=pair.inbound.spi, inner=packet)

    def _refused(self, now: float, esp: bytes, path: Path, discarded: Discarded) -> None:
        pair = self.sad.inbound(esp[:4])
        if discarded.reason is Discard.NO_SA:
            self._notices.append(UnknownSpi(esp[:4], path))
        elif pair is not None and discarded.reason in (Discard.DUMMY, Discard.POLICY):
            self._authenticated(now, esp, path, pair)
        elif pair is not None and discarded.reason is Discard.SELECTORS:
            self._authenticated(now, esp, path, pair)
            self._notices.append(WrongSelectors(pair.child_id, discarded.inner))
        self._discarded(now, discarded, path.remote, path.local)

    def _authenticated(self, now: float, esp: bytes, path: Path, pair: SaPair) -> None:
        pair.last_in = now
        started = not pair.sending
        if started:
            # the peer sends on the new SA, so it receives on it too (RFC 7296 section 2.8)
            self.sad.start_sending(pair.child_id)
        due = pair.told_at is None or now - pair.told_at >= _TELL_INTERVAL
        # a late packet says nothing about where the peer is now
        newest = int.from_bytes(esp[4:8], "big") == pair.inbound.window.top & 0xFFFFFFFF
        if (path != pair.told_path or started or due) and newest:
            pair.told_at, pair.told_path = now, path
            self._notices.append(PeerAlive(pair.child_id, path))

    def _meter(self, pair: SaPair, limit: Limit | None) -> None:
        if limit is None:
            return
        if limit is Limit.HARD:
            pair.inbound.expired = pair.outbound.expired = True
        self._notices.append(LimitReached(pair.child_id, limit))

    def _discarded(self, now: float, discarded: Discarded, source: str, destination: str) -> None:
        self.counters[discarded.reason.value] += 1
        # a dummy packet is discarded without indicating an error (RFC 4303 section 2.6)
        if self._audit is not None and discarded.reason is not Discard.DUMMY:
            self._audit(
                Audit(
                    now,
                    discarded.reason,
                    discarded.detail,
                    discarded.spi,
                    discarded.sequence,
                    source,
                    destination,
                )
            )


def _concerns(news: PathMtu, pair: SaPair) -> bool:
    path = pair.path
    if (news.local, news.remote) != (path.local, path.remote):
        return False
    if news.ports is not None and news.spi is None:
        return news.ports == (path.local_port, path.remote_port)
    return news.spi == pair.outbound.spi.to_bytes(4, "big")


def _outer(path: Path, traffic_class: int) -> Outer:
    packed = _packed(path.remote), _packed(path.local)
    return Outer(packed[0], packed[1], traffic_class)


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _ends(packet: bytes) -> tuple[str, str]:
    try:
        flow = read_flow(packet)
    except Discarded:
        return "", ""
    return str(ipaddress.ip_address(flow.source)), str(ipaddress.ip_address(flow.destination))
