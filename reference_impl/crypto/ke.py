"""Key exchange methods (transform type 4)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)

from reference_impl.crypto import brainpool224
from reference_impl.crypto.curves import EcpExchange, X448Exchange, X25519Exchange
from reference_impl.crypto.errors import CryptoError, UnsupportedAlgorithm
from reference_impl.crypto.fips203 import MLKEM512PrivateKey, MLKEM512PublicKey
from reference_impl.crypto.mlkem import SEED_SIZE, MlKemExchange, PublicKeyType, encapsulate
from reference_impl.crypto.modp import ModpExchange
from reference_impl.crypto.modp_subgroup import SUBGROUPS, SubgroupExchange
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import Group

Rng = Callable[[int], bytes]


class Exchange(Protocol):
    """What a group's module implements: our public value, and the shared secret with a peer's."""

    @property
    def public(self) -> bytes: ...

    def shared(self, peer: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class KeyExchangeMethod:
    """One group. Sizes in octets; `private_size` is the usual size of a private value.

    `order` is the number of private values in an elliptic-curve group, for an unbiased choice among them, else 0.
    `encapsulation` is set for a KEM, where the responder's value is a ciphertext of `response_size`.
    """

    group: Group
    name: str
    private_size: int
    public_size: int
    make: Callable[[bytes], Exchange]
    order: int = 0
    response_size: int = 0
    encapsulation: PublicKeyType | None = None

    def private_value(self, rng: Rng) -> bytes:
        """A fresh private value from `rng`."""
        if not self.order:
            return rng(self.private_size)
        # 64 extra bits make the bias of the reduction negligible (FIPS 186-5, appendix A.2.1).
        scalar = 1 + int.from_bytes(rng(self.private_size + 8), "big") % (self.order - 1)
        return scalar.to_bytes(self.private_size, "big")


@quick_init
@dataclass(frozen=True, slots=True)
class KeyExchange:
    """Our side of one exchange: send `public`, then call `shared` with what the peer sent."""

    group: Group
    public: bytes
    _exchange: Exchange

    def shared(self, peer: bytes) -> bytes:
        """The shared secret g^ir. Raises InvalidPublicValue for a wrong length or a failed test of RFC 6989."""
        return self._exchange.shared(peer)


def _modp(group: Group, bits: int, private_size: int) -> KeyExchangeMethod:
    return KeyExchangeMethod(group, f"MODP-{bits}", private_size, bits // 8, partial(ModpExchange, bits))


def _subgroup(group: Group, name: str) -> KeyExchangeMethod:
    prime, _, order = SUBGROUPS[name]
    size, private_size = prime.bit_length() // 8, order.bit_length() // 8
    return KeyExchangeMethod(group, name, private_size, size, partial(SubgroupExchange, name), order)


def _ecp(group: Group, curve: ec.EllipticCurve, order: int) -> KeyExchangeMethod:
    size = (curve.key_size + 7) // 8
    return KeyExchangeMethod(group, curve.name, size, 2 * size, partial(EcpExchange, curve), order)


_P192_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831
_P224_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P384_ORDER = 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D
_P521_ORDER = 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7
_BP256_ORDER = 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7
_BP384_ORDER = 0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565
_BP512_ORDER = int(
    "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870"
    "553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069",
    16,
)

# MODP private values have at least twice the strength in bits that NIST SP 800-57 part 1 gives the group.
METHODS: dict[Group, KeyExchangeMethod] = {
    method.group: method
    for method in (
        _modp(Group.MODP_1024, 1024, 32),
        _modp(Group.MODP_1536, 1536, 32),
        _modp(Group.MODP_2048, 2048, 32),
        _modp(Group.MODP_3072, 3072, 32),
        _modp(Group.MODP_4096, 4096, 40),
        _modp(Group.MODP_6144, 6144, 48),
        _modp(Group.MODP_8192, 8192, 56),
        _ecp(Group.ECP_256, ec.SECP256R1(), _P256_ORDER),
        _ecp(Group.ECP_384, ec.SECP384R1(), _P384_ORDER),
        _ecp(Group.ECP_521, ec.SECP521R1(), _P521_ORDER),
        KeyExchangeMethod(
            Group.BRAINPOOL_P224R1,
            "brainpoolP224r1",
            28,
            56,
            brainpool224.Brainpool224Exchange,
            brainpool224.ORDER,
        ),
        _ecp(Group.BRAINPOOL_P256R1, ec.BrainpoolP256R1(), _BP256_ORDER),
        _ecp(Group.BRAINPOOL_P384R1, ec.BrainpoolP384R1(), _BP384_ORDER),
        _ecp(Group.BRAINPOOL_P512R1, ec.BrainpoolP512R1(), _BP512_ORDER),
        KeyExchangeMethod(Group.CURVE25519, "Curve25519", 32, 32, X25519Exchange),
        KeyExchangeMethod(Group.CURVE448, "Curve448", 56, 56, X448Exchange),
        KeyExchangeMethod(
            Group.ML_KEM_768,
            "ML-KEM-768",
            SEED_SIZE,
            1184,
            partial(MlKemExchange, MLKEM768PrivateKey, 1088),
            response_size=1088,
            encapsulation=MLKEM768PublicKey,
        ),
        KeyExchangeMethod(
            Group.ML_KEM_1024,
            "ML-KEM-1024",
            SEED_SIZE,
            1568,
            partial(MlKemExchange, MLKEM1024PrivateKey, 1568),
            response_size=1568,
            encapsulation=MLKEM1024PublicKey,
        ),
        KeyExchangeMethod(
            Group.ML_KEM_512,
            "ML-KEM-512",
            SEED_SIZE,
            800,
            partial(MlKemExchange, MLKEM512PrivateKey, 768),
            response_size=768,
            encapsulation=MLKEM512PublicKey,
        ),
        # RFC 8247, section 2.4: the first two MUST NOT, the others SHOULD NOT be used
        _modp(Group.MODP_768, 768, 32),
        _subgroup(Group.MODP_1024_160, "MODP-1024-160"),
        _subgroup(Group.MODP_2048_224, "MODP-2048-224"),
        _subgroup(Group.MODP_2048_256, "MODP-2048-256"),
        # RFC 5114, sections 2.4 and 2.5
        _ecp(Group.ECP_192, ec.SECP192R1(), _P192_ORDER),
        _ecp(Group.ECP_224, ec.SECP224R1(), _P224_ORDER),
    )
}


def method(group: Group) -> KeyExchangeMethod:
    """The registry entry of this group. Raises UnsupportedAlgorithm."""
    try:
        return METHODS[group]
    except KeyError:
        raise UnsupportedAlgorithm(f"key exchange method {int(group)} is not supported") from None


def public_size(group: Group, *, response: bool = False) -> int:
    """Octets of a public value; with `response`, of what the responder sends, which differs for a KEM."""
    entry = method(group)
    return (response and entry.response_size) or entry.public_size


def key_exchange(group: Group, *, private: bytes | None = None, rng: Rng = os.urandom) -> KeyExchange:
    """Begin an exchange with a given private value, or with a fresh one from `rng`.

    `private` is big-endian for MODP and elliptic-curve groups, the raw key for Curve25519 and Curve448, the seed
    d‖z for ML-KEM, where this is the initiator's side only. Raises UnsupportedAlgorithm, and CryptoError for an
    impossible private value.
    """
    exchange = _begin(method(group), private, rng)
    return KeyExchange(group, exchange.public, exchange)


def _begin(entry: KeyExchangeMethod, private: bytes | None, rng: Rng) -> Exchange:
    value = entry.private_value(rng) if private is None else private
    try:
        return entry.make(value)
    except ValueError as error:
        raise CryptoError(f"{entry.name} cannot use this private value: {error}") from None


def respond(group: Group, peer: bytes, *, private: bytes | None = None, rng: Rng = os.urandom) -> tuple[bytes, bytes]:
    """The responder's side of any method, KEMs included: (value to send, shared secret).

    A KEM draws its randomness from the system, not from `rng`. Raises UnsupportedAlgorithm, InvalidPublicValue.
    """
    entry = method(group)
    if entry.encapsulation is not None:
        return encapsulate(entry.encapsulation, peer)
    ours = _begin(entry, private, rng)
    # first what refuses a bad value, which may cost next to nothing
    shared = ours.shared(peer)
    return ours.public, shared
