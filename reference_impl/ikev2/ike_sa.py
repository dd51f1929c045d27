"""An IKE SA: its identity, keys, windows and Child SAs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.crypto import kdf
from reference_impl.crypto.kdf import IkeKeys
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.registries import AuthMethod, HashAlgorithm

from . import states
from .config import ConnectionConfig, Lifetimes
from .endpoint import Endpoint
from .fragments import Reassembly
from .identity import Identity
from .states import IkeState, IkeTrigger
from .window import InboundWindow, OutboundWindow

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .rekey_ike import RekeyIke
    from .tasks import Task

NO_SPI = bytes(8)


@dataclass(slots=True, eq=False)
class IkeSa:
    """``initiator``: we are the original initiator. ``connection`` is None until IKE_AUTH selects one."""

    ike_id: int
    initiator: bool
    spi_i: bytes
    spi_r: bytes
    local: Endpoint
    remote: Endpoint
    state: IkeState
    created: float
    # Authenticated once; a deleting SA may never have been.
    established: bool = False
    connection: ConnectionConfig | None = None
    candidates: tuple[ConnectionConfig, ...] = ()
    inbound: InboundWindow = field(default_factory=InboundWindow)
    outbound: OutboundWindow = field(default_factory=OutboundWindow)
    queue: deque[Task] = field(default_factory=deque)
    children: dict[bytes, ChildSa] = field(default_factory=dict)
    reassembly: dict[tuple[bool, int], Reassembly] = field(default_factory=dict)
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    init_request: bytes = b""
    init_response: bytes = b""
    init_key: bytes = b""
    certificate_authorities: tuple[bytes, ...] | None = None
    peer_hashes: tuple[HashAlgorithm, ...] = ()
    announced_hashes: tuple[HashAlgorithm, ...] = ()
    fragmentation: bool = False
    nat_local: bool = False
    nat_remote: bool = False
    forced_encapsulation: bool = False
    local_id: Identity | None = None
    remote_id: Identity | None = None
    auth_method: AuthMethod | None = None
    last_heard: float = 0.0
    last_hint: float | None = None
    last_invalid_id_notice: float | None = None
    temporary_failure_since: float | None = None
    temporary_failure_last: float = 0.0
    addresses: tuple[str, ...] = ()
    pool_addresses: tuple[str, ...] = ()
    # Rekeying: our own exchange, the peer's completed one during ours (new SA, lower nonce), and the heir.
    rekey: RekeyIke | None = None
    peer_rekey: tuple[IkeSa, bytes] | None = None
    successor: IkeSa | None = None
    # The IKE SA that this one may replace, until the simultaneous rekeying is settled.
    unsettled: IkeSa | None = None
    iv_counter: int = 0
    # Set once keys exist.
    _suite: IkeSuite | None = None
    _prf: PrfAlgorithm | None = None
    _keys: IkeKeys | None = None
    _tx: Protection | None = None
    _rx: Protection | None = None

    def advance(self, trigger: IkeTrigger) -> None:
        """Follow the state table."""
        self.state = states.next_ike_state(self.state, trigger)

    def set_keys(self, suite: IkeSuite, seed: bytes) -> None:
        """Derive SK_* from SKEYSEED and the nonces and SPIs that are already set (section 2.14)."""
        cipher, integ, prf = suite.cipher_algorithm(), suite.integ_algorithm(), suite.prf_algorithm()
        keys = kdf.ike_keys(prf, seed, self.nonce_i, self.nonce_r, self.spi_i, self.spi_r, cipher, integ)
        from_i = Protection(cipher, integ, keys.sk_ei, keys.sk_ai)
        from_r = Protection(cipher, integ, keys.sk_er, keys.sk_ar)
        self._suite, self._prf, self._keys = suite, prf, keys
        self._tx, self._rx = (from_i, from_r) if self.initiator else (from_r, from_i)

    @property
    def suite(self) -> IkeSuite:
        """The negotiated algorithms."""
        assert self._suite is not None
        return self._suite

    @property
    def prf(self) -> PrfAlgorithm:
        """The negotiated PRF."""
        assert self._prf is not None
        return self._prf

    @property
    def keys(self) -> IkeKeys:
        """The seven SK_* keys."""
        assert self._keys is not None
        return self._keys

    @property
    def tx(self) -> Protection:
        """What protects our messages."""
        assert self._tx is not None
        return self._tx

    @property
    def rx(self) -> Protection:
        """What protects the peer's messages."""
        assert self._rx is not None
        return self._rx

    @property
    def has_keys(self) -> bool:
        """Whether protected messages can be exchanged."""
        return self._rx is not None

    def forget_keys(self) -> None:
        """A closed SA keeps nothing from which its keys could be computed (section 2.12)."""
        self._keys = self._tx = self._rx = None

    @property
    def own_spi(self) -> bytes:
        """The SPI that we chose."""
        return self.spi_i if self.initiator else self.spi_r

    @property
    def own_sk_p(self) -> bytes:
        """SK_pi or SK_pr, for our AUTH."""
        return self.keys.sk_pi if self.initiator else self.keys.sk_pr

    @property
    def peer_sk_p(self) -> bytes:
        """SK_pi or SK_pr, for the peer's AUTH."""
        return self.keys.sk_pr if self.initiator else self.keys.sk_pi

    @property
    def connection_name(self) -> str:
        """For events."""
        return "" if self.connection is None else self.connection.name

    @property
    def settled_connection(self) -> ConnectionConfig:
        """The connection of an SA that has one."""
        assert self.connection is not None
        return self.connection

    @property
    def lifetimes(self) -> Lifetimes:
        """The connection's limits."""
        return self.settled_connection.lifetimes

    @property
    def encapsulate(self) -> bool:
        """ESP goes in UDP when a NAT was detected on either side (section 2.23), or claimed by one."""
        return self.nat_local or self.nat_remote or self.forced_encapsulation

    @property
    def authenticated(self) -> bool:
        """Whether exchanges other than the initial ones are allowed."""
        return self.state in states.AUTHENTICATED

    def heir(self) -> IkeSa:
        """The newest IKE SA that took over from this one, or itself."""
        sa = self
        while sa.successor is not None:
            sa = sa.successor
        return sa

    def find_child_by_peer_spi(self, spi: bytes) -> ChildSa | None:
        """The Child SA whose outbound SPI this is: how the peer names it in Delete and REKEY_SA."""
        holder = self.heir() if self.unsettled is None else self.unsettled
        for child in holder.children.values():
            if child.spi_out == spi:
                return child
        return None
