"""Key derivation of IKEv2 (RFC 7296, sections 2.13, 2.14, 2.17 and 2.18)."""

from dataclasses import dataclass, field

from reference_impl.crypto.cipher import CipherAlgorithm
from reference_impl.crypto.integ import IntegAlgorithm
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.wire.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class IkeKeys:
    """The seven keys of an IKE SA; SK_a* are empty with an AEAD cipher, SK_e* include its salt."""

    sk_d: bytes = field(repr=False)
    sk_ai: bytes = field(repr=False)
    sk_ar: bytes = field(repr=False)
    sk_ei: bytes = field(repr=False)
    sk_er: bytes = field(repr=False)
    sk_pi: bytes = field(repr=False)
    sk_pr: bytes = field(repr=False)


@quick_init
@dataclass(frozen=True, slots=True)
class ChildKeys:
    """The keys of a pair of Child SAs: `_i` protects what the exchange's initiator sends, `_r` the other way."""

    encr_i: bytes = field(repr=False)
    integ_i: bytes = field(repr=False)
    encr_r: bytes = field(repr=False)
    integ_r: bytes = field(repr=False)


def skeyseed(prf: PrfAlgorithm, ni: bytes, nr: bytes, shared: bytes) -> bytes:
    """SKEYSEED = prf(Ni | Nr, g^ir); the AES PRFs take only the first 64 bits of each nonce (section 2.14)."""
    return prf(ni[: prf.seed_nonce_size] + nr[: prf.seed_nonce_size], shared)


def rekey_skeyseed(prf: PrfAlgorithm, sk_d: bytes, shared: bytes, ni: bytes, nr: bytes) -> bytes:
    """SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), with the PRF of the *old* IKE SA (section 2.18)."""
    return prf(sk_d, shared + ni + nr)


def ike_keys(
    prf: PrfAlgorithm,
    seed: bytes,
    ni: bytes,
    nr: bytes,
    spi_i: bytes,
    spi_r: bytes,
    cipher: CipherAlgorithm,
    integ: IntegAlgorithm | None,
) -> IkeKeys:
    """{SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) (section 2.14)."""
    integ_size = 0 if integ is None else integ.key_size
    return IkeKeys(
        *_split(
            prf,
            seed,
            ni + nr + spi_i + spi_r,
            (
                prf.key_size,
                integ_size,
                integ_size,
                cipher.key_size,
                cipher.key_size,
                prf.key_size,
                prf.key_size,
            ),
        )
    )


def child_keys(
    prf: PrfAlgorithm,
    sk_d: bytes,
    ni: bytes,
    nr: bytes,
    cipher: CipherAlgorithm,
    integ: IntegAlgorithm | None,
    shared: bytes = b"",
) -> ChildKeys:
    """KEYMAT = prf+(SK_d, [g^ir (new)] | Ni | Nr), cut as section 2.17 orders it."""
    integ_size = 0 if integ is None else integ.key_size
    return ChildKeys(*_split(prf, sk_d, shared + ni + nr, (cipher.key_size, integ_size, cipher.key_size, integ_size)))


def _split(prf: PrfAlgorithm, key: bytes, seed: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    material = prf.plus(key, seed, sum(sizes))
    parts = []
    start = 0
    for size in sizes:
        parts.append(material[start : start + size])
        start += size
    return parts
