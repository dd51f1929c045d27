"""Which connection a peer belongs to: by addresses, by suite, at last by identities and kind of authentication."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.registries import AuthMethod

from .config import AuthKind, ConnectionConfig, Encapsulation
from .identity import Identity
from .messages import Path


def by_addresses(connections: Iterable[ConnectionConfig], path: Path) -> tuple[ConnectionConfig, ...]:
    """The connections whose addresses allow this path, in the order of the configuration."""
    return tuple(
        [
            each
            for each in connections
            if (not each.local_address or same_address(each.local_address, path.local.address))
            and (each.remote_address is None or address_matches(each.remote_address, path.remote.address))
        ]
    )


def same_address(configured: str, seen: str) -> bool:
    """Addresses compare by value, not by spelling."""
    return configured == seen or ipaddress.ip_address(configured) == ipaddress.ip_address(seen)


def address_matches(configured: str, seen: str) -> bool:
    """``configured`` is an address or a network in CIDR form."""
    if "/" in configured:
        return ipaddress.ip_address(seen) in ipaddress.ip_network(configured)
    return same_address(configured, seen)


def ike_policy(candidates: Sequence[ConnectionConfig]) -> tuple[IkeSuite, ...]:
    """All suites that some candidate allows, without repetitions."""
    return _ike_policy(tuple([each.ike for each in candidates]))


@lru_cache(maxsize=256)
def _ike_policy(suites: tuple[tuple[IkeSuite, ...], ...]) -> tuple[IkeSuite, ...]:
    return tuple(dict.fromkeys(suite for each in suites for suite in each))


def by_suite(candidates: Sequence[ConnectionConfig], suite: IkeSuite) -> tuple[ConnectionConfig, ...]:
    """The candidates that allow the chosen suite; a longer key than configured is allowed (section 3.3.5)."""
    return tuple([each for each in candidates if any(suite_is_allowed(suite, allowed) for allowed in each.ike)])


def suite_is_allowed(suite: IkeSuite, allowed: IkeSuite) -> bool:
    """Equal, or equal but for a longer key."""
    if suite == allowed:
        return True
    return (
        (suite.encr, suite.integ, suite.prf, suite.group) == (allowed.encr, allowed.integ, allowed.prf, allowed.group)
        and suite.key_bits is not None
        and allowed.key_bits is not None
        and suite.key_bits > allowed.key_bits
    )


def claims_nat(candidates: Sequence[ConnectionConfig]) -> bool:
    """Whether UDP encapsulation is wanted without any NAT."""
    return any(each.encapsulation is Encapsulation.ALWAYS for each in candidates)


def by_identity(
    candidates: Sequence[ConnectionConfig], peer: Identity, wanted: Identity | None, method: AuthMethod
) -> ConnectionConfig | None:
    """The first candidate that knows the peer's identity, has the one the peer asks for and fits its method."""
    exact: ConnectionConfig | None = None
    for each in candidates:
        if not (remote_id_matches(each, peer) and local_id_matches(each, wanted) and method_fits(each, method)):
            continue
        if each.remote_id is not None:
            return each
        exact = exact or each
    return exact


def remote_id_matches(connection: ConnectionConfig, peer: Identity) -> bool:
    """A connection without a remote identity takes any that its credentials prove."""
    return connection.remote_id is None or connection.remote_id == peer


def local_id_matches(connection: ConnectionConfig, wanted: Identity | None) -> bool:
    """IDr in the request asks for one of our identities (section 1.2)."""
    return wanted is None or connection.local_id == wanted


def method_fits(connection: ConnectionConfig, method: AuthMethod) -> bool:
    """Shared key with shared key, signature with public key."""
    auth = connection.remote_auth
    if auth.methods and method not in auth.methods:
        return False
    return (auth.kind is AuthKind.PSK) == (method == AuthMethod.SHARED_KEY_MIC)
