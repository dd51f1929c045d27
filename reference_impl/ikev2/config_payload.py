"""Configuration payloads and the address pool (RFC 7296 sections 2.19, 2.20 and 3.15)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import CfgAttribute, CfgType, NotifyType

from .config import ConnectionConfig, PoolConfig
from .errors import BadResponse, Refusal
from .events import AddressesAssigned, Reason

if TYPE_CHECKING:
    from .engine import Engine
    from .ike_sa import IkeSa

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ADDRESS = {4: CfgAttribute.INTERNAL_IP4_ADDRESS, 6: CfgAttribute.INTERNAL_IP6_ADDRESS}
DNS = {4: CfgAttribute.INTERNAL_IP4_DNS, 6: CfgAttribute.INTERNAL_IP6_DNS}
IPV6_PREFIX = 128
ADDRESSES_PER_REQUEST = 4
SEARCH_LIMIT = 1 << 17


class AddressPool:
    """Internal addresses of one connection; one goes to one IKE SA and its successors."""

    def __init__(self, config: PoolConfig) -> None:
        self._networks = [ipaddress.ip_network(each) for each in config.networks]
        self.dns = config.dns
        self._taken: set[Address] = set()

    def serves(self, version: int) -> bool:
        """Whether there are addresses of this IP version at all."""
        return any(network.version == version for network in self._networks)

    def take(self, version: int, wanted: Address | None = None) -> Address | None:
        """The wanted address if it is free and ours, else the first free one, else None."""
        if wanted is not None and wanted not in self._taken and self._holds(wanted):
            self._taken.add(wanted)
            return wanted
        for address in islice(self._addresses(version), SEARCH_LIMIT):
            if address not in self._taken:
                self._taken.add(address)
                return address
        return None

    def release(self, address: str) -> None:
        """Give an address back."""
        self._taken.discard(ipaddress.ip_address(address))

    def _holds(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)

    def _addresses(self, version: int) -> Iterator[Address]:
        for network in self._networks:
            if network.version == version:
                yield from network.hosts()


def request(versions: Sequence[int]) -> ConfigPayload | None:
    """CFG_REQUEST for an address and DNS servers of each IP version; None when nothing is wanted."""
    if not versions:
        return None
    attributes = [ConfigAttribute(table[version]) for version in versions for table in (ADDRESS, DNS)]
    return ConfigPayload(CfgType.REQUEST, tuple(attributes))


def find(message: Message, kind: CfgType) -> ConfigPayload | None:
    """The first configuration payload of this type."""
    for payload in message.all(ConfigPayload):
        if payload.cfg_type == kind:
            return payload
    return None


def answer(engine: Engine, sa: IkeSa, connection: ConnectionConfig, message: Message) -> ConfigPayload | None:
    """CFG_REPLY to a request for addresses; None without a request or a pool. Raises Refusal."""
    asked = find(message, CfgType.REQUEST)
    if asked is None:
        if connection.require_config and not sa.pool_addresses:
            raise Refusal(NotifyType.FAILED_CP_REQUIRED, Reason.CONFIG_REQUIRED, "no CFG_REQUEST")
        return None
    pool = engine.pool(connection)
    if pool is None:
        return None
    addresses = sa.pool_addresses or assign(engine, sa, pool, asked)
    attributes = [address_attribute(ipaddress.ip_address(each)) for each in addresses]
    versions = {ipaddress.ip_address(each).version for each in addresses}
    for server in pool.dns:
        parsed = ipaddress.ip_address(server)
        if parsed.version in versions:
            attributes.append(ConfigAttribute(DNS[parsed.version], parsed.packed))
    return ConfigPayload(CfgType.REPLY, tuple(attributes))


def assign(engine: Engine, sa: IkeSa, pool: AddressPool, asked: ConfigPayload) -> tuple[str, ...]:
    """Take what was asked for, at most as many as were asked for. Raises Refusal when nothing is left (3.15.4)."""
    taken: list[str] = []
    for version in (4, 6):
        # A type that is not served at all is ignored; the other one is processed as usual (section 3.15.4).
        if pool.serves(version):
            for value in asked.of(ADDRESS[version])[:ADDRESSES_PER_REQUEST]:
                address = pool.take(version, suggested(version, value))
                if address is not None:
                    taken.append(str(address))
    if not taken:
        raise Refusal(NotifyType.INTERNAL_ADDRESS_FAILURE, Reason.ADDRESS_FAILURE, "no address is free")
    sa.pool_addresses = tuple(taken)
    engine.emit(AddressesAssigned(engine.now, sa.ike_id, local=False, addresses=sa.pool_addresses, dns=pool.dns))
    return sa.pool_addresses


def suggested(version: int, value: bytes) -> Address | None:
    """The address that a non-empty attribute of a request suggests."""
    size = 4 if version == 4 else 16
    return ipaddress.ip_address(value[:size]) if len(value) >= size else None


def address_attribute(address: Address) -> ConfigAttribute:
    """INTERNAL_IP4_ADDRESS, or INTERNAL_IP6_ADDRESS with its prefix length."""
    tail = bytes((IPV6_PREFIX,)) if address.version == 6 else b""
    return ConfigAttribute(ADDRESS[address.version], address.packed + tail)


def accept(engine: Engine, sa: IkeSa, message: Message) -> None:
    """Take the addresses of a CFG_REPLY. An initiator that needs one cannot do without (3.15.4): BadResponse."""
    reply = find(message, CfgType.REPLY)
    addresses: list[str] = []
    servers: list[str] = []
    if reply is not None:
        for version, size in ((4, 4), (6, 16)):
            addresses += [
                str(ipaddress.ip_address(value[:size])) for value in reply.of(ADDRESS[version]) if len(value) >= size
            ]
            servers += [str(ipaddress.ip_address(value)) for value in reply.of(DNS[version]) if len(value) == size]
    if not addresses:
        raise BadResponse(Reason.ADDRESS_FAILURE, "the responder assigned no address")
    sa.addresses = tuple(addresses)
    engine.emit(AddressesAssigned(engine.now, sa.ike_id, local=True, addresses=sa.addresses, dns=tuple(servers)))


def answer_informational(engine: Engine, message: Message) -> tuple[ConfigPayload, ...]:
    """CFG_REQUEST outside Child SA creation: our version (section 2.20); CFG_SET: nothing is accepted."""
    asked = find(message, CfgType.REQUEST)
    if asked is not None:
        attributes = []
        if asked.of(CfgAttribute.APPLICATION_VERSION):
            attributes.append(ConfigAttribute(CfgAttribute.APPLICATION_VERSION, engine.config.name.encode()))
        if asked.of(CfgAttribute.SUPPORTED_ATTRIBUTES):
            supported = (CfgAttribute.APPLICATION_VERSION, *ADDRESS.values(), *DNS.values())
            value = b"".join(int(each).to_bytes(2, "big") for each in supported)
            attributes.append(ConfigAttribute(CfgAttribute.SUPPORTED_ATTRIBUTES, value))
        return (ConfigPayload(CfgType.REPLY, tuple(attributes)),)
    if find(message, CfgType.SET) is not None:
        return (ConfigPayload(CfgType.ACK),)
    return ()
