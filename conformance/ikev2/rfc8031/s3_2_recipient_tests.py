"""RFC 8031 section 3.2: public values of Curve25519 and Curve448 that have to be accepted."""

from dataclasses import dataclass

import pytest

from conformance.ikev2.offers import with_group
from conformance.tester import InitExchange, Tester, covers
from conformance.tester.expect import observed
from reference_impl.crypto.ke import KeyExchange, key_exchange
from reference_impl.wire.registries import Group
from reference_impl.wire.simple import KePayload

PRIMES = {Group.CURVE25519: (2**255 - 19, 9), Group.CURVE448: (2**448 - 2**224 - 1, 5)}


@dataclass(slots=True)
class BasePoint:
    """The exchange whose private value is 1: the shared secret is the peer's public value."""

    public: bytes

    def shared(self, peer: bytes) -> bytes:
        """RFC 7748 clamps private values, so 1 is none of them; but the peer's value times 1 is what it has."""
        return peer


def attempt(tester: Tester, init: InitExchange, mine: KeyExchange) -> None:
    """Fail unless the IKE SA comes about with the keys that follow from `mine`."""
    tester.check(init.accepted, "the request is accepted", observed(init.reply))
    init.ke = mine
    found = tester.ike_auth(init)
    tester.check(found.sa is not None, "an IKE SA with the keys of this value", found.problem)


@covers("rfc8031/3.2/top-bit-masked", mutants=["refuses-top-bit"])
def test_top_bit(tester: Tester) -> None:
    """The most significant bit of an X25519 public value is masked: with it, the keys are the same as without."""
    suite = with_group(tester, Group.CURVE25519)
    mine = key_exchange(Group.CURVE25519)
    value = mine.public[:-1] + bytes([mine.public[-1] | 0x80])
    attempt(tester, tester.ike_sa_init(proposals=suite, ke=KePayload(suite.group, value)), mine)


@pytest.mark.parametrize("group", list(PRIMES), ids=lambda group: group.name)
@covers("rfc8031/3.2/non-canonical-accepted", mutants=["refuses-non-canonical"])
def test_non_canonical(tester: Tester, group: Group) -> None:
    """A public value u of p or more is accepted and means u - p."""
    suite = with_group(tester, group)
    prime, base = PRIMES[group]
    value = (prime + base).to_bytes(len(key_exchange(group).public), "little")
    mine = KeyExchange(group, value, BasePoint(value))
    attempt(tester, tester.ike_sa_init(proposals=suite, ke=KePayload(group, value)), mine)
