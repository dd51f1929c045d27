"""An IKE SA of the tester, with its Child SAs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from conformance.tester import automatic, child_exchanges
from conformance.tester.child import ChildSa
from conformance.tester.child_exchanges import ChildExchange, RekeyExchange
from conformance.tester.device_requests import DeviceRequests
from conformance.tester.received import Received
from conformance.tester.requests import Ends, Sent
from conformance.tester.sealing import (
    MAX_FRAGMENTS,
    CannotOpen,
    Opened,
    OpenedFragment,
    open_message,
    reassemble,
)
from conformance.tester.verdicts import Deviation, Inconclusive
from reference_impl.crypto import kdf
from reference_impl.crypto.suite import EspSuite
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload
from reference_impl.wire.registries import ExchangeType, ProtocolId
from reference_impl.wire.ts import TrafficSelector

if TYPE_CHECKING:
    from conformance.tester.ike_sa_init import InitExchange
    from conformance.tester.tester import Tester

__all__ = ["IkeSa", "Sent"]


class IkeSa(DeviceRequests):
    """One IKE SA. established: IKE_AUTH is done. closed: deleted by either side. children: the live Child SAs.

    fragmentation: both announced RFC 7383.
    """

    def __init__(self, tester: Tester, **ends: Unpack[Ends]) -> None:
        super().__init__(tester, **ends)
        self.closed = False
        self.fragmentation = False
        self.children: list[ChildSa] = []
        self.init: InitExchange | None = None
        self.auth_reply: Message | None = None
        self._pieces: dict[tuple[bool, int], dict[int, OpenedFragment]] = {}
        tester.sas.append(self)
        tester.keys.add_ike(self.spi_i, self.spi_r, self.suite, self.keys)

    @property
    def child(self) -> ChildSa:
        """The newest live Child SA. Raises Inconclusive when there is none."""
        if not self.children:
            raise Inconclusive("the IKE SA has no Child SA to test with")
        return self.children[-1]

    def answer_automatically(self, received: Received) -> None:
        """Answer as a well-behaved peer would: liveness, deletes, new Child SAs, rekeys (see `automatic`)."""
        automatic.respond(self, received)

    # -- child and IKE SAs --------------------------------------------------------------------------------------

    def create_child(self, **options: Any) -> ChildSa:
        """A further Child SA; raises Deviation when refused. Keywords: `child_exchanges.try_child`."""
        return self._due(self.try_child(**options))

    def rekey_child(self, child: ChildSa | None = None, *, delete_old: bool = True, **options: Any) -> ChildSa:
        """Rekey a Child SA (default the newest) and delete the old one; raises Deviation when refused."""
        old = child or self.child
        new = self._due(self.try_child(rekey=old, **options))
        if delete_old:
            self.delete_child(old)
        return new

    def try_child(self, **options: Any) -> ChildExchange:
        """CREATE_CHILD_SA for a Child SA; the answer is not judged. Keywords: `child_exchanges.try_child`."""
        return child_exchanges.try_child(self, **options)

    def try_rekey_ike(self, **options: Any) -> RekeyExchange:
        """CREATE_CHILD_SA that rekeys the IKE SA; the answer is not judged."""
        return child_exchanges.try_rekey_ike(self, **options)

    def rekey_ike(self, *, delete_old: bool = True, **options: Any) -> IkeSa:
        """Rekey the IKE SA, take the Child SAs along, delete the old one; raises Deviation when refused."""
        exchange = self.try_rekey_ike(**options)
        if exchange.sa is None:
            raise Deviation("the rekey of the IKE SA is accepted", exchange.problem, self.tester.requirement)
        if delete_old:
            self.delete_ike()
        return exchange.sa

    def delete_child(self, child: ChildSa | None = None, **options: Any) -> Message:
        """Delete a Child SA (default the newest); the device's answer."""
        gone = child or self.child
        reply = self.request(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (gone.spi_in,))], **options)
        self.forget_child(gone)
        return reply

    def delete_ike(self, **options: Any) -> Message:
        """Delete the IKE SA; the device's answer."""
        reply = self.request(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.IKE)], **options)
        self.closed = True
        return reply

    def add_child(
        self,
        suite: EspSuite,
        spi_in: bytes,
        spi_out: bytes,
        nonce_i: bytes,
        nonce_r: bytes,
        *,
        initiator: bool,
        tsi: tuple[TrafficSelector, ...],
        tsr: tuple[TrafficSelector, ...],
        mode: str = "tunnel",
        shared: bytes = b"",
    ) -> ChildSa:
        """Derive the keys of a negotiated Child SA and file it. `initiator`: the tester sent the request."""
        keys = kdf.child_keys(
            self.suite.prf_algorithm(),
            self.keys.sk_d,
            nonce_i,
            nonce_r,
            suite.cipher_algorithm(),
            suite.integ_algorithm(),
            shared,
        )
        own, far = (tsi, tsr) if initiator else (tsr, tsi)
        child = ChildSa(self, suite, spi_in, spi_out, keys, initiator, own, far, mode)
        self.children.append(child)
        return child

    def forget_child(self, child: ChildSa) -> None:
        """The Child SA is gone."""
        child.closed = True
        if child in self.children:
            self.children.remove(child)

    def abandon(self) -> None:
        """Tell the device that the SA is over, without waiting for the answer."""
        if not self.established or self.closed:
            return
        self.closed = True
        draft = self.draft(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.IKE)])
        try:
            self.send(draft, note="the tester cleans up")
        except Inconclusive:
            return

    # -- receiving ----------------------------------------------------------------------------------------------

    def open(self, received: Received) -> None:
        """Decrypt `received` in place, reassembling fragments."""
        if received.message is None or received.message.encrypted is None:
            return
        try:
            opened = open_message(received.octets, received.message, self.inbound)
            received.sa = self
            if isinstance(opened, OpenedFragment):
                whole = self._collect(opened, received)
                if whole is None:
                    return
                opened = whole
        except CannotOpen as error:
            received.sa = self
            received.problem = str(error)
            return
        received.message = opened.message
        received.opened = True
        received.malformed = received.malformed or opened.malformed
        received.iv, received.pad = opened.iv, opened.pad
        received.datagram.entry.message = opened.message
        received.datagram.entry.decrypted = True

    def _collect(self, piece: OpenedFragment, received: Received) -> Opened | None:
        received.datagram.entry.note = f"fragment {piece.number}/{piece.total}"
        key = (received.is_response, received.message_id)
        pieces = self._pieces.setdefault(key, {})
        if not 1 <= piece.number <= piece.total <= MAX_FRAGMENTS:
            raise CannotOpen(f"fragment {piece.number} of {piece.total}")
        pieces[piece.number] = piece
        if len(pieces) < piece.total:
            return None
        del self._pieces[key]
        received.fragments = piece.total
        return reassemble([pieces[number] for number in sorted(pieces)])

    def _due(self, exchange: ChildExchange) -> ChildSa:
        if exchange.child is None:
            raise Deviation("the Child SA is accepted", exchange.problem, self.tester.requirement)
        return exchange.child

    def fresh_spi(self) -> bytes:
        """A random ESP SPI above the reserved ones (RFC 4303 §2.1)."""
        return (256 + int.from_bytes(os.urandom(4), "big") % (2**32 - 256)).to_bytes(4, "big")
