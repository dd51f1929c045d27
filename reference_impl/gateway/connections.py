"""`[[connection]]` tables of the configuration."""

from __future__ import annotations

import ipaddress
import re

from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.suite import EspSuite, IkeSuite, parse_esp, parse_ike
from reference_impl.ikev2.config import ConnectionConfig, Encapsulation, Lifetimes, Mode, PoolConfig, Unique
from reference_impl.ikev2.identity import Identity, parse_identity
from reference_impl.wire.registries import IpProtocol
from reference_impl.wire.ts import TrafficSelector

from .credentials import read_local_auth, read_remote_auth
from .tables import Table

DEFAULT_IKE = (
    "aes256gcm16-prfsha384-ecp384",
    "aes128gcm16-prfsha256-curve25519",
    "aes256-sha256-modp2048",
)
DEFAULT_ESP = ("aes256gcm16", "aes128gcm16", "aes256-sha256")
_SELECTOR = re.compile(r"(?P<network>[^\[\]]+?)(\[(?P<protocol>[a-z0-9-]+)(/(?P<ports>opaque|\d+(-\d+)?))?\])?", re.I)
# the part of a volume limit at which a rekey starts when only the hard limit is given
_SOFT_PART = 0.8


def read_connection(table: Table, *, remote_ports: tuple[int, int], liveness: float) -> ConnectionConfig:
    """One connection. `liveness`: seconds of silence for connections that set no `dpd` of their own."""
    auth = table.table("auth")
    local_auth, remote_auth = read_local_auth(auth.table("local")), read_remote_auth(auth.table("remote"))
    auth.finish()
    pool = table.texts("pool", (), single=True)
    for network in pool:
        table.convert("pool", ipaddress.ip_network, network)
    dns = table.texts("dns", ())
    for server in dns:
        table.convert("dns", ipaddress.ip_address, server)
    connection = ConnectionConfig(
        name=table.text("name"),
        local_auth=local_auth,
        remote_auth=remote_auth,
        local_id=table.parsed("local_id", parse_identity),
        remote_id=table.parsed("remote_id", _remote_identity, None),
        local_address=table.parsed("local_address", _address, ""),
        remote_address=table.parsed("remote_address", _remote_address, None),
        remote_port=table.integer("remote_port", remote_ports[0], low=1, high=65535),
        remote_natt_port=table.integer("remote_natt_port", remote_ports[1], low=1, high=65535),
        ike=_ike_suites(table),
        esp=_esp_suites(table),
        local_ts=_selectors(table, "local_ts"),
        remote_ts=_selectors(table, "remote_ts"),
        mode=Mode(table.choice("mode", list(Mode), Mode.TUNNEL)),
        pool=PoolConfig(pool, dns) if pool else None,
        require_config=table.flag("require_config", False),
        request_addresses=_request_addresses(table),
        encapsulation=Encapsulation(table.choice("encap", list(Encapsulation), Encapsulation.AUTO)),
        fragmentation=table.flag("fragmentation", True),
        fragment_size=_fragment_size(table),
        lifetimes=_lifetimes(table.table("lifetimes", {})),
        unique=Unique(table.choice("unique", list(Unique), Unique.NEVER)),
        send_initial_contact=table.flag("initial_contact", True),
        send_remote_id=table.flag("send_remote_id", True),
        max_children=table.integer("max_children", 64, low=1, high=10_000),
        liveness_interval=table.number("dpd", liveness),
        tfc_padding=table.flag("tfc_padding", False),
        single_pair=table.flag("single_pair", False),
    )
    if dns and not pool:
        raise table.error("dns", "needs a pool")
    table.finish()
    return connection


def parse_selector(text: str) -> TrafficSelector:
    """`10.1.0.0/24`, `10.0.0.1-10.0.0.9`, `10.1.0.0/24[udp/53]`, `0.0.0.0/0[icmp]`, `…[tcp/1024-65535]`.

    Ports `opaque` stand for fragments that show none. Raises ValueError.
    """
    match = _SELECTOR.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not NETWORK or NETWORK[PROTOCOL/PORTS]")
    protocol = _protocol(match["protocol"]) if match["protocol"] else 0
    ports = (0, 65535)
    if match["ports"]:
        if protocol == 0:
            raise ValueError(f"{text!r}: ports need a protocol")
        low, _, high = match["ports"].partition("-")
        ports = (65535, 0) if low.lower() == "opaque" else (int(low), int(high or low))
        if low.lower() != "opaque" and not ports[0] <= ports[1] <= 65535:
            raise ValueError(f"{text!r}: not a port range")
    return TrafficSelector.from_network(match["network"], protocol, ports)


def _protocol(word: str) -> int:
    names = {"icmpv6": "IPV6_ICMP", "ipv6-icmp": "IPV6_ICMP"}
    name = names.get(word.lower(), word.upper().replace("-", "_"))
    if name in IpProtocol.__members__:
        return int(IpProtocol[name])
    if word.isdigit() and int(word) <= 255:
        return int(word)
    raise ValueError(f"{word!r} is not an IP protocol: use a number or a name such as tcp, udp, icmp")


def _remote_identity(text: str) -> Identity | None:
    return None if text == "*" else parse_identity(text)


def _remote_address(text: str) -> str | None:
    if text == "any":
        return None
    if "/" in text:
        ipaddress.ip_network(text)
    else:
        ipaddress.ip_address(text)
    return text


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _ike_suites(table: Table) -> tuple[IkeSuite, ...]:
    return tuple(table.convert("ike", _ike_suite, text) for text in _not_empty(table, "ike", DEFAULT_IKE))


def _esp_suites(table: Table) -> tuple[EspSuite, ...]:
    return tuple(table.convert("esp", _esp_suite, text) for text in _not_empty(table, "esp", DEFAULT_ESP))


def _ike_suite(text: str) -> IkeSuite:
    try:
        return parse_ike(text)
    except CryptoError as error:
        raise ValueError(str(error)) from None


def _esp_suite(text: str) -> EspSuite:
    try:
        return parse_esp(text)
    except CryptoError as error:
        raise ValueError(str(error)) from None


def _not_empty(table: Table, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    texts = table.texts(name, default)
    if not texts:
        raise table.error(name, "the list is empty")
    return texts


def _selectors(table: Table, name: str) -> tuple[TrafficSelector, ...]:
    """Empty, or `["dynamic"]`, stands for the endpoint's own address."""
    texts = table.texts(name, (), single=True)
    if texts == ("dynamic",):
        return ()
    return tuple(table.convert(name, parse_selector, text) for text in texts)


def _request_addresses(table: Table) -> tuple[int, ...]:
    value = table.raw("request_addresses", [])
    if not isinstance(value, list) or not all(item in (4, 6) for item in value):
        raise table.error("request_addresses", "expected a list of 4 and 6")
    return tuple(value)


def _fragment_size(table: Table) -> int:
    """Octets of an IP datagram; 0: RFC 7383's default."""
    size = table.integer("fragment_size", 0, high=65535)
    if 0 < size < 200:
        raise table.error("fragment_size", f"{size} is neither 0 nor at least 200")
    return size


def _lifetimes(table: Table) -> Lifetimes:
    plain = Lifetimes()
    octets, packets = table.integer("child_bytes", 0), table.integer("child_packets", 0)
    limits = Lifetimes(
        ike_soft=table.number("ike_soft", plain.ike_soft),
        ike_hard=table.number("ike_hard", plain.ike_hard),
        child_soft=table.number("child_soft", plain.child_soft),
        child_hard=table.number("child_hard", plain.child_hard),
        child_soft_bytes=table.integer("child_soft_bytes", int(octets * _SOFT_PART)),
        child_hard_bytes=octets,
        child_soft_packets=table.integer("child_soft_packets", int(packets * _SOFT_PART)),
        child_hard_packets=packets,
        jitter=table.number("jitter", plain.jitter, high=1.0),
    )
    for soft, hard in (("ike_soft", "ike_hard"), ("child_soft", "child_hard")):
        low, high = getattr(limits, soft), getattr(limits, hard)
        if low and high and low > high:
            raise table.error(soft, f"{low:g} s is after {hard} at {high:g} s")
    table.finish()
    return limits
