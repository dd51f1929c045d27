"""Algorithm suites of IKE and ESP, and their spelling with strongSwan's proposal keywords."""

from dataclasses import dataclass
from typing import TypeVar

from reference_impl.crypto.cipher import CipherAlgorithm, cipher
from reference_impl.crypto.errors import UnsupportedAlgorithm
from reference_impl.crypto.integ import IntegAlgorithm, integ
from reference_impl.crypto.prf import PrfAlgorithm, prf
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import Encr, Group, Integ, Prf

_AES = (128, 192, 256)

# The first keyword of a value is the one that is written.
ENCR_KEYWORDS: dict[str, tuple[Encr, int | None]] = {
    **{f"aes{bits}": (Encr.AES_CBC, bits) for bits in _AES},
    **{f"aes{bits}ctr": (Encr.AES_CTR, bits) for bits in _AES},
    **{f"aes{bits}gcm16": (Encr.AES_GCM_16, bits) for bits in _AES},
    **{f"aes{bits}gcm12": (Encr.AES_GCM_12, bits) for bits in _AES},
    **{f"aes{bits}gcm8": (Encr.AES_GCM_8, bits) for bits in _AES},
    **{f"aes{bits}ccm16": (Encr.AES_CCM_16, bits) for bits in _AES},
    **{f"aes{bits}ccm12": (Encr.AES_CCM_12, bits) for bits in _AES},
    **{f"aes{bits}ccm8": (Encr.AES_CCM_8, bits) for bits in _AES},
    **{f"aes{bits}gmac": (Encr.NULL_AUTH_AES_GMAC, bits) for bits in _AES},
    **{f"camellia{bits}": (Encr.CAMELLIA_CBC, bits) for bits in _AES},
    "chacha20poly1305": (Encr.CHACHA20_POLY1305, None),
    "3des": (Encr.TRIPLE_DES, None),
    "des": (Encr.DES, None),
    **{f"camellia{bits}ctr": (Encr.CAMELLIA_CTR, bits) for bits in _AES},
    **{f"camellia{bits}ccm16": (Encr.CAMELLIA_CCM_16, bits) for bits in _AES},
    **{f"camellia{bits}ccm12": (Encr.CAMELLIA_CCM_12, bits) for bits in _AES},
    **{f"camellia{bits}ccm8": (Encr.CAMELLIA_CCM_8, bits) for bits in _AES},
    # strongSwan has no keywords for these
    **{f"aes{bits}gcm16iiv": (Encr.AES_GCM_16_IIV, bits) for bits in _AES},
    **{f"aes{bits}ccm8iiv": (Encr.AES_CCM_8_IIV, bits) for bits in _AES},
    "chacha20poly1305iiv": (Encr.CHACHA20_POLY1305_IIV, None),
    "null": (Encr.NULL, None),
    "aes": (Encr.AES_CBC, 128),
    **{f"aes{bits}gcm": (Encr.AES_GCM_16, bits) for bits in _AES},
    **{f"aes{bits}gcm128": (Encr.AES_GCM_16, bits) for bits in _AES},
    **{f"aes{bits}gcm96": (Encr.AES_GCM_12, bits) for bits in _AES},
    **{f"aes{bits}gcm64": (Encr.AES_GCM_8, bits) for bits in _AES},
    **{f"aes{bits}ccm128": (Encr.AES_CCM_16, bits) for bits in _AES},
    **{f"aes{bits}ccm96": (Encr.AES_CCM_12, bits) for bits in _AES},
    **{f"aes{bits}ccm64": (Encr.AES_CCM_8, bits) for bits in _AES},
}
INTEG_KEYWORDS: dict[str, Integ] = {
    "sha1": Integ.HMAC_SHA1_96,
    "md5": Integ.HMAC_MD5_96,
    "sha256": Integ.HMAC_SHA2_256_128,
    "sha384": Integ.HMAC_SHA2_384_192,
    "sha512": Integ.HMAC_SHA2_512_256,
    "aesxcbc": Integ.AES_XCBC_96,
    "aescmac": Integ.AES_CMAC_96,
    "sha": Integ.HMAC_SHA1_96,
    "sha2_256": Integ.HMAC_SHA2_256_128,
    "sha2_384": Integ.HMAC_SHA2_384_192,
    "sha2_512": Integ.HMAC_SHA2_512_256,
}
PRF_KEYWORDS: dict[str, Prf] = {
    "prfsha1": Prf.HMAC_SHA1,
    "prfmd5": Prf.HMAC_MD5,
    "prfsha256": Prf.HMAC_SHA2_256,
    "prfsha384": Prf.HMAC_SHA2_384,
    "prfsha512": Prf.HMAC_SHA2_512,
    "prfaesxcbc": Prf.AES128_XCBC,
    "prfaescmac": Prf.AES128_CMAC,
}
GROUP_KEYWORDS: dict[str, Group] = {
    "modp768": Group.MODP_768,
    "modp1024": Group.MODP_1024,
    "modp1536": Group.MODP_1536,
    "modp2048": Group.MODP_2048,
    "modp3072": Group.MODP_3072,
    "modp4096": Group.MODP_4096,
    "modp6144": Group.MODP_6144,
    "modp8192": Group.MODP_8192,
    "modp1024s160": Group.MODP_1024_160,
    "modp2048s224": Group.MODP_2048_224,
    "modp2048s256": Group.MODP_2048_256,
    "ecp192": Group.ECP_192,
    "ecp224": Group.ECP_224,
    "ecp256": Group.ECP_256,
    "ecp384": Group.ECP_384,
    "ecp521": Group.ECP_521,
    "ecp224bp": Group.BRAINPOOL_P224R1,
    "ecp256bp": Group.BRAINPOOL_P256R1,
    "ecp384bp": Group.BRAINPOOL_P384R1,
    "ecp512bp": Group.BRAINPOOL_P512R1,
    "curve25519": Group.CURVE25519,
    "curve448": Group.CURVE448,
    "mlkem512": Group.ML_KEM_512,
    "mlkem768": Group.ML_KEM_768,
    "mlkem1024": Group.ML_KEM_1024,
    "x25519": Group.CURVE25519,
    "x448": Group.CURVE448,
}
# The PRF that a suite without a prf keyword takes from its integrity algorithm.
_PRF_OF_INTEG: dict[Integ, Prf] = {
    Integ.HMAC_SHA1_96: Prf.HMAC_SHA1,
    Integ.HMAC_MD5_96: Prf.HMAC_MD5,
    Integ.HMAC_SHA2_256_128: Prf.HMAC_SHA2_256,
    Integ.HMAC_SHA2_384_192: Prf.HMAC_SHA2_384,
    Integ.HMAC_SHA2_512_256: Prf.HMAC_SHA2_512,
    Integ.AES_XCBC_96: Prf.AES128_XCBC,
    Integ.AES_CMAC_96: Prf.AES128_CMAC,
}

_Value = TypeVar("_Value")


@quick_init
@dataclass(frozen=True, slots=True)
class IkeSuite:
    """The algorithms of one IKE SA. `key_bits` is the Key Length attribute, `integ` is NONE with an AEAD cipher."""

    encr: Encr
    key_bits: int | None
    integ: Integ
    prf: Prf
    group: Group

    def cipher_algorithm(self) -> CipherAlgorithm:
        """The cipher. Raises UnsupportedAlgorithm, as the next two do."""
        return cipher(self.encr, self.key_bits)

    def integ_algorithm(self) -> IntegAlgorithm | None:
        """The integrity algorithm; None with an AEAD cipher."""
        return None if self.integ == Integ.NONE else integ(self.integ)

    def prf_algorithm(self) -> PrfAlgorithm:
        """The PRF."""
        return prf(self.prf)

    def __str__(self) -> str:
        words = [_keyword(ENCR_KEYWORDS, (self.encr, self.key_bits))]
        if self.integ != Integ.NONE:
            words.append(_keyword(INTEG_KEYWORDS, self.integ))
        if self.integ == Integ.NONE or _PRF_OF_INTEG.get(self.integ) != self.prf:
            words.append(_keyword(PRF_KEYWORDS, self.prf))
        return "-".join([*words, _keyword(GROUP_KEYWORDS, self.group)])


@quick_init
@dataclass(frozen=True, slots=True)
class EspSuite:
    """The algorithms of one pair of ESP SAs. `group` is the one for perfect forward secrecy, or None."""

    encr: Encr
    key_bits: int | None
    integ: Integ = Integ.NONE
    esn: bool = False
    group: Group | None = None

    def cipher_algorithm(self) -> CipherAlgorithm:
        """The cipher. Raises UnsupportedAlgorithm, as the next one does."""
        return cipher(self.encr, self.key_bits)

    def integ_algorithm(self) -> IntegAlgorithm | None:
        """The integrity algorithm; None with an AEAD cipher."""
        return None if self.integ == Integ.NONE else integ(self.integ)

    def __str__(self) -> str:
        words = [_keyword(ENCR_KEYWORDS, (self.encr, self.key_bits))]
        if self.integ != Integ.NONE:
            words.append(_keyword(INTEG_KEYWORDS, self.integ))
        if self.group is not None:
            words.append(_keyword(GROUP_KEYWORDS, self.group))
        if self.esn:
            words.append("esn")
        return "-".join(words)


def parse_ike(text: str) -> IkeSuite:
    """`aes256gcm16-prfsha384-ecp384`, `aes128-sha256-modp2048` … Raises UnsupportedAlgorithm.

    Without a prf keyword the PRF is the one that belongs to the integrity algorithm.
    """
    words = _Words(text)
    encr, key_bits, integrity = words.cipher()
    if encr == Encr.NULL:
        raise UnsupportedAlgorithm(f"{text!r}: IKE is never protected with NULL encryption")
    if cipher(encr, key_bits).implicit_iv:
        raise UnsupportedAlgorithm(f"{text!r}: an implicit IV is for ESP alone (RFC 8750, section 7)")
    function = words.take(PRF_KEYWORDS) or _PRF_OF_INTEG.get(integrity)
    if function is None:
        raise UnsupportedAlgorithm(f"{text!r} needs a PRF, for example prfsha256")
    group = words.take(GROUP_KEYWORDS)
    if group is None:
        raise UnsupportedAlgorithm(f"{text!r} needs a key exchange method, for example ecp256")
    words.finish()
    return IkeSuite(encr, key_bits, integrity, function, group)


def parse_esp(text: str) -> EspSuite:
    """`aes256gcm16`, `aes128-sha256-modp2048-esn` … Raises UnsupportedAlgorithm that names the offending word."""
    words = _Words(text)
    encr, key_bits, integrity = words.cipher()
    group = words.take(GROUP_KEYWORDS)
    esn = words.take({"esn": True, "noesn": False}) or False
    words.finish()
    return EspSuite(encr, key_bits, integrity, esn, group)


class _Words:
    def __init__(self, text: str) -> None:
        self._text = text
        self._words = text.strip().lower().split("-")

    def take(self, table: dict[str, _Value]) -> _Value | None:
        for word in self._words:
            if word in table:
                self._words.remove(word)
                return table[word]
        return None

    def cipher(self) -> tuple[Encr, int | None, Integ]:
        encryption = self.take(ENCR_KEYWORDS)
        if encryption is None:
            raise UnsupportedAlgorithm(f"{self._text!r} names no known encryption algorithm, for example aes256gcm16")
        integrity = self.take(INTEG_KEYWORDS)
        aead = cipher(*encryption).aead
        if aead and integrity is not None:
            raise UnsupportedAlgorithm(f"{self._text!r}: a combined-mode cipher takes no integrity algorithm")
        if not aead and integrity is None:
            raise UnsupportedAlgorithm(f"{self._text!r} needs an integrity algorithm, for example sha256")
        return *encryption, integrity or Integ.NONE

    def finish(self) -> None:
        if self._words:
            raise UnsupportedAlgorithm(f"{self._text!r}: {self._words[0]!r} is not a known or not a fitting keyword")


def _keyword(table: dict[str, _Value], value: _Value) -> str:
    for word, candidate in table.items():
        if candidate == value:
            return word
    raise UnsupportedAlgorithm(f"{value!r} has no keyword")
