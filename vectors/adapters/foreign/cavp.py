"""The language of libreswan's program `cavp`: questions in the format of NIST's CAVS files, answers in the same.

cavp computes with pluto's own functions (its IKEv1 and IKEv2 key derivation, its HMAC and GCM over NSS). A question is
a section of parameters in brackets and a section of values, each ended by an empty line; cavp repeats both and adds
the results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.foreign import keys

_HASHES = {"HMAC-SHA1": "SHA-1", "HMAC-SHA2-256": "SHA-256", "HMAC-SHA2-384": "SHA-384", "HMAC-SHA2-512": "SHA-512"}
# algorithm: octets of the hash, octets of the code
_MACS = {
    "HMAC-SHA1": (20, 20),
    "HMAC-SHA1-96": (20, 12),
    "HMAC-SHA2-256": (32, 32),
    "HMAC-SHA2-256-128": (32, 16),
    "HMAC-SHA2-384": (48, 48),
    "HMAC-SHA2-384-192": (48, 24),
    "HMAC-SHA2-512": (64, 64),
    "HMAC-SHA2-512-256": (64, 32),
}
_GCM_TAGS = {"AES-GCM-8": 8, "AES-GCM-12": 12, "AES-GCM-16": 16}
_SKEYIDS = {"SKEYID": "skeyid", "SKEYID_d": "skeyid_d", "SKEYID_a": "skeyid_a", "SKEYID_e": "skeyid_e"}


@dataclass(frozen=True, slots=True)
class Question:
    """What goes to `cavp -TEST -`; `results` are its names of the outputs and ours, `keys` what DKM is cut into."""

    test: str
    text: str
    results: dict[str, str]
    keys: dict[str, int] = field(default_factory=dict)


def question(operation: str, inputs: dict[str, Input]) -> Question:
    """The question for one case. Raises Unsupported."""
    if operation == "mac":
        return _hmac(inputs)
    if operation == "aead-open":
        return _gcm(inputs)
    if operation == "ikev2-kdf":
        return _ikev2(inputs)
    if operation == "ikev2-keys":
        return _ikev2_keys(inputs)
    if operation in ("ikev1-psk-kdf", "ikev1-sig-kdf"):
        return _ikev1(inputs, psk=operation == "ikev1-psk-kdf")
    raise Unsupported(operation)


def answer(question: Question, lines: Iterable[str]) -> dict[str, Input]:
    """The outputs in cavp's answer. Raises Refused when the tag is wrong, ValueError when a result is missing."""
    values = dict(_pairs(lines))
    if "FAIL" in values:
        raise Refused("cavp says FAIL")
    missing = [name for name in (*question.results, *(("DKM",) if question.keys else ())) if name not in values]
    if missing:
        raise ValueError(f"cavp gave no {missing[0]}")
    outputs: dict[str, Input] = {ours: bytes.fromhex(values[name]) for name, ours in question.results.items()}
    return outputs | keys.cut(bytes.fromhex(values["DKM"]), question.keys) if question.keys else outputs


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition("=")
        yield name.strip(), value.strip()


def _section(values: dict[str, Input], bracket: bool = False) -> str:
    lines = [
        f"{name} = {value.hex() if isinstance(value, bytes) else value}" if value != "" else name
        for name, value in values.items()
    ]
    return "".join(f"[{line}]\n" if bracket else f"{line}\n" for line in lines) + "\n"


def _text(parameters: dict[str, Input], values: dict[str, Input]) -> str:
    return _section(parameters, bracket=True) + _section(values)


def _octets(inputs: dict[str, Input], name: str) -> bytes:
    value = inputs[name]
    assert isinstance(value, bytes)
    return value


def _bits(inputs: dict[str, Input], name: str) -> int:
    return 8 * len(_octets(inputs, name))


def _hash(inputs: dict[str, Input]) -> str:
    try:
        return _HASHES[str(inputs["prf"])]
    except KeyError:
        raise Unsupported(str(inputs["prf"])) from None


def _hmac(inputs: dict[str, Input]) -> Question:
    if str(inputs["algorithm"]) not in _MACS:
        raise Unsupported(str(inputs["algorithm"]))
    size, cut = _MACS[str(inputs["algorithm"])]
    key, message = _octets(inputs, "key"), _octets(inputs, "message")
    values: dict[str, Input] = {"Count": 0, "Klen": len(key), "Tlen": cut, "Key": key, "Msg": message}
    return Question("hmac", _text({"L": size}, values), {"Mac": "mac"})


def _gcm(inputs: dict[str, Input]) -> Question:
    name, tag = str(inputs["algorithm"]), _octets(inputs, "tag")
    if name not in _GCM_TAGS:
        raise Unsupported(name)
    parameters: dict[str, Input] = {
        "Keylen": _bits(inputs, "key"),
        "IVlen": _bits(inputs, "nonce"),
        "PTlen": _bits(inputs, "ciphertext"),
        "AADlen": _bits(inputs, "aad"),
        "Taglen": 8 * _GCM_TAGS[name],
    }
    values: dict[str, Input] = {
        "Count": 0,
        "Key": inputs["key"],
        "IV": inputs["nonce"],
        "CT": inputs["ciphertext"],
        "AAD": inputs["aad"],
        "Tag": tag,
    }
    return Question("gcm", _text(parameters, values), {"PT": "plaintext"})


def _ikev2(inputs: dict[str, Input]) -> Question:
    dkm, child = inputs["dkm_size"], inputs["child_size"]
    assert isinstance(dkm, int)
    assert isinstance(child, int)
    parameters: dict[str, Input] = {
        "g^ir length": _bits(inputs, "shared"),
        _hash(inputs): "",
        "Ni length": _bits(inputs, "ni"),
        "Nr length": _bits(inputs, "nr"),
        "DKM length": 8 * dkm,
        "Child SA DKM length": 8 * child,
    }
    values: dict[str, Input] = {
        "COUNT": 0,
        "g^ir": inputs["shared"],
        "g^ir (new)": inputs["shared_new"],
        "Ni": inputs["ni"],
        "Nr": inputs["nr"],
        "SPIi": inputs["spi_i"],
        "SPIr": inputs["spi_r"],
    }
    results = {
        "SKEYSEED": "skeyseed",
        "DKM": "dkm",
        "DKM(Child SA)": "child",
        "DKM(Child SA D-H)": "child_dh",
        "SKEYSEED(Rekey)": "skeyseed_rekey",
    }
    return Question("v2", _text(parameters, values), results)


def _ikev2_keys(inputs: dict[str, Input]) -> Question:
    """Of the same test SKEYSEED and DKM; what a rekeying would give is not looked at."""
    _hash(inputs)
    sizes = keys.ike_sizes(inputs, _MACS[str(inputs["prf"])][0])
    asked = _ikev2({**inputs, "shared_new": inputs["shared"], "dkm_size": sum(sizes.values()), "child_size": 8})
    return Question(asked.test, asked.text, {"SKEYSEED": "skeyseed"}, sizes)


def _ikev1(inputs: dict[str, Input], psk: bool) -> Question:
    parameters: dict[str, Input] = {
        "g^xy length": _bits(inputs, "shared"),
        _hash(inputs): "",
        "Ni length": _bits(inputs, "ni"),
        "Nr length": _bits(inputs, "nr"),
    }
    values: dict[str, Input] = {
        "COUNT": 0,
        "CKY_I": inputs["cky_i"],
        "CKY_R": inputs["cky_r"],
        "Ni": inputs["ni"],
        "Nr": inputs["nr"],
        "g^xy": inputs["shared"],
    }
    if psk:
        parameters["pre-shared-key length"] = _bits(inputs, "psk")
        values["pre-shared-key"] = inputs["psk"]
    return Question("v1psk" if psk else "v1dsa", _text(parameters, values), _SKEYIDS)
