"""What an engine is told before it starts. Plain frozen data: reading files is the gateway's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from cryptography.x509 import Certificate

from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.pki.load import PrivateKey
from reference_impl.wire.registries import AuthMethod, HashAlgorithm
from reference_impl.wire.ts import TrafficSelector

from .identity import Identity


class AuthKind(StrEnum):
    """How one side proves its identity."""

    PSK = "psk"
    PUBKEY = "pubkey"


class Mode(StrEnum):
    """Which encapsulation modes a connection takes part in; negotiated Child SAs are TUNNEL or TRANSPORT."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"
    ANY = "any"


class Unique(StrEnum):
    """Whether a new IKE SA of the same identities replaces the old one even without INITIAL_CONTACT."""

    NEVER = "never"
    REPLACE = "replace"


class Encapsulation(StrEnum):
    """AUTO: UDP encapsulation when a NAT was detected; ALWAYS: claim a NAT in one's own NAT_DETECTION hash."""

    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """Credentials of one side of a connection.

    Local side: ``psk``, or ``private_key`` with ``certificates`` (end entity first, then intermediates).
    Remote side: ``psk``, or ``trust_anchors``. ``hash_algorithms`` are those for RFC 7427, best first;
    without ``use_rfc7427`` they are not announced and a local key signs with its classic method (RSA 1,
    ECDSA 9 to 11). ``methods`` restricts what the remote side may use; empty: all methods of its kind.
    """

    kind: AuthKind
    psk: bytes = field(default=b"", repr=False)
    private_key: PrivateKey | None = field(default=None, repr=False)
    certificates: tuple[Certificate, ...] = ()
    trust_anchors: tuple[Certificate, ...] = ()
    hash_algorithms: tuple[HashAlgorithm, ...] = (
        HashAlgorithm.SHA2_256,
        HashAlgorithm.SHA2_384,
        HashAlgorithm.SHA2_512,
        HashAlgorithm.IDENTITY,
    )
    use_rfc7427: bool = True
    methods: tuple[AuthMethod, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Limits in seconds, octets and packets; 0 means none. Soft limits start a rekey, hard limits a delete."""

    ike_soft: float = 3 * 3600.0
    ike_hard: float = 4 * 3600.0
    child_soft: float = 3000.0
    child_hard: float = 3600.0
    child_soft_bytes: int = 0
    child_hard_bytes: int = 0
    child_soft_packets: int = 0
    child_hard_packets: int = 0
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Addresses a responder hands out by configuration payload: networks in CIDR form, DNS servers as text."""

    networks: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One peer relation: who, how they prove it, and what they may exchange.

    ``remote_id`` None accepts any identity; ``remote_address`` None any address. An empty ``local_ts`` or
    ``remote_ts`` stands for the endpoint's own address (host to host). ``request_addresses`` names the IP
    versions (4, 6) for which the initiator asks an internal address; ``pool`` makes the responder hand them
    out, ``require_config`` makes it insist (FAILED_CP_REQUIRED). ``fragment_size`` is the largest IP datagram in
    octets; 0 takes RFC 7383's 576 for IPv4 and 1280 for IPv6. ``single_pair``: one Child SA per address pair.
    """

    name: str
    local_auth: AuthConfig
    remote_auth: AuthConfig
    local_id: Identity
    remote_id: Identity | None = None
    local_address: str = ""
    remote_address: str | None = None
    remote_port: int = 500
    remote_natt_port: int = 4500
    ike: tuple[IkeSuite, ...] = ()
    esp: tuple[EspSuite, ...] = ()
    local_ts: tuple[TrafficSelector, ...] = ()
    remote_ts: tuple[TrafficSelector, ...] = ()
    mode: Mode = Mode.TUNNEL
    pool: PoolConfig | None = None
    require_config: bool = False
    request_addresses: tuple[int, ...] = ()
    encapsulation: Encapsulation = Encapsulation.AUTO
    fragmentation: bool = True
    fragment_size: int = 0
    lifetimes: Lifetimes = Lifetimes()
    unique: Unique = Unique.NEVER
    send_initial_contact: bool = True
    send_remote_id: bool = True
    max_children: int = 64
    liveness_interval: float = 0.0
    tfc_padding: bool = False
    single_pair: bool = False


@dataclass(frozen=True, slots=True)
class RetransmitPolicy:
    """A request goes out again after initial, initial·factor, initial·factor² … seconds, ``tries`` times in all."""

    initial: float = 1.0
    factor: float = 1.8
    tries: int = 6
    ceiling: float = 60.0


def system_time() -> datetime:
    """The time of day, for certificates."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The whole engine. Every limit is an upper bound on memory that a stranger can make the engine use.

    ``address`` is the local address of connections without one. ``ike_port`` and ``natt_port`` are the local
    ports that the shell has bound: messages on ``natt_port`` have the non-ESP marker. ``wall_clock`` tells the
    time of day for certificate validity.
    """

    connections: tuple[ConnectionConfig, ...] = ()
    name: str = "ikeproof"
    address: str = ""
    ike_port: int = 500
    natt_port: int = 4500
    cookie_threshold: int = 32
    cookie_secret_lifetime: float = 60.0
    half_open_limit: int = 1024
    half_open_timeout: float = 30.0
    ike_sa_limit: int = 10_000
    retransmit: RetransmitPolicy = RetransmitPolicy()
    keepalive: float = 20.0
    window_size: int = 1
    fragment_limit: int = 64
    fragment_octets: int = 64 * 1024
    fragment_timeout: float = 15.0
    message_limit: int = 64 * 1024
    event_limit: int = 10_000
    output_limit: int = 10_000
    reply_rate: float = 20.0
    reply_burst: int = 100
    temporary_failure_retry: float = 5.0
    temporary_failure_limit: float = 180.0
    linger: float = 30.0
    notify_invalid_message_id: bool = False
    wall_clock: Callable[[], datetime] = system_time
    vendor_ids: tuple[bytes, ...] = ()
