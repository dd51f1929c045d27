"""NIST CAVS answer files (.fax, .rsp) of the IKE key derivation tests, read as vector cases.

The format: `[name = value]` or `[NAME]` lines set parameters of the cases after them; a case begins with `COUNT = n`
and has one `name = hexadecimal` line per value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vectors.model import Case, Value, VectorError, VectorSet
from vectors.operations import OPERATIONS

_HASHES = {"SHA-1": "HMAC-SHA1", "SHA-256": "HMAC-SHA2-256", "SHA-384": "HMAC-SHA2-384", "SHA-512": "HMAC-SHA2-512"}
_BRACKET = re.compile(r"\[([^\]=]+?)(?:\s*=\s*([^\]]*?))?\s*\]$")
_VALUE = re.compile(r"([A-Za-z^()_ \-]+?(?: ?\([^)]*\))?)\s*=\s*([0-9A-Fa-f]*)$")

_IKEV2_INPUTS = {"Ni": "ni", "Nr": "nr", "SPIi": "spi_i", "SPIr": "spi_r", "g^ir": "shared", "g^ir (new)": "shared_new"}
_IKEV2_OUTPUTS = {
    "SKEYSEED": "skeyseed",
    "DKM": "dkm",
    "DKM(Child SA)": "child",
    "DKM(Child SA D-H)": "child_dh",
    "SKEYSEED(Rekey)": "skeyseed_rekey",
}
_IKEV1_INPUTS = {"Ni": "ni", "Nr": "nr", "CKY_I": "cky_i", "CKY_R": "cky_r", "g^xy": "shared"}
_IKEV1_OUTPUTS = {"SKEYID": "skeyid", "SKEYID_d": "skeyid_d", "SKEYID_a": "skeyid_a", "SKEYID_e": "skeyid_e"}


@dataclass(frozen=True)
class _Kind:
    operation: str
    inputs: dict[str, str]
    outputs: dict[str, str]


_IKEV2 = _Kind("ikev2-kdf", _IKEV2_INPUTS, _IKEV2_OUTPUTS)
_PSK = _Kind("ikev1-psk-kdf", {**_IKEV1_INPUTS, "pre-shared-key": "psk"}, _IKEV1_OUTPUTS)
_SIGNATURE = _Kind("ikev1-sig-kdf", _IKEV1_INPUTS, _IKEV1_OUTPUTS)


@dataclass(slots=True)
class _Block:
    """One case as it stands in the file."""

    line: int
    parameters: dict[str, str]
    values: dict[str, str]


def load_nist(path: Path) -> VectorSet:
    """A CAVS file of IKEv2, IKEv1 pre-shared key or IKEv1 signature derivation. Raises VectorError with the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise VectorError(path, "file", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise VectorError(path, f"octet {error.start}", "not UTF-8") from error
    blocks = list(_blocks(path, lines))
    if not blocks:
        raise VectorError(path, "file", "no case (COUNT = …) in it")
    kind = _kind(blocks[0])
    cases = tuple(_case(path, number, block, kind) for number, block in enumerate(blocks))
    return VectorSet(
        path.stem, OPERATIONS[kind.operation], "NIST CAVS", path.name, "US government work, public domain",
        "", f"{kind.operation} for every hash and length that NIST tests.", {}, cases,
    )  # fmt: skip


def _kind(block: _Block) -> _Kind:
    if "SPIi" in block.values:
        return _IKEV2
    return _PSK if "pre-shared-key" in block.values else _SIGNATURE


def _blocks(path: Path, lines: list[str]) -> Iterator[_Block]:
    parameters: dict[str, str] = {}
    block: _Block | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        bracket = _BRACKET.match(line)
        if bracket:
            if block is not None:
                yield block
                block = None
            name, value = bracket.group(1).strip(), bracket.group(2)
            parameters = {**parameters, "hash": name} if value is None else {**parameters, name: value}
            continue
        found = _VALUE.match(line)
        if found is None:
            raise VectorError(path, f"line {number}", f"neither a parameter nor a value: {line[:60]!r}")
        if found.group(1) == "COUNT":
            if block is not None:
                yield block
            block = _Block(number, parameters, {})
        elif block is None:
            raise VectorError(path, f"line {number}", "a value before the first COUNT")
        else:
            block.values[found.group(1)] = found.group(2).lower()
    if block is not None:
        yield block


def _case(path: Path, number: int, block: _Block, kind: _Kind) -> Case:
    place = f"line {block.line}"
    prf = _HASHES.get(block.parameters.get("hash", ""))
    if prf is None:
        raise VectorError(path, place, f"unknown hash {block.parameters.get('hash')!r}")
    missing = [name for name in (*kind.inputs, *kind.outputs) if name not in block.values]
    if missing:
        raise VectorError(path, place, f"the case ends without {missing[0]!r}")
    odd = [name for name, value in block.values.items() if len(value) % 2]
    if odd:
        raise VectorError(path, place, f"{odd[0]!r} has an odd number of hexadecimal digits")
    inputs: dict[str, Value] = {"prf": prf, **{key: block.values[name] for name, key in kind.inputs.items()}}
    expected: dict[str, Value] = {key: block.values[name] for name, key in kind.outputs.items()}
    if kind is _IKEV2:
        inputs["dkm_size"] = len(block.values["DKM"]) // 2
        inputs["child_size"] = len(block.values["DKM(Child SA)"]) // 2
    return Case(str(number), inputs, expected, "valid")
