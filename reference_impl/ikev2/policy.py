"""What a connection allows and wants on an IKE SA: selectors, suites, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.wire.registries import Group
from reference_impl.wire.ts import TrafficSelector

from . import selectors

if TYPE_CHECKING:
    from .child_sa import ChildSa
    from .ike_sa import IkeSa

NONCE_SIZE = 32


def local_selectors(sa: IkeSa, replaces: ChildSa | None = None) -> tuple[TrafficSelector, ...]:
    """Our side: the configured selectors, addresses assigned to us, or our own address.

    When rekeying, the scope in use is allowed too, so that it is never narrowed (section 2.9.2).
    """
    configured = sa.settled_connection.local_ts
    if sa.addresses:
        configured = tuple([selectors.host(each) for each in sa.addresses])
    allowed = configured or (selectors.host(sa.local.address),)
    return allowed if replaces is None else (*allowed, *replaces.local_ts)


def remote_selectors(sa: IkeSa, replaces: ChildSa | None = None) -> tuple[TrafficSelector, ...]:
    """The peer's side: addresses that we assigned to it, the configured selectors, or its own address."""
    configured = sa.settled_connection.remote_ts
    if sa.pool_addresses:
        configured = tuple([selectors.host(each) for each in sa.pool_addresses])
    allowed = configured or (selectors.host(sa.remote.address),)
    return allowed if replaces is None else (*allowed, *replaces.remote_ts)


def rekey_suites(configured: Sequence[EspSuite], old: EspSuite) -> tuple[EspSuite, ...]:
    """A rekeyed Child SA should have the algorithms of the old one (section 2.8), its group apart."""

    def core(suite: EspSuite) -> tuple[object, ...]:
        return (suite.encr, suite.key_bits, suite.integ, suite.esn)

    same = tuple([suite for suite in configured if core(suite) == core(old)])
    return same or (old,)


def ike_suites(configured: Sequence[IkeSuite], old: IkeSuite) -> tuple[IkeSuite, ...]:
    """For an IKE SA rekey: the present suite first."""
    return (old, *[suite for suite in configured if suite != old])


def known_group(group: int) -> Group:
    """The registry member of a group number."""
    return Group(group)
