"""What an engine's owner can ask for, and what it reports from the data plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType, ProtocolId
from reference_impl.wire.ts import TrafficSelector

from . import (
    child_request,
    child_task,
    children,
    closing,
    deletion,
    exchange,
    informational,
    lifecycle,
    mobility,
    nat,
    rekey_child,
    rekey_ike,
    sa_init_request,
)
from .child_sa import ChildSa
from .config import ConnectionConfig
from .endpoint import Endpoint
from .events import Reason
from .ike_sa import IkeSa
from .messages import Path
from .states import IkeState
from .tables import Tables

if TYPE_CHECKING:
    from .engine import Engine

SELECTOR_NOTICE = 512


class CommandError(ValueError):
    """A command that cannot be carried out: the message says why."""


class Commands(Tables):
    """The commands; all raise CommandError for an unknown name or number."""

    now: float

    @property
    def _engine(self) -> Engine:
        return cast("Engine", self)

    def initiate(
        self, now: float, connection: str, local: Endpoint | None = None, remote: Endpoint | None = None
    ) -> int:
        """Start a new IKE SA with its first Child SA; the result is its ``ike_id``."""
        self.now = max(self.now, now)
        config = self.find_connection(connection)
        if not config.ike or not config.esp:
            raise CommandError(f"connection {connection!r} has no IKE or no ESP proposals")
        if local is None:
            local = Endpoint(config.local_address or self.config.address, self.config.ike_port)
        if remote is None:
            remote = Endpoint(config.remote_address or "", config.remote_port)
        for endpoint in (local, remote):
            try:
                nat.packed(endpoint.address)
            except ValueError:
                raise CommandError(
                    f"connection {connection!r}: {endpoint.address!r} is not one address to connect"
                ) from None
        return sa_init_request.initiate(self._engine, config, local, remote).ike_id

    def create_child(
        self,
        now: float,
        ike_id: int,
        *,
        packet: tuple[TrafficSelector, TrafficSelector] | None = None,
        local_ts: tuple[TrafficSelector, ...] = (),
        remote_ts: tuple[TrafficSelector, ...] = (),
    ) -> None:
        """Ask for another Child SA. ``packet``: the local and remote selector of the packet that needs it (2.9)."""
        self.now = max(self.now, now)
        sa = self.find_ike(ike_id)
        if packet is not None:
            transport = child_request.wants_transport(sa.settled_connection)
            local_ts = (packet[0], *(local_ts or child_request.default_local(sa, transport=transport)))
            remote_ts = (packet[1], *(remote_ts or child_request.default_remote(sa, transport=transport)))
        exchange.enqueue(self._engine, sa, child_task.CreateChild(local_ts, remote_ts))

    def rekey_ike(self, now: float, ike_id: int) -> None:
        """Replace an IKE SA."""
        self.now = max(self.now, now)
        exchange.enqueue(self._engine, self.find_ike(ike_id), rekey_ike.RekeyIke())

    def rekey_child(self, now: float, child_id: int) -> None:
        """Replace a Child SA."""
        self.now = max(self.now, now)
        child = self.find_child(child_id)
        if child.rekey is None:
            exchange.enqueue(self._engine, child.sa, rekey_child.RekeyChild(child))

    def delete_ike(self, now: float, ike_id: int) -> None:
        """Close an IKE SA; one that is not established yet is just dropped."""
        self.now = max(self.now, now)
        sa = self.sas.get(ike_id)
        if sa is None:
            raise CommandError(f"there is no IKE SA {ike_id}")
        if sa.state in (IkeState.ESTABLISHED, IkeState.REKEYED):
            closing.delete(self._engine, sa, Reason.COMMAND)
        elif sa.state is not IkeState.DELETING:
            closing.close(self._engine, sa, Reason.COMMAND, linger=False)

    def discard(self, now: float, ike_id: int) -> None:
        """Forget an IKE SA and its Child SAs without a word to the peer, as a crash would."""
        self.now = max(self.now, now)
        sa = self.sas.get(ike_id)
        if sa is not None:
            closing.close(self._engine, sa, Reason.COMMAND, linger=False)

    def delete_child(self, now: float, child_id: int) -> None:
        """Close a Child SA."""
        self.now = max(self.now, now)
        deletion.delete_child(self._engine, self.find_child(child_id), Reason.COMMAND)

    def liveness(self, now: float, ike_id: int) -> None:
        """Ask the peer for a sign of life."""
        self.now = max(self.now, now)
        exchange.enqueue(self._engine, self.find_ike(ike_id), informational.Liveness())

    def notify(self, now: float, ike_id: int, notify: NotifyType, data: bytes = b"") -> None:
        """Send a notification in an INFORMATIONAL request."""
        self.now = max(self.now, now)
        task = informational.Notice(NotifyPayload(notify, data))
        exchange.enqueue(self._engine, self.find_ike(ike_id), task)

    def child_usage(self, now: float, child_id: int, octets: int, packets: int) -> None:
        """Totals of a Child SA so far, of its busier direction; unknown numbers are ignored."""
        self.now = max(self.now, now)
        child = self.children.get(child_id)
        if child is not None:
            lifecycle.on_usage(self._engine, child, octets, packets)

    def esp_authenticated(self, now: float, child_id: int, local: Endpoint, remote: Endpoint) -> None:
        """A fresh ESP packet passed integrity and replay checks: the peer is alive, ready and at this address."""
        self.now = max(self.now, now)
        child = self.children.get(child_id)
        if child is None:
            return
        child.sa.last_heard = self.now
        children.start_sending(self._engine, child)
        sa = child.sa
        if sa.encapsulate and (local, remote) != (sa.local, sa.remote) and nat.may_follow_peer(sa.nat_local):
            mobility.move(self._engine, sa, Path(local, remote))

    def esp_unknown_spi(self, now: float, spi: bytes, remote: Endpoint) -> None:
        """An ESP packet with an SPI that nobody has: tell a peer at this address, at a limited rate (section 1.5)."""
        self.now = max(self.now, now)
        for sa in self.sas.values():
            if sa.state is IkeState.ESTABLISHED and sa.remote.address == remote.address:
                informational.report(self._engine, sa, NotifyPayload(NotifyType.INVALID_SPI, spi))
                return

    def esp_wrong_selectors(self, now: float, child_id: int, packet: bytes) -> None:
        """An ESP packet whose inside does not match its Child SA's selectors (section 3.10.1, INVALID_SELECTORS)."""
        self.now = max(self.now, now)
        child = self.children.get(child_id)
        if child is not None and child.sa.state is IkeState.ESTABLISHED:
            notify = NotifyPayload(NotifyType.INVALID_SELECTORS, packet[:SELECTOR_NOTICE], ProtocolId.ESP, child.spi_in)
            informational.report(self._engine, child.sa, notify)

    def find_connection(self, name: str) -> ConnectionConfig:
        """By name. Raises CommandError."""
        for connection in self.config.connections:
            if connection.name == name:
                return connection
        raise CommandError(f"there is no connection {name!r}")

    def find_ike(self, ike_id: int) -> IkeSa:
        """An established IKE SA, or the one that took over from it. Raises CommandError."""
        sa = self.sas.get(ike_id)
        if sa is None or not sa.established:
            raise CommandError(f"there is no established IKE SA {ike_id}")
        return sa.heir()

    def find_child(self, child_id: int) -> ChildSa:
        """Raises CommandError."""
        child = self.children.get(child_id)
        if child is None:
            raise CommandError(f"there is no Child SA {child_id}")
        return child
