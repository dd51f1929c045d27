"""What an engine knows: its IKE SAs and Child SAs by all the keys that they are looked up with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .child_sa import ChildSa
from .config import ConnectionConfig, EngineConfig
from .config_payload import AddressPool
from .cookie import CookieJar
from .ike_sa import NO_SPI, IkeSa


class Tables:
    """Lookups and identifiers. ``by_spi`` also holds closed SAs that linger to repeat their last response."""

    def __init__(self, config: EngineConfig, rng: Callable[[int], bytes]) -> None:
        self.config = config
        self.rng = rng
        self.sas: dict[int, IkeSa] = {}
        self.by_spi: dict[bytes, IkeSa] = {}
        self.init_requests: dict[bytes, IkeSa] = {}
        self.half_open: dict[int, IkeSa] = {}
        self.children: dict[int, ChildSa] = {}
        self.child_spis: dict[bytes, ChildSa] = {}
        self.cookies = CookieJar(rng, config.cookie_secret_lifetime)
        self._lingering: OrderedDict[int, IkeSa] = OrderedDict()
        self._pools: dict[str, AddressPool] = {}
        self._last_id = 0

    def new_id(self) -> int:
        """A number for an IKE SA or a Child SA, never used again."""
        self._last_id += 1
        return self._last_id

    def new_ike_spi(self) -> bytes:
        """A random SPI: not zero, not in use."""
        while True:
            spi = self.rng(8)
            if spi != NO_SPI and spi not in self.by_spi:
                return spi

    def add(self, sa: IkeSa) -> None:
        """Enter an IKE SA under the SPI that we chose."""
        self.sas[sa.ike_id] = sa
        self.by_spi[sa.own_spi] = sa

    def forget(self, sa: IkeSa) -> None:
        """Take a closed IKE SA out of the last tables."""
        self._lingering.pop(sa.ike_id, None)
        self.by_spi.pop(sa.own_spi, None)
        self.init_requests.pop(sa.init_key, None)
        sa.forget_keys()

    def keep_lingering(self, sa: IkeSa) -> None:
        """Keep a closed IKE SA for retransmissions; the oldest makes room when there are too many."""
        self._lingering[sa.ike_id] = sa
        if len(self._lingering) > self.config.half_open_limit:
            self.forget(next(iter(self._lingering.values())))

    def pool(self, connection: ConnectionConfig) -> AddressPool | None:
        """The connection's address pool, if it has one."""
        if connection.pool is None:
            return None
        if connection.name not in self._pools:
            self._pools[connection.name] = AddressPool(connection.pool)
        return self._pools[connection.name]

    def release_addresses(self, sa: IkeSa) -> None:
        """Give the addresses of an IKE SA that ends back to the pool."""
        pool = None if sa.connection is None else self.pool(sa.connection)
        if pool is not None:
            for address in sa.pool_addresses:
                pool.release(address)
        sa.pool_addresses = ()
