"""The adapters `strongswan…`: its libraries, asked by the program of the image `strongswan-vectors` (answer.c).

strongSwan has several plugins for one algorithm: those with its own code, and those that hand over to OpenSSL or
libgcrypt. Each of the three sets is an adapter. Whole ESP packets are opened by libipsec, its user-space data plane.
"""

from __future__ import annotations

from collections.abc import Callable

from peers import PeerError
from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.foreign import containers, keys
from vectors.adapters.process import ProtocolError

IMAGE = "strongswan-vectors"
PROGRAM = "/usr/local/bin/answer"
# the modes that are made of another plugin's block cipher are strongSwan's own code in every set
_MODES = "xcbc cmac ctr ccm gcm kdf"
PLUGINS = {
    "strongswan": f"random aes sha1 sha2 md5 hmac curve25519 gmp chapoly {_MODES}",
    "strongswan-openssl": f"openssl {_MODES}",
    "strongswan-gcrypt": f"random gcrypt hmac {_MODES}",
}

# the numbers of IANA's IKEv2 registries
_CIPHERS = {
    "DES-CBC": 2,
    "3DES-CBC": 3,
    "NULL": 11,
    "AES-CBC": 12,
    "AES-CTR": 13,
    "CAMELLIA-CBC": 23,
    "CAMELLIA-CTR": 24,
}
_AEADS = {
    **{f"AES-CCM-{octets}": 14 + index for index, octets in enumerate((8, 12, 16))},
    **{f"AES-GCM-{octets}": 18 + index for index, octets in enumerate((8, 12, 16))},
    **{f"CAMELLIA-CCM-{octets}": 25 + index for index, octets in enumerate((8, 12, 16))},
    "CHACHA20-POLY1305": 28,
}
_SIGNERS = {
    "HMAC-MD5-96": 1,
    "HMAC-SHA1-96": 2,
    "AES-XCBC-96": 5,
    "AES-CMAC-96": 8,
    "HMAC-SHA2-256-128": 12,
    "HMAC-SHA2-384-192": 13,
    "HMAC-SHA2-512-256": 14,
}
_PRFS = {
    "HMAC-MD5": 1,
    "HMAC-SHA1": 2,
    "AES-XCBC": 4,
    "HMAC-SHA2-256": 5,
    "HMAC-SHA2-384": 6,
    "HMAC-SHA2-512": 7,
    "AES-CMAC": 8,
}
_GROUPS = {
    "MODP-768": 1,
    "MODP-1024": 2,
    "MODP-1536": 5,
    **{f"MODP-{bits}": 14 + index for index, bits in enumerate((2048, 3072, 4096, 6144, 8192))},
    **{f"ECP-{bits}": 19 + index for index, bits in enumerate((256, 384, 521))},
    "MODP-1024-160": 22,
    "MODP-2048-224": 23,
    "MODP-2048-256": 24,
    **{f"BRAINPOOL-P{bits}R1": 27 + index for index, bits in enumerate((224, 256, 384, 512))},
    "CURVE25519": 31,
    "CURVE448": 32,
    **{f"ML-KEM-{size}": 35 + index for index, size in enumerate((512, 768, 1024))},
}


def number(table: dict[str, int], inputs: dict[str, Input], name: str) -> int:
    """The registry's number of an algorithm. Raises Unsupported."""
    try:
        return table[str(inputs[name])]
    except KeyError:
        raise Unsupported(str(inputs.get(name, f"no {name}"))) from None


def word(value: Input) -> str:
    """A value as it stands in a question."""
    return (value.hex() or "-") if isinstance(value, bytes) else str(value)


def parse(line: str) -> list[bytes]:
    """The values in an answer. Raises Refused, Unsupported, ValueError."""
    kind, _, rest = line.partition(" ")
    if kind == "refused":
        raise Refused(rest)
    if kind == "unsupported":
        raise Unsupported(rest)
    if kind != "ok":
        raise ValueError(f"answer: {line[:80]!r}")
    return [b"" if each == "-" else bytes.fromhex(each) for each in rest.split()]


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def _nonces(inputs: dict[str, Input]) -> bytes:
    return _octets(inputs, "ni") + _octets(inputs, "nr")


def _spis(inputs: dict[str, Input]) -> bytes:
    return _octets(inputs, "spi_i") + _octets(inputs, "spi_r")


class StrongswanAdapter:
    """Asks one running program, with one set of plugins."""

    def __init__(self, name: str = "strongswan") -> None:
        """Raises Unavailable."""
        self.name = name
        self._program = containers.start(IMAGE, [PROGRAM, *PLUGINS[name].split()])
        self._operations: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
            "encrypt": self._encrypt,
            "aead-seal": self._aead_seal,
            "aead-open": self._aead_open,
            "mac": self._mac,
            "group": self._group,
            "public": self._public,
            "shared": self._shared,
            "prf-plus": self._prf_plus,
            "ikev2-kdf": self._ikev2_kdf,
            "ikev2-keys": self._ikev2_keys,
            "ikev2-rekey-keys": self._ikev2_rekey_keys,
            "ikev2-child-keys": self._ikev2_child_keys,
            "esp-open": self._esp_open,
        }

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        if operation not in self._operations:
            raise Unsupported(operation)
        try:
            return self._operations[operation](inputs)
        except (PeerError, ValueError) as error:
            raise ProtocolError(f"{self.name}: {error}") from error

    def _ask(self, question: str, *values: Input) -> list[bytes]:
        self._program.send(" ".join([question, *map(word, values)]) + "\n")
        return parse(self._program.line())

    def _encrypt(self, inputs: dict[str, Input]) -> dict[str, Input]:
        values = (inputs[name] for name in ("key", "iv", "plaintext"))
        return {"ciphertext": self._ask("crypter", number(_CIPHERS, inputs, "algorithm"), *values)[0]}

    def _aead(self, inputs: dict[str, Input]) -> tuple[int, bytes, bytes, bytes]:
        """(number, key with the salt, IV, AAD): the salt is what the 8 octets of IV leave of the nonce."""
        nonce = _octets(inputs, "nonce")
        if len(nonce) not in (11, 12):
            raise Unsupported(f"a nonce of {len(nonce)} octets, which is no salt and IV of IPsec")
        salted = _octets(inputs, "key") + nonce[:-8]
        return number(_AEADS, inputs, "algorithm"), salted, nonce[-8:], _octets(inputs, "aad")

    def _aead_seal(self, inputs: dict[str, Input]) -> dict[str, Input]:
        sealed, size = self._ask("seal", *self._aead(inputs), inputs["plaintext"])[0], len(_octets(inputs, "plaintext"))
        return {"ciphertext": sealed[:size], "tag": sealed[size:]}

    def _aead_open(self, inputs: dict[str, Input]) -> dict[str, Input]:
        sealed = _octets(inputs, "ciphertext") + _octets(inputs, "tag")
        return {"plaintext": self._ask("open", *self._aead(inputs), sealed)[0]}

    def _mac(self, inputs: dict[str, Input]) -> dict[str, Input]:
        prf = {"algorithm": str(inputs["algorithm"]).removesuffix("-PRF-128")}
        if prf["algorithm"] in _PRFS:
            return {"mac": self._prf(_PRFS[prf["algorithm"]], _octets(inputs, "key"), _octets(inputs, "message"))}
        return {"mac": self._ask("signer", number(_SIGNERS, inputs, "algorithm"), inputs["key"], inputs["message"])[0]}

    def _prf(self, algorithm: int, key: bytes, data: bytes) -> bytes:
        return self._ask("prf", algorithm, key, data)[0]

    def _group(self, inputs: dict[str, Input]) -> dict[str, Input]:
        prime, generator = self._ask("group", number(_GROUPS, inputs, "group"))
        return {"prime": prime, "generator": int.from_bytes(generator)}

    def _public(self, inputs: dict[str, Input]) -> dict[str, Input]:
        return {"public": self._ask("public", number(_GROUPS, inputs, "group"), inputs["private"])[0]}

    def _shared(self, inputs: dict[str, Input]) -> dict[str, Input]:
        values = (inputs[name] for name in ("private", "peer"))
        return {"shared": self._ask("shared", number(_GROUPS, inputs, "group"), *values)[0]}

    def _prf_plus(self, inputs: dict[str, Input]) -> dict[str, Input]:
        key, seed, size = (inputs[name] for name in ("key", "seed", "size"))
        return {"keystream": self._ask("prf-plus", number(_PRFS, inputs, "prf"), key, seed, size)[0]}

    # In what follows prf and prf+ are strongSwan's; what goes into them is put together here.

    def _plus(self, inputs: dict[str, Input], key: bytes, seed: bytes, size: Input) -> bytes:
        return self._ask("prf-plus", number(_PRFS, inputs, "prf"), key, seed, size)[0]

    def _skeyseed(self, inputs: dict[str, Input]) -> bytes:
        ni, nr = _octets(inputs, "ni"), _octets(inputs, "nr")
        if str(inputs["prf"]).startswith("AES"):  # a fixed key size of 128 bits: half from each nonce
            ni, nr = ni[:8], nr[:8]
        return self._prf(number(_PRFS, inputs, "prf"), ni + nr, _octets(inputs, "shared"))

    def _ikev2_kdf(self, inputs: dict[str, Input]) -> dict[str, Input]:
        """RFC 7296, sections 2.14, 2.17 and 2.18."""
        nonces, new = _nonces(inputs), _octets(inputs, "shared_new")
        skeyseed = self._skeyseed(inputs)
        dkm = self._plus(inputs, skeyseed, nonces + _spis(inputs), inputs["dkm_size"])
        sk_d = dkm[: len(skeyseed)]
        return {
            "skeyseed": skeyseed,
            "dkm": dkm,
            "child": self._plus(inputs, sk_d, nonces, inputs["child_size"]),
            "child_dh": self._plus(inputs, sk_d, new + nonces, inputs["child_size"]),
            "skeyseed_rekey": self._prf(number(_PRFS, inputs, "prf"), sk_d, new + nonces),
        }

    def _ike_keys(self, inputs: dict[str, Input], skeyseed: bytes) -> dict[str, Input]:
        sizes = keys.ike_sizes(inputs, len(self._prf(number(_PRFS, inputs, "prf"), bytes(16), b"")))
        material = self._plus(inputs, skeyseed, _nonces(inputs) + _spis(inputs), sum(sizes.values()))
        return {"skeyseed": skeyseed, **keys.cut(material, sizes)}

    def _ikev2_keys(self, inputs: dict[str, Input]) -> dict[str, Input]:
        return self._ike_keys(inputs, self._skeyseed(inputs))

    def _ikev2_rekey_keys(self, inputs: dict[str, Input]) -> dict[str, Input]:
        data = _octets(inputs, "shared") + _nonces(inputs)
        return self._ike_keys(inputs, self._prf(number(_PRFS, inputs, "old_prf"), _octets(inputs, "sk_d"), data))

    def _ikev2_child_keys(self, inputs: dict[str, Input]) -> dict[str, Input]:
        sizes = keys.child_sizes(inputs)
        seed = _octets(inputs, "shared") + _nonces(inputs)
        return keys.cut(self._plus(inputs, _octets(inputs, "sk_d"), seed, sum(sizes.values())), sizes)

    def _esp_open(self, inputs: dict[str, Input]) -> dict[str, Input]:
        if inputs.get("esn"):
            raise Unsupported("extended sequence numbers")
        cipher, integ = str(inputs["cipher"]), 0
        if cipher in _CIPHERS:
            integ = number(_SIGNERS, inputs, "integ")
        encryption = number(_CIPHERS | _AEADS, inputs, "cipher")
        integ_key = _octets(inputs, "integ_key")
        answer = self._ask("esp-open", encryption, inputs["key"], integ, integ_key, inputs["packet"])
        return {"next_header": answer[0][0], "payload": answer[1]}

    def close(self) -> None:
        self._program.close()
