"""Public values that a recipient has to refuse, by group (RFC 6989 section 2)."""

from __future__ import annotations

from collections.abc import Callable

from conformance.ikev2.offers import REFUSED, ke_of, try_init
from conformance.tester import Tester
from conformance.tester.expect import accepts_sa
from reference_impl.crypto.ke import key_exchange, public_size
from reference_impl.crypto.modp import prime
from reference_impl.crypto.suite import IkeSuite
from reference_impl.wire.registries import Group
from reference_impl.wire.simple import KePayload

MODP_VALUES: dict[str, Callable[[int], int]] = {
    "zero": lambda p: 0,
    "one": lambda p: 1,
    "p-minus-1": lambda p: p - 1,
    "p": lambda p: p,
    "p-plus-1": lambda p: p + 1,
}


def modp_value(group: Group, name: str) -> bytes:
    """A public value of a MODP group that is out of range, of the group's length."""
    size = public_size(group)
    return MODP_VALUES[name](prime(size * 8)).to_bytes(size, "big")


def _swapped(x: bytes, y: bytes) -> bytes:
    return y + x


CURVE_VALUES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "off-curve": lambda x, y: x + y[:-1] + bytes([y[-1] ^ 1]),
    "zero": lambda x, y: bytes(len(x) + len(y)),
    "coordinates-swapped": _swapped,
    "beyond-field": lambda x, y: b"\xff" * (len(x) + len(y)),
    "x-only": lambda x, y: x,
    "infinity-octet": lambda x, y: b"\0",
    "sec1-prefix": lambda x, y: b"\4" + x + y,
    "cut": lambda x, y: x + y[:-1],
}


def curve_value(group: Group, name: str) -> bytes:
    """A public value of an elliptic curve group that is no encoding of a point of the curve."""
    public = key_exchange(group).public
    half = len(public) // 2
    return CURVE_VALUES[name](public[:half], public[half:])


def expect_value_refused(tester: Tester, suite: IkeSuite, data: bytes, demand: str) -> None:
    """Fail when an IKE_SA_INIT request with this public value is accepted.

    The tests are only recommended for a device that makes a new private value each time: `demand` is the requirement
    that is broken when it uses the same public value twice.
    """
    reply = try_init(tester, proposals=suite, ke=KePayload(suite.group, data))
    if reply is None or not accepts_sa(reply):
        tester.expects(reply, set(REFUSED))
        return
    again = tester.ike_sa_init(proposals=suite)
    reused = again.accepted and ke_of(again.reply).data == ke_of(reply).data
    tester.expects(reply, set(REFUSED), demand if reused else "rfc6989/2/tests-for-all")
