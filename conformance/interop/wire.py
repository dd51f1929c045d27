"""What the decrypted capture of a scenario shows: typed questions to tshark's records.

A check that fails raises `Broken`, which names the implementation that sent, or did not send, what it had to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.tester.verdicts import Deviation
from peers.keys import KeyTable
from peers.wireshark import (
    CREATE_CHILD_SA,
    IKE_AUTH,
    IKE_SA_INIT,
    INFORMATIONAL,
    EspPacket,
    IkeMessage,
    Payload,
    read,
    without_keys,
)

SA, KE, IDI, IDR, CERT, AUTH, NONCE, NOTIFY, DELETE, TSI, TSR, SKF = 33, 34, 35, 36, 37, 39, 40, 41, 42, 44, 45, 53
NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD, AUTHENTICATION_FAILED, TS_UNACCEPTABLE = 14, 17, 24, 38
NAT_DETECTION = {16388, 16389}
REKEY_SA = 16393
EXCHANGES = {
    IKE_SA_INIT: "IKE_SA_INIT",
    IKE_AUTH: "IKE_AUTH",
    CREATE_CHILD_SA: "CREATE_CHILD_SA",
    INFORMATIONAL: "INFORMATIONAL",
}
ESP_PROTOCOL, IKE_PROTOCOL = "3", "1"


class Broken(Deviation):
    """A requirement is broken. `peer`: the implementation that broke it, empty when the capture does not tell."""

    def __init__(self, peer: str, expected: str | Iterable[str], observed: str, requirement: str | None = None) -> None:
        super().__init__(expected, f"{peer}: {observed}" if peer else observed, requirement)
        self.peer = peer


class CaptureError(RuntimeError):
    """The capture cannot be judged: keys are missing. A fault of the harness."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response (None: there was none), each as the message that was put together of fragments."""

    request: IkeMessage
    response: IkeMessage | None
    sender: str
    answerer: str

    @property
    def name(self) -> str:
        """The exchange type's name."""
        return EXCHANGES.get(self.request.exchange, str(self.request.exchange))

    def answered(self, requirement: str = "rfc7296/2.21/bad-request-gets-notify") -> IkeMessage:
        """The response. Raises Broken when there is none."""
        if self.response is None:
            raise Broken(self.answerer, f"a response to the {self.name} request", "no response", requirement)
        return self.response


@dataclass(frozen=True, slots=True)
class Spis:
    """The inbound SPIs of a Child SA, or the SPIs of an IKE SA: of the exchange's initiator and of its responder."""

    initiator: str
    responder: str

    def __str__(self) -> str:
        return f"{self.initiator}/{self.responder}"


@dataclass(frozen=True)
class Wire:
    """The packets between two addresses. `names`: address to implementation. `table`: with what it was decrypted."""

    capture: Path
    table: KeyTable
    names: dict[str, str]
    records: tuple[IkeMessage | EspPacket, ...] = field(repr=False)

    @classmethod
    def read(cls, capture: Path, table: KeyTable, names: dict[str, str]) -> Wire:
        """Dissect a capture."""
        ends = set(names)
        found = [item for item in read(capture, table) if {item.source, item.destination} <= ends]
        return cls(capture, table, names, tuple(found))

    def check_opened(self) -> None:
        """Every protected IKE message could be decrypted. Raises CaptureError."""
        closed = {f"{item.spi_i}/{item.spi_r}" for item in self.ike if item.encrypted and item.icv_good is None}
        if closed:
            raise CaptureError(f"{self.capture.name}: no keys for the IKE SA {', '.join(sorted(closed))}")

    @property
    def ike(self) -> list[IkeMessage]:
        """The IKE messages."""
        return [item for item in self.records if isinstance(item, IkeMessage)]

    @property
    def esp(self) -> list[EspPacket]:
        """The ESP packets."""
        return [item for item in self.records if isinstance(item, EspPacket)]

    def sent_by(self, record: IkeMessage | EspPacket) -> str:
        """The implementation that sent it."""
        return self.names[record.source]

    # -- exchanges ---------------------------------------------------------------------------------------------------

    def exchanges(
        self, kind: int, sender: str = "", *, having: Callable[[Exchange], bool] = lambda _: True
    ) -> list[Exchange]:
        """The exchanges of a type in the order of their requests; retransmissions are one, fragments put together."""
        found: dict[tuple[object, ...], Exchange] = {}
        for message in self.ike:
            if message.response or message.exchange != kind or (sender and self.sent_by(message) != sender):
                continue
            key = self._key(message)
            if key not in found or len(found[key].request.payloads) < len(message.payloads):
                answerer = self.names[message.destination]
                found[key] = Exchange(message, self._response(message), self.sent_by(message), answerer)
        return [item for item in found.values() if having(item)]

    @staticmethod
    def _key(message: IkeMessage) -> tuple[object, ...]:
        # the requests of IKE_SA_INIT have all the same SPI and Message ID, with or without cookie or another group
        inner = message.payloads if message.exchange == IKE_SA_INIT else ()
        return message.spi_i, message.from_initiator, message.message_id, inner

    def _response(self, request: IkeMessage) -> IkeMessage | None:
        later = [
            item
            for item in self.ike
            if item.response
            and item.frame > request.frame
            and (item.exchange, item.spi_i, item.message_id) == (request.exchange, request.spi_i, request.message_id)
            and item.from_initiator != request.from_initiator
        ]
        if request.exchange == IKE_SA_INIT:
            return later[0] if later else None
        return max(later, key=lambda item: len(item.payloads), default=None)

    def the(
        self, kind: int, sender: str, why: str, requirement: str, **options: Callable[[Exchange], bool]
    ) -> Exchange:
        """The first exchange of a type that `sender` began. Raises Broken when there is none."""
        found = self.exchanges(kind, sender, **options)
        if not found:
            raise Broken(sender, f"{EXCHANGES[kind]} request {why}", f"sent {self._summary(sender)}", requirement)
        return found[0]

    def _summary(self, sender: str) -> str:
        sent = [EXCHANGES.get(item.exchange, "?") for item in self.ike if self.sent_by(item) == sender]
        return ", ".join(sent[-6:]) or "nothing"

    # -- Child SAs and traffic ---------------------------------------------------------------------------------------

    def esp_of(self, spis: Spis) -> list[EspPacket]:
        """The packets of a Child SA in both directions."""
        return [item for item in self.esp if item.spi in (spis.initiator, spis.responder)]

    def traffic(self, spis: Spis, ends: tuple[str, str], *, after: int = 0, count: int = 2) -> None:
        """Both directions of a Child SA carry echo packets between `ends` and verify; nothing else does after a frame.

        `count`: how many each way at least. Raises Broken.
        """
        for spi, source, destination in ((spis.responder, *ends), (spis.initiator, *reversed(ends))):
            seen = [item for item in self.esp if item.frame > after and item.inner == ("icmp", source, destination)]
            good = [item for item in seen if item.spi == spi and item.icv_good]
            if len(good) < count:
                others = {item.spi for item in seen} - {spi}
                observed = f"{len(good)} packets" + (f", and some with SPI {', '.join(others)}" if others else "")
                raise Broken("", f"echo packets from {source} to {destination} in ESP with SPI {spi}", observed)
        if strange := [
            item for item in self.esp if item.frame > after and item.spi not in (spis.initiator, spis.responder)
        ]:
            sender = self.sent_by(strange[0])
            raise Broken(sender, f"only ESP of the Child SA {spis}", f"ESP with SPI {strange[0].spi}")

    def no_esp(self, after: int = 0) -> None:
        """No ESP packet after a frame. Raises Broken."""
        for item in self.esp:
            if item.frame > after:
                raise Broken(self.sent_by(item), "no ESP packet", f"ESP with SPI {item.spi} in frame {item.frame}")

    def no_cleartext(self, networks: Sequence[str]) -> None:
        """What someone without keys sees has no packet from or to a protected network. Raises Broken."""
        shown = " || ".join(f"ip.addr == {network}" for network in networks)
        if packets := without_keys(self.capture, shown):
            ends = f"{packets[0].ip.src} to {packets[0].ip.dst}"
            raise Broken("", "no packet of a protected network in the clear", f"one from {ends} in the clear")

    # -- details of a message ----------------------------------------------------------------------------------------

    def no_errors(self) -> None:
        """Every integrity check of the capture is right. Raises Broken."""
        for item in self.records:
            if item.icv_good is False:
                # the keys are those of one end: it may be the one that is wrong
                where = f"frame {item.frame} of {self.sent_by(item)}"
                raise Broken("", "a right integrity check", f"a wrong one in {where}")


def spi(message: IkeMessage) -> str:
    """The SPI in the (first) proposal of a message's SA payload; empty when it has none."""
    return next((_octets(payload.get("isakmp.spi")) for payload in message.of(SA)), "")


def _octets(text: str) -> str:
    return text.replace(":", "").lower()


def deletes(message: IkeMessage, protocol: str) -> list[str] | None:
    """The SPIs of the Delete payloads for a protocol (none in the payload for the IKE SA); None without a payload."""
    found = [item for item in message.of(DELETE) if item.get("isakmp.delete.protoid") == protocol]
    if not found:
        return None
    return [_octets(value) for item in found for value in item.all("isakmp.delete.spi")]


def notify(message: IkeMessage, kind: int) -> Payload | None:
    """The first notification of a type."""
    return next((item for item in message.of(NOTIFY) if item.get("isakmp.notify.msgtype") == str(kind)), None)


def notify_spi(payload: Payload) -> str:
    """The SPI of a notification."""
    return _octets(payload.get("isakmp.spi"))
