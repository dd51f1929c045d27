"""What the engine tells its owner. Every event is frozen, carries the time ``at`` and can be read without the engine.

``ike_id`` and ``child_id`` are engine-wide numbers that are never used twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reference_impl.crypto.kdf import IkeKeys
from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import AuthMethod, NotifyType
from reference_impl.wire.ts import TrafficSelector

from .config import Mode
from .endpoint import Endpoint
from .identity import Identity


class Reason(StrEnum):
    """Why a datagram, message or payload was not acted upon, or an SA was refused or removed."""

    # datagrams
    NOT_IKE = "not-ike"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    MAJOR_VERSION = "major-version"
    UNKNOWN_SPI = "unknown-spi"
    WRONG_INITIATOR_FLAG = "wrong-initiator-flag"
    INTEGRITY = "integrity"
    NOT_PROTECTED = "not-protected"
    BAD_PADDING = "bad-padding"
    OVERLOAD = "overload"
    INTERNAL = "internal-error"
    # message IDs
    OLD_MESSAGE_ID = "old-message-id"
    OUTSIDE_WINDOW = "outside-window"
    UNEXPECTED_RESPONSE = "unexpected-response"
    RETRANSMISSION = "retransmission"
    # fragments
    FRAGMENT_INVALID = "fragment-invalid"
    FRAGMENT_DUPLICATE = "fragment-duplicate"
    FRAGMENT_OBSOLETE = "fragment-obsolete"
    FRAGMENT_LIMIT = "fragment-limit"
    FRAGMENT_TIMEOUT = "fragment-timeout"
    # contents
    UNEXPECTED_EXCHANGE = "unexpected-exchange"
    INVALID_SYNTAX = "invalid-syntax"
    CRITICAL_PAYLOAD = "unsupported-critical-payload"
    MISSING_PAYLOAD = "missing-payload"
    DUPLICATE_PAYLOAD = "duplicate-payload"
    NONCE_LENGTH = "nonce-length"
    COOKIE_WRONG = "cookie-wrong"
    COOKIE_REQUIRED = "cookie-required"
    NO_PROPOSAL_CHOSEN = "no-proposal-chosen"
    PROPOSAL_MISMATCH = "proposal-mismatch"
    KE_GROUP = "ke-group"
    KE_VALUE = "ke-value"
    NO_CONNECTION = "no-connection"
    AUTHENTICATION = "authentication-failed"
    CERTIFICATE = "certificate"
    TS_UNACCEPTABLE = "ts-unacceptable"
    SINGLE_PAIR_REQUIRED = "single-pair-required"
    CONFIG_REQUIRED = "config-required"
    ADDRESS_FAILURE = "internal-address-failure"
    NO_ADDITIONAL_SAS = "no-additional-sas"
    CHILD_NOT_FOUND = "child-sa-not-found"
    TEMPORARY_FAILURE = "temporary-failure"
    UNAUTHENTICATED_NOTIFY = "unauthenticated-notify"
    ERROR_NOTIFY = "error-notify"
    MODE_MISMATCH = "mode-mismatch"
    # ends of SAs
    COMMAND = "command"
    DELETED_BY_PEER = "deleted-by-peer"
    REKEYED = "rekeyed"
    REDUNDANT = "redundant"
    EXPIRED = "expired"
    TIMEOUT = "timeout"
    PARENT_GONE = "parent-gone"
    INITIAL_CONTACT = "initial-contact"
    REPLACED = "replaced"


@quick_init
@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; ``at`` is the engine time in seconds."""

    at: float


@quick_init
@dataclass(frozen=True, slots=True)
class IkeEstablished(Event):
    """An IKE SA is authenticated, or came out of a rekey (then ``replaces`` is the old ``ike_id``)."""

    ike_id: int
    connection: str
    initiator: bool
    spi_i: bytes
    spi_r: bytes
    local: Endpoint
    remote: Endpoint
    local_id: Identity
    remote_id: Identity
    suite: IkeSuite
    keys: IkeKeys = field(repr=False)
    nat_local: bool = False
    nat_remote: bool = False
    fragmentation: bool = False
    auth_method: AuthMethod | None = None
    replaces: int | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class IkeKeysDerived(Event):
    """SK_* keys exist (before authentication): enough for a key log that opens the IKE_AUTH messages too."""

    ike_id: int
    spi_i: bytes
    spi_r: bytes
    suite: IkeSuite
    keys: IkeKeys = field(repr=False)


@quick_init
@dataclass(frozen=True, slots=True)
class IkeRemoved(Event):
    """An established IKE SA is gone, and its Child SAs with it unless another IKE SA inherited them."""

    ike_id: int
    connection: str
    spi_i: bytes
    spi_r: bytes
    reason: Reason
    detail: str = ""


@quick_init
@dataclass(frozen=True, slots=True)
class IkeFailed(Event):
    """An IKE SA did not come into being. ``notify`` is the peer's error, if it sent one."""

    ike_id: int
    connection: str
    initiator: bool
    reason: Reason
    detail: str = ""
    notify: NotifyType | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class ChildInstalled(Event):
    """Install a pair of ESP SAs. SPIs are 4 octets; keys are octets including any salt.

    ``encapsulate``: send ESP in UDP between ``local`` and ``remote`` (the NAT traversal ports); otherwise
    those ports mean nothing to ESP. ``replaces``: the ``child_id`` that this one rekeys. While ``send`` is
    false keep sending on the replaced SA until a ChildOutbound event names this one (RFC 7296 section 2.8).
    """

    child_id: int
    ike_id: int
    connection: str
    initiator: bool
    spi_in: bytes
    spi_out: bytes
    suite: EspSuite
    encr_key_in: bytes = field(repr=False)
    integ_key_in: bytes = field(repr=False)
    encr_key_out: bytes = field(repr=False)
    integ_key_out: bytes = field(repr=False)
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    mode: Mode
    esn: bool
    encapsulate: bool
    local: Endpoint
    remote: Endpoint
    replaces: int | None = None
    send: bool = True
    tfc_padding: bool = False


@quick_init
@dataclass(frozen=True, slots=True)
class ChildOutbound(Event):
    """Start sending on this Child SA: the peer is known to be ready to receive on it."""

    child_id: int


@quick_init
@dataclass(frozen=True, slots=True)
class ChildRemoved(Event):
    """Remove a pair of ESP SAs."""

    child_id: int
    ike_id: int
    spi_in: bytes
    spi_out: bytes
    reason: Reason


@quick_init
@dataclass(frozen=True, slots=True)
class ChildFailed(Event):
    """A Child SA was refused or could not be agreed; the IKE SA stays."""

    ike_id: int
    connection: str
    initiator: bool
    reason: Reason
    detail: str = ""
    notify: NotifyType | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class ChildMoved(Event):
    """A Child SA has a new IKE SA above it (after an IKE rekey)."""

    child_id: int
    ike_id: int


@quick_init
@dataclass(frozen=True, slots=True)
class ChildEndpoints(Event):
    """The outer addresses of a Child SA changed (a NAT gave the peer another mapping)."""

    child_id: int
    encapsulate: bool
    local: Endpoint
    remote: Endpoint


@quick_init
@dataclass(frozen=True, slots=True)
class PeerMoved(Event):
    """Authenticated packets come from another address or port than before (RFC 7296 section 2.23)."""

    ike_id: int
    old: Endpoint
    new: Endpoint


@quick_init
@dataclass(frozen=True, slots=True)
class AddressesAssigned(Event):
    """Configuration payload result: textual internal addresses and DNS servers. ``local`` true: ours."""

    ike_id: int
    local: bool
    addresses: tuple[str, ...]
    dns: tuple[str, ...] = ()


@quick_init
@dataclass(frozen=True, slots=True)
class NotifyReceived(Event):
    """An authenticated notification that did not change the engine's state."""

    ike_id: int
    notify: NotifyType
    data: bytes = b""


@quick_init
@dataclass(frozen=True, slots=True)
class LivenessConfirmed(Event):
    """The peer answered a liveness check."""

    ike_id: int


@quick_init
@dataclass(frozen=True, slots=True)
class Rejected(Event):
    """Something was received and not accepted."""

    reason: Reason
    detail: str
    local: Endpoint
    remote: Endpoint
    ike_id: int | None = None
