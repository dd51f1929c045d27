"""The first adapter: ikeproof's own reference implementation."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag

from reference_impl.crypto import fips203
from reference_impl.crypto.aes_mac import aes_cmac, aes_xcbc_mac
from reference_impl.crypto.camellia import CamelliaCcm
from reference_impl.crypto.cipher import CIPHERS, CipherAlgorithm
from reference_impl.crypto.errors import CryptoError, IntegrityError, InvalidPublicValue
from reference_impl.crypto.integ import INTEGS
from reference_impl.crypto.kdf import child_keys, rekey_skeyseed, skeyseed
from reference_impl.crypto.ke import METHODS, key_exchange
from reference_impl.crypto.modp import GENERATOR, prime
from reference_impl.crypto.prf import PRFS, PrfAlgorithm
from reference_impl.crypto.protection import Protection
from reference_impl.wire.registries import Group
from vectors.adapters import Input, Refused, Unsupported, ours_certificate, ours_eap, ours_esp, ours_ikev1, ours_ikev2
from vectors.adapters.ours_ah import OPERATIONS as AH_OPERATIONS
from vectors.adapters.ours_esp import find_cipher as _cipher
from vectors.adapters.ours_esp import octets as _octets
from vectors.adapters.ours_ipcomp import OPERATIONS as IPCOMP_OPERATIONS

_PRF_NAMES = {algorithm.name.replace("-PRF-128", ""): algorithm for algorithm in PRFS.values()}
_MACS: dict[str, Callable[[bytes, bytes], bytes]] = {
    **{name: algorithm for name, algorithm in _PRF_NAMES.items() if name.startswith("HMAC")},
    **{algorithm.name: algorithm for algorithm in PRFS.values() if algorithm.name.endswith("-PRF-128")},
    **{algorithm.name: algorithm.sign for algorithm in INTEGS.values()},
    "AES-XCBC": aes_xcbc_mac,
    "AES-CMAC": aes_cmac,
}
_GROUPS = {method.name.upper().replace("SECP", "ECP-").removesuffix("R1"): group for group, method in METHODS.items()}
_GROUPS |= {name.replace("_", "-"): group for group in METHODS for name in [group.name]}
_KEMS = {each.name: each for each in (fips203.ML_KEM_512, fips203.ML_KEM_768, fips203.ML_KEM_1024)}


def _prf(inputs: dict[str, Input]) -> PrfAlgorithm:
    try:
        return _PRF_NAMES[str(inputs["prf"])]
    except KeyError:
        raise Unsupported(str(inputs["prf"])) from None


def _group(inputs: dict[str, Input]) -> Group:
    try:
        return _GROUPS[str(inputs["group"])]
    except KeyError:
        raise Unsupported(str(inputs["group"])) from None


def encrypt(inputs: dict[str, Input]) -> dict[str, Input]:
    algorithm = _cipher(str(inputs["algorithm"]), len(_octets(inputs, "key")))
    if algorithm.make_raw is None:
        raise Unsupported(algorithm.name)
    raw = algorithm.make_raw(_octets(inputs, "key"))
    return {"ciphertext": raw.encrypt(_octets(inputs, "iv"), _octets(inputs, "plaintext"))}


def _aead(inputs: dict[str, Input]) -> tuple[CipherAlgorithm, bytes, bytes]:
    """(cipher, keying material with the salt, explicit IV) of an operation that names the whole nonce."""
    key, nonce = _octets(inputs, "key"), _octets(inputs, "nonce")
    for salt_size in (3, 4):
        salted = key + nonce[:salt_size]
        try:
            algorithm = _cipher(str(inputs["algorithm"]), len(salted))
        except Unsupported:
            continue
        if algorithm.salt_size == salt_size and len(nonce) == salt_size + algorithm.iv_size:
            return algorithm, salted, nonce[salt_size:]
    raise Unsupported(f"{inputs['algorithm']!r} with {len(key)} octets of key and {len(nonce)} of nonce")


def _camellia(inputs: dict[str, Input]) -> CamelliaCcm | None:
    """Camellia-CCM, which takes nonces of every length that CCM has (RFC 5528); None for another algorithm."""
    family, _, tag_size = str(inputs["algorithm"]).rpartition("-")
    return CamelliaCcm(_octets(inputs, "key"), int(tag_size)) if family == "CAMELLIA-CCM" else None


def aead_seal(inputs: dict[str, Input]) -> dict[str, Input]:
    if (ccm := _camellia(inputs)) is not None:
        plaintext = _octets(inputs, "plaintext")
        sealed = ccm.encrypt(_octets(inputs, "nonce"), plaintext, _octets(inputs, "aad"))
        return {"ciphertext": sealed[: len(plaintext)], "tag": sealed[len(plaintext) :]}
    algorithm, key, iv = _aead(inputs)
    sealed = Protection(algorithm, None, key, b"").seal(iv, _octets(inputs, "plaintext"), _octets(inputs, "aad"))
    return {"ciphertext": sealed[: -algorithm.icv_size], "tag": sealed[-algorithm.icv_size :]}


def aead_open(inputs: dict[str, Input]) -> dict[str, Input]:
    sealed = _octets(inputs, "ciphertext") + _octets(inputs, "tag")
    if (ccm := _camellia(inputs)) is not None:
        try:
            return {"plaintext": ccm.decrypt(_octets(inputs, "nonce"), sealed, _octets(inputs, "aad"))}
        except InvalidTag as error:
            raise Refused("the tag does not match") from error
    algorithm, key, iv = _aead(inputs)
    return {"plaintext": Protection(algorithm, None, key, b"").open(iv, sealed, _octets(inputs, "aad"))}


def mac(inputs: dict[str, Input]) -> dict[str, Input]:
    try:
        function = _MACS[str(inputs["algorithm"])]
    except KeyError:
        raise Unsupported(str(inputs["algorithm"])) from None
    return {"mac": function(_octets(inputs, "key"), _octets(inputs, "message"))}


def group(inputs: dict[str, Input]) -> dict[str, Input]:
    name = str(inputs["group"])
    _group(inputs)
    if not name.removeprefix("MODP-").isdigit():
        raise Unsupported(name)
    bits = int(name.removeprefix("MODP-"))
    return {"prime": prime(bits).to_bytes(bits // 8, "big"), "generator": GENERATOR}


def public(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"public": key_exchange(_group(inputs), private=_octets(inputs, "private")).public}


def shared(inputs: dict[str, Input]) -> dict[str, Input]:
    exchange = key_exchange(_group(inputs), private=_octets(inputs, "private"))
    return {"shared": exchange.shared(_octets(inputs, "peer"))}


def kem_decapsulate(inputs: dict[str, Input]) -> dict[str, Input]:
    exchange = key_exchange(_group(inputs), private=_octets(inputs, "seed"))
    return {"public": exchange.public, "shared": exchange.shared(_octets(inputs, "ciphertext"))}


def kem_encapsulate(inputs: dict[str, Input]) -> dict[str, Input]:
    parameters = _KEMS.get(str(inputs["group"]))
    if parameters is None:
        raise Unsupported(str(inputs["group"]))
    try:
        secret, ciphertext = fips203.encapsulate(parameters, _octets(inputs, "public"), _octets(inputs, "message"))
    except ValueError as error:
        raise Refused(str(error)) from error
    return {"ciphertext": ciphertext, "shared": secret}


def prf_plus(inputs: dict[str, Input]) -> dict[str, Input]:
    size = inputs["size"]
    assert isinstance(size, int)
    return {"keystream": _prf(inputs).plus(_octets(inputs, "key"), _octets(inputs, "seed"), size)}


def ikev2_kdf(inputs: dict[str, Input]) -> dict[str, Input]:
    prf, ni, nr = _prf(inputs), _octets(inputs, "ni"), _octets(inputs, "nr")
    new = _octets(inputs, "shared_new")
    dkm_size, child_size = inputs["dkm_size"], inputs["child_size"]
    assert isinstance(dkm_size, int)
    assert isinstance(child_size, int)
    seed = skeyseed(prf, ni, nr, _octets(inputs, "shared"))
    dkm = prf.plus(seed, ni + nr + _octets(inputs, "spi_i") + _octets(inputs, "spi_r"), dkm_size)
    sk_d = dkm[: prf.key_size]

    def child(secret: bytes) -> bytes:
        # a made-up cipher of half the size each way, so that the library's own key cutting is what is tested
        half = CipherAlgorithm(next(iter(CIPHERS))[0], "half", None, child_size // 2, 0, 0, 1)
        keys = child_keys(prf, sk_d, ni, nr, half, None, secret)
        return keys.encr_i + keys.encr_r

    return {
        "skeyseed": seed,
        "dkm": dkm,
        "child": child(b""),
        "child_dh": child(new),
        "skeyseed_rekey": rekey_skeyseed(prf, sk_d, new, ni, nr),
    }


_OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "encrypt": encrypt,
    "aead-seal": aead_seal,
    "aead-open": aead_open,
    "mac": mac,
    "group": group,
    "public": public,
    "shared": shared,
    "kem-decapsulate": kem_decapsulate,
    "kem-encapsulate": kem_encapsulate,
    "prf-plus": prf_plus,
    "ikev2-kdf": ikev2_kdf,
    **ours_esp.OPERATIONS,
    **AH_OPERATIONS,
    **IPCOMP_OPERATIONS,
    **ours_ikev2.OPERATIONS,
    **ours_ikev1.OPERATIONS,
    **ours_eap.OPERATIONS,
    **ours_certificate.OPERATIONS,
}


class OurAdapter:
    """Replays against reference_impl.crypto and reference_impl.ipsec."""

    name = "ikeproof"

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        function = _OPERATIONS.get(operation)
        if function is None:
            raise Unsupported(operation)
        try:
            return function(inputs)
        except (IntegrityError, InvalidPublicValue, CryptoError) as error:
            raise Refused(str(error)) from error

    def close(self) -> None:
        pass
